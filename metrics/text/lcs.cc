#include "metrics/text/lcs.h"

#include <algorithm>
#include <cmath>

namespace looktwice::metrics {
namespace {

constexpr std::size_t kBits = 64;
constexpr std::uint32_t kEnd = 0xFFFFFFFFU;

// One past the largest token.
std::size_t range_of(std::span<const Token> tokens) {
  std::size_t range = 0;
  for (const Token token : tokens)
    if (token != kNoToken) range = std::max<std::size_t>(range, std::size_t{token} + 1);
  return range;
}

std::uint64_t sum(std::uint64_t a, std::uint64_t b, std::uint64_t& carry) {
  std::uint64_t with_carry = 0, total = 0;
  const bool first = __builtin_add_overflow(a, carry, &with_carry);
  const bool second = __builtin_add_overflow(with_carry, b, &total);
  carry = first || second;
  return total;
}

// Bit i of a column says that the table does not grow from row i to row i + 1. One token of b turns
// one column into the next.
void advance(std::uint64_t& column, std::uint64_t mask, std::uint64_t& carry) {
  const std::uint64_t taken = column & mask;
  column = sum(column, taken, carry) | (column & ~mask);
}

// Columns of kWords words: as many of `a` as that, all of b. carries: into and out of this block.
template <std::size_t kWords>
std::size_t block_length(std::span<const Token> b, const std::uint64_t* masks,
                         std::uint8_t* carries, std::size_t cells) {
  std::uint64_t column[kWords];
  std::fill_n(column, kWords, ~std::uint64_t{0});
  for (std::size_t j = 0; j < b.size(); ++j) {
    std::uint64_t carry = carries[j];
    const std::uint64_t* mask = masks + kWords * b[j];
    for (std::size_t w = 0; w < kWords; ++w) advance(column[w], mask[w], carry);
    carries[j] = static_cast<std::uint8_t>(carry);
  }
  std::size_t zeros = 0;
  for (std::size_t w = 0; w < kWords; ++w) {
    const std::size_t in_word = std::min(kBits, cells - std::min(cells, w * kBits));
    const std::uint64_t counted =
        in_word == kBits ? ~std::uint64_t{0} : (std::uint64_t{1} << in_word) - 1;
    zeros += static_cast<std::size_t>(__builtin_popcountll(~column[w] & counted));
  }
  return zeros;
}

// All of `a` in one column: no carry leaves it, and a token that `a` lacks has no mask.
template <std::size_t kWords>
std::size_t column_length(std::span<const Token> a, std::span<const Token> b, std::size_t range,
                          std::uint64_t* masks) {
  for (std::size_t i = 0; i < a.size(); ++i)
    if (a[i] != kNoToken) masks[kWords * a[i] + i / kBits] |= std::uint64_t{1} << i % kBits;
  std::uint64_t column[kWords];
  std::fill_n(column, kWords, ~std::uint64_t{0});
  for (const Token token : b) {
    if (token >= range) continue;
    const std::uint64_t* mask = masks + kWords * token;
    std::uint64_t carry = 0;
    for (std::size_t w = 0; w < kWords; ++w) advance(column[w], mask[w], carry);
  }
  for (std::size_t i = 0; i < a.size(); ++i)
    if (a[i] != kNoToken) masks[kWords * a[i] + i / kBits] = 0;
  // Bits beyond `a` have no mask and stay ones.
  std::size_t zeros = 0;
  for (const std::uint64_t word : column)
    zeros += static_cast<std::size_t>(__builtin_popcountll(~word));
  return zeros;
}

}  // namespace

std::size_t LongestCommonSubsequence::length(std::span<const Token> a, std::span<const Token> b) {
  const std::size_t range = range_of(a);
  if (range == 0) return 0;
  const std::size_t words = (a.size() + kBits - 1) / kBits;
  const std::size_t in_block = words == 1 ? 1 : words == 2 ? 2 : 4;
  masks_.resize(std::max(masks_.size(), range * in_block));
  if (words == 1) return column_length<1>(a, b, range, masks_.data());
  if (words == 2) return column_length<2>(a, b, range, masks_.data());
  if (words <= 4) return column_length<4>(a, b, range, masks_.data());
  // A token that `a` lacks changes nothing.
  known_.clear();
  for (const Token token : a)
    if (token != kNoToken) masks_[token] = 1;
  for (const Token token : b)
    if (token < range && masks_[token] != 0) known_.push_back(token);
  for (const Token token : a)
    if (token != kNoToken) masks_[token] = 0;
  carries_.assign(known_.size(), 0);

  std::size_t total = 0;
  for (std::size_t start = 0; start < a.size(); start += in_block * kBits) {
    const auto block = a.subspan(start, std::min(in_block * kBits, a.size() - start));
    for (std::size_t i = 0; i < block.size(); ++i)
      if (block[i] != kNoToken)
        masks_[in_block * block[i] + i / kBits] |= std::uint64_t{1} << i % kBits;
    total += block_length<4>(known_, masks_.data(), carries_.data(), block.size());
    for (std::size_t i = 0; i < block.size(); ++i)
      if (block[i] != kNoToken) masks_[in_block * block[i] + i / kBits] = 0;
  }
  return total;
}

void LongestCommonSubsequence::places(std::span<const Token> a, std::span<const Token> b,
                                      std::vector<std::uint32_t>& places) {
  const std::size_t range = range_of(a);
  if (range == 0 || b.empty()) return;
  const std::size_t words = (a.size() + kBits - 1) / kBits;
  first_.assign(range, kEnd);
  next_.resize(a.size());
  for (std::size_t i = a.size(); i-- > 0;) {
    if (a[i] == kNoToken) continue;
    next_[i] = first_[a[i]];
    first_[a[i]] = static_cast<std::uint32_t>(i);
  }

  mask_.assign(words, 0);
  row_.assign(words, ~std::uint64_t{0});
  const auto advance_row = [&](Token token) {
    if (token >= range || first_[token] == kEnd) return;
    for (std::uint32_t i = first_[token]; i != kEnd; i = next_[i])
      mask_[i / kBits] |= std::uint64_t{1} << i % kBits;
    std::uint64_t carry = 0;
    for (std::size_t w = 0; w < words; ++w) advance(row_[w], mask_[w], carry);
    for (std::uint32_t i = first_[token]; i != kEnd; i = next_[i]) mask_[i / kBits] = 0;
  };

  // Rows are kept at the start of each stretch of b; those within are worked out again, once.
  constexpr std::size_t kAtOnce = 1 << 20;  // words: 8 MB
  const std::size_t stretch =
      words * b.size() <= kAtOnce
          ? b.size()
          : std::max<std::size_t>(
                1, static_cast<std::size_t>(std::sqrt(static_cast<double>(b.size()))));
  kept_.clear();
  for (std::size_t j = 0; j < b.size(); ++j) {
    if (j % stretch == 0) kept_.insert(kept_.end(), row_.begin(), row_.end());
    if (j + stretch >= b.size() && j % stretch == 0) break;  // the last one is worked out below
    advance_row(b[j]);
  }

  const std::size_t begin = places.size();
  std::size_t i = a.size();
  for (std::size_t start = (b.size() - 1) / stretch * stretch; i > 0; start -= stretch) {
    const std::size_t end = std::min(b.size(), start + stretch);
    std::copy_n(kept_.begin() + static_cast<std::ptrdiff_t>(start / stretch * words), words,
                row_.begin());
    rows_.clear();
    for (std::size_t j = start; j < end; ++j) {
      advance_row(b[j]);
      rows_.insert(rows_.end(), row_.begin(), row_.end());
    }
    for (std::size_t j = end; j > start && i > 0;) {
      const std::uint64_t* row = &rows_[(j - 1 - start) * words];
      const bool grows = (row[(i - 1) / kBits] >> (i - 1) % kBits & 1) == 0;
      if (a[i - 1] == b[j - 1] && a[i - 1] != kNoToken) {
        places.push_back(static_cast<std::uint32_t>(i - 1));
        --i, --j;
      } else if (grows) {
        --j;
      } else {
        --i;
      }
    }
    if (start == 0) break;
  }
  std::reverse(places.begin() + static_cast<std::ptrdiff_t>(begin), places.end());
}

}  // namespace looktwice::metrics
