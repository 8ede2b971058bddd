#include "metrics/text/bert_score.h"

#include <algorithm>
#include <cmath>
#include <set>

namespace looktwice::metrics {
namespace {

// Rows of length 1; a row of zeros stays one.
std::vector<float> unit_rows(std::span<const float> states, std::size_t width) {
  std::vector<float> rows(states.begin(), states.end());
  for (std::size_t begin = 0; begin + width <= rows.size(); begin += width) {
    double square = 0;
    for (std::size_t i = 0; i < width; ++i)
      square += static_cast<double>(rows[begin + i]) * static_cast<double>(rows[begin + i]);
    const double scale = square > 0 ? 1 / std::sqrt(square) : 0;
    for (std::size_t i = 0; i < width; ++i)
      rows[begin + i] = static_cast<float>(static_cast<double>(rows[begin + i]) * scale);
  }
  return rows;
}

// Four sums in double, in a fixed order.
double product(const float* a, const float* b, std::size_t width) {
  double sums[4] = {};
  std::size_t i = 0;
  for (; i + 4 <= width; i += 4)
    for (std::size_t k = 0; k < 4; ++k)
      sums[k] += static_cast<double>(a[i + k]) * static_cast<double>(b[i + k]);
  for (; i < width; ++i) sums[0] += static_cast<double>(a[i]) * static_cast<double>(b[i]);
  return (sums[0] + sums[2]) + (sums[1] + sums[3]);
}

// The weighted mean of the text's matches; nothing: no token has a weight.
std::optional<double> mean(const TokenMatches& text, const TokenRarity* rarity) {
  double sum = 0, weights = 0;
  for (std::size_t i = 0; i < text.best.size(); ++i) {
    const double weight = rarity ? rarity->weight(text.ids[i]) : text.counted[i];
    sum += weight * static_cast<double>(text.best[i]);
    weights += weight;
  }
  if (!(weights > 0)) return {};
  return sum / weights;
}

}  // namespace

void best_matches(std::span<const float> a, std::span<const float> b, std::size_t width,
                  std::vector<float>& best_of_a, std::vector<float>& best_of_b) {
  const std::vector<float> first = unit_rows(a, width), second = unit_rows(b, width);
  const std::size_t rows = a.size() / width, columns = b.size() / width;
  best_of_a.assign(rows, -1);
  best_of_b.assign(columns, -1);
  for (std::size_t i = 0; i < rows; ++i)
    for (std::size_t j = 0; j < columns; ++j) {
      const auto cosine = static_cast<float>(product(&first[i * width], &second[j * width], width));
      best_of_a[i] = std::max(best_of_a[i], cosine);
      best_of_b[j] = std::max(best_of_b[j], cosine);
    }
}

void TokenRarity::add(std::span<const std::int32_t> reference_ids) {
  ++references_;
  for (const std::int32_t id : std::set<std::int32_t>(reference_ids.begin(), reference_ids.end()))
    ++references_with_[id];
}

double TokenRarity::weight(std::int32_t id) const {
  const auto found = references_with_.find(id);
  const auto with = found == references_with_.end() ? 0 : found->second;
  return std::log(static_cast<double>(references_ + 1) / static_cast<double>(with + 1));
}

std::optional<BertScore> bert_score(const TokenMatches& answer, const TokenMatches& reference,
                                    const TokenRarity* rarity) {
  if (answer.best.size() <= 2 || reference.best.size() <= 2) return BertScore{};
  const auto precision = mean(answer, rarity), recall = mean(reference, rarity);
  if (!precision || !recall) return {};
  BertScore score{.precision = *precision, .recall = *recall};
  if (score.precision + score.recall != 0)
    score.f = 2 * score.precision * score.recall / (score.precision + score.recall);
  return score;
}

}  // namespace looktwice::metrics
