#include "suites/references.h"

#include <map>

#include "harness/core/error.h"
#include "harness/core/random.h"
#include "harness/core/text.h"

namespace looktwice::suites {

std::vector<ImageFile> shown_references(const Dataset& set, const std::string& title,
                                        const std::string& category, int k) {
  const auto found = set.normal_train.find(category);
  const std::size_t there = found == set.normal_train.end() ? 0 : found->second.size();
  if (there < static_cast<std::size_t>(k))
    throw Error(Kind::data,
                title + ": class '" + printable(category) + "' has " + std::to_string(there) +
                    " normal training images, --num_fewshot asks for " + std::to_string(k));
  const auto order = permutation(static_cast<std::uint32_t>(there), 42);
  std::vector<ImageFile> chosen;
  for (int i = 0; i < k; ++i) chosen.push_back(found->second[order[static_cast<std::size_t>(i)]]);
  return chosen;
}

void show_references(Dataset& set, const std::string& title, int k) {
  if (k <= 0) return;
  std::map<std::string, std::vector<ImageFile>> shown;
  for (Sample& sample : set.test) {
    auto [chosen, is_new] = shown.try_emplace(sample.category);
    if (is_new) chosen->second = shown_references(set, title, sample.category, k);
    sample.references = chosen->second;
  }
}

}  // namespace looktwice::suites
