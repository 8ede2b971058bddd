// Times the decoder on prompts of made-up tokens; benchmarks/peers/language.py runs it beside
// transformers. Prints one JSON line.
//   language_run FOLDER fp32|bf16 THREADS PROMPT ANSWER PICTURE QUESTION REPLY TURNS [cpu|cuda:0
//     [TEXTS]]
// One question of PROMPT tokens, answered with ANSWER (more than 2); then TURNS questions of
// QUESTION tokens about one picture of PICTURE tokens, each after the turns before, answered with
// REPLY tokens. TEXTS: so many prompts of PROMPT tokens at once, each answered with ANSWER; and the
// bytes that a step of these must read: weights, and keys and values at their mean length.
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
#include "benchmarks/device_wait.h"
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

nn::Qwen2 loaded(const std::string& folder, at::ScalarType type, at::Device device) {
  const auto checkpoint = weights::Checkpoint::of_folder(folder);
  std::ifstream in(folder + "/config.json", std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  nn::Loading loading("checkpoint", checkpoint, device, type);
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

// Seconds of one step of all texts, and megabytes that it must read.
struct Together {
  double step_s = 0, step_mb = 0;
};
Together together(const nn::Qwen2& model, int texts, int prompt, int answer, at::ScalarType type,
                  at::Device device) {
  nn::Writer writer(model, texts);
  for (int i = 0; i < texts; ++i)
    writer.add({.tag = static_cast<std::uint64_t>(i),
                .embeds = model.embedded(made_up_ids(prompt, static_cast<std::uint64_t>(i) + 1)),
                .most_tokens = answer});
  std::size_t ended = writer.step().size();  // the prompts, and two tokens
  benchmarks::wait_for(device);
  const Stopwatch decoding;
  int steps = 0;
  for (; ended == 0; ++steps) ended += writer.step().size();
  benchmarks::wait_for(device);
  Together made{.step_s = decoding.wall_s() / steps};
  const nn::Qwen2Config& config = model.config();
  const auto weight = static_cast<std::int64_t>(c10::elementSize(type)),
             number = static_cast<std::int64_t>(c10::elementSize(model.compute_type()));
  const nn::DecoderBytes bytes = nn::decoder_bytes(
      config, model.used_rows(), std::int64_t{texts} * (prompt + answer / 2), weight, number);
  made.step_mb = 1e-6 * static_cast<double>(config.layers * (bytes.layer + bytes.cache) +
                                            model.used_rows() * config.hidden * weight);
  return made;
}

int run(const std::vector<std::string>& arguments) {
  const auto number = [&](std::size_t i) { return std::stoi(arguments.at(i)); };
  const at::ScalarType type = nn::number_type_named(arguments.at(2));
  nn::use_threads(number(3));
  const at::Device device = nn::device_named(arguments.size() > 10 ? arguments[10] : "cpu");
  const int texts = arguments.size() > 11 ? number(11) : 1;
  const Stopwatch loading;
  const nn::Qwen2 model = loaded(arguments.at(1), type, device);
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
  std::printf("], \"four_s\": %.4f", four.wall_s());
  if (texts > 1) {
    const Together made = together(model, texts, number(4), number(5), type, device);
    std::printf(", \"texts\": %d, \"step_s\": %.6f, \"step_mb\": %.1f", texts, made.step_s,
                made.step_mb);
  }
  std::printf("}\n");
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
