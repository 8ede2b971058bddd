// The arithmetic of ltfm's GPU kernel, walked on the host by tests/kernels/ltfm_emulation_test.cc.
// A warp takes kRows rows at once, so that bias and difference, which are fp32 and twice to four
// times as wide as the features, are loaded once for all of them: what comes from memory is the
// features alone, sixteen bytes a lane, all of a step's asked for before any is used.
#pragma once

#include <cstdint>

#include "adapters/kernels/block_machine.h"

namespace looktwice::kernels::blocks {

struct LtfmArguments {
  const float* bias;        // [levels][dims] or null
  const float* difference;  // [levels][dims]
  float* map;               // [rows]
  std::int64_t rows;
  int levels, dims;
  float share;
};

// kPack numbers a load; dims is a multiple of it. Rows from block * kWarps * kRows on.
template <int kRows, int kPack, class Machine, class Element>
LOOKTWICE_TILE void match_rows(Machine& m, const LtfmArguments& asked, const Element* features,
                               std::int64_t block) {
  m.warps([&](int warp) {
    const std::int64_t first = (block * kWarps + warp) * kRows;
    if (first >= asked.rows) return;
    typename Machine::template OfLane<Numbers<kRows>> maps;
    for (int level = 0; level < asked.levels; ++level) {
      typename Machine::template OfLane<Numbers<2 * kRows>> sums;  // dots, then norms
      m.lanes([&](int lane) {
        const std::int64_t own = std::int64_t{level} * asked.dims;
        Numbers<2 * kRows> sum;
        for (int d = lane * kPack; d < asked.dims; d += kWarp * kPack) {
          float e[kRows][kPack], b[kPack] = {}, p[kPack];
          LOOKTWICE_UNROLL
          for (int r = 0; r < kRows; ++r) {
            // Rows beyond the last read the last again; nobody writes them.
            const std::int64_t row = first + r < asked.rows ? first + r : asked.rows - 1;
            m.template load<kPack>(features + (level * asked.rows + row) * asked.dims + d, e[r]);
          }
          m.template load_floats<kPack>(asked.difference + own + d, p);
          if (asked.bias) m.template load_floats<kPack>(asked.bias + own + d, b);
          LOOKTWICE_UNROLL
          for (int r = 0; r < kRows; ++r) LOOKTWICE_UNROLL
          for (int i = 0; i < kPack; ++i) {
            const float x = e[r][i] + b[i];
            sum.at[r] = m.fused(x, p[i], sum.at[r]);
            sum.at[kRows + r] = m.fused(x, x, sum.at[kRows + r]);
          }
        }
        sums[lane] = sum;
      });
      m.sum_warp(sums);
      m.lanes([&](int lane) {
        LOOKTWICE_UNROLL
        for (int r = 0; r < kRows; ++r)
          maps[lane].at[r] +=
              asked.share /
              (1.0f + m.exponential(sums[lane].at[r] / m.root(sums[lane].at[kRows + r])));
      });
    }
    m.lanes([&](int lane) {
      LOOKTWICE_UNROLL
      for (int r = 0; r < kRows; ++r)
        if (lane == r && first + r < asked.rows) asked.map[first + r] = maps[lane].at[r];
    });
  });
}

}  // namespace looktwice::kernels::blocks
