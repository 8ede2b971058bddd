// The decoder and the writer beside transformers, on tiny checkpoints of several sizes that
// scripts/golden/qwen2_golden.py made: tied and untied heads, shards, bf16, fp16 and fp32 files.
// And what must not change an answer: company, a remembered prefix, too little memory.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <utility>

#include "tests/adapters/nn/tiny_decoders.h"
#include "tests/support/small_memory.h"

namespace looktwice::nn {
namespace {

using test::SmallMemory;
using namespace tiny;

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

// Whichever allocation fails, no token is written twice into what the texts look back at.
TEST(WriterOfTexts, AnyAllocationMayFailAndNoTextChanges) {
  const Qwen2 model = loaded("tied", at::kFloat);
  std::map<std::uint64_t, WrittenText> expected;
  int allocations = 0;
  {
    std::vector<WritingTask> tasks = tasks_of(model, 2, 0);
    SmallMemory memory(std::size_t{1} << 30);
    Writer writer(model, 2);
    for (WritingTask& task : tasks) writer.add(std::move(task));
    expected = all_written(writer);
    allocations = memory.asked();
  }
  ASSERT_GT(allocations, 100);
  for (int refused = 0; refused < allocations; ++refused) {
    std::vector<WritingTask> tasks = tasks_of(model, 2, 0);
    SmallMemory memory(std::size_t{1} << 30, refused);
    bool given_back = false;
    Writer writer(model, 2, [&] { return refused % 2 == 0 && !std::exchange(given_back, true); });
    for (WritingTask& task : tasks) writer.add(std::move(task));
    const auto texts = all_written(writer);
    ASSERT_EQ(memory.refusals(), 1);
    EXPECT_EQ(given_back, refused % 2 == 0);
    EXPECT_TRUE(!given_back || writer.most() == 2);
    for (const auto& [tag, text] : texts) {
      if (!text.error.empty()) {  // it was alone when memory ran out
        EXPECT_EQ(text.error, "out of memory");
        continue;
      }
      ASSERT_EQ(text.ids, expected.at(tag).ids) << "text " << tag << ", allocation " << refused;
    }
  }
}

}  // namespace
}  // namespace looktwice::nn
