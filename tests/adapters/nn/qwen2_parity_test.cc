// The decoder against the official implementations: given the sequences that they gave their
// language model, the first scores and the greedy tokens; every layer; LLaVA-OneVision's and
// Qwen2.5-VL's.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <cmath>

#include "adapters/nn/device.h"
#include "adapters/nn/qwen2.h"
#include "adapters/nn/writer.h"
#include "harness/core/json_value.h"
#include "tests/support/files.h"
#include "tests/support/safetensors.h"

namespace looktwice::nn {
namespace {

using test::fixture_path;
using test::Safetensors;

std::string text_of(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

Qwen2 model_of(const std::string& folder, std::int64_t used_rows,
               at::ScalarType type = at::kFloat) {
  use_threads(1);  // tests run beside each other
  const std::filesystem::path path = fixture_path(folder);
  const auto checkpoint = weights::Checkpoint::of_folder(path);
  const std::string config = (path / "config.json").string();
  Loading loading("checkpoint", checkpoint, at::kCPU, type);
  for (const char* prefix :
       {"model.vision_tower.", "model.mm_projector.", "model.image_newline", "visual."})
    loading.ignore(prefix);
  Qwen2 model(loading, qwen2_config(parsed_json(text_of(config), config), config), used_rows);
  loading.finish();
  return model;
}

JsonValue manifest(const std::string& folder) {
  return parsed_json(text_of(fixture_path(folder + "/manifest.json")), "manifest.json");
}

at::Tensor tensor(const test::Tensor& stored, at::ScalarType type) {
  return at::from_blob(const_cast<std::byte*>(stored.bytes.data()), stored.shape, type).clone();
}

std::vector<std::int32_t> ids_of(const JsonValue& list) {
  std::vector<std::int32_t> ids;
  for (const JsonValue& item : list.items) ids.push_back(std::atoi(item.text.c_str()));
  return ids;
}

// Largest difference over the largest expected value.
double difference(const at::Tensor& found, const at::Tensor& expected) {
  return (found - expected).abs().max().item<double>() / expected.abs().max().item<double>();
}

void expect_scores(const at::Tensor& scores, const Safetensors& expected, const std::string& name) {
  for (const char* part : {"top", "sample"}) {
    const at::Tensor ids = tensor(expected[name + "." + part + "_ids"], at::kLong);
    const at::Tensor values = tensor(expected[name + "." + part + "_values"], at::kFloat);
    EXPECT_LT(difference(scores.index_select(0, ids), values), 1e-4) << name << " " << part;
  }
}

std::vector<std::int32_t> written(const Qwen2& model, const at::Tensor& embeds,
                                  const at::Tensor& positions, float penalty,
                                  std::vector<std::int32_t> seen = {}) {
  Writer writer(model, 1);
  writer.add({.embeds = embeds,
              .positions = positions,
              .sampling = {.repetition_penalty = penalty},
              .seen = std::move(seen),
              .stop_ids = {151645, 151643},
              .most_tokens = 16});
  for (;;)
    if (auto done = writer.step(); !done.empty()) return done[0].ids;
}

TEST(Qwen2Parity, LlavaOneVision) {
  LOOKTWICE_NEEDS_FIXTURE("anomaly_ov/checkpoint/model.safetensors");
  LOOKTWICE_NEEDS_FIXTURE("anomaly_ov/embeds.safetensors");
  const Qwen2 model = model_of("anomaly_ov/checkpoint", 151646);
  const Safetensors embeds(fixture_path("anomaly_ov/embeds.safetensors"));
  const Safetensors expected(fixture_path("anomaly_ov/logits.safetensors"));
  const JsonValue told = manifest("anomaly_ov");
  for (const std::string name :
       {"wide.detection", "tall.detection", "square.detection", "two_views"}) {
    const at::Tensor sequence = tensor(embeds[name], at::kFloat);
    KvCache cache = model.cache(sequence.size(0));
    const at::Tensor scores = model.logits(model.prefill(cache, sequence));
    ASSERT_EQ(scores.size(0), 151646);
    expect_scores(scores, expected, name);
    if (name == "wide.detection") {
      EXPECT_LT(difference(scores, tensor(expected[name + ".full"], at::kFloat)), 1e-4);
    }
    const JsonValue& one = *told.find("cases")->find(name);
    EXPECT_EQ(written(model, sequence, {}, 1.1f), ids_of(*one.find("greedy_ids"))) << name;
    EXPECT_EQ(written(model, sequence, {}, 1), ids_of(*one.find("greedy_ids_no_penalty"))) << name;
  }
}

TEST(Qwen2Parity, Qwen25Vl) {
  LOOKTWICE_NEEDS_FIXTURE("omniad/checkpoint/model.safetensors.index.json");
  LOOKTWICE_NEEDS_FIXTURE("omniad/lm.safetensors");
  const Qwen2 model = model_of("omniad/checkpoint", 0);
  const Safetensors stages(fixture_path("omniad/lm.safetensors"));
  const Safetensors expected(fixture_path("omniad/logits.safetensors"));
  const JsonValue told = manifest("omniad");
  for (const auto& [name, one] : told.find("cases")->members) {
    const at::Tensor sequence = tensor(stages[name + ".embeds"], at::kFloat);
    const at::Tensor positions = tensor(stages[name + ".position_ids"], at::kLong);
    KvCache cache = model.cache(sequence.size(0));
    expect_scores(model.logits(model.prefill(cache, sequence, positions)), expected, name);
    const auto layers = model.layer_outputs(sequence, positions);
    for (std::size_t i = 0; name == "one_image" && i < layers.size(); ++i)
      EXPECT_LT(
          difference(layers[i], tensor(stages[name + ".layer" + std::to_string(i)], at::kFloat)),
          5e-5)
          << "layer " << i;
    EXPECT_LT(difference(layers.back()[-1],
                         tensor(stages[name + ".last_layer_last_position"], at::kFloat)),
              5e-5)
        << name;
    std::vector<std::int32_t> prompt;  // this model's code penalises the prompt too
    for (const JsonValue& run : one.find("input_ids_run_length")->items)
      prompt.push_back(ids_of(run)[0]);
    EXPECT_EQ(written(model, sequence, positions, 1.05f, prompt), ids_of(*one.find("greedy_ids")))
        << name;
    if (!name.starts_with("oblong_as_is") && !name.starts_with("text")) continue;
    EXPECT_EQ(written(model, sequence, positions, 1.4f, prompt),
              ids_of(*one.find("greedy_ids_penalty_1_4")))
        << name;
    EXPECT_EQ(written(model, sequence, positions, 1), ids_of(*one.find("greedy_ids_no_penalty")))
        << name;
  }
}

}  // namespace
}  // namespace looktwice::nn
