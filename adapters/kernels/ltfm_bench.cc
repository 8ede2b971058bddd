// The map from features that a product has left in memory: bytes are those features, read once.
#include <cmath>
#include <cstring>

#include "adapters/kernels/bench.h"
#include "adapters/kernels/ltfm.h"
#include "adapters/kernels/ltfm_cases.h"

namespace looktwice::kernels::bench {
namespace {

struct Problem {
  LtfmCase own = {};
  Buffer features, bias, prompts, map;
  bool right = false;

  void run(Where where) const {
    ltfm(own.shape, features.as<void>(), bias.as<float>(), prompts.as<float>(), map.as<float>(),
         stream_at(where));
  }
};

std::shared_ptr<Problem> made(const Ltfm& shape, Where where) {
  const std::int64_t rows = std::int64_t{shape.tiles} * shape.tokens;
  const auto at = [](std::int64_t value) { return static_cast<std::size_t>(value); };
  const std::vector<std::byte> features =
      numbers(at(shape.levels * rows * shape.dims), shape.number, 1);
  RandomNumbers random(2);
  const std::vector<float> bias = random.floats(at(shape.levels) * at(shape.dims)),
                           prompts = random.floats(2 * at(shape.levels) * at(shape.dims));
  auto problem = std::make_shared<Problem>(Problem{.own = {.shape = shape, .bias = true},
                                                   .features = buffer_of(where, features),
                                                   .bias = buffer_of(where, bias),
                                                   .prompts = buffer_of(where, prompts),
                                                   .map = Buffer(where, at(rows) * 4)});
  problem->run(where);
  const std::vector<float> map = read<float>(problem->map, at(rows));

  const std::vector<std::int64_t> sample = sample_of(rows, 512);
  const std::size_t row_bytes = at(shape.dims) * bytes_of(shape.number);
  std::vector<std::byte> rows_of_sample(at(shape.levels) * sample.size() * row_bytes);
  std::byte* to = rows_of_sample.data();
  for (std::int64_t level = 0; level < shape.levels; ++level)
    for (const std::int64_t row : sample) {
      std::memcpy(to, &features[at(level * rows + row) * row_bytes], row_bytes);
      to += row_bytes;
    }
  Ltfm few = shape;
  few.tiles = 1;
  few.tokens = static_cast<int>(sample.size());
  std::vector<float> expected(sample.size());
  ltfm_ref(few, rows_of_sample.data(), bias.data(), prompts.data(), expected.data());
  problem->right = true;
  for (std::size_t i = 0; i < sample.size(); ++i)
    if (!(std::abs(map[at(sample[i])] - expected[i]) <= tolerance_of(problem->own)))
      problem->right = false;
  return problem;
}

void run(benchmark::State& state, Where where, Number number) {
  Ltfm shape{.levels = 4, .tiles = tiles_of(state), .tokens = 729, .dims = dims_of(state)};
  shape.number = number;
  const double rows = double(shape.tiles) * shape.tokens;
  const double bytes = shape.levels * rows * shape.dims * double(bytes_of(number)) + 4 * rows +
                       12.0 * shape.levels * shape.dims;
  if (!can_run(state, where, bytes)) return;
  const Problem& problem = prepared_as<Problem>(state, "ltfm", where, number, shape.dims,
                                                [&] { return made(shape, where); });
  if (!problem.right) return state.SkipWithError("differs from the reference");
  time(state, where, {.bytes = bytes}, [&] { problem.run(where); });
}

}  // namespace

void add_ltfm() {
  add("ltfm", run, {.dims = {512, 1152}});
}

}  // namespace looktwice::kernels::bench
