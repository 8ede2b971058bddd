#include "harness/core/fingerprint.h"

#include <gtest/gtest.h>

#include <functional>
#include <random>

#include "tests/suites/datasets/miniature.h"

namespace looktwice {
namespace {

using testing::loaded;
using testing::Miniature;

void make(Miniature& mini, const std::string& under) {
  mini.pictures(under + "test/good/", 0, 3, ".png");
  mini.pictures(under + "test/bad/", 0, 3, ".png");
  for (int i = 0; i < 3; ++i)
    mini.mask(under + "ground_truth/bad/" + Miniature::padded(i, 3) + "_mask.png", 255);
}

std::string sum(const Dataset& set, int threads = 1) {
  return fingerprint(set.test, set.root, threads).data;
}

TEST(Fingerprint, IsTheSameForACopyAndAnyThreadsAndOrder) {
  Miniature one, two;
  make(one, "x/");
  std::filesystem::create_directories(two.path("elsewhere"));
  std::filesystem::copy(one.path("x"), two.path("elsewhere/x"),
                        std::filesystem::copy_options::recursive);
  Dataset a = loaded("folder", one.path("x")), b = loaded("folder", two.path("elsewhere/x"));
  EXPECT_EQ(testing::ids_of(a), testing::ids_of(b));
  EXPECT_EQ(sum(a), sum(b));
  EXPECT_EQ(sum(a, 7), sum(a));
  std::mt19937 generator(1);
  std::shuffle(a.test.begin(), a.test.end(), generator);
  EXPECT_EQ(sum(a), sum(b));
  EXPECT_EQ(sum(a).size(), 64u);
}

TEST(Fingerprint, ChangesWithEverythingThatDecidesAScore) {
  Miniature mini;
  make(mini, "");
  const Dataset set = loaded("folder", mini.path());
  const std::string before = sum(set);
  const auto changed = [&](const std::function<void(std::vector<Sample>&)>& change) {
    Dataset other = set;
    change(other.test);
    return sum(other) != before;
  };
  EXPECT_TRUE(changed([](auto& s) { s[0].id += "x"; }));
  EXPECT_TRUE(changed([](auto& s) { s[0].category = "y"; }));
  EXPECT_TRUE(changed([](auto& s) { s[0].truth.anomalous = !*s[0].truth.anomalous; }));
  EXPECT_TRUE(changed([](auto& s) { s[0].truth.masks.clear(); }));
  EXPECT_TRUE(changed([](auto& s) { s[0].image.region = Region{0, 0, 4, 4}; }));
  EXPECT_TRUE(changed([](auto& s) { s.pop_back(); }));
  EXPECT_FALSE(changed([](auto&) {}));
  mini.picture("test/good/001.png", 8, 9);
  EXPECT_NE(sum(set), before);
}

TEST(Fingerprint, ReferencesAreToldApartFromWhatIsJudged) {
  Miniature mini;
  make(mini, "");
  Dataset set = loaded("folder", mini.path());
  const Fingerprint none = fingerprint(set.test, set.root, 1);
  EXPECT_EQ(none.references, "");
  set.test[0].references.push_back(set.test[5].image);
  const Fingerprint one = fingerprint(set.test, set.root, 1);
  EXPECT_EQ(one.data, none.data);
  EXPECT_EQ(one.references.size(), 64u);
  set.test[0].references[0] = set.test[4].image;
  EXPECT_NE(fingerprint(set.test, set.root, 1).references, one.references);
}

TEST(Fingerprint, AnUnreadableFileIsNoReasonToStop) {
  Miniature mini;
  make(mini, "");
  const Dataset set = loaded("folder", mini.path());
  const std::string before = sum(set);
  std::filesystem::remove(mini.path("test/good/001.png"));
  EXPECT_NE(sum(set), before);
}

}  // namespace
}  // namespace looktwice
