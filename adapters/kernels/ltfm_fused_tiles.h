// The tile arithmetic of ltfm_fused, one source for the GPU and for the test that walks it on the
// host: which byte lies where in shared memory, which lane holds which number, when a stage of the
// pipeline may be filled and read, how a row's sums come together. A block makes 128 rows x 256
// columns of one level's product in registers and reduces them to two numbers a row; the block that
// is last of its rows adds columns and levels in a fixed order.
//
// A Machine gives what hardware does: Mma (mma.sync, sm_80 on) and Wgmma (wgmma and TMA, sm_90a)
// are in ltfm_fused_cuda.cu and ltfm_fused_sm90.cu, the emulated ones in
// tests/kernels/fused_machines.h. On the GPU threads(f) calls f for the thread that runs, on the
// host for each in turn; OfWarp and OfLane are one value there and all of them here, so that no
// index is lost between the two. Not here: the launch.
#pragma once

#include <cstdint>

#include "adapters/kernels/block_machine.h"
#include "adapters/kernels/ltfm_fused.h"

namespace looktwice::kernels::fused {

inline constexpr int kRows = 128, kColumns = 256;  // of a block
using blocks::kThreads, blocks::kWarp, blocks::kWarps;
inline constexpr int kRowBytes = 128;  // of a row in a stage: 64 16-bit numbers or 32 floats
inline constexpr int kChunk = 16, kChunks = kRowBytes / kChunk;
inline constexpr int kStepBytes = 32;  // of a row in one instruction: 16 16-bit numbers or 8 floats
inline constexpr int kSteps = kRowBytes / kStepBytes;
inline constexpr int kFeatureBytes = kRows * kRowBytes, kWeightBytes = kColumns * kRowBytes;
inline constexpr int kStageBytes = kFeatureBytes + kWeightBytes;

struct Sums {
  float norm = 0, dot = 0;
};

// What a block is asked. Pointers are the device's.
struct Arguments {
  const void* features[kMostFusedLevels];
  const void* weights[kMostFusedLevels];
  const float* biases[kMostFusedLevels];  // null: none
  const float* difference;                // [levels][dims], scale included
  Sums* partial;                          // [levels][column blocks][rows]
  unsigned* done;                         // [row blocks], zero at the start
  float* map;                             // [rows]
  std::int64_t rows;
  int levels, hidden, dims, column_blocks;
  float share;
};

// The block's part of the whole: level, rows from `row` on, columns from `column` on.
struct Place {
  int level = 0, column_block = 0;
  std::int64_t row_block = 0;
  LOOKTWICE_TILE std::int64_t row() const { return row_block * kRows; }
  LOOKTWICE_TILE int column() const { return column_block * kColumns; }
};

LOOKTWICE_TILE Place place_of(const Arguments& asked, std::int64_t block, int level) {
  return {.level = level,
          .column_block = static_cast<int>(block % asked.column_blocks),
          .row_block = block / asked.column_blocks};
}

// Chunks of a row are turned by the row's number, so that eight rows' same chunk lie in different
// banks: the 128-byte swizzle of TMA and wgmma, too.
LOOKTWICE_TILE int place_in_rows(int row, int chunk) {
  return row * kRowBytes + ((chunk ^ (row % kChunks)) * kChunk);
}

// ldmatrix.x4, matrix lane / 8, row lane % 8. For a 16-row fragment of features: rows 0-7 and 8-15
// of the first chunk, then of the second.
LOOKTWICE_TILE int feature_row_of(int lane) {
  return lane % 16;
}
LOOKTWICE_TILE int feature_chunk_of(int lane) {
  return lane / 16;
}
// For two fragments of 8 columns: both chunks of the first, then of the second.
LOOKTWICE_TILE int weight_row_of(int lane) {
  return lane / 16 * 8 + lane % 8;
}
LOOKTWICE_TILE int weight_chunk_of(int lane) {
  return lane / 8 % 2;
}

// Where number i of a lane's four of a 16 x 8 result lies.
LOOKTWICE_TILE int result_row_of(int lane, int i) {
  return i / 2 * 8 + lane / 4;
}
LOOKTWICE_TILE int result_column_of(int lane, int i) {
  return lane % 4 * 2 + i % 2;
}

struct Words {
  std::uint32_t word[4];
};
struct Floats {
  float value[4];
};

// What a warp has of the block's results: Down x Across pieces of 16 x 8.
template <class Machine, int kDown, int kAcross>
struct Results {
  typename Machine::template OfLane<Floats> at[kDown][kAcross];
};

// Which part of the block's 128 x 256 a warp has. mma.sync: eight warps, 2 down and 4 across, 64 x
// 64 each. wgmma: two groups of four warps, 64 x 256 a group, 16 rows a warp.
struct MmaLayout {
  static constexpr int kDown = 4, kAcross = 8, kWarpsAcross = 4;
  static LOOKTWICE_TILE int top_of(int warp) { return warp / 4 * 64; }
  static LOOKTWICE_TILE int left_of(int warp) { return warp % 4 * 64; }
  static LOOKTWICE_TILE int across_of(int warp) { return warp % 4; }
};
struct WgmmaLayout {
  static constexpr int kDown = 1, kAcross = 32, kWarpsAcross = 1;
  static LOOKTWICE_TILE int top_of(int warp) { return warp * 16; }
  static LOOKTWICE_TILE int left_of(int) { return 0; }
  static LOOKTWICE_TILE int across_of(int) { return 0; }
};
inline constexpr int kGroups = 2, kGroupRows = kRows / kGroups;  // of four warps

// Behind the stages in shared memory.
struct Shared {
  float bias[kColumns], difference[kColumns];
  Sums row[4][kRows];  // by warp across
};

// Columns beyond dims get zeros, and so do their weights: they add nothing to a sum.
template <class Machine>
LOOKTWICE_TILE void fill_columns(Machine& m, const Arguments& asked, const Place& place,
                                 Shared& shared) {
  m.threads([&](int thread) {
    const int column = place.column() + thread;
    const bool own = column < asked.dims;
    const float* bias = asked.biases[place.level];
    shared.bias[thread] = own && bias ? bias[column] : 0.0f;
    shared.difference[thread] =
        own ? asked.difference[std::int64_t{place.level} * asked.dims + column] : 0.0f;
  });
}

// Rows' sums over this block's columns, in the order: a lane's own columns, its quad, warps across.
template <class Machine>
LOOKTWICE_TILE void reduce(Machine& m, const Arguments& asked, const Place& place,
                           typename Machine::Own& results, Shared& shared) {
  m.warps([&](int warp) {
    const int top = Machine::top_of(warp), left = Machine::left_of(warp);
    const int across = Machine::across_of(warp);
    LOOKTWICE_UNROLL
    for (int down = 0; down < Machine::kDown; ++down) LOOKTWICE_UNROLL
    for (int half = 0; half < 2; ++half) {
      typename Machine::template OfLane<Sums> sums;
      m.lanes([&](int lane) {
        Sums own;
        LOOKTWICE_UNROLL
        for (int piece = 0; piece < Machine::kAcross; ++piece) LOOKTWICE_UNROLL
        for (int i = 2 * half; i < 2 * half + 2; ++i) {
          const int column = left + piece * 8 + result_column_of(lane, i);
          const float e = results[warp].at[down][piece][lane].value[i] + shared.bias[column];
          own.norm += e * e;
          own.dot += e * shared.difference[column];
        }
        sums[lane] = own;
      });
      m.sum_quads(sums);
      m.lanes([&](int lane) {
        if (lane % 4 == 0)
          shared.row[across][top + down * 16 + result_row_of(lane, 2 * half)] = sums[lane];
      });
    }
  });
  m.sync();
  m.threads([&](int thread) {
    const std::int64_t row = place.row() + thread;
    if (thread >= kRows || row >= asked.rows) return;
    Sums sum = shared.row[0][thread];
    for (int across = 1; across < Machine::kWarpsAcross; ++across) {
      sum.norm += shared.row[across][thread].norm;
      sum.dot += shared.row[across][thread].dot;
    }
    asked.partial[(std::int64_t{place.level} * asked.column_blocks + place.column_block) *
                      asked.rows +
                  row] = sum;
  });
}

// By the last block of these rows, when all their sums are there.
template <class Machine>
LOOKTWICE_TILE void finish(Machine& m, const Arguments& asked, const Place& place) {
  m.threads([&](int thread) {
    const std::int64_t row = place.row() + thread;
    if (thread >= kRows || row >= asked.rows) return;
    float map = 0;
    for (int level = 0; level < asked.levels; ++level) {
      Sums all;
      for (int block = 0; block < asked.column_blocks; ++block) {
        const Sums part = m.others(
            asked.partial[(std::int64_t{level} * asked.column_blocks + block) * asked.rows + row]);
        all.norm += part.norm;
        all.dot += part.dot;
      }
      map += asked.share / (1.0f + m.exponential(all.dot / m.root(all.norm)));
    }
    asked.map[row] = map;
  });
}

// The whole of a block. Machine::fetch(step, stage) starts the copy of `step`'s 128 bytes of each
// row into `stage` (it may be called for a step beyond the last: then it does nothing but keep
// count), await(step, stage) waits for it, multiply(stage) adds its product to the results.
template <class Machine>
LOOKTWICE_TILE void block(Machine& m, const Arguments& asked, const Place& place,
                          typename Machine::Own& results, Shared& shared) {
  const int steps = static_cast<int>(
      (std::int64_t{asked.hidden} * Machine::kNumberBytes + kRowBytes - 1) / kRowBytes);
  fill_columns(m, asked, place, shared);
  for (int step = 0; step < Machine::kStages - 1; ++step) m.fetch(asked, place, step, steps);
  for (int step = 0; step < steps; ++step) {
    m.await(step);
    // What was read a step ago may be overwritten now: all have passed the barrier since.
    if constexpr (!Machine::kMultiplyLags) {
      m.sync();
      m.fetch(asked, place, step + Machine::kStages - 1, steps);
      m.multiply(step, results);
    } else {  // the product of a step runs while the next is asked for
      m.multiply(step, results);
      m.finish_all_but_last(results);
      m.sync();
      m.fetch(asked, place, step + Machine::kStages - 1, steps);
    }
  }
  m.finish_all(results);
  m.sync();
  reduce(m, asked, place, results, shared);
  if (m.is_last(asked.done + place.row_block,
                static_cast<unsigned>(asked.levels * asked.column_blocks)))
    finish(m, asked, place);
}

// One thread's share of a fetch with 16-byte copies; bytes: 16, or 0 for what is outside (it
// becomes zeros, the pointer is then the tensor's first).
template <class Machine>
LOOKTWICE_TILE void fetch_chunks(Machine& m, const Arguments& asked, const Place& place, int step,
                                 int thread) {
  const std::int64_t width = std::int64_t{asked.hidden} * Machine::kNumberBytes;
  const auto* features = static_cast<const unsigned char*>(asked.features[place.level]);
  const auto* weights = static_cast<const unsigned char*>(asked.weights[place.level]);
  const int stage = step % Machine::kStages * kStageBytes;
  const int chunk = thread % kChunks;
  const std::int64_t at = std::int64_t{step} * kRowBytes + chunk * kChunk;
  LOOKTWICE_UNROLL
  for (int i = 0; i < kRows * kChunks / kThreads; ++i) {
    const int row = thread / kChunks + i * (kThreads / kChunks);
    const bool own = place.row() + row < asked.rows && at < width;
    m.copy(stage + place_in_rows(row, chunk),
           features + (own ? (place.row() + row) * width + at : 0), own ? kChunk : 0);
  }
  LOOKTWICE_UNROLL
  for (int i = 0; i < kColumns * kChunks / kThreads; ++i) {
    const int row = thread / kChunks + i * (kThreads / kChunks);
    const bool own = place.column() + row < asked.dims && at < width;
    m.copy(stage + kFeatureBytes + place_in_rows(row, chunk),
           weights + (own ? (place.column() + row) * width + at : 0), own ? kChunk : 0);
  }
}

// A barrier turns once a use of its stage: the parity of the use that is waited for.
LOOKTWICE_TILE std::uint32_t parity_of(int step, int stages) {
  return static_cast<std::uint32_t>(step / stages % 2);
}

// A fetch with TMA by one thread: a box of 64 numbers x 128 and x 256 rows, zeros outside the
// tensor.
template <class Machine>
LOOKTWICE_TILE void fetch_boxes(Machine& m, const Place& place, int step) {
  const int stage = step % Machine::kStages;
  const int column = step * (kRowBytes / Machine::kNumberBytes);
  m.expect(stage, kStageBytes);
  m.load_features(place.level, column, place.row(), stage * kStageBytes, stage);
  m.load_weights(place.level, column, place.column(), stage * kStageBytes + kFeatureBytes, stage);
}

// A warp's part of a stage with mma.sync.
template <class Machine>
LOOKTWICE_TILE void multiply_with_mma(
    Machine& m, int warp, int stage,
    Results<Machine, MmaLayout::kDown, MmaLayout::kAcross>& results) {
  constexpr int kMmaDown = MmaLayout::kDown, kMmaAcross = MmaLayout::kAcross;
  const int features = stage * kStageBytes, weights = features + kFeatureBytes;
  LOOKTWICE_UNROLL_BY((Machine::kStepsAtOnce))
  for (int step = 0; step < kSteps; ++step) {
    typename Machine::Left left[kMmaDown];
    LOOKTWICE_UNROLL
    for (int down = 0; down < kMmaDown; ++down)
      m.load_left(left[down], [&](int lane) {
        return features + place_in_rows(Machine::top_of(warp) + down * 16 + feature_row_of(lane),
                                        step * 2 + feature_chunk_of(lane));
      });
    LOOKTWICE_UNROLL
    for (int pair = 0; pair < kMmaAcross / 2; ++pair) {
      typename Machine::Right right;
      m.load_right(right, [&](int lane) {
        return weights + place_in_rows(Machine::left_of(warp) + pair * 16 + weight_row_of(lane),
                                       step * 2 + weight_chunk_of(lane));
      });
      LOOKTWICE_UNROLL
      for (int half = 0; half < 2; ++half) LOOKTWICE_UNROLL
      for (int down = 0; down < kMmaDown; ++down)
        m.multiply_add(results.at[down][2 * pair + half], left[down], right, half);
    }
  }
}

// wgmma's matrix descriptor: rows of 128 bytes, swizzled, 8 of them 1,024 bytes apart from the next
// 8. PTX ISA, "Matrix descriptor format". address: of shared memory, a multiple of 16.
LOOKTWICE_TILE std::uint64_t descriptor_of(std::uint32_t address) {
  constexpr std::uint64_t kSwizzle128 = std::uint64_t{1} << 62;
  constexpr std::uint64_t kEightRows = std::uint64_t{8 * kRowBytes / 16} << 32;
  return (std::uint64_t{address & 0x3ffff} >> 4) | std::uint64_t{1} << 16 | kEightRows |
         kSwizzle128;
}

// A group's part of a stage with wgmma; `base`: shared memory's address of the first stage, a
// multiple of 1,024.
template <class Machine>
LOOKTWICE_TILE void multiply_with_wgmma(Machine& m, int group, std::uint32_t base, int stage,
                                        typename Machine::Own& results) {
  const std::uint32_t features = base + static_cast<std::uint32_t>(stage * kStageBytes);
  const std::uint32_t own = features + static_cast<std::uint32_t>(group * kGroupRows * kRowBytes);
  LOOKTWICE_UNROLL
  for (std::uint32_t step = 0; step < kSteps; ++step)
    m.multiply_add(group, results, descriptor_of(own + step * kStepBytes),
                   descriptor_of(features + kFeatureBytes + step * kStepBytes));
}

}  // namespace looktwice::kernels::fused
