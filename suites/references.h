// Normal pictures that are shown beside a sample (few-shot). Not here: which suites show them.
#pragma once

#include <string>
#include <vector>

#include "harness/core/dataset.h"

namespace looktwice::suites {

// The first k of the category's sorted normal training images, permuted with seed 42: the same for
// every sample. Kind::data when there are fewer.
std::vector<ImageFile> shown_references(const Dataset& set, const std::string& title,
                                        const std::string& category, int k);
// Gives every test sample those of its category.
void show_references(Dataset& set, const std::string& title, int k);

}  // namespace looktwice::suites
