// Pictures that are seen together: to the last bit what is seen in each alone, however many tiles
// go at once; and with too little memory for that many, fewer at once and the same bits.
#include <ATen/ops/equal.h>
#include <gtest/gtest.h>

#include "adapters/anomaly_ov/vision.h"
#include "adapters/imaging/codec.h"
#include "adapters/nn/device.h"
#include "tests/support/files.h"
#include "tests/support/small_memory.h"

namespace looktwice::anomaly_ov {
namespace {

const std::filesystem::path kFolder = test::data_path("anomaly_ov_other");

Vision vision(int tiles_at_once, at::ScalarType type = at::kFloat,
              std::function<bool()> give_back = {}) {
  nn::use_threads(1);  // tests run beside each other
  return Vision(checkpoint_folder({.checkpoint = kFolder / "checkpoint"}),
                {.type = type, .tiles_at_once = tiles_at_once, .give_back = std::move(give_back)});
}

std::vector<Tiles> pictures(const Vision& model) {
  std::vector<Tiles> all;
  for (const char* name : {"strip", "dot", "tall"}) {
    const auto bytes = test::bytes_of(kFolder / "images" / (std::string(name) + ".png"));
    all.push_back(tiles_of(pre_resized(imaging::make_codec()->decode(bytes)),
                           static_cast<int>(model.shape().image)));
  }
  return all;
}

std::int64_t tiles_in(const std::vector<Tiles>& all) {
  std::int64_t count = 0;
  for (const Tiles& tiles : all) count += static_cast<std::int64_t>(tiles.images.size());
  return count;
}

void expect_same(const Sight& one, const Sight& other, const std::string& what) {
  EXPECT_EQ(one.logit, other.logit) << what;
  EXPECT_TRUE(at::equal(one.expertise.map, other.expertise.map)) << what;
  EXPECT_TRUE(at::equal(one.expertise.local, other.expertise.local)) << what;
  EXPECT_TRUE(at::equal(one.expertise.global, other.expertise.global)) << what;
}

TEST(PicturesTogether, AreSeenAsEachAloneToTheLastBit) {
  for (const at::ScalarType type : {at::kFloat, at::kBFloat16, at::kHalf}) {
    Vision one_tile = vision(1, type);
    const std::vector<Tiles> all = pictures(one_tile);
    ASSERT_GE(tiles_in(all), 8);
    std::vector<Sight> alone;
    for (const Tiles& tiles : all) alone.push_back(one_tile.look(tiles));
    EXPECT_NE(alone[0].logit, alone[1].logit);
    for (const int at_once : {0, 1, 2, 3, 8, 64}) {
      Vision together = vision(at_once, type);
      const std::string what = std::string(nn::name_of(type)) + ", " + std::to_string(at_once);
      const auto seen = together.look(all, Keep::all);
      ASSERT_EQ(seen.size(), all.size());
      for (std::size_t i = 0; i < all.size(); ++i) {
        expect_same(seen[i], alone[i], what);
        EXPECT_TRUE(at::equal(seen[i].features.final, alone[i].features.final)) << what;
        ASSERT_EQ(seen[i].features.levels.size(), 4u);
        for (std::size_t l = 0; l < 4; ++l)
          EXPECT_TRUE(at::equal(seen[i].features.levels[l], alone[i].features.levels[l])) << what;
      }
      const std::vector<Tiles> turned(all.rbegin(), all.rend());
      const auto back = together.look(turned, Keep::nothing);
      for (std::size_t i = 0; i < all.size(); ++i) {
        expect_same(back[all.size() - 1 - i], alone[i], what + ", turned");
        EXPECT_FALSE(back[i].features.final.defined());
        EXPECT_TRUE(back[i].features.levels.empty());
      }
    }
  }
}

TEST(PicturesTogether, ShareTheTimeByTheirTiles) {
  Vision model = vision(64);
  const std::vector<Tiles> all = pictures(model);
  const std::vector<Sight> seen = model.look(all, Keep::nothing);
  const auto per_tile = [&](std::size_t i, std::size_t stage) {
    return static_cast<double>(seen[i].spans.at(stage).duration_ns) /
           static_cast<double>(all[i].images.size());
  };
  for (std::size_t stage = 0; stage < 4; ++stage)
    for (std::size_t i = 1; i < all.size(); ++i)
      EXPECT_NEAR(per_tile(i, stage), per_tile(0, stage), 1) << stage;
  for (const Sight& sight : seen)
    for (std::size_t stage = 1; stage < 4; ++stage)
      EXPECT_EQ(sight.spans[stage].start_ns,
                sight.spans[stage - 1].start_ns + sight.spans[stage - 1].duration_ns);
}

struct Scarce {
  std::vector<Sight> seen = {};
  int at_once = 0, refusals = 0, given_back = 0;
  std::size_t before = 0, peak = 0;
};

// bytes: beside the weights; 0: plenty.
Scarce seen_with(std::size_t bytes, int to_give_back = 0) {
  Scarce made;
  Vision model = vision(16, at::kFloat, [&] { return made.given_back++ < to_give_back; });
  const std::vector<Tiles> all = pictures(model);
  test::SmallMemory memory(bytes > 0 ? bytes : std::size_t{1} << 32);
  made.seen = model.look(all, Keep::nothing);
  made.at_once = model.tiles_at_once();
  made.refusals = memory.refusals();
  made.peak = memory.peak();
  return made;
}

TEST(PicturesTogether, WithLittleMemoryFewerTilesGoAtOnceAndNothingElseChanges) {
  const Scarce plenty = seen_with(0);
  EXPECT_EQ(plenty.at_once, 16);
  std::vector<int> allowed;
  for (int percent = 95; percent > 0; percent -= 5) {
    Scarce scarce;
    try {
      scarce = seen_with(plenty.peak * static_cast<std::size_t>(percent) / 100);
    } catch (const std::exception& error) {  // one alone does not fit
      EXPECT_TRUE(nn::is_out_of_memory(error)) << error.what();
      break;
    }
    EXPECT_GT(scarce.refusals, 0) << percent;
    EXPECT_LT(scarce.at_once, 16) << percent;
    if (allowed.empty() || allowed.back() != scarce.at_once) allowed.push_back(scarce.at_once);
    for (std::size_t i = 0; i < plenty.seen.size(); ++i)
      expect_same(scarce.seen[i], plenty.seen[i], std::to_string(percent) + " %");
  }
  EXPECT_EQ(allowed.back(), 1);
  EXPECT_GT(allowed.size(), 2u);
}

TEST(PicturesTogether, WhatCanBeHadAgainIsGivenBackBeforeFewerGoAtOnce) {
  const std::size_t peak = seen_with(0).peak;
  const Scarce scarce = seen_with(peak * 9 / 10, 3);
  EXPECT_EQ(scarce.at_once, 4);     // half of the eight there are
  EXPECT_EQ(scarce.given_back, 4);  // the fourth had nothing
}

TEST(PicturesTogether, OneTileAtOnceTakesTheMemoryOfOneWhateverThePicture) {
  const auto peak_of = [](int at_once, const std::string& name) {
    Vision model = vision(at_once);
    for (const Tiles& tiles : pictures(model))
      if (name == (tiles.images.size() > 2 ? "many" : "few")) {
        test::SmallMemory memory(std::size_t{1} << 32);
        model.look(tiles, Keep::nothing);
        return memory.peak();
      }
    return std::size_t{0};
  };
  const std::size_t few = peak_of(1, "few"), many = peak_of(1, "many");
  ASSERT_GT(few, 0u);
  ASSERT_GT(many, 0u);
  EXPECT_LT(static_cast<double>(many), 1.2 * static_cast<double>(few));
  EXPECT_GT(static_cast<double>(peak_of(16, "many")), 2.0 * static_cast<double>(few));
}

}  // namespace
}  // namespace looktwice::anomaly_ov
