// The decoder and the writer beside transformers, on tiny checkpoints of several sizes that
// scripts/golden/qwen2_golden.py made: tied and untied heads, shards, bf16, fp16 and fp32 files.
// And what must not change an answer: company, a remembered prefix, too little memory.
#include <ATen/ATen.h>
#include <c10/core/CPUAllocator.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <new>

#include "adapters/nn/device.h"
#include "adapters/nn/qwen2.h"
#include "adapters/nn/writer.h"
#include "harness/core/json_value.h"
#include "tests/support/files.h"

namespace looktwice::nn {
namespace {

using Ids = std::vector<std::int32_t>;

JsonValue json_in(const std::filesystem::path& path) {
  const auto bytes = test::bytes_of(path);
  return parsed_json({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, path.string());
}

Qwen2 loaded(const std::string& name, at::ScalarType type) {
  use_threads(1);  // tests run beside each other
  const std::filesystem::path folder = test::data_path("qwen2/" + name);
  const auto checkpoint = weights::Checkpoint::of_folder(folder);
  Loading loading("checkpoint", checkpoint, at::kCPU, type);
  Qwen2 model(loading, qwen2_config(json_in(folder / "config.json"), "config.json"));
  loading.finish();
  return model;
}

Ids ids_of(const JsonValue& list) {
  Ids ids;
  for (const JsonValue& item : list.items) ids.push_back(std::atoi(item.text.c_str()));
  return ids;
}

at::Tensor numbers_of(const JsonValue& list) {
  std::vector<float> numbers;
  for (const JsonValue& item : list.items)
    numbers.push_back(std::strtof(item.text.c_str(), nullptr));
  return at::tensor(numbers);
}

double difference(const at::Tensor& found, const at::Tensor& expected) {
  if (found.sizes() != expected.sizes()) return 1e9;
  return (found - expected).abs().max().item<double>() / expected.abs().max().item<double>();
}

std::map<std::uint64_t, WrittenText> all_written(Writer& writer) {
  std::map<std::uint64_t, WrittenText> texts;
  while (!writer.idle())
    for (WrittenText& text : writer.step()) {
      text.cache = {};
      texts[text.tag] = std::move(text);
    }
  return texts;
}

class Qwen2Golden : public ::testing::TestWithParam<const char*> {};

TEST_P(Qwen2Golden, ScoresAndAnswersAreThePeers) {
  const Qwen2 model = loaded(GetParam(), at::kFloat);
  const std::string file = std::string("qwen2/") + GetParam() + "/expected.json";
  const JsonValue expected = json_in(test::data_path(file));
  ASSERT_EQ(expected.items.size(), 3u);
  for (const JsonValue& one : expected.items) {
    const Ids prompt = ids_of(*one.find("prompt"));
    const at::Tensor embeds = model.embedded(prompt);
    KvCache cache = model.cache(1);
    const at::Tensor scores = model.logits(model.prefill(cache, embeds));
    EXPECT_LT(difference(scores, numbers_of(*one.find("logits"))), 1e-4) << prompt.size();
    if (const JsonValue& first = *one.find("first_layer_last_token"); !first.items.empty()) {
      const auto layers = model.layer_outputs(
          embeds, at::arange(static_cast<std::int64_t>(prompt.size()), at::kLong));
      EXPECT_LT(difference(layers.front()[-1], numbers_of(first)), 5e-5) << prompt.size();
    }
    ASSERT_GT(std::strtod(one.find("least_margin")->text.c_str(), nullptr), 2e-3);
    for (const auto& [key, penalty] :
         {std::pair("greedy", 1.0f), std::pair("greedy_penalty_1_3", 1.3f)}) {
      Writer writer(model, 1);
      writer.add({.embeds = embeds,
                  .sampling = {.repetition_penalty = penalty},
                  .seen = prompt,
                  .most_tokens = 24});
      EXPECT_EQ(all_written(writer)[0].ids, ids_of(*one.find(key)))
          << key << " after " << prompt.size();
    }
    // Token by token is as all at once, whatever is done with many rows and with few.
    KvCache slow = model.cache(1);
    model.prefill(slow, embeds.narrow(0, 0, 2));
    at::Tensor last;
    for (std::size_t i = 2; i < prompt.size(); ++i) {
      KvCache* text = &slow;
      last = model.decode({&text, 1}, {&prompt[i], 1});
    }
    EXPECT_LT(difference(model.logits(last[0]), scores), 1e-4) << prompt.size();
  }
}

// The type of the weights is what is rounded; the arithmetic is fp32 all the same.
TEST_P(Qwen2Golden, Bfloat16WeightsStayNear) {
  const Qwen2 model = loaded(GetParam(), at::kBFloat16);
  const std::string file = std::string("qwen2/") + GetParam() + "/expected.json";
  const JsonValue expected = json_in(test::data_path(file));
  for (const JsonValue& one : expected.items) {
    KvCache cache = model.cache(1);
    const at::Tensor scores =
        model.logits(model.prefill(cache, model.embedded(ids_of(*one.find("prompt")))));
    EXPECT_LT(difference(scores, numbers_of(*one.find("logits"))), 0.05);
  }
}

INSTANTIATE_TEST_SUITE_P(Sizes, Qwen2Golden, ::testing::Values("tied", "untied", "wide"));

std::vector<WritingTask> tasks_of(const Qwen2& model, int count, float temperature) {
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

TEST(WriterOfTexts, CompanyChangesNoTextSampledOrNot) {
  const Qwen2 model = loaded("tied", at::kFloat);
  for (const float temperature : {0.0f, 0.8f}) {
    Writer together(model, 4);
    for (WritingTask& task : tasks_of(model, 6, temperature)) together.add(std::move(task));
    const auto texts = all_written(together);
    ASSERT_EQ(texts.size(), 6u);
    for (WritingTask& task : tasks_of(model, 6, temperature)) {
      Writer alone(model, 1);
      const std::uint64_t tag = task.tag;
      const int most = task.most_tokens;
      alone.add(std::move(task));
      const WrittenText text = std::move(all_written(alone)[tag]);
      EXPECT_EQ(text.ids, texts.at(tag).ids) << "text " << tag << ", temperature " << temperature;
      EXPECT_EQ(text.ids.size(), static_cast<std::size_t>(most));
      EXPECT_FALSE(text.stopped);
    }
  }
}

TEST(WriterOfTexts, AnotherSeedGivesAnotherText) {
  const Qwen2 model = loaded("tied", at::kFloat);
  std::vector<Ids> texts;
  for (const std::uint64_t seed : {1u, 1u, 2u}) {
    WritingTask task = std::move(tasks_of(model, 1, 1.0f)[0]);
    task.sampling.seed = seed;
    task.most_tokens = 20;
    Writer writer(model, 1);
    writer.add(std::move(task));
    texts.push_back(all_written(writer)[0].ids);
  }
  EXPECT_EQ(texts[0], texts[1]);
  EXPECT_NE(texts[0], texts[2]);
}

TEST(WriterOfTexts, AStopIdEndsATextAndIsNoPartOfIt) {
  const Qwen2 model = loaded("tied", at::kFloat);
  Writer free(model, 1);
  free.add(std::move(tasks_of(model, 1, 0)[0]));
  const Ids whole = all_written(free)[0].ids;
  WritingTask task = std::move(tasks_of(model, 1, 0)[0]);
  task.stop_ids = {whole[5]};
  Writer writer(model, 1);
  writer.add(std::move(task));
  const WrittenText text = std::move(all_written(writer)[0]);
  EXPECT_TRUE(text.stopped);
  const auto end = std::find(whole.begin(), whole.end(), whole[5]);
  EXPECT_EQ(text.ids, Ids(whole.begin(), end));
}

// Memory of a size of its own: what is asked beyond it is refused, as on a full machine.
class SmallMemory final : public c10::Allocator {
 public:
  explicit SmallMemory(std::size_t bytes) : most_(bytes), before_(c10::GetCPUAllocator()) {
    held_ = 0;
    c10::SetCPUAllocator(this, 1);
  }
  ~SmallMemory() override { c10::SetCPUAllocator(before_, 1); }
  c10::DataPtr allocate(std::size_t bytes) override {
    if (held_ + bytes > most_) {
      ++refusals_;
      throw std::bad_alloc();
    }
    auto* block = static_cast<std::size_t*>(std::aligned_alloc(64, (bytes + 127) / 64 * 64 + 64));
    *block = bytes;
    held_ += bytes;
    peak_ = std::max(peak_, held_);
    return {reinterpret_cast<char*>(block) + 64, block, &release, at::Device(at::kCPU)};
  }
  c10::DeleterFnPtr raw_deleter() const override { return nullptr; }
  void copy_data(void* to, const void* from, std::size_t bytes) const override {
    default_copy_data(to, from, bytes);
  }
  int refusals() const { return refusals_; }
  std::size_t peak() const { return peak_; }

 private:
  static void release(void* block) {
    held_ -= *static_cast<std::size_t*>(block);
    std::free(block);
  }
  static inline std::size_t held_ = 0;
  std::size_t most_ = 0, peak_ = 0;
  c10::Allocator* before_ = nullptr;
  int refusals_ = 0;
};

TEST(WriterOfTexts, TooLittleMemoryMakesFewerAtOnceAndChangesNoText) {
  const Qwen2 model = loaded("tied", at::kFloat);
  std::map<std::uint64_t, WrittenText> expected;
  std::size_t peaks[2] = {};  // of the last text alone, which is the largest; of all at once
  for (const int together : {1, 6}) {
    std::vector<WritingTask> tasks = tasks_of(model, 6, 0);
    SmallMemory memory(std::size_t{1} << 30);
    Writer writer(model, together);
    for (WritingTask& task : tasks)
      if (together == 6 || task.tag == 5) writer.add(std::move(task));
    expected = all_written(writer);
    peaks[together == 6] = memory.peak();
  }
  ASSERT_GT(peaks[1], peaks[0] + 20'000);
  std::vector<WritingTask> tasks = tasks_of(model, 6, 0);
  {
    SmallMemory memory((peaks[0] + peaks[1]) / 2);
    Writer writer(model, 6);
    for (WritingTask& task : tasks) writer.add(std::move(task));
    const auto texts = all_written(writer);
    EXPECT_GT(memory.refusals(), 0);
    EXPECT_LT(writer.most(), 6);
    ASSERT_EQ(texts.size(), 6u);
    for (const auto& [tag, text] : texts) {
      EXPECT_TRUE(text.error.empty()) << text.error;
      EXPECT_EQ(text.ids, expected.at(tag).ids) << tag;
    }
  }
  tasks = tasks_of(model, 1, 0);
  SmallMemory memory(2'000);
  Writer writer(model, 6);
  writer.add(std::move(tasks[0]));
  EXPECT_EQ(all_written(writer)[0].error, "out of memory");
}

}  // namespace
}  // namespace looktwice::nn
