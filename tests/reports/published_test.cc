#include "reports/published.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "harness/core/error.h"
#include "reports/embedded.h"

namespace looktwice::reports {
namespace {

std::vector<PublishedValue> values_of(const std::string& table, const std::string& column) {
  return published_column(table, column).value().values;
}

const PublishedValue* value_of(const PublishedColumn& column, const std::string& method,
                               int shots = 0) {
  for (const PublishedValue& value : column.values)
    if (value.method == method && value.shots == shots) return &value;
  return nullptr;
}

TEST(Published, EmbeddedFilesAreTheFiles) {
  std::set<std::string> embedded;
  for (const EmbeddedFile& file : published_files()) {
    std::ifstream in(std::filesystem::path(LOOKTWICE_SOURCE_DIR) / "published" / file.name);
    ASSERT_TRUE(in) << file.name;
    EXPECT_EQ(std::string(std::istreambuf_iterator<char>(in), {}), file.bytes) << file.name;
    embedded.emplace(file.name);
  }
  EXPECT_EQ(embedded.size(), 25u);
}

TEST(Published, EveryNumberOfEveryTableCanBeLookedUp) {
  int total = 0;
  for (const PublishedCount& count : published_index()) {
    int numbers = 0, inferred = 0;
    std::set<std::string> rows;
    for (const std::string& name : published_columns(count.table)) {
      const auto column = published_column(count.table, name);
      ASSERT_TRUE(column) << count.table << " " << name;
      EXPECT_EQ(column->column, name);
      for (const PublishedValue& value : column->values) {
        numbers += value.value && !value.inferred;
        inferred += value.inferred;
        EXPECT_FALSE(value.method.empty());
        EXPECT_FALSE(value.inferred && value.note.empty());
      }
    }
    EXPECT_EQ(numbers, count.numbers) << count.table;
    if (count.inferred == 0) {
      EXPECT_EQ(inferred, 0) << count.table;
    }
    total += numbers;
  }
  EXPECT_EQ(total, 3781);
}

TEST(Published, ElpvAsThePaperPrintsIt) {
  const auto column = published_column("anomaly_ov_table2", "ELPV");
  ASSERT_TRUE(column);
  EXPECT_EQ(column->source, "Anomaly-OV, CVPR 2025, table 2 (arXiv 2502.07601)");
  EXPECT_EQ(column->unit, Unit::percent);
  EXPECT_EQ(column->digits, 1);
  ASSERT_EQ(column->values.size(), 8u);
  EXPECT_EQ(column->values[0].method, "CLIP");
  EXPECT_EQ(column->values[0].value, 59.2);
  EXPECT_EQ(column->values[7].value, 83.0);
  EXPECT_EQ(column->values[7].shots, 0);
  EXPECT_EQ(column->notes.size(), 1u);
}

TEST(Published, MetricFindsThePartOfAColumn) {
  EXPECT_EQ(published_column("omniad_table4", "MVTec-AD", "f1")->column, "MVTec-AD.f1");
  EXPECT_EQ(published_column("omniad_table4", "MVTec-AD", "accuracy")->column, "MVTec-AD.acc");
  const auto accuracy = published_column("anomaly_ov_table4", "detection", "accuracy");
  EXPECT_EQ(accuracy->column, "detection.accuracy");
  EXPECT_NEAR(*accuracy->values[0].value, 68, 1e-9);  // 0.68 of 1
  EXPECT_EQ(accuracy->digits, 0);
  EXPECT_FALSE(published_column("omniad_table4", "MVTec-AD", "auroc"));
  EXPECT_FALSE(published_column("anomaly_ov_table2", "nothing"));
  EXPECT_THROW(published_column("no_such_table", "ELPV"), Error);
}

TEST(Published, UnitsAreThoseOfTheTable) {
  const auto judge = published_column("anomaly_ov_table4", "low_level.gpt_score");
  EXPECT_EQ(judge->unit, Unit::points);
  EXPECT_EQ(*judge->values[0].value, 3.31);
  EXPECT_EQ(published_column("omniad_table9", "VisA")->unit, Unit::points);
  EXPECT_EQ(published_column("mmad_question_counts", "DS-MVTec.normal")->unit, Unit::count);
  EXPECT_EQ(*published_column("mmad_question_counts", "DS-MVTec.normal")->values[0].value, 465);
}

TEST(Published, LostCellsAreInferredAndSaySo) {
  const auto pcb4 = published_column("anomaly_ov_table8", "VisA.pcb4");
  ASSERT_EQ(pcb4->values.size(), 1u);
  EXPECT_TRUE(pcb4->values[0].inferred);
  EXPECT_EQ(pcb4->values[0].value, 89.4);
  EXPECT_NE(pcb4->values[0].note.find("Not printed"), std::string::npos);
  const auto screw = published_column("omniad_table10", "screw.acc");
  EXPECT_TRUE(value_of(*screw, "AnomalyGPT", 0)->inferred);
  EXPECT_EQ(value_of(*screw, "AnomalyGPT", 0)->value, 93.2);
  // Printed, but not what the means imply: the printed digits stay.
  const auto nut = published_column("omniad_table11", "metal_nut.f1");
  EXPECT_EQ(value_of(*nut, "WinCLIP", 0)->value, 98.4);
  EXPECT_TRUE(value_of(*nut, "WinCLIP", 0)->doubtful);
  EXPECT_NE(value_of(*nut, "WinCLIP", 0)->note.find("imply 89.4"), std::string::npos);
  // Lost for good.
  EXPECT_FALSE(values_of("omniad_table13", "pushpins").front().value);
}

// Worked out by hand from the remarks of each table: which printed numbers are under suspicion.
TEST(Published, DoubtfulCellsAreThoseOfTheRemarks) {
  const std::map<std::string, std::set<std::string>> expected = {
      {"anomaly_ov_table8",
       {"VisA.pipe_fryum", "VisA.fryum", "VisA.chewinggum", "VisA.pcb1", "MVTec AD.carpet",
        "MVTec AD.metal_nut", "MVTec AD.wood", "MVTec AD.zipper", "MVTec AD.leather",
        "MVTec AD.toothbrush"}},
      {"omniad_table2", {"AnomalyR1"}},
      {"omniad_table14", {"mean AnomalyGPT 0"}},
  };
  for (const std::string table : {"anomaly_ov_table8", "omniad_table2", "omniad_table14"}) {
    std::set<std::string> found;
    for (const std::string& name : published_columns(table))
      for (const PublishedValue& value : values_of(table, name)) {
        if (!value.doubtful || value.inferred) continue;
        if (table == "omniad_table2")
          found.insert(value.method);
        else if (table == "omniad_table14")
          found.insert(name.substr(0, name.find('.')) + " " + value.method + " " +
                       std::to_string(*value.shots));
        else
          found.insert(name);
      }
    EXPECT_EQ(found, expected.at(table)) << table;
  }
  for (const std::string clean : {"anomaly_ov_table2", "omniad_table3", "omniad_table5"})
    for (const std::string& name : published_columns(clean))
      for (const PublishedValue& value : values_of(clean, name))
        EXPECT_FALSE(value.doubtful) << clean << " " << name;
}

TEST(Published, SubsetRunsSaySo) {
  const auto column = published_column("mmad_results", "average.Average");
  ASSERT_TRUE(column);
  EXPECT_EQ(column->values.size(), 22u);
  int flagged = 0;
  for (const PublishedValue& value : column->values)
    flagged += value.note.find("Not a full run") != std::string::npos;
  EXPECT_EQ(flagged, 4);
}

}  // namespace
}  // namespace looktwice::reports
