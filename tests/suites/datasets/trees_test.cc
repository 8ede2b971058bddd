// Sets in MVTec layout, with the traps of each.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "harness/core/error.h"
#include "tests/suites/datasets/miniature.h"

namespace looktwice {
namespace {

using testing::counts_of;
using testing::ids_of;
using testing::loaded;
using testing::masks_of;
using testing::Miniature;
using testing::sample_of;
using testing::warns;
using Strings = std::vector<std::string>;

TEST(Mvtec, MasksBelongToTheImageOfTheSameStem) {
  Miniature mini;
  const std::string root = "mvtec_anomaly_detection/bottle/";
  mini.pictures(root + "train/good/", 0, 2, ".png");
  mini.pictures(root + "test/good/", 0, 2, ".png");
  mini.pictures(root + "test/broken_large/", 0, 3, ".png");
  mini.picture(root + "test/contamination/000.PNG");
  mini.clutter(root + "test/broken_large");
  mini.clutter(root + "ground_truth/broken_large");
  // 001 has no mask, so pairing sorted listings would give it the mask of 002.
  mini.mask(root + "ground_truth/broken_large/002_mask.png", 255);
  mini.mask(root + "ground_truth/broken_large/000_mask.png", 255);
  mini.mask(root + "ground_truth/broken_large/007_mask.png", 255);
  mini.mask(root + "ground_truth/contamination/000_mask.png", 255);
  mini.text("mvtec_anomaly_detection/license.txt", "x");

  const Dataset set = loaded("mvtec", mini.path());
  EXPECT_EQ(ids_of(set),
            (Strings{"bottle/test/broken_large/000.png", "bottle/test/broken_large/001.png",
                     "bottle/test/broken_large/002.png", "bottle/test/contamination/000.PNG",
                     "bottle/test/good/000.png", "bottle/test/good/001.png"}));
  EXPECT_EQ(masks_of(set, "bottle/test/broken_large/002.png"),
            (Strings{"bottle/ground_truth/broken_large/002_mask.png"}));
  EXPECT_EQ(masks_of(set, "bottle/test/broken_large/001.png"), Strings{});
  EXPECT_FALSE(sample_of(set, "bottle/test/broken_large/001.png").truth.has_mask);
  EXPECT_TRUE(sample_of(set, "bottle/test/contamination/000.PNG").truth.has_mask);
  EXPECT_TRUE(sample_of(set, "bottle/test/good/000.png").truth.has_mask);
  EXPECT_EQ(sample_of(set, "bottle/test/broken_large/000.png").truth.defect, "broken_large");
  EXPECT_EQ(sample_of(set, "bottle/test/broken_large/000.png").category, "bottle");
  ASSERT_EQ(set.normal_train.at("bottle").size(), 2u);
  EXPECT_EQ(set.normal_train.at("bottle")[1].path, set.root / "bottle/train/good/001.png");
  EXPECT_TRUE(warns(set, "anomalous images without a mask: bottle/test/broken_large/001.png"));
  EXPECT_TRUE(warns(set, "masks without an image: bottle/ground_truth/broken_large/007_mask.png"));
  EXPECT_TRUE(warns(set, "14 x classes that are not there, first: cable"));
  EXPECT_TRUE(warns(set, "unknown edition"));
}

TEST(Mvtec, ForeignFoldersAndFilesAreToldAndLeftOut) {
  Miniature mini;
  mini.pictures("bottle/test/good/", 0, 1, ".png");
  mini.picture("bottle/test/loose.png");
  mini.text("bottle/test/good/notes.txt", "x");
  mini.picture("bottle/test/good/folder.png/x.png");
  mini.pictures("bottles/test/good/", 0, 5, ".png");
  mini.mask("bottle/ground_truth/scratch/000_mask.png", 255);
  mini.mask("bottle/ground_truth/good/000_mask.png", 0);
  const Dataset set = loaded("mvtec", mini.path());
  EXPECT_EQ(ids_of(set), (Strings{"bottle/test/good/000.png"}));
  EXPECT_TRUE(warns(set, "unknown class folders are left out: bottles"));
  EXPECT_TRUE(warns(set, "of no type, are left out: bottle/test/loose.png"));
  EXPECT_TRUE(
      warns(set, "files that are no pictures lie among the pictures: bottle/test/good/notes.txt"));
  EXPECT_TRUE(warns(set, "folders named like a picture are left out: bottle/test/good/folder.png"));
  EXPECT_TRUE(warns(set, "mask folders without an image folder: bottle/ground_truth/scratch"));
  EXPECT_TRUE(warns(set, "normal images with a mask file: bottle/test/good/000.png"));
}

TEST(Mvtec, TheMessageSaysWhereItLooked) {
  Miniature mini;
  mini.picture("mvtec/botle/test/good/000.png");
  try {
    loaded("mvtec", mini.path());
    FAIL();
  } catch (const Error& error) {
    const std::string message = error.what();
    EXPECT_EQ(error.kind(), Kind::data);
    EXPECT_NE(message.find("holds no MVTec AD"), std::string::npos) << message;
    EXPECT_NE(message.find("/mvtec'"), std::string::npos) << message;
    EXPECT_NE(message.find("a class is 'bottle'"), std::string::npos) << message;
  }
  EXPECT_THROW(loaded("mvtec", mini.path("nowhere")), Error);
  EXPECT_THROW(loaded("mvtec", mini.path("mvtec/botle"), "all"), Error);
}

TEST(Mvtec, IsFoundUnderItsUsualNames) {
  for (const char* name :
       {"mvtec", "MVTec-AD", "MVTec AD", "mvtec_anomaly_detection", "mvtec/mvtec_ad"}) {
    Miniature mini;
    mini.picture(std::string(name) + "/wood/test/good/000.png");
    EXPECT_EQ(loaded("mvtec", mini.path()).root, std::filesystem::canonical(mini.path(name)))
        << name;
  }
}

TEST(Mpdd, IsInMvtecLayout) {
  Miniature mini;
  mini.pictures("MPDD/tubes/test/good/", 0, 1, ".png");
  mini.pictures("MPDD/tubes/test/anomalous/", 0, 2, ".png");
  mini.mask("MPDD/tubes/ground_truth/anomalous/001_mask.png", 255);
  mini.mask("MPDD/tubes/ground_truth/anomalous/000_mask.png", 255);
  const Dataset set = loaded("mpdd", mini.path());
  EXPECT_EQ(counts_of(set, "tubes"), std::pair(1, 2));
  EXPECT_EQ(masks_of(set, "tubes/test/anomalous/001.png"),
            (Strings{"tubes/ground_truth/anomalous/001_mask.png"}));
}

TEST(Btad, BmpImagesMeetPngMasks) {
  Miniature mini;
  const std::string root = "BTech_Dataset_transformed/";
  mini.pictures(root + "01/train/ok/", 0, 2, ".bmp", 4);
  mini.pictures(root + "01/test/ok/", 0, 1, ".bmp", 4);
  mini.pictures(root + "01/test/ko/", 0, 2, ".bmp", 4);
  mini.mask(root + "01/ground_truth/ko/0001.png", 255);
  mini.mask(root + "01/ground_truth/ko/0000.png", 255);
  mini.pictures(root + "03/test/ko/", 0, 1, ".bmp", 4);
  mini.mask(root + "03/ground_truth/ko/0000.bmp", 255);
  mini.pictures(root + "03/test/ok/", 0, 1, ".png", 4);
  const Dataset set = loaded("btad", mini.path());
  EXPECT_EQ(counts_of(set, "01"), std::pair(1, 2));
  EXPECT_EQ(counts_of(set, "03"), std::pair(1, 1));
  EXPECT_EQ(masks_of(set, "01/test/ko/0001.bmp"), (Strings{"01/ground_truth/ko/0001.png"}));
  EXPECT_EQ(masks_of(set, "03/test/ko/0000.bmp"), (Strings{"03/ground_truth/ko/0000.bmp"}));
  EXPECT_FALSE(*sample_of(set, "01/test/ok/0000.bmp").truth.anomalous);
  EXPECT_EQ(set.normal_train.at("01").size(), 2u);
}

TEST(Loco, EachDefectHasItsOwnMaskFile) {
  Miniature mini;
  const std::string root = "mvtec_loco_anomaly_detection/pushpins/";
  mini.pictures(root + "train/good/", 0, 1, ".png");
  mini.pictures(root + "validation/good/", 0, 4, ".png");
  mini.pictures(root + "test/good/", 0, 1, ".png");
  mini.pictures(root + "test/logical_anomalies/", 0, 2, ".png");
  mini.pictures(root + "test/structural_anomalies/", 0, 1, ".png");
  mini.mask(root + "ground_truth/logical_anomalies/000/000.png", 253);
  mini.mask(root + "ground_truth/logical_anomalies/000/001.png", 241);
  mini.mask(root + "ground_truth/logical_anomalies/009/000.png", 241);
  mini.mask(root + "ground_truth/structural_anomalies/000/000.png", 255);
  mini.text(root + "defects_config.json", "[]");
  const Dataset set = loaded("loco", mini.path());
  EXPECT_EQ(counts_of(set), std::pair(1, 3));
  EXPECT_EQ(masks_of(set, "pushpins/test/logical_anomalies/000.png"),
            (Strings{"pushpins/ground_truth/logical_anomalies/000/000.png",
                     "pushpins/ground_truth/logical_anomalies/000/001.png"}));
  EXPECT_EQ(sample_of(set, "pushpins/test/structural_anomalies/000.png").truth.defect,
            "structural_anomalies");
  EXPECT_TRUE(warns(set, "without a mask: pushpins/test/logical_anomalies/001.png"));
  EXPECT_TRUE(warns(set, "masks without an image: pushpins/ground_truth/logical_anomalies/009"));
}

TEST(Goodsad, MasksAreFoundByStem) {
  Miniature mini;
  mini.pictures("GoodsAD/food_box/test/good/", 0, 1, ".jpg");
  mini.pictures("GoodsAD/food_box/test/surface_damage/", 0, 1, ".jpg");
  mini.mask("GoodsAD/food_box/ground_truth/surface_damage/000.png", 255);
  const Dataset set = loaded("goodsad", mini.path());
  EXPECT_EQ(masks_of(set, "food_box/test/surface_damage/000.jpg"),
            (Strings{"food_box/ground_truth/surface_damage/000.png"}));
}

TEST(Folder, HoldsOneClassOrMany) {
  Miniature mini;
  mini.pictures("screws/test/good/", 0, 2, ".png");
  mini.pictures("screws/test/bent/", 0, 1, ".png");
  mini.pictures("nuts/test/ok/", 0, 1, ".png");
  mini.pictures("nuts/test/rusty/", 0, 1, ".png");
  mini.mask("nuts/ground_truth/rusty/000.png", 1);
  mini.pictures("raw/", 0, 1, ".png");
  const Dataset many = loaded("folder", mini.path());
  EXPECT_EQ(counts_of(many, "screws"), std::pair(2, 1));
  EXPECT_EQ(counts_of(many, "nuts"), std::pair(1, 1));
  EXPECT_FALSE(sample_of(many, "screws/test/bent/000.png").truth.has_mask);
  EXPECT_TRUE(sample_of(many, "nuts/test/rusty/000.png").truth.has_mask);
  EXPECT_EQ(many.warnings, Strings{});
  const Dataset one = loaded("folder", mini.path("screws"));
  EXPECT_EQ(ids_of(one), (Strings{"test/bent/000.png", "test/good/000.png", "test/good/001.png"}));
  EXPECT_EQ(one.test[0].category, "screws");
  EXPECT_THROW(loaded("folder", mini.path("raw")), Error);
}

// The whole published set as empty files: every count fits and nothing is odd.
struct Tree {
  std::string name, normal, anomaly, suffix, mask_suffix;
};

class PublishedCounts : public ::testing::TestWithParam<Tree> {};

TEST_P(PublishedCounts, GiveNoWarning) {
  const Tree& tree = GetParam();
  Miniature mini;
  const auto expected = testing::dataset_named(tree.name).expected("");
  for (const auto& [category, count] : expected) {
    mini.empty_files(category + "/test/" + tree.normal + "/", 0, count.normal, tree.suffix);
    mini.empty_files(category + "/test/" + tree.anomaly + "/", 0, count.anomalous, tree.suffix);
    mini.empty_files(category + "/ground_truth/" + tree.anomaly + "/", 0, count.anomalous,
                     tree.mask_suffix);
  }
  const Dataset set = loaded(tree.name, mini.path());
  EXPECT_EQ(set.warnings, Strings{});
  for (const auto& [category, count] : expected)
    EXPECT_EQ(counts_of(set, category),
              std::pair(static_cast<int>(count.normal), static_cast<int>(count.anomalous)));
}

std::string tree_name(const ::testing::TestParamInfo<Tree>& info) {
  return info.param.name;
}

INSTANTIATE_TEST_SUITE_P(Trees, PublishedCounts,
                         ::testing::Values(Tree{"mvtec", "good", "broken", ".png", "_mask.png"},
                                           Tree{"visa", "good", "bad", ".JPG", ".png"},
                                           Tree{"mpdd", "good", "hole", ".png", "_mask.png"},
                                           Tree{"btad", "ok", "ko", ".bmp", ".png"},
                                           Tree{"goodsad", "good", "opened", ".jpg", ".png"}),
                         tree_name);

TEST(PublishedCountsSum, AreThoseOfTheLiterature) {
  const struct {
    std::string name;
    std::int64_t normal, anomalous;
    std::size_t classes;
  } sets[] = {{"mvtec", 467, 1258, 15}, {"visa", 962, 1200, 12},   {"aitex", 564, 183, 1},
              {"elpv", 377, 715, 1},    {"btad", 451, 290, 3},     {"mpdd", 176, 282, 6},
              {"brainmri", 98, 155, 1}, {"headct", 100, 100, 1},   {"br35h", 1500, 1500, 1},
              {"loco", 575, 993, 5},    {"goodsad", 1328, 1660, 6}};
  for (const auto& set : sets) {
    std::int64_t normal = 0, anomalous = 0;
    const auto expected = testing::dataset_named(set.name).expected("");
    for (const auto& [category, count] : expected)
      normal += count.normal, anomalous += count.anomalous;
    EXPECT_EQ(expected.size(), set.classes) << set.name;
    EXPECT_EQ(normal, set.normal) << set.name;
    EXPECT_EQ(anomalous, set.anomalous) << set.name;
  }
}

}  // namespace
}  // namespace looktwice
