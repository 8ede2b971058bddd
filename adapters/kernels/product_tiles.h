// The inmost loop of every product of many rows on the CPU: a tile of the result stays in registers
// while its sums grow. One copy for all that multiply (ltfm_rows.h, nn/panels.h, nn/many_rows.h),
// which lay factors out and cut products into stretches that stay in the caches. Source: Goto and
// van de Geijn 2008. Not here: threads, what happens to a product.
//
// Matrix units (Isa::amx) multiply bf16 alone, sixteen times as fast as vectors multiply fp32. A
// number is laid out there as the sum of up to three bf16, its planes: high = bf16(x), middle =
// bf16(x - high), low = bf16(x - high - middle). Three are the number itself (24 bits); a product
// of two such numbers takes the six products of planes that are not below 2^-24 of it and costs
// less than half of what vectors take. Sums are of 32 products first, then fp32: no less precise
// than fp32 from one product to the next. Below 2^-110 a number loses digits, above 3.38e38 it is
// infinite. Source: Henry, Tang and Heinecke 2019, Leveraging the bfloat16 Artificial Intelligence
// Datatype For Higher-Precision Computations.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "adapters/kernels/isa.h"
#include "adapters/kernels/number.h"

namespace looktwice::kernels {

inline constexpr std::int64_t kPanel = 16, kColumns = 2 * kPanel;
// Rows of a tile of vectors at most.
inline constexpr std::int64_t kVectorRows = 14;

// What four bytes of a row or a panel hold: one float; two neighbours of a row as bf16; or two
// fp16, in rows twice the same, in panels two columns, whose sums of 64 products are fp16, too.
enum class Word : std::uint8_t { one, pair, halves };

// Memory for `count` words of 4 bytes, at a cache line, all zero unless it is to be written first.
class Words {
 public:
  Words() = default;
  explicit Words(std::int64_t count, bool zeros = true);
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

// From one row of `size` words to the next: whole pairs of panels, at an odd number of cache
// lines, so that the rows of a tile do not share the same places of the cache.
std::int64_t row_step(std::int64_t size);

// Cache lines that will be read after a product: asked for while it is made.
struct Later {
  const std::byte* at = nullptr;
  std::int64_t lines = 0;
};

// One tile of a product of what lies in memory as rows (a) and as panels of sixteen columns (b).
struct Tile {
  const float* a = nullptr;
  std::int64_t a_step = 0;  // words from row to row
  const float* b = nullptr;
  std::int64_t b_step = kPanel, b_panel = 0;  // words from depth to depth, from panel to panel
  std::int64_t depth = 0;                     // words
  std::int64_t ahead = 0;                     // words from b to what the next tiles read as b
  Later later = {};
  float* c = nullptr;
  std::int64_t c_step = 0;
  const float* start = nullptr;  // what the sums begin with, one per column; nullptr: with c
  // With Units (below) as b, and depth in whole kPairStep: planes of a (1 to 3), words from one to
  // the next.
  int a_planes = 1;
  std::int64_t a_plane = 0;
  int b_planes = 1;
};

// c[rows][columns of two panels] += a b; of halves: of four. Each sum is made in the order of the
// depth, whatever rows are beside. Of pairs: Isa::avx512_bf16 and above.
void tiles(Isa isa, Word word, Tile tile, std::int64_t rows);

// Words of the depth that Isa::amx takes at a time; rows and panels of pairs end in zeros up to
// there.
inline constexpr std::int64_t kPairStep = 16;

// Panels of pairs as Isa::amx reads them: of each kPairStep of the depth the planes of the first
// panel, then those of the second, kUnit words each; so a stretch of the depth is one piece.
inline constexpr std::int64_t kUnit = kPairStep * kPanel;
constexpr std::int64_t unit_step(int planes) {
  return 2 * planes * kUnit;
}

// `columns` rows of x (at most kPanel, x_step numbers apart) of `count` numbers as one panel of
// floats, zeros beyond: to[depth * kPanel + column].
void to_panel(const void* x, Number number, std::int64_t x_step, std::int64_t columns,
              std::int64_t count, Isa isa, float* to);

// x[count] as pairs of bf16 in `planes` planes: to[plane * step + count / 2], zeros up to a whole
// kPairStep; Isa::avx512_bf16 and above.
void to_pairs(const float* x, std::int64_t count, int planes, std::int64_t step, float* to);
// x[count] as halves, zeros up to a whole kPanel; Isa::avx512 and above.
void to_halves(const float* x, std::int64_t count, float* to);
// The same as a panel of pairs: kUnit words of each plane, `step` from one kPairStep of the depth
// to the next; Isa::avx512_bf16 and above.
void to_pair_panel(const void* x, Number number, std::int64_t x_step, std::int64_t columns,
                   std::int64_t count, int planes, std::int64_t step, float* to);
// Planes that hold a number whole.
constexpr int planes_of(Number number) {
  return number == Number::f32 ? 3 : number == Number::f16 ? 2 : 1;
}

}  // namespace looktwice::kernels
