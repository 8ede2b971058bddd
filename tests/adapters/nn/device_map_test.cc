// Layers on several devices: how the option is read, how layers are divided by memory, and that a
// divided decoder writes what a whole one does. No GPU is needed: the stages lie on the CPU, or on
// "meta", where tensors have a place and a shape and no numbers.
#include "adapters/nn/device_map.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "adapters/nn/prefix_memory.h"
#include "tests/adapters/nn/tiny_decoders.h"
#include "tests/support/refusal.h"
#include "tests/support/small_memory.h"

namespace looktwice::nn {
namespace {

using namespace tiny;
using testing::names_all;
using testing::refusal;

constexpr const char* kOwner = "model m";

using Strings = std::vector<std::string>;

void expect_refused(const std::string& text, std::int64_t layers, const Strings& words) {
  EXPECT_TRUE(names_all(refusal(Kind::usage,
                                [&] {
                                  const DeviceMap map = device_map_of(kOwner, text);
                                  check_layers(kOwner, map, layers);
                                }),
                        words))
      << text;
}

TEST(DeviceMapOption, IsReadInSeveralSpellings) {
  EXPECT_FALSE(device_map_of(kOwner, "").given());
  EXPECT_TRUE(device_map_of(kOwner, "auto").automatic);
  for (const char* text : {"0:0-13;1:14-27", "cuda:0:0-13/cuda:1:14-27", "cuda:0-13;1:14-27"}) {
    const DeviceMap map = device_map_of(kOwner, text);
    ASSERT_EQ(map.stretches.size(), 2u) << text;
    EXPECT_EQ(map.stretches[0].device, "cuda:0");
    EXPECT_EQ(map.stretches[0].last, 13);
    EXPECT_EQ(map.stretches[1].device, "cuda:1");
    EXPECT_EQ(map.stretches[1].first, 14);
    EXPECT_NO_THROW(check_layers(kOwner, map, 28));
  }
  EXPECT_EQ(device_map_of(kOwner, "cpu:0;12:1").stretches[1].device, "cuda:12");
}

TEST(DeviceMapOption, WhatIsWrongIsNamed) {
  expect_refused("0:0-3;1:5-7", 8, {"model m", "device_map", "layer 4", "no device"});
  expect_refused("0:1-7", 8, {"layer 0", "no device"});
  expect_refused("0:0-4;1:3-7", 8, {"layers 3-4", "two devices"});
  expect_refused("1:4-7;0:0-3", 8, {"layers 0-3", "no device"});
  expect_refused("0:0-3;1:4-8", 8, {"layer 8", "layers 0-7"});
  expect_refused("0:0-3;1:4-6", 8, {"layer 7", "no device"});
  expect_refused("gpu:0-7", 8, {"gpu:0-7", "no device", "cuda:N"});
  expect_refused("tpu:0:0-7", 8, {"tpu", "no device"});
  for (const char* text : {"0:7-0", "0:-1-7", "0:x", "0:0-", "0:", "0:0-99999999999999999999"})
    expect_refused(text, 8, {"device_map", "FIRST-LAST"});
  for (const char* text : {"balanced", ";", "0:0-7;", "0-7", "\x1b[31m"})
    expect_refused(text, 8, {"device_map", "expected auto or DEVICE:FIRST-LAST"});
}

TEST(DeviceMapOption, BeginsWherePicturesAreSeen) {
  const DeviceMap map = device_map_of(kOwner, "cpu:0-3;cpu:4-7");
  EXPECT_TRUE(home_device(kOwner, map, "cpu").is_cpu());
  EXPECT_TRUE(names_all(refusal(Kind::usage, [&] { (void)home_device(kOwner, map, "cuda:1"); }),
                        {"device_map", "begins on cpu", "--device is cuda:1"}));
  EXPECT_TRUE(names_all(refusal(Kind::usage, [&] { (void)home_device(kOwner, map, "gpu"); }),
                        {"device 'gpu'"}));
  const DeviceMap absent = device_map_of(kOwner, "998:0-3;999:4-7");
  EXPECT_TRUE(names_all(refusal(Kind::model, [&] { (void)home_device(kOwner, absent, "cpu"); }),
                        {"device_map", "cuda:998"}));
}

using Counts = std::vector<std::int64_t>;

Counts divided(const DecoderBytes& bytes, std::int64_t layers, const Counts& free) {
  return balanced_layers(bytes, layers, free);
}

TEST(LayersByMemory, AreDividedSoThatTheFullestIsAsEmptyAsCanBe) {
  const DecoderBytes even{.layer = 10};
  EXPECT_EQ(divided(even, 28, {1000}), (Counts{28}));
  EXPECT_EQ(divided(even, 28, {1000, 1000}), (Counts{14, 14}));
  EXPECT_EQ(divided(even, 28, {1000, 3000}), (Counts{7, 21}));
  EXPECT_EQ(divided(even, 29, {1000, 1000}), (Counts{15, 14}));
  // A device that is full gets none; so does one more than there are layers.
  EXPECT_EQ(divided(even, 4, {1000, 0, 1000}), (Counts{2, 0, 2}));
  EXPECT_EQ(divided(even, 2, {100, 100, 100}), (Counts{1, 1, 0}));
  // Embedding and head take the room of layers.
  EXPECT_EQ(divided({.layer = 10, .first = 40}, 12, {1000, 1000}), (Counts{4, 8}));
  EXPECT_EQ(divided({.layer = 10, .last = 40}, 12, {1000, 1000}), (Counts{8, 4}));
  // Keys and values count as weights do, until they fit nowhere; then weights alone.
  EXPECT_EQ(divided({.layer = 10, .cache = 30, .first = 80}, 10, {300, 300}), (Counts{4, 6}));
  EXPECT_EQ(divided({.layer = 10, .cache = 300}, 10, {100, 100}), (Counts{5, 5}));
  EXPECT_EQ(divided({.layer = 10, .cache = 300}, 10, {20, 80}), (Counts{2, 8}));
  EXPECT_TRUE(divided({.layer = 10}, 10, {40, 50}).empty());
  EXPECT_TRUE(divided({.layer = 10, .first = 200}, 1, {100, 1000}).empty());
}

// Against trying every way to divide.
TEST(LayersByMemory, NoOtherWayIsBetter) {
  std::mt19937 random(7);
  const auto drawn = [&](int most) {
    return static_cast<std::int64_t>(random() % static_cast<unsigned>(most));
  };
  for (int trial = 0; trial < 300; ++trial) {
    const DecoderBytes bytes{
        .layer = 1 + drawn(50), .cache = drawn(50), .first = drawn(200), .last = drawn(200)};
    const std::int64_t layers = 1 + drawn(9);
    const Counts free{1 + drawn(600), drawn(600), drawn(600)};
    const auto share = [&](const Counts& counts, std::int64_t cache) {
      double fullest = 0;
      std::int64_t before = 0;
      for (std::size_t i = 0; i < counts.size(); ++i) {
        std::int64_t held = counts[i] * (bytes.layer + cache) + (i == 0 ? bytes.first : 0);
        before += counts[i];
        if (before == layers && counts[i] > 0) held += bytes.last;
        if (held > free[i]) return 1e9;
        if (held > 0)
          fullest = std::max(fullest, static_cast<double>(held) / static_cast<double>(free[i]));
      }
      return fullest;
    };
    const auto best = [&](std::int64_t cache) {
      double least = 1e9;
      for (std::int64_t a = 0; a <= layers; ++a)
        for (std::int64_t b = 0; a + b <= layers; ++b)
          least = std::min(least, share({a, b, layers - a - b}, cache));
      return least;
    };
    const Counts counts = balanced_layers(bytes, layers, free);
    const std::int64_t cache = best(bytes.cache) < 1e9 ? bytes.cache : 0;
    if (counts.empty())
      EXPECT_EQ(best(0), 1e9) << "trial " << trial;
    else
      EXPECT_DOUBLE_EQ(share(counts, cache), best(cache)) << "trial " << trial;
  }
}

TEST(LayersByMemory, SizesAreThoseOfTheModel) {
  // Qwen2-7B: 28 layers of 233,057,792 weights; 2 x 4 x 128 numbers a token and layer.
  const Qwen2Config config{
      .hidden = 3584, .intermediate = 18944, .layers = 28, .heads = 28, .kv_heads = 4};
  const DecoderBytes bytes = decoder_bytes(config, 152064, 1000, 2, 2);
  EXPECT_EQ(bytes.layer, 2 * std::int64_t{233'057'792});
  EXPECT_EQ(bytes.cache, std::int64_t{2} * 4 * 128 * 1000 * 2);
  EXPECT_EQ(bytes.first, std::int64_t{152064} * 3584 * 2);
  EXPECT_EQ(bytes.last, (std::int64_t{152064} + 1) * 3584 * 2);
  // Two cards of 12 GiB of which one sees pictures as well.
  const Counts counts =
      balanced_layers(bytes, 28, Counts{std::int64_t{9} << 30, std::int64_t{11} << 30});
  EXPECT_EQ(counts, (Counts{12, 16}));
}

std::vector<Stage> stages(const std::vector<std::int64_t>& ends, at::Device last = at::kCPU) {
  std::vector<Stage> made;
  std::int64_t from = 0;
  for (const std::int64_t end : ends) {
    made.push_back(
        {.device = end == ends.back() ? last : at::Device(at::kCPU), .first = from, .end = end});
    from = end;
  }
  return made;
}

TEST(DividedDecoder, SaysWhereItsLayersLie) {
  EXPECT_EQ(loaded("untied", at::kFloat, stages({1, 2})).where(),
            "cpu: pictures, embedding, layer 0; cpu: layer 1, head");
  EXPECT_EQ(loaded("tied", at::kFloat, stages({2, 3})).where(),
            "cpu: pictures, embedding, head, layers 0-1; cpu: layer 2");
}

// Texts together, sampled and greedy, from the start and from a prefix, with memory that runs out:
// to the last bit as on one device.
TEST(DividedDecoder, WritesWhatAWholeOneDoes) {
  for (const auto& [name, ends] :
       {std::pair("tied", Counts{1, 2, 3}), std::pair("tied", Counts{2, 3}),
        std::pair("untied", Counts{1, 2})}) {
    const Qwen2 whole = loaded(name, at::kFloat), divided = loaded(name, at::kFloat, stages(ends));
    ASSERT_EQ(divided.stages().size(), ends.size());
    for (const float temperature : {0.0f, 0.8f}) {
      std::map<std::uint64_t, WrittenText> texts[2];
      for (const Qwen2* model : {&whole, &divided}) {
        Writer writer(*model, 3);
        for (WritingTask& task : tasks_of(*model, 5, temperature)) writer.add(std::move(task));
        texts[model == &divided] = all_written(writer);
      }
      for (const auto& [tag, text] : texts[0]) EXPECT_EQ(text.ids, texts[1].at(tag).ids) << tag;
    }
    const auto continued = [](const Qwen2& model) {
      PrefixMemory memory(1000);
      Ids ids(40), longer;
      for (std::size_t i = 0; i < ids.size(); ++i) ids[i] = static_cast<int>(i * 7 % 100);
      longer = ids;
      longer.insert(longer.end(), {5, 6, 7});
      KvCache cache = model.cache(10);
      model.prefill(cache, model.embedded(ids));
      const auto length_of = [](std::int32_t) { return std::int64_t{1}; };
      memory.keep(ids, std::move(cache), length_of);
      Writer writer(model, 1);
      writer.add({.embeds = model.embedded(longer),
                  .start = memory.beginning(longer, 60, length_of),
                  .most_tokens = 12});
      auto text = std::move(all_written(writer)[0]);
      EXPECT_EQ(text.reused_tokens, 40);
      return text.ids;
    };
    EXPECT_EQ(continued(whole), continued(divided)) << name;
  }
}

TEST(DividedDecoder, TooLittleMemoryMakesFewerAtOnce) {
  const Qwen2 model = loaded("tied", at::kFloat, stages({1, 3}));
  const auto written = [&](int refused) {
    std::vector<WritingTask> tasks = tasks_of(model, 3, 0);
    test::SmallMemory memory(std::size_t{1} << 30, refused);
    Writer writer(model, 3);
    for (WritingTask& task : tasks) writer.add(std::move(task));
    auto texts = all_written(writer);
    EXPECT_EQ(memory.refusals(), refused < 0 ? 0 : 1);
    EXPECT_EQ(writer.most() < 3, refused >= 0);
    return std::pair(std::move(texts), memory.asked());
  };
  const auto [expected, allocations] = written(-1);
  // Somewhere in the middle, where all three are being written.
  const auto texts = written(allocations / 2).first;
  for (const auto& [tag, text] : texts) EXPECT_EQ(text.ids, expected.at(tag).ids) << tag;
}

// On "meta" nothing but places and shapes is computed, so a tensor that was left on the wrong
// device shows.
TEST(DividedDecoder, KeepsEachLayerWithItsKeysAndCrossesOnce) {
  const Qwen2 model = loaded("untied", at::kFloat, stages({1, 2}, at::kMeta));
  EXPECT_TRUE(model.embedded(Ids{1, 2}).is_cpu());
  KvCache one = model.cache(2), other = model.cache(1);
  for (int step = 1; step <= 4; ++step) {  // both have to grow
    KvCache* const texts[] = {&one, &other};
    const at::Tensor hidden = model.decode(texts, Ids{7, 8});
    EXPECT_TRUE(hidden.is_meta());
    EXPECT_EQ(hidden.sizes(), at::IntArrayRef({2, 128}));
    for (const KvCache* text : texts) {
      EXPECT_EQ(text->length(), step);
      EXPECT_TRUE(text->device_of(0).is_cpu());
      EXPECT_EQ(text->device_of(1).type(), at::kMeta);
    }
  }
  EXPECT_EQ(one.fork(3, 9).device_of(1).type(), at::kMeta);
}

// And from the other side: embedding and first layer without numbers, the rest on the CPU, so the
// crossing itself is what fails.
TEST(DividedDecoder, HiddenStatesAreCarriedToTheNextDevice) {
  const std::vector<Stage> from_meta{{.device = at::Device(at::kMeta), .first = 0, .end = 1},
                                     {.device = at::Device(at::kCPU), .first = 1, .end = 2}};
  const Qwen2 model = loaded("untied", at::kFloat, from_meta);
  KvCache cache = model.cache(8);
  const at::Tensor embeds = at::zeros({3, 128});
  try {
    model.prefill(cache, embeds);
    FAIL() << "numbers out of nothing";
  } catch (const std::exception& error) {
    EXPECT_NE(std::string(error.what()).find("meta"), std::string::npos) << error.what();
  }
}

std::vector<at::Device> gpus() {
  try {
    return cuda_devices("test");
  } catch (const Error&) {
    return {};
  }
}

std::map<std::uint64_t, WrittenText> texts_of(const Qwen2& model) {
  Writer writer(model, 3);
  for (WritingTask& task : tasks_of(model, 5, 0)) writer.add(std::move(task));
  return all_written(writer);
}

// One GPU is enough for a border between it and the CPU.
TEST(DividedDecoder, OnTheCpuAndAGpuWritesWhatTheCpuDoes) {
  if (gpus().empty()) GTEST_SKIP() << "needs a CUDA device; none is here";
  const at::Device gpu = gpus()[0], cpu(at::kCPU);
  for (const auto& placed :
       std::vector<std::vector<Stage>>{{{gpu, 0, 3}},
                                       {{cpu, 0, 1}, {gpu, 1, 3}},
                                       {{gpu, 0, 2}, {cpu, 2, 3}},
                                       {{cpu, 0, 1}, {gpu, 1, 2}, {cpu, 2, 3}}}) {
    const auto expected = texts_of(loaded("tied", at::kFloat)),
               texts = texts_of(loaded("tied", at::kFloat, placed));
    for (const auto& [tag, text] : expected)
      EXPECT_EQ(text.ids, texts.at(tag).ids) << text_of(placed, true) << " text " << tag;
  }
  const auto automatic = stages_of("test", {.automatic = true}, gpu, {.layer = 1000}, 3);
  EXPECT_EQ(automatic.front().device, gpu);
  EXPECT_EQ(automatic.back().end, 3);
}

TEST(DividedDecoder, OnTwoGpusWritesWhatOneDoes) {
  const std::vector<at::Device> found = gpus();
  if (found.size() < 2) GTEST_SKIP() << "needs two CUDA devices; " << found.size() << " are here";
  for (const char* name : {"tied", "untied"}) {
    const std::int64_t layers = std::string(name) == "tied" ? 3 : 2;
    const auto whole = texts_of(loaded(name, at::kFloat, {{found[0], 0, layers}})),
               divided =
                   texts_of(loaded(name, at::kFloat, {{found[0], 0, 1}, {found[1], 1, layers}}));
    for (const auto& [tag, text] : whole) EXPECT_EQ(text.ids, divided.at(tag).ids) << tag;
    EXPECT_EQ(stages_of("test", {.automatic = true}, found[0], {.layer = 1000}, layers).size(), 2u);
  }
}

}  // namespace
}  // namespace looktwice::nn
