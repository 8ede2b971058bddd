// Cosine of two embeddings: what SBERT similarity is of an answer and its reference.
// Not here: where embeddings come from. Source: Reimers and Gurevych 2019.
#pragma once

#include <optional>
#include <span>

namespace looktwice::metrics {

// In [-1, 1], computed in double. Empty: sizes differ, or one of them is all zero.
std::optional<double> cosine(std::span<const float> a, std::span<const float> b);

}  // namespace looktwice::metrics
