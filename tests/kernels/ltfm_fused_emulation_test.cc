// The GPU kernel's own tile arithmetic on emulated hardware (fused_machines.h), against the
// reference: swizzles, fragments, descriptors, ragged edges, the pipeline's stages, the last block.
// It proves the program, not the hardware: that a GPU does what the PTX ISA says is for
// ltfm_fused_test on a GPU.
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <memory>
#include <random>

#include "adapters/kernels/ltfm_fused_cases.h"
#include "tests/kernels/fused_machines.h"

namespace looktwice::kernels::fused {
namespace {

// As ltfm_fused_cuda() and its small first launch do it.
struct Launch {
  explicit Launch(const LtfmFusedCase& own, const LtfmFusedProblem& problem) {
    const LtfmFused& shape = own.shape;
    for (std::size_t level = 0; level < problem.features.size(); ++level) {
      asked.features[level] = problem.features[level].data();
      asked.weights[level] = problem.weights[level].data();
      asked.biases[level] = own.bias ? problem.biases[level].data() : nullptr;
    }
    asked.rows = static_cast<std::int64_t>(problem.rows);
    asked.levels = shape.levels;
    asked.hidden = shape.hidden;
    asked.dims = shape.dims;
    asked.column_blocks = (shape.dims + kColumns - 1) / kColumns;
    asked.share = 1.0f / static_cast<float>(shape.levels);
    row_blocks = (asked.rows + kRows - 1) / kRows;
    for (int level = 0; level < shape.levels; ++level) {
      const float* pair = problem.prompts.data() + std::ptrdiff_t{2} * level * shape.dims;
      double norms[2] = {};
      for (int d = 0; d < shape.dims; ++d)
        for (int p = 0; p < 2; ++p)
          norms[p] += double{pair[p * shape.dims + d]} * pair[p * shape.dims + d];
      const int selected = shape.selected;
      for (int d = 0; d < shape.dims; ++d)
        difference.push_back(static_cast<float>(
            shape.scale * (pair[(1 - selected) * shape.dims + d] / std::sqrt(norms[1 - selected]) -
                           pair[selected * shape.dims + d] / std::sqrt(norms[selected]))));
    }
    const float nan = std::numeric_limits<float>::quiet_NaN();
    partial.assign(problem.rows * static_cast<std::size_t>(shape.levels * asked.column_blocks),
                   {nan, nan});
    done.assign(static_cast<std::size_t>(row_blocks), 0);
    map.assign(problem.rows, nan);
    asked.difference = difference.data();
    asked.partial = partial.data();
    asked.done = done.data();
    asked.map = map.data();
  }

  Arguments asked = {};
  std::int64_t row_blocks = 0;
  std::vector<float> difference = {}, map = {};
  std::vector<Sums> partial = {};
  std::vector<unsigned> done = {};
};

template <class Machine>
void run_block(Machine&& machine, const Arguments& asked, std::int64_t number, int level) {
  using Plain = std::remove_reference_t<Machine>;
  const auto results = std::make_unique<typename Plain::Own>();
  const auto shared = std::make_unique<Shared>();
  block(machine, asked, place_of(asked, number, level), *results, *shared);
}

// All blocks, in an order of the seed.
template <Number number, bool kHopper>
std::vector<float> emulated(const LtfmFusedCase& own, const LtfmFusedProblem& problem) {
  Launch launch(own, problem);
  std::vector<std::pair<std::int64_t, int>> blocks;
  for (std::int64_t i = 0; i < launch.row_blocks * launch.asked.column_blocks; ++i)
    for (int level = 0; level < launch.asked.levels; ++level) blocks.emplace_back(i, level);
  std::mt19937_64 random(own.seed);
  std::ranges::shuffle(blocks, random);
  for (const auto& [i, level] : blocks) {
    std::vector<unsigned char> memory(4 * kStageBytes, 0xff);  // NaN in every number
    if constexpr (kHopper)
      run_block(EmulatedWgmma<number>(memory, launch.asked), launch.asked, i, level);
    else
      run_block(EmulatedMma<number>(memory), launch.asked, i, level);
  }
  return launch.map;
}

template <Number number, bool kHopper>
void expect_reference() {
  for (const LtfmFusedCase& own : ltfm_fused_cases()) {
    if (own.shape.number != number) continue;
    const LtfmFusedProblem problem = problem_of(own);
    const std::vector<float> expected = map_of(own, problem, ltfm_fused_ref),
                             map = emulated<number, kHopper>(own, problem);
    for (std::size_t i = 0; i < map.size(); ++i)
      ASSERT_NEAR(map[i], expected[i], tolerance_of(own)) << name_of(own) << " row " << i;
  }
}

TEST(LtfmFusedEmulation, MmaOfFloatsInThreeParts) {
  expect_reference<Number::f32, false>();
}
TEST(LtfmFusedEmulation, MmaOfBf16) {
  expect_reference<Number::bf16, false>();
}
TEST(LtfmFusedEmulation, MmaOfFp16) {
  expect_reference<Number::f16, false>();
}
TEST(LtfmFusedEmulation, WgmmaOfBf16) {
  expect_reference<Number::bf16, true>();
}
TEST(LtfmFusedEmulation, WgmmaOfFp16) {
  expect_reference<Number::f16, true>();
}

// The order in which blocks end leaves no trace.
TEST(LtfmFusedEmulation, TheLastBlockAddsInAFixedOrder) {
  LtfmFusedCase own{.bias = true, .seed = 5};
  own.shape = {.levels = 3, .tokens = 130, .hidden = 16, .dims = 300, .number = Number::bf16};
  const LtfmFusedProblem problem = problem_of(own);
  const auto first = emulated<Number::bf16, false>(own, problem);
  for (own.seed = 6; own.seed < 9; ++own.seed)
    EXPECT_EQ((emulated<Number::bf16, false>(own, problem)), first);
}

TEST(LtfmFusedEmulation, EveryByteOfAStageHasOnePlace) {
  std::vector<int> seen(kStageBytes / kChunk, 0);
  for (int row = 0; row < kRows; ++row)
    for (int chunk = 0; chunk < kChunks; ++chunk)
      ++seen[static_cast<std::size_t>(place_in_rows(row, chunk) / kChunk)];
  for (int row = 0; row < kColumns; ++row)
    for (int chunk = 0; chunk < kChunks; ++chunk)
      ++seen[static_cast<std::size_t>((kFeatureBytes + place_in_rows(row, chunk)) / kChunk)];
  EXPECT_TRUE(std::ranges::all_of(seen, [](int times) { return times == 1; }));
}

TEST(LtfmFusedEmulation, EveryResultHasOneLane) {
  const auto covered = [](auto layout) {
    using Layout = decltype(layout);
    std::vector<int> seen(kRows * kColumns, 0);
    for (int warp = 0; warp < kWarps; ++warp)
      for (int down = 0; down < Layout::kDown; ++down)
        for (int across = 0; across < Layout::kAcross; ++across)
          for (int lane = 0; lane < kWarp; ++lane)
            for (int i = 0; i < 4; ++i) {
              const int row = Layout::top_of(warp) + down * 16 + result_row_of(lane, i);
              const int column = Layout::left_of(warp) + across * 8 + result_column_of(lane, i);
              ++seen[static_cast<std::size_t>(row * kColumns + column)];
            }
    return std::ranges::all_of(seen, [](int times) { return times == 1; });
  };
  EXPECT_TRUE(covered(MmaLayout{}));
  EXPECT_TRUE(covered(WgmmaLayout{}));
}

// What the emulation is worth: a program that waits for one copy too few, leaves a barrier out or
// refills a stage that is still being multiplied does not give the map.
TEST(LtfmFusedEmulation, NoticesWhatAPipelineLeavesOut) {
  LtfmFusedCase own{.seed = 3};
  own.shape = {.tokens = 5, .hidden = 512, .dims = 9, .number = Number::bf16};
  const LtfmFusedProblem problem = problem_of(own);
  const auto map_with = [&]<bool kHopper>(std::bool_constant<kHopper>, Flaw flaw) {
    Launch launch(own, problem);
    std::vector<unsigned char> memory(4 * kStageBytes, 0xff);
    if constexpr (kHopper)
      run_block(EmulatedWgmma<Number::bf16>(memory, launch.asked, flaw), launch.asked, 0, 0);
    else
      run_block(EmulatedMma<Number::bf16>(memory, flaw), launch.asked, 0, 0);
    return launch.map[0];
  };
  const std::false_type mma;
  const std::true_type hopper;
  EXPECT_FALSE(std::isnan(map_with(mma, Flaw::none)));
  EXPECT_TRUE(std::isnan(map_with(mma, Flaw::short_wait)));
  EXPECT_TRUE(std::isnan(map_with(mma, Flaw::no_barrier)));
  EXPECT_FALSE(std::isnan(map_with(hopper, Flaw::none)));
  EXPECT_TRUE(std::isnan(map_with(hopper, Flaw::short_wait)));
  EXPECT_TRUE(std::isnan(map_with(hopper, Flaw::early_refill)));
}

}  // namespace
}  // namespace looktwice::kernels::fused
