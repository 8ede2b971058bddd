#include "adapters/predictions/name_index.h"

#include <gtest/gtest.h>

#include "tests/support/refusal.h"

namespace looktwice::adapters {
namespace {

using looktwice::testing::names_all;
using looktwice::testing::refusal;

NameIndex index_of(const std::vector<std::string>& names) {
  NameIndex index("row");
  for (std::size_t i = 0; i < names.size(); ++i) index.add(names[i], i);
  return index;
}

TEST(NameIndex, PrefersTheSameNameThenTheNameWithoutSuffixThenTheEndOfThePath) {
  const std::string sample = "bottle/test/crack/000.png";
  EXPECT_EQ(index_of({"000.png", "bottle/test/crack/000.tiff", sample}).find(sample), 2u);
  EXPECT_EQ(index_of({"000.png", "bottle/test/crack/000.tiff"}).find(sample), 1u);
  EXPECT_EQ(index_of({"000.png", "001.png"}).find(sample), 0u);
}

TEST(NameIndex, MatchesEndsOfPathsInBothDirections) {
  const std::string sample = "bottle/test/crack/000.png";
  for (const char* name :
       {"/home/me/mvtec/bottle/test/crack/000.png", "crack/000", "./bottle/test/crack/000.JPG",
        "bottle\\test\\crack\\000.png", "C:\\data\\bottle\\test\\crack\\000.png",
        "bottle//test/crack/000.png", "/000.png"})
    EXPECT_EQ(index_of({name}).find(sample), 0u) << name;
  for (const char* name :
       {"bottle/000.png", "rack/000.png", "bottle/test/crack/0000.png", "test/crack/000/png",
        "xbottle/test/crack/000.png/", "bottle/test/crack", "00.png", "bottle/test/hole/000.png"})
    EXPECT_EQ(index_of({name}).find(sample), std::nullopt) << name;
}

TEST(NameIndex, TakesWholeFolderNamesOnly) {
  EXPECT_EQ(index_of({"pipe_fryum/000.png"}).find("fryum/000.png"), std::nullopt);
  EXPECT_EQ(index_of({"fryum/000.png"}).find("pipe_fryum/000.png"), std::nullopt);
}

TEST(NameIndex, KeepsWhatOnlyLooksLikeASuffix) {
  EXPECT_EQ(index_of({"cell.12", "cell.13"}).find("cell.13"), 1u);
  EXPECT_EQ(index_of({"cell.12"}).find("cell.13"), std::nullopt);
  EXPECT_EQ(index_of({".hidden"}).find(".other"), std::nullopt);
  EXPECT_EQ(index_of({"v1.0/a"}).find("v2.0/a"), std::nullopt);
}

TEST(NameIndex, RefusesASampleThatFitsTwoRowsAndNamesBoth) {
  NameIndex index = index_of({"run1/crack/000.png", "run2/crack/000.png"});
  const std::string why = refusal(Kind::data, [&] { index.find("crack/000.png"); });
  EXPECT_TRUE(names_all(why, {"run1/crack/000.png", "run2/crack/000.png", "'crack/000.png'"}))
      << why;
  NameIndex maps = index_of({"a/0.npy", "a/0.tiff"});
  EXPECT_TRUE(
      names_all(refusal(Kind::data, [&] { maps.find("a/0.png"); }), {"a/0.npy", "a/0.tiff"}));
}

TEST(NameIndex, RefusesARowThatFitsTwoSamplesAndNamesBoth) {
  NameIndex index = index_of({"000.png"});
  EXPECT_EQ(index.find("bottle/test/crack/000.png"), 0u);
  EXPECT_EQ(index.find("bottle/test/crack/000.png"), 0u) << "the same sample may ask again";
  const std::string why = refusal(Kind::data, [&] { index.find("cable/test/bent/000.png"); });
  EXPECT_TRUE(names_all(why, {"'000.png'", "bottle/test/crack/000.png", "cable/test/bent/000.png"}))
      << why;
}

TEST(NameIndex, ListsWhatNoSampleAskedFor) {
  NameIndex index = index_of({"b.png", "a.png", "c.png"});
  index.find("c.png");
  EXPECT_EQ(index.unused(), (std::vector<std::string>{"a.png", "b.png"}));
}

TEST(NameIndex, ShowsHostileNamesEscaped) {
  NameIndex index = index_of({"\x1B[31m/0.png", "x/0.png"});
  const std::string why = refusal(Kind::data, [&] { index.find("0.png"); });
  EXPECT_EQ(why.find('\x1B'), std::string::npos);
}

TEST(NameIndex, ToleratesEmptyNames) {
  NameIndex index = index_of({"", "/", "."});
  EXPECT_EQ(index.find("a/b.png"), std::nullopt);
}

}  // namespace
}  // namespace looktwice::adapters
