// The arithmetic of the GPU's kernels for ltfm and token_select, walked on the host (host_block.h),
// against their references. It proves the program, not the hardware: a GPU has its own tests.
#include <gtest/gtest.h>

#include <memory>

#include "adapters/kernels/ltfm_cases.h"
#include "adapters/kernels/ltfm_tiles.h"
#include "adapters/kernels/token_select_cases.h"
#include "adapters/kernels/token_select_tiles.h"
#include "tests/kernels/host_block.h"

namespace looktwice::kernels::blocks {
namespace {

using Floats = std::vector<float>;

template <class Element, int kRows, int kPack>
Floats emulated_map(const LtfmCase& own, const LtfmProblem& problem) {
  const Ltfm& shape = own.shape;
  Floats difference;
  for (int level = 0; level < shape.levels; ++level) {
    const float* pair = problem.prompts.data() + std::ptrdiff_t{2} * level * shape.dims;
    double norms[2] = {};
    for (int p = 0; p < 2; ++p)
      for (int d = 0; d < shape.dims; ++d)
        norms[p] += double{pair[p * shape.dims + d]} * pair[p * shape.dims + d];
    const int selected = shape.selected;
    for (int d = 0; d < shape.dims; ++d)
      difference.push_back(static_cast<float>(
          shape.scale * (pair[(1 - selected) * shape.dims + d] / std::sqrt(norms[1 - selected]) -
                         pair[selected * shape.dims + d] / std::sqrt(norms[selected]))));
  }
  Floats map(problem.rows, -7);
  const LtfmArguments asked{.bias = problem.bias_or_null(),
                            .difference = difference.data(),
                            .map = map.data(),
                            .rows = static_cast<std::int64_t>(problem.rows),
                            .levels = shape.levels,
                            .dims = shape.dims,
                            .share = 1.0f / static_cast<float>(shape.levels)};
  const auto rows_of_block = std::int64_t{kWarps} * kRows;
  HostBlock block;
  for (std::int64_t i = 0; i * rows_of_block < asked.rows; ++i)
    match_rows<kRows, kPack>(block, asked,
                             reinterpret_cast<const Element*>(problem.features.data()), i);
  return map;
}

template <class Element>
void expect_ltfm(const LtfmCase& own) {
  const LtfmProblem problem = problem_of(own);
  Floats expected(problem.rows);
  ltfm_ref(own.shape, problem.features.data(), problem.bias_or_null(), problem.prompts.data(),
           expected.data());
  constexpr int kPack = kPackOf<Element>;
  std::vector<Floats> maps = {emulated_map<Element, 1, 1>(own, problem),
                              emulated_map<Element, 4, 1>(own, problem)};
  if (own.shape.dims % kPack == 0) {
    maps.push_back(emulated_map<Element, 1, kPack>(own, problem));
    maps.push_back(emulated_map<Element, 4, kPack>(own, problem));
    EXPECT_EQ(maps[2], maps[3]) << name_of(own) << ": rows at once change nothing";
  }
  for (const Floats& map : maps)
    for (std::size_t i = 0; i < map.size(); ++i)
      ASSERT_NEAR(map[i], expected[i], tolerance_of(own)) << name_of(own) << " token " << i;
}

TEST(LtfmEmulation, EqualsReference) {
  for (const LtfmCase& own : ltfm_cases()) {
    if (own.shape.number == Number::f32)
      expect_ltfm<F32>(own);
    else if (own.shape.number == Number::bf16)
      expect_ltfm<Bf16>(own);
    else
      expect_ltfm<F16>(own);
  }
}

struct Selected {
  Floats query = {}, pooled = {}, token = {};
};

template <class Element, int kPack>
Selected emulated(const TokenSelectCase& own, const TokenSelectProblem& problem) {
  const TokenSelect& shape = own.shape;
  const auto* features = reinterpret_cast<const Element*>(problem.features.data());
  const std::size_t places = static_cast<std::size_t>(shape.tiles) * kWindows,
                    dims = static_cast<std::size_t>(shape.dims);
  Selected got{Floats(places * dims, -7), Floats(places, -7), Floats(places * dims, -7)};
  HostBlock block;

  const PoolArguments pool{.map = problem.map.data(),
                           .query = got.query.data(),
                           .pooled = got.pooled.data(),
                           .grid = shape.grid,
                           .dims = shape.dims,
                           .divide = shape.divide};
  const auto pool_shared = std::make_unique<PoolShared<kPack>>();
  for (int tile = 0; tile < shape.tiles; ++tile)
    for (int group = 0; group * kWarp * kPack < shape.dims; ++group)
      pool_columns<kPack>(block, pool, features, tile, group, *pool_shared);

  const int tokens = shape.grid * shape.grid, slices = (tokens + kSliceTokens - 1) / kSliceTokens;
  Floats sums(static_cast<std::size_t>(slices) * places * dims, -7),
      facts(2 * static_cast<std::size_t>(slices) * places, -7);
  const AttendArguments attend{.query = problem.query.data(),
                               .sums = sums.data(),
                               .facts = facts.data(),
                               .tokens = tokens,
                               .dims = shape.dims,
                               .slices = slices,
                               .scale = shape.scale};
  AttendShared shared;
  Floats own_query(kWindows * dims), own_sums(kWindows * dims);
  for (int tile = 0; tile < shape.tiles; ++tile)
    for (int slice = 0; slice < slices; ++slice)
      attend_slice<kPack>(block, attend, features, tile, slice, shared, own_query.data(),
                          own_sums.data());
  for (int tile = 0; tile < shape.tiles; ++tile)
    for (int at = 0; at < kWindows * shape.dims; ++at)
      got.token[static_cast<std::size_t>(tile * kWindows * shape.dims + at)] =
          joined(block, attend, tile, at);
  return got;
}

void expect_near(const Floats& a, const Floats& b, float tolerance, const std::string& what) {
  for (std::size_t i = 0; i < a.size(); ++i)
    ASSERT_NEAR(a[i], b[i], tolerance * std::max(1.0f, std::abs(b[i]))) << what << " at " << i;
}

template <class Element>
void expect_selected(const TokenSelectCase& own) {
  const TokenSelectProblem problem = problem_of(own);
  Selected expected = emulated<Element, 1>(own, problem);
  const Selected plain = expected;
  token_pool_ref(own.shape, problem.features.data(), problem.map.data(), expected.query.data(),
                 expected.pooled.data());
  token_attend_ref(own.shape, problem.features.data(), problem.query.data(), expected.token.data());
  std::vector<Selected> all = {plain};
  if (own.shape.dims % kPackOf<Element> == 0)
    all.push_back(emulated<Element, kPackOf<Element>>(own, problem));
  for (const Selected& got : all) {
    expect_near(got.query, expected.query, tolerance_of(own), name_of(own) + " query");
    expect_near(got.pooled, expected.pooled, tolerance_of(own), name_of(own) + " pooled");
    expect_near(got.token, expected.token, tolerance_of(own), name_of(own) + " token");
  }
}

TEST(TokenSelectEmulation, EqualsReference) {
  for (const TokenSelectCase& own : token_select_cases()) {
    if (own.shape.number == Number::f32)
      expect_selected<F32>(own);
    else if (own.shape.number == Number::bf16)
      expect_selected<Bf16>(own);
    else
      expect_selected<F16>(own);
  }
}

// A score that dwarfs the others comes in another slice than they do: the sums before it fade.
TEST(TokenSelectEmulation, ALateLargeScoreTakesAll) {
  TokenSelectCase own;
  own.shape = {.grid = 14, .dims = 4};
  TokenSelectProblem problem = problem_of(own);
  Floats features(196 * 4, 0.5f);
  for (int d = 0; d < 4; ++d) features[static_cast<std::size_t>(190 * 4 + d)] = 100;
  std::memcpy(problem.features.data(), features.data(), features.size() * 4);
  problem.query.assign(kWindows * 4, 1);
  const Selected got = emulated<F32, 4>(own, problem);
  for (const float value : got.token) EXPECT_EQ(value, 100);
}

}  // namespace
}  // namespace looktwice::kernels::blocks
