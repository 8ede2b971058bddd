// Which token comes next, from its scores. The draw of step i depends on the seed, the stream (one
// per request) and i alone: not on who else is decoded, nor on draws before.
// Order as in transformers: repetition penalty, temperature, top-k, top-p.
// Not here: stop ids and lengths (generate.h), scores (qwen2.h).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace looktwice::nn {

struct Sampling {
  float temperature = 0;         // 0: greedy, the largest score, of equal ones the smallest id
  int top_k = 0;                 // 0: all
  float top_p = 1;               // the fewest tokens whose probabilities reach it
  float repetition_penalty = 1;  // scores of ids seen before: divided if positive, else multiplied
  std::uint64_t seed = 0;
};

class TokenChooser {
 public:
  // seen: ids that count as seen from the start: the prompt's where the model's code penalises
  // them, none where the penalty is for generated ids only. Ids that have no score are passed over.
  TokenChooser(Sampling sampling, std::uint64_t stream, std::span<const std::int32_t> seen = {});

  // scores: of all tokens, changed here. Not empty, no NaN.
  std::int32_t next(std::span<float> scores);
  std::int64_t steps() const { return steps_; }

 private:
  void see(std::int32_t id);
  std::int32_t drawn(std::span<float> scores);

  Sampling sampling_;
  std::uint64_t stream_ = 0;
  std::int64_t steps_ = 0;
  std::vector<std::int32_t> seen_ = {};
  std::vector<bool> is_seen_ = {};
};

// Uniform in [0, 1), 53 bits.
double uniform_draw(std::uint64_t seed, std::uint64_t stream, std::uint64_t step);

}  // namespace looktwice::nn
