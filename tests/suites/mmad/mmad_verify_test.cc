#include "suites/mmad/mmad_verify.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>

#include "tests/suites/mmad/miniature_mmad.h"

namespace looktwice::suites {
namespace {

using looktwice::testing::MmadFolder;

const datasets::Finding* finding_of(const MmadVerification& v, const std::string& what) {
  const auto found = std::ranges::find(v.findings, what, &datasets::Finding::what);
  return found == v.findings.end() ? nullptr : &*found;
}

TEST(MmadVerify, TheExpectedCountsAreThePublishedOnes) {
  const std::string file = LOOKTWICE_SOURCE_DIR "/published/mmad_question_counts.json";
  const JsonValue published = parsed_json(text_of_file(file), file);
  const MmadFolder folder;
  const MmadVerification v = verify_mmad(mmad_set(folder.root()));
  ASSERT_EQ(v.counts.size(), 32u);
  std::int64_t sum = 0;
  for (const MmadCount& count : v.counts) {
    sum += count.expected;
    for (const JsonValue& row : published.find("rows")->items)
      if (row.find("dataset")->text == count.source) {
        EXPECT_EQ(row.find("values")->find(count.column)->text, std::to_string(count.expected))
            << count.source << " " << count.column;
      }
  }
  EXPECT_EQ(sum, kMmadQuestions);
}

TEST(MmadVerify, AMiniatureIsSoundAndNoKnownEdition) {
  const MmadFolder folder;
  const MmadVerification v = verify_mmad(mmad_set(folder.root()));
  EXPECT_TRUE(v.sound());
  EXPECT_FALSE(v.known_edition);
  EXPECT_EQ(v.images, 40);
  std::int64_t found = 0;
  for (const MmadCount& count : v.counts) found += count.found;
  EXPECT_EQ(found, v.questions);
  EXPECT_EQ(v.counts[0].found, 4);  // DS-MVTec, normal: two categories of two
  EXPECT_EQ(v.counts[1].found, 6);
}

TEST(MmadVerify, BadRecordsAndMovedPicturesAreNamed) {
  const MmadFolder folder;
  folder.edit("\"Answer\": \"B\"", "\"Answer\": \"E\"");
  std::filesystem::remove(folder.root() / "VisA/candle/test/good/001.png");
  std::filesystem::copy_file(folder.root() / "DS-MVTec/metal_nut/image/good/000.png",
                             folder.root() / "DS-MVTec/bottle/image/good/001.png",
                             std::filesystem::copy_options::overwrite_existing);
  const MmadVerification v = verify_mmad(mmad_set(folder.root()));
  EXPECT_FALSE(v.sound());
  ASSERT_TRUE(finding_of(v, "questions that cannot be asked"));
  const auto* record = finding_of(v, "records that cannot be used");
  ASSERT_TRUE(record);
  EXPECT_NE(record->where[0].find("VisA/candle/test/good/001.png: image: no such file"),
            std::string::npos);
  const auto* moved = finding_of(v, "pictures that lie in several categories");
  ASSERT_TRUE(moved);
  EXPECT_EQ(moved->where[0],
            "DS-MVTec/bottle/image/good/001.png = DS-MVTec/metal_nut/image/good/000.png");
}

// The edition in which 22 normal metal nuts lie in another category's folder.
TEST(MmadVerify, EveryPictureThatWasMovedIsNamed) {
  namespace fs = std::filesystem;
  const MmadFolder folder;
  std::string records = "{";
  const auto add = [&](const std::string& category, int n) {
    for (int i = 0; i < n; ++i) {
      char key[80];
      std::snprintf(key, sizeof key, "DS-MVTec/%s/image/good/%03d.png", category.c_str(), i);
      folder.write(key);
      const std::string train = "MVTec-AD/" + category + "/train/good/000.png";
      folder.write(train);
      records += std::string(records.size() > 1 ? "," : "") + "\"" + key +
                 R"(": {"random_templates": [")" + train + R"("], "similar_templates": [")" +
                 train +
                 R"("], "conversation": [{"type": "Anomaly Detection", "Question": "?",
                 "Answer": "A", "Options": {"A": "Yes", "B": "No"}}]})";
    }
  };
  add("metal_nut", 22);
  add("pill", 3);
  folder.replace(records + "}");
  const std::string what = "pictures of DS-MVTec/metal_nut that lie under DS-MVTec/pill";
  EXPECT_FALSE(finding_of(verify_mmad(mmad_set(folder.root())), what));
  const auto number = [](int i) {
    char name[16];
    std::snprintf(name, sizeof name, "%03d.png", i);
    return std::string(name);
  };
  // Copied there.
  for (int i = 0; i < 22; ++i)
    fs::copy_file(folder.root() / "DS-MVTec/metal_nut/image/good" / number(i),
                  folder.root() / "DS-MVTec/pill/image/good" / number(100 + i));
  MmadVerification v = verify_mmad(mmad_set(folder.root()));
  ASSERT_TRUE(finding_of(v, what));
  EXPECT_EQ(finding_of(v, what)->count, 22);
  ASSERT_EQ(finding_of(v, what)->where.size(), 22u);  // more than other findings show
  EXPECT_EQ(finding_of(v, what)->where[21],
            "DS-MVTec/pill/image/good/121.png = DS-MVTec/metal_nut/image/good/021.png");
  // Moved there, under their own names.
  for (int i = 0; i < 22; ++i) {
    fs::remove(folder.root() / "DS-MVTec/pill/image/good" / number(100 + i));
    if (i < 3) continue;  // pill has these names itself
    fs::rename(folder.root() / "DS-MVTec/metal_nut/image/good" / number(i),
               folder.root() / "DS-MVTec/pill/image/good" / number(i));
  }
  v = verify_mmad(mmad_set(folder.root()));
  ASSERT_TRUE(finding_of(v, what));
  EXPECT_EQ(finding_of(v, what)->count, 19);
  EXPECT_EQ(finding_of(v, what)->where[0],
            "DS-MVTec/pill/image/good/003.png may be DS-MVTec/metal_nut/image/good/003.png");
  EXPECT_FALSE(v.sound());
}

TEST(MmadVerify, ATemplateOfAnotherCategoryIsTold) {
  const MmadFolder folder;
  folder.edit("\"MVTec-AD/bottle/train/good/000.png\"", "\"MVTec-AD/metal_nut/train/good/000.png\"",
              true);
  const auto v = verify_mmad(mmad_set(folder.root()));
  const auto* told = finding_of(v, "pictures of metal_nut that lie under DS-MVTec/bottle");
  ASSERT_TRUE(told);
  EXPECT_EQ(told->count, 5);
}

TEST(MmadVerify, PicturesThatNoRecordNamesAreTold) {
  const MmadFolder folder;
  folder.write("VisA/candle/test/bad/777.JPG");
  folder.write("VisA/candle/test/bad/notes.txt");
  const auto v = verify_mmad(mmad_set(folder.root()));
  const auto* told = finding_of(v, "pictures that no record names");
  ASSERT_TRUE(told);
  EXPECT_EQ(told->where, std::vector<std::string>{"VisA/candle/test/bad/777.JPG"});
}

}  // namespace
}  // namespace looktwice::suites
