// The pixel metrics counted by the kernels' counter, on the CPU's reference everywhere and on a GPU
// where there is one: the same bits as the processors' own way.
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <thread>

#include "adapters/kernels/device.h"
#include "adapters/kernels/pixel_counter.h"
#include "metrics/catalogue.h"
#include "tests/metrics/pixel_reference.h"

namespace looktwice::kernels {
namespace {

using metrics::reference::Picture;
using metrics::reference::Random;

class Engine final : public metrics::PixelEngine {
 public:
  Engine(std::vector<std::uint64_t> entries, const PixelCounterOptions& options)
      : counter_(std::move(entries), options) {}
  void add(std::span<const float> scores, std::span<const std::uint8_t> mask) override {
    counter_.add(scores.data(), mask.empty() ? nullptr : mask.data(),
                 static_cast<std::int64_t>(scores.size()));
  }
  Counts finish() override {
    PixelCounterResult result = counter_.finish();
    return {result.entries, result.above, result.equal};
  }

 private:
  PixelCounter counter_;
};

metrics::MakePixelEngine engine(const PixelCounterOptions& options) {
  return [options](std::vector<std::uint64_t> entries) {
    return std::make_unique<Engine>(std::move(entries), options);
  };
}

std::vector<Picture> pictures(unsigned seed) {
  Random random(seed);
  return metrics::reference::random_pictures(random, 9, 60, [&](bool anomalous) {
    const float score = std::normal_distribution<float>(anomalous ? 1.F : 0.F, 1)(random);
    return seed % 2 ? score : std::round(score * 4) / 4 * (random() % 5 ? 1.F : -0.F);
  });
}

// All that the two pixel families give, bit by bit, the pictures dealt to `parts`.
std::vector<std::uint64_t> bits(const std::vector<Picture>& seen, int parts,
                                const metrics::MakePixelEngine& made) {
  std::vector<std::uint64_t> bits;
  for (const metrics::MetricEntry& entry : metrics::metric_catalogue()) {
    if (entry.name != "pixel" && entry.name != "spro") continue;
    const auto metric = entry.make({.resamples = 0, .pixel_engine = made});
    for (int pass = 0; pass < metric->passes(); ++pass) {
      metric->begin_pass(pass);
      std::vector<std::unique_ptr<metrics::Metric>> clones;
      for (int p = 0; p < parts; ++p) clones.push_back(metric->clone_empty());
      std::vector<std::jthread> threads;
      for (int p = 0; p < parts; ++p)
        threads.emplace_back([&, p] {
          for (std::size_t i = static_cast<std::size_t>(p); i < seen.size();
               i += static_cast<std::size_t>(parts)) {
            const Picture& one = seen[i];
            const metrics::Defect defect{one.mask, 3};
            const bool anomalous =
                std::ranges::any_of(one.mask, [](std::uint8_t m) { return m != 0; });
            clones[static_cast<std::size_t>(p)]->add(
                {.id = "picture",
                 .positive = anomalous,
                 .map = one.map,
                 .mask = one.mask,
                 .width = one.width,
                 .height = one.height,
                 .defects = {&defect, anomalous ? 1U : 0U},
                 .kind = i % 2 ? "structural_anomalies" : "logical_anomalies"});
          }
        });
      threads.clear();
      for (const auto& clone : clones) metric->merge(*clone);
      metric->end_pass();
    }
    for (const metrics::Value& value : metric->values()) {
      bits.push_back(std::bit_cast<std::uint64_t>(value.value.value_or(-1)));
      bits.push_back(std::bit_cast<std::uint64_t>(value.threshold.value_or(-1)));
      bits.push_back(static_cast<std::uint64_t>(value.used));
    }
  }
  return bits;
}

TEST(PixelEngine, ReferenceGivesTheBitsOfTheProcessors) {
  for (unsigned seed = 0; seed < 6; ++seed) {
    const std::vector<Picture> seen = pictures(seed);
    const auto expected = bits(seen, 1, {});
    for (const std::int64_t chunk : {1000, 1 << 16})
      for (const int parts : {1, 3})
        EXPECT_EQ(bits(seen, parts, engine({.chunk_pixels = chunk})), expected)
            << "seed " << seed << " chunk " << chunk << " parts " << parts;
  }
}

TEST(PixelEngine, NanIsRefusedByName) {
  metrics::PixelStream stream({.engine = engine({})});
  stream.begin_pass(0);
  const std::vector<float> map = {1, std::nanf("")};
  const std::vector<std::uint8_t> mask = {1, 0};
  stream.add("a/b.png", map, mask, 2, 1);
  stream.begin_pass(1);
  try {
    stream.add("a/b.png", map, mask, 2, 1);
    FAIL() << "accepted";
  } catch (const std::invalid_argument& error) {
    EXPECT_NE(std::string(error.what()).find("a/b.png"), std::string::npos);
  }
}

TEST(PixelEngineCuda, GivesTheBitsOfTheProcessors) {
  if (const Devices devices = cuda_devices(); devices.found.empty())
    GTEST_SKIP() << devices.why_none;
  for (unsigned seed = 0; seed < 6; ++seed) {
    const std::vector<Picture> seen = pictures(seed);
    for (const int parts : {1, 4})
      EXPECT_EQ(bits(seen, parts, engine({.device = Stream::Device::cuda, .chunk_pixels = 10000})),
                bits(seen, 1, {}))
          << "seed " << seed << " parts " << parts;
  }
}

}  // namespace
}  // namespace looktwice::kernels
