// What a model saw in training of the data that it is tested on: the facts of papers
// (published/training.json) and what users say of their own checkpoints (--trained_on). Not here:
// finding out (audit contamination).
#pragma once

#include <string>
#include <string_view>

#include "harness/store/manifest.h"

namespace looktwice::reports {

// A sentence to stand beside a value on that data set; empty: nothing is known.
std::string training_note_of_paper(std::string_view method, std::string_view dataset);
// Of a run: what --trained_on says, else what is known of the model's published checkpoints.
std::string training_note(const store::Manifest& manifest, std::string_view dataset);

}  // namespace looktwice::reports
