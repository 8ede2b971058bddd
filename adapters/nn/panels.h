// Products of many rows with a matrix that is used again and again, on the CPU: the matrix is laid
// out once in panels of 16 columns, and a tile of the result stays in registers while its sums
// grow. Not here: single rows (row_products.h), what happens between two products (text_rows.h),
// threads: a caller gives each of his own rows. Source: Goto and van de Geijn 2008.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "adapters/nn/isa.h"

namespace looktwice::nn {

inline constexpr std::int64_t kPanel = 16, kColumns = 2 * kPanel;

// How precise the factors of a product are. bf16: at least that, in what this processor multiplies
// fastest: fp16 (more digits, less range; sums of 64 products in fp16, of those in fp32), pairs of
// bf16, or bf16 in floats. All other sums are fp32.
enum class Factors : std::uint8_t { fp32, bf16 };
// A word of a row or a panel: one float, two neighbours of a row as bf16, or two fp16: twice the
// same in rows, two columns in panels.
enum class Word : std::uint8_t { one, pair, halves };
inline Word word_for(Factors factors, Isa isa) {
  if (factors == Factors::fp32) return Word::one;
  return isa == Isa::avx512_fp16 ? Word::halves : isa == Isa::avx512_bf16 ? Word::pair : Word::one;
}

// Memory for `count` words of 4 bytes, at a cache line, all zero.
class Words {
 public:
  Words() = default;
  explicit Words(std::int64_t count);
  float* floats() { return words_.get(); }
  const float* floats() const { return words_.get(); }
  std::int64_t size() const { return size_; }

 private:
  struct Free {
    void operator()(float* words) const;
  };
  std::unique_ptr<float[], Free> words_ = {};
  std::int64_t size_ = 0;
};

// From one row of `size` numbers to the next: whole pairs of panels, at an odd number of cache
// lines, so that the rows of a tile do not share the same places of the cache.
std::int64_t row_step(std::int64_t size);

// One tile of a product of what lies in memory as rows (a) and as panels (b).
struct Tile {
  const float* a = nullptr;
  std::int64_t a_step = 0;  // words from row to row
  const float* b = nullptr;
  std::int64_t b_step = kPanel, b_panel = 0;  // words from depth to depth, from panel to panel
  std::int64_t depth = 0;                     // words
  std::int64_t ahead = 0;                     // words from b to what the next tiles read as b
  float* c = nullptr;
  std::int64_t c_step = 0;
  const float* start = nullptr;  // what the sums begin with, one per column; nullptr: with c
};

// c[rows][columns of two panels] += a b. Each sum is made in the order of the depth, whatever rows
// are beside.
void tiles(Isa isa, Word word, Tile tile, std::int64_t rows);

class Panels {
 public:
  Panels() = default;
  // weight[out][in]; bias[out] or nullptr: none.
  Panels(const float* weight, const float* bias, std::int64_t out, std::int64_t in, Factors factors,
         Isa isa = best_isa());

  // y[rows][y_step] = x weight^T + bias. x: of factor_rows(). y's columns from `out` to the end of
  // its last pair of panels become 0.
  void times(const float* x, std::int64_t x_step, std::int64_t rows, float* y,
             std::int64_t y_step) const;

  std::int64_t columns() const { return columns_; }  // `out`, up to whole pairs of panels

 private:
  Words words_ = {}, bias_ = {};
  std::int64_t depth_ = 0, columns_ = 0;
  Word word_ = Word::one;
  Isa isa_ = Isa::plain;
};

// Rows as a product takes them: fp32 stay where they are, others are rounded into `room`. What is
// beyond fp16 becomes infinite there.
struct FactorRows {
  const float* x = nullptr;
  std::int64_t step = 0;
};
FactorRows factor_rows(const float* x, std::int64_t step, std::int64_t rows, std::int64_t size,
                       Factors factors, Isa isa, Words& room);

// y[rows][out] = x[rows][in] weight[out][in]^T + bias[out], one number after the other, in double:
// what the test compares with.
void panels_ref(const float* x, std::int64_t rows, const float* weight, const float* bias,
                std::int64_t out, std::int64_t in, Factors factors, float* y);

}  // namespace looktwice::nn
