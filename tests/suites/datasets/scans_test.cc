// BrainMRI, HeadCT and Br35H, in the downloads and in the re-layouts.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "harness/core/error.h"
#include "harness/core/random.h"
#include "tests/suites/datasets/miniature.h"

namespace looktwice {
namespace {

using testing::counts_of;
using testing::ids_of;
using testing::loaded;
using testing::Miniature;
using testing::warns;
using Strings = std::vector<std::string>;

TEST(BrainMri, TheDoubledCopyIsReadOnce) {
  Miniature mini;
  for (const std::string copy : {"", "brain_tumor_dataset/"}) {
    mini.picture("BrainMRI/" + copy + "yes/Y1.jpg");
    mini.picture("BrainMRI/" + copy + "yes/Y10.JPG");
    mini.picture("BrainMRI/" + copy + "yes/Y2.jpeg");
    mini.picture("BrainMRI/" + copy + "no/1 no.jpeg");
    mini.picture("BrainMRI/" + copy + "no/no 10.png");
    mini.clutter("BrainMRI/" + copy + "no");
  }
  const Dataset set = loaded("brainmri", mini.path());
  EXPECT_EQ(ids_of(set),
            (Strings{"no/1 no.jpeg", "no/no 10.png", "yes/Y1.jpg", "yes/Y10.JPG", "yes/Y2.jpeg"}));
  EXPECT_EQ(counts_of(set, "brain"), std::pair(2, 3));
  EXPECT_TRUE(warns(set, "one copy is read: brain_tumor_dataset"));
  std::filesystem::remove_all(mini.path("BrainMRI/yes"));
  EXPECT_EQ(counts_of(loaded("brainmri", mini.path())), std::pair(2, 3));
}

TEST(BrainMri, PublishedCountsGiveNoWarning) {
  Miniature mini;
  mini.empty_files("yes/Y", 1, 155, ".jpg", 1);
  mini.empty_files("no/no ", 1, 98, ".jpg", 1);
  EXPECT_EQ(loaded("brainmri", mini.path()).warnings, Strings{});
  const Dataset part = loaded("brainmri", mini.path(), "inctrl-sorted42");
  EXPECT_EQ(part.warnings, Strings{});
  EXPECT_EQ(counts_of(part), std::pair(25, 155));
  EXPECT_EQ(part.normal_train.at("brain").size(), 73u);
}

TEST(BrainMri, TheQuarterIsDrawnFromSortedIdsWithSeed42) {
  Miniature mini;
  mini.text("yes/y.jpg", "");
  for (int i = 0; i < 10; ++i) mini.text("no/" + std::to_string(i) + ".jpg", "");
  // permutation(10, 42) begins 8 1 5.
  EXPECT_EQ(ids_of(loaded("brainmri", mini.path(), "inctrl-sorted42")),
            (Strings{"no/1.jpg", "no/5.jpg", "no/8.jpg", "yes/y.jpg"}));
}

TEST(Br35h, OnlyYesAndNoCount) {
  Miniature mini;
  mini.pictures("Br35H/yes/y", 0, 2, ".jpg", 1);
  mini.pictures("Br35H/no/no", 0, 3, ".jpg", 1);
  mini.pictures("Br35H/pred/pred", 0, 4, ".jpg", 1);
  mini.pictures("Br35H/Br35H-Mask-RCNN/TRAIN/y", 0, 2, ".jpg", 1);
  const Dataset set = loaded("br35h", mini.path());
  EXPECT_EQ(counts_of(set, "brain"), std::pair(3, 2));
  EXPECT_TRUE(
      warns(set, "2 x folders that are neither yes nor no are left out, first: Br35H-Mask-RCNN"));
  EXPECT_THROW(loaded("br35h", mini.path(), "inctrl-sorted42"), Error);
}

TEST(HeadCt, LabelsComeFromTheCsv) {
  for (const std::string folder : {"head_ct/", "head_ct/head_ct/"}) {
    Miniature mini;
    mini.text("labels.csv", "id, hemorrhage\n0,1\n1,1\n12,0\n");
    for (const char* number : {"000", "001", "012", "100"}) mini.picture(folder + number + ".png");
    const Dataset set = loaded("headct", mini.path());
    EXPECT_EQ(ids_of(set), (Strings{folder + "000.png", folder + "001.png", folder + "012.png"}));
    EXPECT_EQ(counts_of(set, "head"), std::pair(1, 2));
    EXPECT_TRUE(
        warns(set, "images that labels.csv does not name are left out: " + folder + "100.png"));
  }
}

TEST(HeadCt, FaultsNameTheirPlace) {
  for (const std::string row : {"0,2", "x,1", "1000,1", "-1,1", "../1,1", "0"}) {
    Miniature mini;
    mini.text("labels.csv", "id, hemorrhage\n" + row + "\n");
    mini.picture("head_ct/000.png");
    try {
      loaded("headct", mini.path());
      ADD_FAILURE() << row;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), Kind::data);
      EXPECT_NE(std::string(error.what()).find("labels.csv: line 2, column "), std::string::npos)
          << error.what();
    }
  }
}

TEST(HeadCt, PublishedCountsGiveNoWarning) {
  Miniature mini;
  std::string labels = "id, hemorrhage\n";
  for (int i = 0; i < 200; ++i) labels += std::to_string(i) + "," + (i < 100 ? "1" : "0") + "\n";
  mini.empty_files("head_ct/head_ct/", 0, 200, ".png");
  mini.text("labels.csv", labels);
  EXPECT_EQ(loaded("headct", mini.path()).warnings, Strings{});
  EXPECT_EQ(counts_of(loaded("headct", mini.path(), "inctrl-sorted42")), std::pair(25, 100));
}

TEST(Scans, ANeighbourInMvtecLayoutIsNotTakenForTheSet) {
  Miniature mini;
  mini.picture("mine/test/good/000.png");
  EXPECT_THROW(loaded("headct", mini.path()), Error);
  mini.picture("head_ct_hemorrhage/head_ct/000.png");
  mini.text("head_ct_hemorrhage/labels.csv", "id, hemorrhage\n0,1\n");
  EXPECT_EQ(ids_of(loaded("headct", mini.path())), (Strings{"head_ct/000.png"}));
}

TEST(Scans, ReLayoutsAreReadToo) {
  for (const std::string folder : {"", "brain/"}) {
    Miniature mini;
    mini.picture("br35h/" + folder + "test/good/1.jpg");
    mini.picture("br35h/" + folder + "test/defect/1.jpg");
    mini.picture("br35h/" + folder + "test/defect/2.jpg");
    const Dataset set = loaded("br35h", mini.path());
    EXPECT_EQ(counts_of(set, "brain"), std::pair(1, 2)) << folder;
  }
  Miniature mini;
  mini.picture("headct/images/a.png");
  mini.picture("headct/images/b.png");
  mini.text("headct/meta.json",
            R"({"train": {}, "test": {"head": [
                {"img_path": "images/a.png", "mask_path": "", "cls_name": "head", "specie_name": "", "anomaly": 0},
                {"img_path": "/data/headct/images/b.png", "mask_path": "", "cls_name": "head", "specie_name": "h", "anomaly": 1}]}})");
  const Dataset set = loaded("headct", mini.path());
  EXPECT_EQ(ids_of(set), (Strings{"images/a.png", "images/b.png"}));
  EXPECT_EQ(counts_of(set, "head"), std::pair(1, 1));
}

}  // namespace
}  // namespace looktwice
