// Pooling by the map and the Q-Former's attention over 27 x 27 tokens: bytes are the features, read
// once by each.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "adapters/kernels/bench.h"
#include "adapters/kernels/token_select.h"
#include "adapters/kernels/token_select_cases.h"

namespace looktwice::kernels::bench {
namespace {

struct Problem {
  TokenSelectCase own = {};
  Buffer features, map, query, pooled, query_out, token;
  bool right = false;

  void pool(Where where) const {
    token_pool(own.shape, features.as<void>(), map.as<float>(), query_out.as<float>(),
               pooled.as<float>(), stream_at(where));
  }
  void attend(Where where) const {
    token_attend(own.shape, features.as<void>(), query.as<float>(), token.as<float>(),
                 stream_at(where));
  }
};

bool agree(const std::vector<float>& all, std::size_t from, const std::vector<float>& expected,
           float tolerance) {
  for (std::size_t i = 0; i < expected.size(); ++i)
    if (!(std::abs(all[from + i] - expected[i]) <=
          tolerance * std::max(1.0f, std::abs(expected[i]))))
      return false;
  return true;
}

std::shared_ptr<Problem> made(const TokenSelect& shape, Where where) {
  const auto at = [](std::int64_t value) { return static_cast<std::size_t>(value); };
  const std::size_t tokens = at(shape.grid) * at(shape.grid), dims = at(shape.dims),
                    tiles = at(shape.tiles), places = tiles * kWindows;
  const std::vector<std::byte> features = numbers(tiles * tokens * dims, shape.number, 1);
  RandomNumbers random(2);
  const std::vector<float> map = random.floats(tiles * tokens, 0.05f, 1),
                           query = random.floats(places * dims, -3, 3);
  auto problem = std::make_shared<Problem>(Problem{.own = {.shape = shape},
                                                   .features = buffer_of(where, features),
                                                   .map = buffer_of(where, map),
                                                   .query = buffer_of(where, query),
                                                   .pooled = Buffer(where, places * 4),
                                                   .query_out = Buffer(where, places * dims * 4),
                                                   .token = Buffer(where, places * dims * 4)});
  problem->pool(where);
  problem->attend(where);
  const std::vector<float> got_query = read<float>(problem->query_out, places * dims),
                           got_pooled = read<float>(problem->pooled, places),
                           got_token = read<float>(problem->token, places * dims);
  TokenSelect one = shape;
  one.tiles = 1;
  problem->right = true;
  const std::size_t tile_bytes = tokens * dims * bytes_of(shape.number);
  for (const std::int64_t tile : sample_of(shape.tiles, 3)) {
    std::vector<float> own_query(kWindows * dims), own_pooled(kWindows), own_token(kWindows * dims);
    const std::byte* own = &features[at(tile) * tile_bytes];
    token_pool_ref(one, own, &map[at(tile) * tokens], own_query.data(), own_pooled.data());
    token_attend_ref(one, own, &query[at(tile) * kWindows * dims], own_token.data());
    const float tolerance = tolerance_of(problem->own);
    problem->right = problem->right &&
                     agree(got_query, at(tile) * kWindows * dims, own_query, tolerance) &&
                     agree(got_pooled, at(tile) * kWindows, own_pooled, tolerance) &&
                     agree(got_token, at(tile) * kWindows * dims, own_token, tolerance);
  }
  return problem;
}

template <bool kPool>
void run(benchmark::State& state, Where where, Number number) {
  TokenSelect shape{.tiles = tiles_of(state), .grid = 27, .dims = dims_of(state), .number = number};
  shape.scale = 1 / std::sqrt(512.0f);
  const double tokens = 729.0 * shape.tiles;
  const double bytes = tokens * shape.dims * double(bytes_of(number)) +
                       4.0 * kWindows * shape.tiles * shape.dims * (kPool ? 1 : 2) +
                       (kPool ? 4 * tokens : 0);
  if (!can_run(state, where, bytes)) return;
  const Problem& problem = prepared_as<Problem>(state, "token_select", where, number, shape.dims,
                                                [&] { return made(shape, where); });
  if (!problem.right) return state.SkipWithError("differs from the reference");
  time(state, where, {.bytes = bytes},
       [&] { kPool ? problem.pool(where) : problem.attend(where); });
}

}  // namespace

void add_token_select() {
  add("token_pool", run<true>, {.dims = {512, 1152}});
  add("token_attend", run<false>, {.dims = {512, 1152}});
}

}  // namespace looktwice::kernels::bench
