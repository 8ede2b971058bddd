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

// The download: masks hold class ids, class names are parts of each other, the split file decides.
void add_download(Miniature& mini) {
  for (const std::string name : {"fryum", "pipe_fryum"}) {
    mini.pictures(name + "/Data/Images/Normal/", 0, 4, ".JPG", 4);
    mini.pictures(name + "/Data/Images/Anomaly/", 0, 2, ".JPG");
    mini.mask(name + "/Data/Masks/Anomaly/000.png", 1);
    mini.mask(name + "/Data/Masks/Anomaly/001.png", 9);
    mini.text(name + "/image_anno.csv", "image,label,mask\n");
  }
  std::string split = "object,split,label,image,mask\r\n";
  for (const std::string name : {"fryum", "pipe_fryum"}) {
    const std::string data = name + "/Data/";
    for (int i : {3, 0})
      split +=
          name + ",train,normal," + data + "Images/Normal/000" + std::to_string(i) + ".JPG,\r\n";
    for (int i : {2, 1})
      split +=
          name + ",test,normal," + data + "Images/Normal/000" + std::to_string(i) + ".JPG,\r\n";
    for (int i : {1, 0})
      split += name + ",test,anomaly," + data + "Images/Anomaly/00" + std::to_string(i) + ".JPG," +
               data + "Masks/Anomaly/00" + std::to_string(i) + ".png\r\n";
  }
  mini.text("split_csv/1cls.csv", split);
}

TEST(Visa, TheDownloadIsReadByItsSplitFile) {
  Miniature mini;
  add_download(mini);
  const Dataset set = loaded("visa", mini.path());
  EXPECT_EQ(
      ids_of(set),
      (Strings{"fryum/Data/Images/Anomaly/000.JPG", "fryum/Data/Images/Anomaly/001.JPG",
               "fryum/Data/Images/Normal/0001.JPG", "fryum/Data/Images/Normal/0002.JPG",
               "pipe_fryum/Data/Images/Anomaly/000.JPG", "pipe_fryum/Data/Images/Anomaly/001.JPG",
               "pipe_fryum/Data/Images/Normal/0001.JPG",
               "pipe_fryum/Data/Images/Normal/0002.JPG"}));
  EXPECT_EQ(counts_of(set, "fryum"), std::pair(2, 2));
  EXPECT_EQ(masks_of(set, "fryum/Data/Images/Anomaly/001.JPG"),
            (Strings{"fryum/Data/Masks/Anomaly/001.png"}));
  EXPECT_TRUE(sample_of(set, "fryum/Data/Images/Normal/0001.JPG").truth.has_mask);
  ASSERT_EQ(set.normal_train.at("pipe_fryum").size(), 2u);
  EXPECT_EQ(set.normal_train.at("pipe_fryum")[0].path,
            set.root / "pipe_fryum/Data/Images/Normal/0000.JPG");
}

TEST(Visa, FaultsOfTheSplitFileNameTheirPlace) {
  const struct {
    std::string row, message;
  } cases[] = {
      {"fryum,test,odd,fryum/Data/Images/Normal/0000.JPG,",
       "line 2, column 12: the label must be normal or anomaly"},
      {"fryum,val,normal,fryum/Data/Images/Normal/0000.JPG,",
       "line 2, column 7: the split must be train or test"},
      {"fryum,test,normal,pipe_fryum/Data/Images/Normal/0000.JPG,",
       "line 2, column 19: an image of 'fryum' lies in another class"},
      {"fryum,test,normal,fryum/../../x.JPG,", "leads up with '..'"},
      {"fryum,test,anomaly,fryum/Data/Images/Normal/0000.JPG,/etc/passwd", "lies outside of"},
      {"fryum,test,normal", "3 cells where 5 were expected"},
  };
  for (const auto& given : cases) {
    Miniature mini;
    add_download(mini);
    mini.text("split_csv/1cls.csv", "object,split,label,image,mask\n" + given.row + "\n");
    try {
      loaded("visa", mini.path());
      ADD_FAILURE() << given.row;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), Kind::data);
      EXPECT_NE(std::string(error.what()).find(given.message), std::string::npos) << error.what();
    }
  }
  Miniature mini;
  add_download(mini);
  std::filesystem::remove(mini.path("split_csv/1cls.csv"));
  EXPECT_THROW(loaded("visa", mini.path()), Error);
}

TEST(Visa, AMaskOfAnotherStemIsTold) {
  Miniature mini;
  add_download(mini);
  mini.text(
      "split_csv/1cls.csv",
      "object,split,label,image,mask\n"
      "fryum,test,anomaly,fryum/Data/Images/Anomaly/000.JPG,fryum/Data/Masks/Anomaly/001.png\n"
      "fryum,test,anomaly,fryum/Data/Images/Anomaly/001.JPG,\n");
  const Dataset set = loaded("visa", mini.path());
  EXPECT_TRUE(
      warns(set, "masks whose stem is not that of their image: fryum/Data/Images/Anomaly/000.JPG"));
  EXPECT_TRUE(warns(set, "anomalous images without a mask: fryum/Data/Images/Anomaly/001.JPG"));
}

TEST(Visa, TheOneClassLayoutComesUnderThreeNames) {
  for (const std::string bad : {"bad", "defect", "anomaly"}) {
    Miniature mini;
    const std::string root = "VisA_pytorch/1cls/candle/";
    mini.pictures(root + "train/good/", 0, 3, ".JPG", 4);
    mini.pictures(root + "test/good/", 0, 1, ".JPG", 4);
    mini.pictures(root + "test/" + bad + "/", 0, 2, ".JPG");
    mini.mask(root + "ground_truth/" + bad + "/001.png", 255, {0, 0, 1, 1}, 8, 8, 3);  // RGB mask
    mini.mask(root + "ground_truth/" + bad + "/000.png", 255);
    const Dataset set = loaded("visa", mini.path());
    EXPECT_EQ(counts_of(set, "candle"), std::pair(1, 2)) << bad;
    EXPECT_EQ(masks_of(set, "candle/test/" + bad + "/001.JPG"),
              (Strings{"candle/ground_truth/" + bad + "/001.png"}));
    EXPECT_EQ(set.normal_train.at("candle").size(), 3u);
  }
}

}  // namespace
}  // namespace looktwice
