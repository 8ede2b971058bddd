// From the vision model's features to the map, three ways: in one kernel (ltfm_fused), as a
// library's product with the matching behind it (ltfm_in_two_steps), and the library's product
// alone (product), which is the least that the second can cost. Operations are those of the
// product.
#include <cmath>
#include <cstring>

#include "adapters/kernels/bench.h"
#include "adapters/kernels/ltfm.h"
#include "adapters/kernels/ltfm_fused.h"
#include "adapters/kernels/ltfm_fused_cases.h"

namespace looktwice::kernels::bench {
namespace {

enum class Way { fused, two_steps, product };

struct Problem {
  LtfmFused shape = {};
  Way way = Way::fused;
  std::vector<Buffer> features = {}, weights = {}, biases = {};
  std::unique_ptr<Buffer> bias = {}, prompts = {}, map = {}, y = {};  // bias: of all levels
  std::unique_ptr<Product> product = {};
  std::string why_not = {};

  void run(Where where) const {
    const auto rows =
        static_cast<std::size_t>(shape.tiles) * static_cast<std::size_t>(shape.tokens);
    const std::size_t level_bytes =
        rows * static_cast<std::size_t>(shape.dims) * bytes_of(shape.number);
    if (way == Way::fused) {
      std::vector<const void*> x, w;
      std::vector<const float*> b;
      for (std::size_t level = 0; level < features.size(); ++level) {
        x.push_back(features[level].as<void>());
        w.push_back(weights[level].as<void>());
        b.push_back(biases[level].as<float>());
      }
      return ltfm_fused(shape, x.data(), w.data(), b.data(), prompts->as<float>(), map->as<float>(),
                        stream_at(where));
    }
    for (std::size_t level = 0; level < features.size(); ++level)
      product->run(features[level].as<void>(), weights[level].as<void>(),
                   y->as<std::byte>() + level * level_bytes);
    if (way == Way::two_steps)
      ltfm({.levels = shape.levels,
            .tiles = shape.tiles,
            .tokens = shape.tokens,
            .dims = shape.dims,
            .number = shape.number},
           y->as<void>(), bias->as<float>(), prompts->as<float>(), map->as<float>(),
           stream_at(where));
  }
};

// A library rounds its product to the numbers before they are matched.
float tolerance(const LtfmFused& shape, Way way) {
  const float rounding = shape.number == Number::bf16  ? 0x1p-9f
                         : shape.number == Number::f16 ? 0x1p-12f
                                                       : 0.0f;
  const float own = tolerance_of(LtfmFusedCase{.shape = shape});
  return way == Way::fused ? own
                           : own + 25 * 6 * rounding / std::sqrt(static_cast<float>(shape.dims));
}

std::shared_ptr<Problem> made(const LtfmFused& shape, Where where, Way way) {
  const auto at = [](std::int64_t value) { return static_cast<std::size_t>(value); };
  const std::int64_t rows = std::int64_t{shape.tiles} * shape.tokens;
  auto problem = std::make_shared<Problem>();
  problem->shape = shape;
  problem->way = way;
  if (way == Way::fused) {
    if (where == Where::cuda) problem->why_not = ltfm_fused_refusal(shape);
  } else {
    problem->product =
        product(where, shape.number, rows, shape.hidden, shape.dims, problem->why_not);
  }
  if (!problem->why_not.empty()) return problem;
  const std::vector<std::int64_t> sample = sample_of(rows, 64);
  const std::size_t row_bytes = at(shape.hidden) * bytes_of(shape.number);
  LtfmFusedProblem few;
  std::vector<float> all_biases;
  for (int level = 0; level < shape.levels; ++level) {
    const auto seed = static_cast<std::uint64_t>(level);
    const std::vector<std::byte> x = numbers(at(rows * shape.hidden), shape.number, 10 + seed);
    few.weights.push_back(numbers(at(shape.dims) * at(shape.hidden), shape.number, 20 + seed));
    few.biases.push_back(RandomNumbers(30 + seed).floats(at(shape.dims), -4, 4));
    all_biases.insert(all_biases.end(), few.biases.back().begin(), few.biases.back().end());
    auto& own = few.features.emplace_back(sample.size() * row_bytes);
    for (std::size_t i = 0; i < sample.size(); ++i)
      std::memcpy(&own[i * row_bytes], &x[at(sample[i]) * row_bytes], row_bytes);
    problem->features.push_back(buffer_of(where, x));
    problem->weights.push_back(buffer_of(where, few.weights.back()));
    problem->biases.push_back(buffer_of(where, few.biases.back()));
  }
  few.prompts = RandomNumbers(40).floats(2 * at(shape.levels) * at(shape.dims));
  few.rows = sample.size();
  problem->bias = std::make_unique<Buffer>(buffer_of(where, all_biases));
  problem->prompts = std::make_unique<Buffer>(buffer_of(where, few.prompts));
  problem->map = std::make_unique<Buffer>(where, at(rows) * 4);
  if (way != Way::fused)
    problem->y = std::make_unique<Buffer>(
        where, at(shape.levels * rows * shape.dims) * bytes_of(shape.number));
  problem->run(where);
  if (way == Way::product) return problem;  // checked where it is followed by the matching
  LtfmFusedCase sampled{.shape = shape, .bias = true};
  sampled.shape.tiles = 1;
  sampled.shape.tokens = static_cast<int>(sample.size());
  const std::vector<float> expected = map_of(sampled, few, ltfm_fused_ref),
                           map = read<float>(*problem->map, at(rows));
  for (std::size_t i = 0; i < sample.size(); ++i)
    if (!(std::abs(map[at(sample[i])] - expected[i]) <= tolerance(shape, way)))
      problem->why_not = "differs from the reference";
  return problem;
}

template <Way way>
void run(benchmark::State& state, Where where, Number number) {
  LtfmFused shape{
      .levels = 4, .tiles = tiles_of(state), .tokens = 729, .hidden = 1152, .dims = 512};
  shape.number = number;
  const double rows = double(shape.tiles) * shape.tokens, size = double(bytes_of(number));
  const double read = shape.levels * size * shape.hidden * (rows + shape.dims);
  const double between = shape.levels * size * shape.dims * rows;
  if (!can_run(state, where, read + between)) return;
  const Problem& problem =
      prepared_as<Problem>(state, "fused" + std::to_string(static_cast<int>(way)), where, number, 0,
                           [&] { return made(shape, where, way); });
  if (!problem.why_not.empty()) return state.SkipWithError(problem.why_not.c_str());
  // A product must write what it makes; the map needs its rows alone.
  time(state, where,
       {.bytes = read + (way == Way::product ? between : 4 * rows),
        .operations = 2.0 * shape.levels * rows * shape.hidden * shape.dims,
        .number = number},
       [&] { problem.run(where); });
}

}  // namespace

void add_ltfm_fused() {
  add("product", run<Way::product>, {.most_on_cpu = 10});
  add("ltfm_in_two_steps", run<Way::two_steps>, {.most_on_cpu = 10});
  add("ltfm_fused", run<Way::fused>, {.most_on_cpu = 10});
}

}  // namespace looktwice::kernels::bench
