#include "suites/datasets/verify.h"

#include <gtest/gtest.h>

#include <atomic>
#include <string>

#include "tests/suites/datasets/miniature.h"

namespace looktwice::datasets {
namespace {

using testing::dataset_named;
using testing::loaded;
using testing::Miniature;
using Level = Finding::Level;

Verification verified(const std::string& name, const std::filesystem::path& root, int threads = 1) {
  const testing::NetpbmCodec codec;
  return verify(dataset_named(name), loaded(name, root), "", codec, threads);
}

const Finding* finding(const Verification& result, const std::string& what) {
  for (const Finding& one : result.findings)
    if (one.what.find(what) != std::string::npos) return &one;
  return nullptr;
}

void add_sound_set(Miniature& mini) {
  mini.pictures("test/good/", 0, 3, ".png");
  mini.pictures("test/bad/", 0, 2, ".png");
  mini.mask("ground_truth/bad/000.png", 255);
  mini.mask("ground_truth/bad/001.png", 9);
  mini.pictures("train/good/", 0, 2, ".png");
}

TEST(Verify, ASoundSetHasNothingToTell) {
  Miniature mini;
  add_sound_set(mini);
  const Verification result = verified("folder", mini.path());
  EXPECT_TRUE(result.sound());
  EXPECT_TRUE(result.findings.empty()) << result.findings[0].what;
  ASSERT_EQ(result.classes.size(), 1u);
  EXPECT_EQ(result.classes[0].found.normal, 3);
  EXPECT_EQ(result.classes[0].found.anomalous, 2);
  EXPECT_EQ(result.classes[0].train, 2);
  EXPECT_FALSE(result.classes[0].expected);
  EXPECT_EQ(result.files, 7);
  EXPECT_EQ(result.masks, 2);
  EXPECT_EQ(result.mask_values, (std::map<int, std::int64_t>{{0, 2}, {9, 1}, {255, 1}}));
  EXPECT_EQ(result.fingerprint.size(), 64u);
  EXPECT_FALSE(result.known_edition);
}

TEST(Verify, EveryKindOfFaultIsFound) {
  Miniature mini;
  add_sound_set(mini);
  mini.text("test/good/009.png", "not a picture");
  mini.text("test/good/010.png", "");
  mini.picture("test/bad/002.png");
  mini.mask("ground_truth/bad/002.png", 0);  // all zero
  mini.picture("test/bad/003.png");
  mini.mask("ground_truth/bad/003.png", 255, {0, 0, 1, 1}, 4, 8);  // other size
  mini.picture("test/bad/004.png");
  mini.text("ground_truth/bad/004.png", "not a mask");
  mini.mask("ground_truth/good/000.png", 255);  // set on a normal image
  mini.mask("ground_truth/good/001.png", 0);    // all zero, as it should be
  std::filesystem::copy(mini.path("test/good/001.png"), mini.path("test/bad/006.png"));
  mini.mask("ground_truth/bad/006.png", 255);
  std::filesystem::copy(mini.path("test/good/002.png"), mini.path("test/good/011.png"));
  std::filesystem::copy(mini.path("test/good/000.png"), mini.path("train/good/007.png"));
  std::filesystem::copy(mini.path("train/good/001.png"), mini.path("train/good/008.png"));
  const Verification result = verified("folder", mini.path());
  EXPECT_FALSE(result.sound());
  const struct {
    std::string what;
    Level level;
    int count;
    std::string where;
  } expected[] = {
      {"pictures that cannot be read", Level::error, 2,
       "test/good/009.png: not a PGM or PPM picture"},
      {"masks that cannot be read", Level::error, 1,
       "ground_truth/bad/004.png: not a PGM or PPM picture"},
      {"mask and picture differ in size", Level::error, 1,
       "ground_truth/bad/003.png is 4 x 8, test/bad/003.png is 8 x 8"},
      {"whose mask is all zero", Level::error, 1, "test/bad/002.png"},
      {"whose mask is not all zero", Level::error, 1, "test/good/000.png"},
      {"equal files with different labels", Level::error, 1,
       "test/bad/006.png = test/good/001.png"},
      {"equal files within the test part", Level::warning, 1,
       "test/good/002.png = test/good/011.png"},
      {"equal files in training and test part", Level::warning, 1,
       "test/good/000.png = train/good/007.png"},
      {"equal files within the training part", Level::note, 1,
       "train/good/001.png = train/good/008.png"},
  };
  for (const auto& one : expected) {
    const Finding* found = finding(result, one.what);
    ASSERT_NE(found, nullptr) << one.what;
    EXPECT_EQ(found->level, one.level) << one.what;
    EXPECT_EQ(found->count, one.count) << one.what;
    EXPECT_EQ(found->where.front(), one.where);
  }
}

TEST(Verify, ADefectOfLocoMustBeInTheListOfItsClass) {
  Miniature mini;
  const std::string root = "mvtec_loco/pushpins/";
  mini.pictures(root + "test/good/", 0, 1, ".png");
  mini.pictures(root + "test/logical_anomalies/", 0, 2, ".png");
  mini.text(root + "defects_config.json",
            R"([{"defect_name": "a", "pixel_value": 250, "saturation_threshold": 0.5,
                 "relative_saturation": true}])");
  mini.mask(root + "ground_truth/logical_anomalies/000/000.png", 250);
  mini.mask(root + "ground_truth/logical_anomalies/001/000.png", 251);
  const Verification result = verified("loco", mini.path());
  const Finding* found = finding(result, "a value that the list of defects lacks");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->count, 1);
  EXPECT_NE(found->where.at(0).find("001/000.png: 251"), std::string::npos) << found->where[0];
  EXPECT_FALSE(finding(result, "several defects"));
}

TEST(Verify, CountsAreComparedWithTheLiterature) {
  Miniature mini;
  for (int i = 0; i < 100; ++i) {
    mini.picture("head_ct/" + Miniature::padded(i, 3) + ".png");
    mini.picture("head_ct/" + Miniature::padded(i + 100, 3) + ".png");
  }
  std::string labels = "id, hemorrhage\n";
  for (int i = 0; i < 200; ++i) labels += std::to_string(i) + (i < 100 ? ",1\n" : ",0\n");
  mini.text("labels.csv", labels);
  EXPECT_TRUE(verified("headct", mini.path()).known_edition);
  mini.text("labels.csv", labels.substr(0, labels.rfind("199")));
  const Verification result = verified("headct", mini.path());
  EXPECT_FALSE(result.known_edition);
  EXPECT_EQ(result.classes[0].found.normal, 99);
  EXPECT_EQ(result.classes[0].expected->normal, 100);
  EXPECT_TRUE(result.sound());
}

TEST(Verify, AMissingClassIsAnError) {
  Miniature mini;
  mini.picture("tubes/test/good/000.png");
  const Verification result = verified("mpdd", mini.path());
  EXPECT_FALSE(result.sound());
  EXPECT_EQ(finding(result, "classes without a test image")->count, 5);
  EXPECT_EQ(finding(result, "classes with one label only")->where.front(), "tubes");
  EXPECT_EQ(result.classes.size(), 6u);
}

TEST(Verify, ThreadsDoNotChangeTheResultAndProgressReachesTheEnd) {
  Miniature mini;
  add_sound_set(mini);
  mini.text("test/good/009.png", "x");
  mini.text("test/good/010.png", "y");
  const Verification one = verified("folder", mini.path());
  const testing::NetpbmCodec codec;
  std::atomic<std::int64_t> last = 0, all = 0;
  const Verification four = verify(dataset_named("folder"), loaded("folder", mini.path()), "",
                                   codec, 4, [&](std::int64_t done, std::int64_t total) {
                                     if (done > last) last = done;
                                     all = total;
                                   });
  EXPECT_EQ(last, all);
  ASSERT_EQ(one.findings.size(), four.findings.size());
  for (std::size_t i = 0; i < one.findings.size(); ++i)
    EXPECT_EQ(one.findings[i].where, four.findings[i].where);
  EXPECT_EQ(one.fingerprint, four.fingerprint);
}

}  // namespace
}  // namespace looktwice::datasets
