#include "adapters/nn/sampling.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "harness/core/error.h"

namespace looktwice::nn {
namespace {

// Finaliser of SplitMix64 (Steele et al. 2014).
std::uint64_t mixed(std::uint64_t value) {
  value = (value ^ value >> 30) * 0xBF58476D1CE4E5B9;
  value = (value ^ value >> 27) * 0x94D049BB133111EB;
  return value ^ value >> 31;
}

struct Candidate {
  double weight = 0;
  std::int32_t id = 0;
};

}  // namespace

double uniform_draw(std::uint64_t seed, std::uint64_t stream, std::uint64_t step) {
  constexpr std::uint64_t kOdd = 0x9E3779B97F4A7C15;
  const std::uint64_t bits = mixed(mixed(mixed(seed + kOdd) + stream * kOdd) + (step + 1) * kOdd);
  return static_cast<double>(bits >> 11) * 0x1p-53;
}

TokenChooser::TokenChooser(Sampling sampling, std::uint64_t stream,
                           std::span<const std::int32_t> seen)
    : sampling_(sampling), stream_(stream) {
  if (sampling_.repetition_penalty == 1) return;
  for (const std::int32_t id : seen) see(id);
}

void TokenChooser::see(std::int32_t id) {
  if (id < 0) return;
  const auto at = static_cast<std::size_t>(id);
  if (is_seen_.size() <= at) is_seen_.resize(at + 1);
  if (is_seen_[at]) return;
  is_seen_[at] = true;
  seen_.push_back(id);
}

std::int32_t TokenChooser::next(std::span<float> scores) {
  LOOKTWICE_CHECK(!scores.empty());
  if (sampling_.repetition_penalty != 1)
    for (const std::int32_t id : seen_) {
      if (static_cast<std::size_t>(id) >= scores.size()) continue;
      float& score = scores[static_cast<std::size_t>(id)];
      score =
          score > 0 ? score / sampling_.repetition_penalty : score * sampling_.repetition_penalty;
    }
  const std::int32_t id =
      sampling_.temperature > 0
          ? drawn(scores)
          : static_cast<std::int32_t>(std::max_element(scores.begin(), scores.end()) -
                                      scores.begin());
  ++steps_;
  if (sampling_.repetition_penalty != 1) see(id);
  return id;
}

std::int32_t TokenChooser::drawn(std::span<float> scores) {
  const float largest = *std::max_element(scores.begin(), scores.end());
  std::vector<Candidate> candidates;
  double total = 0;
  for (std::size_t i = 0; i < scores.size(); ++i) {
    const double weight = std::exp(static_cast<double>(scores[i] - largest) /
                                   static_cast<double>(sampling_.temperature));
    total += weight;
    if (weight > 1e-12) candidates.push_back({weight, static_cast<std::int32_t>(i)});
  }
  std::sort(candidates.begin(), candidates.end(), [](const Candidate& a, const Candidate& b) {
    return a.weight != b.weight ? a.weight > b.weight : a.id < b.id;
  });
  if (sampling_.top_k > 0 && candidates.size() > static_cast<std::size_t>(sampling_.top_k)) {
    candidates.resize(static_cast<std::size_t>(sampling_.top_k));
    total = 0;
    for (const Candidate& candidate : candidates) total += candidate.weight;
  }
  double kept = 0;
  std::size_t count = 0;
  while (count < candidates.size() &&
         (count == 0 || kept < static_cast<double>(sampling_.top_p) * total))
    kept += candidates[count++].weight;
  double left = uniform_draw(sampling_.seed, stream_, static_cast<std::uint64_t>(steps_)) * kept;
  for (std::size_t i = 0; i + 1 < count; ++i) {
    left -= candidates[i].weight;
    if (left < 0) return candidates[i].id;
  }
  return candidates[count - 1].id;
}

}  // namespace looktwice::nn
