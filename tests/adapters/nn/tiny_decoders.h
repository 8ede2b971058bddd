// Decoders of a few kilobytes that scripts/golden/qwen2_golden.py made, and texts to write with
// them.
#pragma once

#include <ATen/ATen.h>

#include <cstdlib>
#include <map>
#include <string>
#include <vector>

#include "adapters/nn/device.h"
#include "adapters/nn/qwen2.h"
#include "adapters/nn/writer.h"
#include "harness/core/json_value.h"
#include "tests/support/files.h"

namespace looktwice::nn::tiny {

using Ids = std::vector<std::int32_t>;

inline JsonValue json_in(const std::filesystem::path& path) {
  const auto bytes = test::bytes_of(path);
  return parsed_json({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, path.string());
}

inline Qwen2 loaded(const std::string& name, at::ScalarType type, std::vector<Stage> stages = {}) {
  use_threads(1);  // tests run beside each other
  const std::filesystem::path folder = test::data_path("qwen2/" + name);
  const auto checkpoint = weights::Checkpoint::of_folder(folder);
  Loading loading("checkpoint", checkpoint, at::kCPU, type);
  Qwen2 model(loading, qwen2_config(json_in(folder / "config.json"), "config.json"), 0,
              std::move(stages));
  loading.finish();
  return model;
}

inline Ids ids_of(const JsonValue& list) {
  Ids ids;
  for (const JsonValue& item : list.items) ids.push_back(std::atoi(item.text.c_str()));
  return ids;
}

inline std::map<std::uint64_t, WrittenText> all_written(Writer& writer) {
  std::map<std::uint64_t, WrittenText> texts;
  while (!writer.idle())
    for (WrittenText& text : writer.step()) {
      text.cache = {};
      texts[text.tag] = std::move(text);
    }
  return texts;
}

inline std::vector<WritingTask> tasks_of(const Qwen2& model, int count, float temperature) {
  std::vector<WritingTask> tasks;
  for (int i = 0; i < count; ++i) {
    Ids prompt;
    for (int k = 0; k < 20 + 9 * i; ++k) prompt.push_back((k * k + 31 * i) % 200);
    tasks.push_back({.tag = static_cast<std::uint64_t>(i),
                     .embeds = model.embedded(prompt),
                     .sampling = {.temperature = temperature, .top_p = 0.9f, .seed = 7},
                     .stream = static_cast<std::uint64_t>(100 + i),
                     .most_tokens = 12 + i});
  }
  return tasks;
}

}  // namespace looktwice::nn::tiny
