// Times the decoder on prompts of made-up tokens; benchmarks/peers/language.py runs it beside
// transformers. Prints one JSON line.
//   language_run FOLDER fp32|bf16 THREADS PROMPT ANSWER PICTURE QUESTION REPLY TURNS
// One question of PROMPT tokens, answered with ANSWER (more than 2); then TURNS questions of
// QUESTION tokens about one picture of PICTURE tokens, each after the turns before, answered with
// REPLY tokens.
#include <ATen/ops/cat.h>

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <vector>

#include "adapters/nn/device.h"
#include "adapters/nn/qwen2.h"
#include "adapters/nn/writer.h"
#include "benchmarks/process_cost.h"
#include "harness/core/json_value.h"

namespace {

using namespace looktwice;
using benchmarks::Stopwatch;

// As peers/language.py makes them.
std::vector<std::int32_t> made_up_ids(int count, std::uint64_t seed) {
  std::uint64_t draw = seed * 7919 + 1;
  std::vector<std::int32_t> ids;
  for (int i = 0; i < count; ++i) {
    draw = (draw * 1103515245 + 12345) & 0x7FFFFFFF;
    ids.push_back(static_cast<std::int32_t>(draw % 151000));
  }
  return ids;
}

nn::Qwen2 loaded(const std::string& folder, at::ScalarType type) {
  const auto checkpoint = weights::Checkpoint::of_folder(folder);
  std::ifstream in(folder + "/config.json", std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  nn::Loading loading("checkpoint", checkpoint, at::kCPU, type);
  nn::Qwen2 model(loading, nn::qwen2_config(parsed_json(text, "config.json"), "config.json"));
  loading.finish();
  return model;
}

// after_two: begins when the first two tokens are there, which is the writer's first step.
nn::WrittenText answered(const nn::Qwen2& model, const std::vector<std::int32_t>& prompt, int most,
                         std::optional<nn::KvCache> start = {},
                         std::optional<Stopwatch>* after_two = nullptr) {
  nn::Writer writer(model, 1);
  writer.add({.embeds = model.embedded(prompt), .start = std::move(start), .most_tokens = most});
  for (;;) {
    if (auto done = writer.step(); !done.empty()) return std::move(done.front());
    if (after_two && !*after_two) after_two->emplace();
  }
}

int run(const std::vector<std::string>& arguments) {
  const auto number = [&](std::size_t i) { return std::stoi(arguments.at(i)); };
  const at::ScalarType type = nn::number_type_named(arguments.at(2));
  nn::use_threads(number(3));
  const Stopwatch loading;
  const nn::Qwen2 model = loaded(arguments.at(1), type);
  std::printf("{\"load_s\": %.4f, ", loading.wall_s());
  answered(model, made_up_ids(16, 9), 2);

  const std::vector<std::int32_t> prompt = made_up_ids(number(4), 1);
  const Stopwatch one;
  answered(model, prompt, 1);
  const double first = one.wall_s(), first_work = one.processor_s();
  std::optional<Stopwatch> decoding;
  const nn::WrittenText text = answered(model, prompt, number(5), {}, &decoding);
  const double decode = decoding->wall_s(), work = decoding->processor_s(), more = number(5) - 2;
  std::printf("\"first_s\": %.4f, \"first_work\": %.4f, \"decode_per_s\": %.4f, ", first,
              first_work, more / decode);
  std::printf("\"token_work\": %.5f, \"peak_mb\": %.1f, \"ids\": [", work / more,
              benchmarks::peak_mb());
  for (std::size_t i = 0; i < text.ids.size(); ++i)
    std::printf("%s%d", i > 0 ? ", " : "", text.ids[i]);

  std::vector<std::int32_t> dialogue = made_up_ids(number(6), 2);
  std::optional<nn::KvCache> cache;
  const Stopwatch four;
  for (int turn = 0; turn < number(9); ++turn) {
    const auto question = made_up_ids(number(7), 10 + static_cast<std::uint64_t>(turn));
    dialogue.insert(dialogue.end(), question.begin(), question.end());
    nn::WrittenText reply = answered(model, dialogue, number(8), std::move(cache));
    dialogue.insert(dialogue.end(), reply.ids.begin(), reply.ids.end());
    cache = std::move(reply.cache);
  }
  std::printf("], \"four_s\": %.4f}\n", four.wall_s());
  return 0;
}

}  // namespace

int main(int count, char** arguments) {
  try {
    return run({arguments, arguments + count});
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
