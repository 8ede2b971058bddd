#include "suites/mmad/mmad_verify.h"

#include <gtest/gtest.h>

#include <algorithm>

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

}  // namespace
}  // namespace looktwice::suites
