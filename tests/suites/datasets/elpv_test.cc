#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "harness/core/error.h"
#include "harness/core/hash.h"
#include "harness/core/random.h"
#include "harness/core/table.h"
#include "tests/suites/datasets/miniature.h"

namespace looktwice {
namespace {

using testing::Miniature;
using Strings = std::vector<std::string>;

// The real labels beside empty pictures: the split hangs on the names alone.
class Elpv : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    mini_ = std::make_unique<Miniature>();
    mini_->text("elpv-dataset/src/elpv_dataset/data/labels.csv",
                text_of_file(LOOKTWICE_TEST_DATA "/elpv/labels.csv"));
    mini_->empty_files("elpv-dataset/src/elpv_dataset/data/images/cell", 1, 2624, ".png", 4);
  }
  static void TearDownTestSuite() { mini_.reset(); }
  static Dataset of(const std::string& variant) {
    return testing::loaded("elpv", mini_->path(), variant);
  }

  static std::unique_ptr<Miniature> mini_;
};
std::unique_ptr<Miniature> Elpv::mini_;

TEST_F(Elpv, TheInctrlListIsThePublishedOne) {
  const Dataset set = of("");
  EXPECT_EQ(testing::counts_of(set), std::pair(377, 715));
  EXPECT_EQ(set.warnings, Strings{});
  Strings names;
  for (const Sample& sample : set.test)
    if (!*sample.truth.anomalous) names.push_back(sample.image.path.filename().string());
  std::sort(names.begin(), names.end());
  std::string list;
  for (const std::string& name : names) list += (list.empty() ? "" : "\n") + name;
  EXPECT_EQ(sha256(list), "7293d8ca59743b79b9e9be370be34fe0625b0d291333c0a5f0dad0736d6895f4");
  EXPECT_EQ(set.normal_train.at("elpv").size(), 1508u - 377u);
}

TEST_F(Elpv, TheDrawBeginsAsPublished) {
  EXPECT_EQ(permutation(10, 42), (std::vector<std::uint32_t>{8, 1, 5, 0, 7, 2, 9, 4, 3, 6}));
  const Table labels = csv_table(text_of_file(LOOKTWICE_TEST_DATA "/elpv/labels.csv"), "labels.csv",
                                 {.separator = ' ', .header = false});
  ASSERT_EQ(labels.rows.size(), 2624u);
  std::vector<const Row*> normals;
  for (const Row& row : labels.rows)
    if (labels.number(row, "2") == 0) normals.push_back(&row);
  const auto order = permutation(static_cast<std::uint32_t>(normals.size()), 42);
  Strings first;
  int mono = 0, poly = 0;
  for (std::size_t i = 0; i < 377; ++i) {
    if (i < 4) first.push_back(normals[order[i]]->cells[0].text);
    ++(normals[order[i]]->cells[2].text == "mono" ? mono : poly);
  }
  EXPECT_EQ(first, (Strings{"images/cell1270.png", "images/cell2158.png", "images/cell0965.png",
                            "images/cell1275.png"}));
  EXPECT_EQ(mono, 134);
  EXPECT_EQ(poly, 243);
}

TEST_F(Elpv, VariantsAreTheLabelConventions) {
  EXPECT_EQ(testing::counts_of(of("all")), std::pair(1508, 715));
  EXPECT_EQ(testing::counts_of(of("p>0")), std::pair(1508, 1116));
  EXPECT_EQ(testing::counts_of(of("p>=0.5")), std::pair(1803, 821));
  for (const char* variant : {"all", "p>0", "p>=0.5"})
    EXPECT_EQ(of(variant).warnings, Strings{}) << variant;
  try {
    of("p>=0.05");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), Kind::usage);
    EXPECT_NE(std::string(error.what()).find("did you mean 'p>=0.5'"), std::string::npos)
        << error.what();
  }
}

TEST_F(Elpv, AnomalousCellsCarryTheirModuleType) {
  const Dataset set = of("");
  std::pair<int, int> types;
  for (const Sample& sample : set.test)
    if (*sample.truth.anomalous) ++(sample.truth.defect == "mono" ? types.first : types.second);
  EXPECT_EQ(types, std::pair(313, 402));
}

TEST(ElpvLabels, FaultsNameTheirPlace) {
  const struct {
    std::string row, message;
  } cases[] = {
      {"images/a.png 0.5 mono\n",
       "line 2, column 14: the probability must be 0, 1/3, 2/3 or 1, not '0.5'"},
      {"images/a.png -1 mono\n", "line 2, column 14: the probability"},
      {"images/a.png high mono\n", "line 2, column 14: '2' must be a finite number, not 'high'"},
      {"images/a.png 1 thin\n",
       "line 2, column 16: the module type must be mono or poly, not 'thin'"},
      {"images/a.png 1\n", "line 2, column 1: 2 cells where 3 were expected"},
      {"../a.png 1 mono\n", "line 2, column 1: '../a.png' leads up with '..'"},
  };
  for (const auto& given : cases) {
    Miniature mini;
    mini.picture("images/cell0001.png");
    mini.picture("images/a.png");
    mini.text("labels.csv", "images/cell0001.png  1.0   mono\n" + given.row);
    try {
      testing::loaded("elpv", mini.path());
      ADD_FAILURE() << given.row;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), Kind::data);
      EXPECT_NE(std::string(error.what()).find("labels.csv: " + given.message), std::string::npos)
          << error.what();
    }
  }
}

}  // namespace
}  // namespace looktwice
