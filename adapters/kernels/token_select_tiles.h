// The arithmetic of token_select's GPU kernels, walked on the host by
// tests/kernels/token_select_emulation_test.cc. Features come from memory once: pooling deals a
// tile's tokens to the warps of a block that owns some columns; attention goes through a slice of
// tokens in chunks that are still in the first-level cache when they are summed, with the running
// largest score of an online softmax, and a small kernel joins the slices. Slices are of a fixed
// size, so a tile's bits do not hang on how many there are. Source: Milakov and Gimelshein 2018.
#pragma once

#include <cstdint>

#include "adapters/kernels/block_machine.h"
#include "adapters/kernels/token_select.h"

namespace looktwice::kernels::blocks {

// Pooling ---------------------------------------------------------------------------------------

template <int kPack>
struct PoolShared {
  float sum[kWarps][kWindows][kWarp * kPack];
  float weight[kWarps][kWindows];
};

struct PoolArguments {
  const float* map;  // [tiles][grid * grid]
  float* query;      // [tiles][4][dims]
  float* pooled;     // [tiles][4]
  int grid, dims;
  bool divide;
};

LOOKTWICE_TILE bool in_window(int window, int y, int x, int grid) {
  const int middle = grid / 2, half = (grid + 1) / 2;
  return (window / 2 == 0 ? y < half : y >= middle) && (window % 2 == 0 ? x < half : x >= middle);
}

// Columns group * kWarp * kPack and on, of one tile.
template <int kPack, class Machine, class Element>
LOOKTWICE_TILE void pool_columns(Machine& m, const PoolArguments& asked, const Element* features,
                                 std::int64_t tile, int group, PoolShared<kPack>& shared) {
  constexpr int kAtOnce = 4;  // tokens whose loads are in flight together
  const int tokens = asked.grid * asked.grid;
  const float* map = asked.map + tile * tokens;
  features += tile * tokens * asked.dims;
  m.warps([&](int warp) {
    m.lanes([&](int lane) {
      const int column = (group * kWarp + lane) * kPack;
      const bool own = column < asked.dims;
      float sum[kWindows][kPack] = {}, weight[kWindows] = {};
      for (int first = warp; first < tokens; first += kWarps * kAtOnce) {
        float f[kAtOnce][kPack] = {}, part[kAtOnce] = {};
        LOOKTWICE_UNROLL
        for (int i = 0; i < kAtOnce; ++i) {
          const int token = first + i * kWarps;
          if (token >= tokens) continue;
          part[i] = map[token];
          if (own)
            m.template load<kPack>(features + std::int64_t{token} * asked.dims + column, f[i]);
        }
        LOOKTWICE_UNROLL
        for (int i = 0; i < kAtOnce; ++i) {
          const int token = first + i * kWarps;
          if (token >= tokens) continue;
          const int y = token / asked.grid, x = token % asked.grid;
          LOOKTWICE_UNROLL
          for (int w = 0; w < kWindows; ++w) {
            if (!in_window(w, y, x, asked.grid)) continue;  // the same for the whole warp
            weight[w] += part[i];
            LOOKTWICE_UNROLL
            for (int c = 0; c < kPack; ++c) sum[w][c] = m.fused(part[i], f[i][c], sum[w][c]);
          }
        }
      }
      LOOKTWICE_UNROLL
      for (int w = 0; w < kWindows; ++w) {
        LOOKTWICE_UNROLL
        for (int c = 0; c < kPack; ++c) shared.sum[warp][w][lane * kPack + c] = sum[w][c];
        if (lane == 0) shared.weight[warp][w] = weight[w];
      }
    });
  });
  m.sync();
  m.threads([&](int thread) {
    const auto half = static_cast<float>((asked.grid + 1) / 2);
    const float area = half * half;
    for (int i = thread; i < kWindows * kWarp * kPack; i += kThreads) {
      const int w = i / (kWarp * kPack), c = i % (kWarp * kPack);
      const int column = group * kWarp * kPack + c;
      float sum = 0, weight = 0;
      for (int warp = 0; warp < kWarps; ++warp) {
        sum += shared.sum[warp][w][c];
        weight += shared.weight[warp][w];
      }
      if (column < asked.dims)
        asked.query[(tile * kWindows + w) * asked.dims + column] =
            sum / (asked.divide ? weight : area);
      if (column == 0) asked.pooled[tile * kWindows + w] = weight / area;
    }
  });
}

// Attention -------------------------------------------------------------------------------------

inline constexpr int kChunkTokens = 32, kTokensPerWarp = kChunkTokens / kWarps;
inline constexpr int kSliceTokens = 4 * kChunkTokens;
inline constexpr int kMostSharedDims =
    1280;  // queries and sums lie in shared memory: 32 bytes each

struct AttendShared {
  float score[kWindows][kChunkTokens], shrink[kWindows];
  float largest[kWindows], all[kWindows];
};

struct AttendArguments {
  const float* query;  // [tiles][4][dims]
  float* sums;         // [tiles][slices][4][dims]
  float* facts;        // [tiles][slices][4][2]: largest score, sum of the weights
  int tokens, dims, slices;
  float scale;
};

// query, sums: [4][dims] of shared memory each.
template <int kPack, class Machine, class Element>
LOOKTWICE_TILE void attend_slice(Machine& m, const AttendArguments& asked, const Element* features,
                                 std::int64_t tile, int slice, AttendShared& shared, float* query,
                                 float* sums) {
  const int dims = asked.dims;
  features += tile * asked.tokens * dims;
  m.threads([&](int thread) {
    for (int i = thread; i < kWindows * dims; i += kThreads) {
      query[i] = asked.query[tile * kWindows * dims + i];
      sums[i] = 0;
    }
    if (thread < kWindows) {
      shared.largest[thread] = -m.infinity();
      shared.all[thread] = 0;
    }
  });
  m.sync();
  const int end =
      asked.tokens < (slice + 1) * kSliceTokens ? asked.tokens : (slice + 1) * kSliceTokens;
  for (int chunk = slice * kSliceTokens; chunk < end; chunk += kChunkTokens) {
    m.warps([&](int warp) {
      const int first = chunk + warp * kTokensPerWarp;
      typename Machine::template OfLane<Numbers<kTokensPerWarp * kWindows>> dots;
      m.lanes([&](int lane) {
        Numbers<kTokensPerWarp * kWindows> dot;
        for (int d = lane * kPack; d < dims; d += kWarp * kPack) {
          float f[kTokensPerWarp][kPack];
          LOOKTWICE_UNROLL
          for (int t = 0; t < kTokensPerWarp; ++t) {
            const int token = first + t < end ? first + t : end - 1;
            m.template load<kPack>(features + std::int64_t{token} * dims + d, f[t]);
          }
          LOOKTWICE_UNROLL
          for (int w = 0; w < kWindows; ++w) {
            float q[kPack];
            m.template load_floats<kPack>(query + w * dims + d, q);
            LOOKTWICE_UNROLL
            for (int i = 0; i < kPack; ++i) LOOKTWICE_UNROLL
            for (int t = 0; t < kTokensPerWarp; ++t)
              dot.at[t * kWindows + w] = m.fused(f[t][i], q[i], dot.at[t * kWindows + w]);
          }
        }
        dots[lane] = dot;
      });
      m.sum_warp(dots);
      m.lanes([&](int lane) {
        LOOKTWICE_UNROLL
        for (int t = 0; t < kTokensPerWarp; ++t) LOOKTWICE_UNROLL
        for (int w = 0; w < kWindows; ++w)
          if (lane == t * kWindows + w)
            shared.score[w][warp * kTokensPerWarp + t] =
                first + t < end ? asked.scale * dots[lane].at[t * kWindows + w] : -m.infinity();
      });
    });
    m.sync();
    // A warp per window: a lane per token of the chunk.
    m.warps([&](int warp) {
      if (warp >= kWindows) return;
      typename Machine::template OfLane<float> most;
      m.lanes([&](int lane) { most[lane] = shared.score[warp][lane]; });
      m.largest_of_warp(most);
      typename Machine::template OfLane<Numbers<1>> weight;
      m.lanes([&](int lane) {
        const float now = m.larger(shared.largest[warp], most[lane]);
        weight[lane].at[0] = m.exponential(shared.score[warp][lane] - now);
        shared.score[warp][lane] = weight[lane].at[0];
      });
      m.sum_warp(weight);
      m.sync_warp();
      m.lanes([&](int lane) {
        if (lane != 0) return;
        const float now = m.larger(shared.largest[warp], most[lane]);
        const float shrink = m.exponential(shared.largest[warp] - now);
        shared.shrink[warp] = shrink;
        shared.largest[warp] = now;
        shared.all[warp] = shared.all[warp] * shrink + weight[lane].at[0];
      });
    });
    m.sync();
    const int count = end - chunk < kChunkTokens ? end - chunk : kChunkTokens;
    m.threads([&](int thread) {
      for (int d = thread * kPack; d < dims; d += kThreads * kPack) {
        float sum[kWindows][kPack];
        LOOKTWICE_UNROLL
        for (int w = 0; w < kWindows; ++w) {
          m.template load_floats<kPack>(sums + w * dims + d, sum[w]);
          LOOKTWICE_UNROLL
          for (int i = 0; i < kPack; ++i) sum[w][i] *= shared.shrink[w];
        }
        LOOKTWICE_UNROLL_BY(4)
        for (int t = 0; t < count; ++t) {
          float f[kPack];
          m.template load<kPack>(features + std::int64_t{chunk + t} * dims + d, f);
          LOOKTWICE_UNROLL
          for (int w = 0; w < kWindows; ++w) LOOKTWICE_UNROLL
          for (int i = 0; i < kPack; ++i) sum[w][i] = m.fused(shared.score[w][t], f[i], sum[w][i]);
        }
        LOOKTWICE_UNROLL
        for (int w = 0; w < kWindows; ++w)
          m.template store_floats<kPack>(sum[w], sums + w * dims + d);
      }
    });
    m.sync();
  }
  m.threads([&](int thread) {
    const std::int64_t place = (tile * asked.slices + slice) * kWindows;
    for (int i = thread; i < kWindows * dims; i += kThreads) asked.sums[place * dims + i] = sums[i];
    if (thread < kWindows) {
      asked.facts[2 * (place + thread)] = shared.largest[thread];
      asked.facts[2 * (place + thread) + 1] = shared.all[thread];
    }
  });
}

// Slices joined: what thread `at` of [4 * dims] gets for its tile.
template <class Machine>
LOOKTWICE_TILE float joined(Machine& m, const AttendArguments& asked, std::int64_t tile, int at) {
  const int window = at / asked.dims;
  const std::int64_t first = tile * asked.slices * kWindows;
  float largest = -m.infinity();
  for (int slice = 0; slice < asked.slices; ++slice)
    largest = m.larger(largest, asked.facts[2 * (first + slice * kWindows + window)]);
  float sum = 0, all = 0;
  for (int slice = 0; slice < asked.slices; ++slice) {
    const std::int64_t place = first + slice * kWindows;
    const float share = m.exponential(asked.facts[2 * (place + window)] - largest);
    all = m.fused(share, asked.facts[2 * (place + window) + 1], all);
    sum = m.fused(share, asked.sums[place * asked.dims + at], sum);
  }
  return sum / all;
}

}  // namespace looktwice::kernels::blocks
