#include "reports/audit_published.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <set>

#include "harness/core/error.h"
#include "harness/core/table.h"
#include "harness/core/text.h"
#include "reports/embedded.h"
#include "reports/published.h"

namespace looktwice::reports {
namespace {

using Json = nlohmann::ordered_json;
constexpr double kSlack = 1e-9;  // of the arithmetic

// A number as printed.
struct Printed {
  double value = 0;
  int digits = 0;
};
double half_unit(int digits) {
  return 0.5 * std::pow(10.0, -digits) + kSlack;
}

// Digits that a number needs; trailing zeros are lost in the files.
int digits_of(double value) {
  for (int digits = 0; digits < 4; ++digits) {
    const double scaled = value * std::pow(10.0, digits);
    if (std::abs(scaled - std::round(scaled)) < 1e-6) return digits;
  }
  return 4;
}

std::string text_of(const Printed& printed) {
  return fixed(printed.value, printed.digits);
}

// One row of a table of F1 and accuracy, or of plain numbers (then `parts` has one).
struct AuditRow {
  std::string name = {};
  // category -> part ("f1", "acc", "") -> number; a lost cell is not there.
  std::vector<std::pair<std::string, std::map<std::string, Printed>>> cells = {};
  std::map<std::string, Printed> mean = {};
  bool lost_cell = false;
};

using Counts = std::map<std::string, std::vector<SplitCounts>>;  // per category, any may be true

Json published_json(const std::string& file) {
  for (const EmbeddedFile& embedded : published_files())
    if (embedded.name == file) return Json::parse(embedded.bytes);
  throw Error(Kind::internal, "published: no file " + file);
}

Counts counts_of(const std::string& dataset) {
  const Json sets = published_json("dataset_counts.json").at("sets");
  if (!sets.contains(dataset)) {
    std::string known;
    for (const auto& [name, set] : sets.items()) known += " " + name;
    throw Error(Kind::usage,
                "no counts of a data set '" + printable(dataset, 60) + "'; there are" + known);
  }
  Counts counts;
  for (const auto& [category, pair] : sets.at(dataset).at("test").items())
    counts[category] = {{pair.at(0).get<std::int64_t>(), pair.at(1).get<std::int64_t>()}};
  // The published baselines fit one image less than the data set's own page (protocols 4.9).
  if (dataset == "goodsad") counts["drink_can"].push_back({147, 146});
  return counts;
}

class Auditor {
 public:
  void look_at_pairs(const std::string& table, const AuditRow& row, const Counts& counts) {
    for (const auto& [category, parts] : row.cells) {
      const auto known = counts.find(category);
      if (known == counts.end() || !parts.contains("f1") || !parts.contains("acc")) continue;
      const Printed &f1 = parts.at("f1"), &accuracy = parts.at("acc");
      ++audit_.pairs;
      const bool can_be = std::ranges::any_of(known->second, [&](const SplitCounts& split) {
        return feasible(f1.value, f1.digits, accuracy.value, accuracy.digits, split);
      });
      if (can_be) continue;
      const SplitCounts& split = known->second.front();
      add({table, row.name, category, "no confusion matrix",
           "F1 " + text_of(f1) + ", accuracy " + text_of(accuracy),
           "of " + std::to_string(split.first) + " normal and " + std::to_string(split.second) +
               " anomalous images"});
    }
  }

  void look_at_mean(const std::string& table, const AuditRow& row, const std::string& column,
                    double more_slack = 0) {
    for (const auto& [part, mean] : row.mean) {
      if (row.lost_cell) {
        ++audit_.unchecked_means;
        continue;
      }
      double sum = 0;
      int count = 0, digits = 0;
      for (const auto& [category, parts] : row.cells)
        if (const auto cell = parts.find(part); cell != parts.end()) {
          sum += cell->second.value;
          digits = std::max(digits, cell->second.digits);
          ++count;
        }
      if (count == 0) continue;
      ++audit_.means;
      const double computed = sum / count;
      const double slack = more_slack > 0 ? more_slack : half_unit(mean.digits) + half_unit(digits);
      if (std::abs(computed - mean.value) <= slack) continue;
      add({table, row.name, part.empty() ? column : column + "." + part, "mean", text_of(mean),
           "the mean of its " + std::to_string(count) + " numbers is " + fixed(computed, 2)});
    }
  }

  void look_at_repeat(const std::string& table, const std::string& row, const std::string& column,
                      const Printed& here, const std::string& other, const Printed& there) {
    ++audit_.repeats;
    if (std::abs(here.value - there.value) <= half_unit(here.digits) + half_unit(there.digits))
      return;
    add({table, row, column, "other table", text_of(here), other + " has " + text_of(there)});
  }

  Audit done() { return std::move(audit_); }

 private:
  void add(AuditFinding finding) { audit_.findings.push_back(std::move(finding)); }
  Audit audit_;
};

std::map<std::string, Printed> parts_of(const Json& cell) {
  std::map<std::string, Printed> parts;
  if (cell.is_number()) parts[""] = {cell.get<double>(), digits_of(cell.get<double>())};
  if (cell.is_object())
    for (const auto& [part, number] : cell.items())
      if (number.is_number()) parts[part] = {number.get<double>(), digits_of(number.get<double>())};
  return parts;
}

std::string row_name(const Json& row) {
  std::string name = row.value("method", std::string());
  if (row.contains("shots") && row.at("shots").is_number())
    name += ", " + std::to_string(row.at("shots").get<int>()) + "-shot";
  if (row.contains("kind") && row.at("kind").is_string())
    name += " (" + row.at("kind").get<std::string>() + ")";
  return name;
}

// All numbers of a part are printed with the digits that one of them needs.
void share_digits(AuditRow& row) {
  std::map<std::string, int> most;
  for (const auto& [category, parts] : row.cells)
    for (const auto& [part, printed] : parts) most[part] = std::max(most[part], printed.digits);
  for (auto& [category, parts] : row.cells)
    for (auto& [part, printed] : parts) printed.digits = most[part];
  int of_means = 0;
  for (const auto& [part, printed] : row.mean) of_means = std::max(of_means, printed.digits);
  for (auto& [part, printed] : row.mean) printed.digits = of_means;
}

AuditRow row_of(const Json& json) {
  AuditRow row{.name = row_name(json)};
  for (const auto& [head, cell] : json.at("values").items()) {
    std::map<std::string, Printed> parts = parts_of(cell);
    if (head == "Average" || head == "average") {
      row.mean = std::move(parts);
      continue;
    }
    row.lost_cell =
        row.lost_cell || parts.empty() || (cell.is_object() && parts.size() < cell.size());
    row.cells.emplace_back(head, std::move(parts));
  }
  if (json.contains("mean")) row.mean = parts_of(json.at("mean"));
  share_digits(row);
  return row;
}

// Tables of one data set, by category: what their rows are decisions about.
struct CategoryTable {
  const char* table = "";
  const char* dataset = "";  // of images; empty: pixels
  const char* summary = "";  // the table that prints the means again, and its column
  const char* column = "";
};
constexpr CategoryTable kCategoryTables[] = {
    {"omniad_table10", "", "omniad_table3", "MVTec-AD"},
    {"omniad_table11", "mvtec", "omniad_table4", "MVTec-AD"},
    {"omniad_table12", "", "omniad_table3", "MVTec-LOCO"},
    {"omniad_table13", "loco", "omniad_table4", "MVTec-LOCO"},
    {"omniad_table14", "", "omniad_table3", "VisA"},
    {"omniad_table15", "visa", "omniad_table4", "VisA"},
    {"omniad_table16", "", "omniad_table3", "GoodsAD"},
    {"omniad_table17", "goodsad", "omniad_table4", "GoodsAD"},
};

void look_at_mmad(Auditor& auditor) {
  const std::string name = "mmad_results";
  const std::vector<std::string> not_averaged = {"Average", "Recall",   "Precision",
                                                 "F1",      "Overkill", "Miss"};
  const Json table = published_json(name + ".json");
  for (const Json& json : table.at("rows")) {
    std::map<std::string, AuditRow> columns;  // the four sources beside their average
    for (const auto& [source, values] : json.at("values").items()) {
      AuditRow subtasks{.name = row_name(json) + ", " + source};
      for (const auto& [column, value] : values.items()) {
        const Printed printed{value.get<double>(), 2};
        columns[column].cells.emplace_back(source, std::map<std::string, Printed>{{"", printed}});
        if (column == "Average")
          subtasks.mean[""] = printed;
        else if (std::ranges::find(not_averaged, column) == not_averaged.end())
          subtasks.cells.emplace_back(column, std::map<std::string, Printed>{{"", printed}});
      }
      auditor.look_at_mean(name, subtasks, "Average", kSlack);
    }
    for (auto& [column, row] : columns) {
      row.name = row_name(json);
      row.mean[""] = {json.at("average").at(column).get<double>(), 2};
      auditor.look_at_mean(name, row, "average " + column, kSlack);
    }
  }
}

// The cell of a user's table as a number with the digits it is written with.
std::optional<Printed> printed_in(const looktwice::Table& table, const looktwice::Row& row,
                                  const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    const looktwice::Cell* cell = table.find(row, name);
    if (!cell || cell->text.empty() || cell->text == "-") continue;
    const double value = table.number(row, name);
    const std::size_t point = cell->text.find('.');
    const std::size_t behind =
        point == std::string::npos ? 0 : cell->text.find_last_of("0123456789") - point;
    return Printed{value, static_cast<int>(std::min<std::size_t>(behind, 9))};
  }
  return {};
}

std::string word_in(const looktwice::Table& table, const looktwice::Row& row,
                    const std::vector<std::string>& names) {
  for (const std::string& name : names)
    if (const looktwice::Cell* cell = table.find(row, name)) return cell->text;
  return {};
}

}  // namespace

bool feasible(double f1, int f1_digits, double accuracy, int accuracy_digits, SplitCounts counts) {
  const auto [normal, anomalous] = counts;
  const std::int64_t all = normal + anomalous;
  if (all <= 0) return false;
  const double f1_slack = half_unit(f1_digits), slack = half_unit(accuracy_digits);
  const auto n = static_cast<double>(all);
  for (std::int64_t tp = 0; tp <= anomalous; ++tp) {
    // The accuracy leaves few counts of rightly called normal images.
    const auto low = static_cast<std::int64_t>(std::ceil((accuracy - slack) / 100 * n)) - tp - 1;
    const auto high = static_cast<std::int64_t>(std::floor((accuracy + slack) / 100 * n)) - tp + 1;
    for (std::int64_t tn = std::max<std::int64_t>(0, low); tn <= std::min(normal, high); ++tn) {
      if (std::abs(100 * static_cast<double>(tp + tn) / n - accuracy) > slack) continue;
      const std::int64_t wrong = all - tp - tn;
      const double made =
          tp == 0 ? 0 : 200 * static_cast<double>(tp) / static_cast<double>(2 * tp + wrong);
      if (std::abs(made - f1) <= f1_slack) return true;
    }
  }
  return false;
}

Audit audit_published() {
  Auditor auditor;
  std::map<std::string, std::map<std::string, std::map<std::string, Printed>>> means;  // by row
  std::map<std::string, const CategoryTable*> by_category;
  for (const CategoryTable& table : kCategoryTables) by_category[table.table] = &table;
  for (const std::string& table : published_tables()) {
    if (table == "mmad_results") {
      look_at_mmad(auditor);
      continue;
    }
    const Json json = published_json(table + ".json");
    if (!json.contains("rows")) continue;
    const auto found = by_category.find(table);
    for (const Json& one : json.at("rows")) {
      if (!one.contains("values") || !one.at("values").is_object()) continue;
      const AuditRow row = row_of(one);
      if (found != by_category.end()) {
        if (*found->second->dataset)
          auditor.look_at_pairs(table, row, counts_of(found->second->dataset));
        means[table][row.name] = row.mean;
      }
      auditor.look_at_mean(table, row, found == by_category.end() ? "Average" : "mean");
    }
  }
  for (const CategoryTable& table : kCategoryTables) {
    const Json summary = published_json(std::string(table.summary) + ".json");
    for (const Json& one : summary.at("rows")) {
      const std::string name = row_name(one);
      for (const auto& [part, here] : parts_of(one.at("values").at(table.column)))
        if (const auto there = means[table.table][name].find(part);
            there != means[table.table][name].end())
          auditor.look_at_repeat(table.summary, name, std::string(table.column) + "." + part, here,
                                 table.table, there->second);
    }
  }
  return auditor.done();
}

Audit audit_table(const std::filesystem::path& file, const std::string& dataset) {
  const looktwice::Table table = table_of_file(file);
  Counts counts;
  if (!dataset.empty()) counts = counts_of(dataset);
  const std::vector<std::string> categories = {"category", "class"},
                                 accuracies = {"accuracy", "acc"};
  if (!table.any_column(categories)) table.refuse({}, "no column category");
  if (!table.column("f1") && !table.any_column(accuracies))
    table.refuse({}, "neither a column f1 nor accuracy");
  std::vector<AuditRow> rows;
  std::map<std::string, std::size_t> places;
  Auditor auditor;
  for (const looktwice::Row& line : table.rows) {
    const std::string method = word_in(table, line, {"method", "model"});
    const auto [place, is_new] = places.try_emplace(method, rows.size());
    if (is_new) rows.push_back({.name = method.empty() ? "table" : method});
    AuditRow& row = rows[place->second];
    const std::string category = word_in(table, line, categories);
    std::map<std::string, Printed> parts;
    for (const auto& [part, names] :
         {std::pair("f1", std::vector<std::string>{"f1"}), std::pair("acc", accuracies)})
      if (const auto printed = printed_in(table, line, names)) {
        if (!(printed->value >= 0 && printed->value <= 100))
          table.refuse(line.place, std::string(part) + ": expected percent, 0 to 100");
        parts[part] = *printed;
      }
    const std::string lower = lower_ascii(category);
    if (lower == "mean" || lower == "average") {
      row.mean = std::move(parts);
      continue;
    }
    const auto normal = printed_in(table, line, {"normal"});
    const auto anomalous = printed_in(table, line, {"anomalous"});
    if (normal && anomalous)
      counts[category] = {{std::llround(normal->value), std::llround(anomalous->value)}};
    row.lost_cell = row.lost_cell || parts.empty();
    row.cells.emplace_back(category, std::move(parts));
  }
  for (const AuditRow& row : rows) {
    auditor.look_at_pairs(file.filename().string(), row, counts);
    auditor.look_at_mean(file.filename().string(), row, "mean");
  }
  return auditor.done();
}

std::string render(const Audit& audit, Format format, const RenderOptions& options) {
  Table table{.columns = {{.title = "table"},
                          {.title = "row"},
                          {.title = "column"},
                          {.title = "what fails"},
                          {.title = "printed"},
                          {.title = "but", .may_shorten = true}}};
  for (const AuditFinding& finding : audit.findings)
    table.rows.push_back({{.text = finding.table},
                          {.text = finding.row},
                          {.text = finding.column},
                          {.text = finding.what},
                          {.text = finding.printed},
                          {.text = finding.detail}});
  Section section{.title = "findings"};
  section.paragraphs = {
      std::to_string(audit.pairs) + " pairs of F1 and accuracy, " + std::to_string(audit.means) +
          " means and " + std::to_string(audit.repeats) +
          " numbers printed twice were looked at; " + std::to_string(audit.findings.size()) +
          " cannot be as printed.",
      "A pair fails when no count of right and wrong decisions on that split rounds to both "
      "numbers. " +
          std::to_string(audit.unchecked_means) +
          " means stand beside a cell that is lost and were not looked at."};
  if (!audit.findings.empty()) section.table = std::move(table);
  return render(Page{.title = "Audit of printed numbers", .sections = {std::move(section)}}, format,
                options);
}

}  // namespace looktwice::reports
