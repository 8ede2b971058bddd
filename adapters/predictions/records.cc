#include "adapters/predictions/records.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "harness/core/error.h"
#include "harness/core/hash.h"
#include "harness/core/table.h"
#include "harness/core/text.h"

namespace looktwice::adapters {
namespace {

// The usual names, best first. Paths come before "id", which often is a mere row number.
const std::vector<std::string> kIdNames = {
    "sample",   "sample_id", "image_path", "img_path", "path",      "file_path",
    "filepath", "image",     "img",        "file",     "file_name", "filename",
    "image_id", "img_id",    "id",         "name",     "key"};
const std::vector<std::string> kScoreNames = {
    "score",       "anomaly_score", "image_score",        "pred_score",
    "pred_scores", "anomaly",       "anomaly_probability"};
const std::vector<std::string> kTextNames = {
    "response",   "reply", "output", "generated_text", "model_answer", "gpt_answer",
    "prediction", "pred",  "text",   "answer",         "answers"};
const std::vector<std::string> kQuestionNames = {"question"};
const std::vector<std::string> kTurnNames = {"turn"};

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) {
    if (!text.empty()) text += ", ";
    text += printable(word, 60);
  }
  return text;
}

// The column asked for, which must be there, or the first usual one.
std::optional<std::string> column_for(const Table& table, const std::string& asked,
                                      const char* option, const std::vector<std::string>& usual) {
  if (!asked.empty()) {
    if (table.column(asked)) return asked;
    table.refuse({1, 1}, std::string("no column '") + printable(asked) + "' for " + option +
                             "; it has " + joined(table.columns));
  }
  for (const std::string& name : usual)
    for (const std::string& column : table.columns)
      if (lower_ascii(column) == name) return column;
  return {};
}

// {"a.png": 0.5, "b.png": 0.25}, as a Python dictionary is written.
std::optional<Table> plain_object_table(std::string_view text, const std::string& file) {
  const JsonValue root = parsed_json(text, file);
  if (root.type != JsonValue::Type::object || root.members.empty() ||
      root.members[0].second.type == JsonValue::Type::object)
    return {};
  Table table{.file = file, .columns = {"key", ""}};
  table.columns[1] = root.members[0].second.type == JsonValue::Type::number ? "score" : "text";
  for (const auto& [name, value] : root.members) {
    Cell cell{.type = Cell::Type::text, .text = value.text, .place = value.place};
    if (value.type == JsonValue::Type::number) cell.type = Cell::Type::number;
    if (value.type == JsonValue::Type::boolean) cell.type = Cell::Type::boolean;
    if (value.type == JsonValue::Type::null) cell.type = Cell::Type::null;
    if (!value.items.empty() || !value.members.empty()) {
      cell.type = Cell::Type::nested;
      cell.text = std::string(text.substr(value.begin, value.end - value.begin));
    }
    table.rows.push_back(
        {.cells = {{.type = Cell::Type::text, .text = name, .place = value.place}, std::move(cell)},
         .place = value.place});
  }
  return table;
}

Table table_of(const std::filesystem::path& path, std::string_view text, const std::string& file) {
  const std::string suffix = lower_ascii(path.extension().string());
  if (suffix == ".csv") return csv_table(text, file);
  if (suffix == ".tsv") return csv_table(text, file, {.separator = '\t'});
  if (suffix == ".jsonl" || suffix == ".ndjson") return jsonl_table(text, file);
  if (suffix != ".json")
    throw Error(Kind::data,
                file + ": recorded predictions end in .csv, .tsv, .json, .jsonl or .ndjson");
  if (auto plain = plain_object_table(text, file)) return *std::move(plain);
  return json_table(text, file);
}

// A finite number or the reason why not. Text in JSON is no score even when it looks like one:
// "0.9" and "10.0" would have been compared as words by whoever wrote them.
void read_score(const Cell& cell, bool csv, const std::string& file, Record& record) {
  if (csv && cell.text.find_first_not_of(" \t") == std::string::npos) return;  // an empty cell
  if (cell.type == Cell::Type::number || (csv && cell.type == Cell::Type::text))
    record.score = finite_number(cell.text);
  if (!record.score)
    record.flaw = file + ": line " + std::to_string(cell.place.line) + ": the score '" +
                  printable(cell.text, 60) + "' is no finite number";
}

bool same_slot(const Record& a, const Record& b) {
  return a.turn == b.turn && a.question == b.question;
}

std::string trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return {};
  return std::string(text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1));
}

// A line of a run's journal: {...,"run":"<16 hex>","crc":"<8 hex>"}; the checksum covers all before
// ,"crc".
bool frame_is_intact(std::string_view line) {
  constexpr std::size_t kTail = 8 + 8 + 2;  // ,"crc":" and 8 digits and "}
  if (line.size() < kTail || line.substr(line.size() - kTail, 8) != ",\"crc\":\"" ||
      !line.ends_with("\"}"))
    return false;
  std::uint32_t crc = 0;
  const char* digits = line.data() + line.size() - 10;
  const auto [end, fault] = std::from_chars(digits, digits + 8, crc, 16);
  return fault == std::errc{} && end == digits + 8 &&
         crc == crc32c(line.substr(0, line.size() - kTail));
}

bool is_journal(std::string_view text) {
  const std::string_view first = text.substr(0, text.find('\n'));
  return first.starts_with("{\"schema\":") &&
         first.find("\"kind\":\"predictions\"") != std::string_view::npos;
}

}  // namespace

Records::Records(const std::filesystem::path& file, const RecordColumns& columns) {
  std::filesystem::path path = file;
  if (std::filesystem::is_directory(path)) path /= "predictions.jsonl";
  file_ = printable(path.string());
  const std::string text = text_of_file(path);
  hash_ = sha256(text);
  if (is_journal(text)) {
    run_folder_ = path.parent_path();
    read_journal(text);
  } else {
    read_table(path, text, columns);
  }
  for (const auto& [name, group] : group_of_) index_.add(name, group);
}

void Records::add(const std::string& name, Record record) {
  const auto [found, is_new] = group_of_.try_emplace(name, groups_.size());
  if (is_new) groups_.emplace_back();
  std::vector<Record>& group = groups_[found->second];
  for (const Record& other : group)
    if (same_slot(record, other))
      throw Error(Kind::data, file_ + ": lines " + std::to_string(other.place.line) + " and " +
                                  std::to_string(record.place.line) + " both record '" +
                                  printable(name) + "'" +
                                  (record.question.empty() ? "" : " and the same question"));
  group.push_back(std::move(record));
}

void Records::read_journal(std::string_view text) {
  std::int64_t line_number = 0;
  std::string run;
  while (!text.empty()) {
    ++line_number;
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    // ,"run":"<16 hex>" stands before the checksum.
    const std::string_view of_run =
        line.size() > 60 ? line.substr(line.size() - 18 - 25, 25) : std::string_view();
    if (!frame_is_intact(line) || (line_number > 1 && of_run != run)) {
      ++damaged_;
      continue;
    }
    if (line_number == 1) {
      run = of_run;
      continue;
    }
    StoredPrediction stored = prediction_of(line);
    Prediction& p = stored.prediction;
    Record record{.place = {line_number, 1},
                  .status = p.status,
                  .text = std::move(p.text),
                  .has_text = p.status == Status::answered,
                  .score = p.score,
                  .error = std::move(p.error),
                  .map = std::move(stored.map)};
    // The last record of a key wins. Keys end in the turn.
    std::size_t turn = 0;
    const std::size_t slash = p.key.rfind('/');
    if (slash != std::string::npos)
      std::from_chars(p.key.data() + slash + 1, p.key.data() + p.key.size(), turn);
    record.turn = turn;
    const auto [group, is_new] = group_of_.try_emplace(tidy_name(stored.sample), groups_.size());
    if (is_new) groups_.emplace_back();
    const auto [place, is_new_key] =
        by_key_.try_emplace(p.key, group->second, groups_[group->second].size());
    if (is_new_key)
      groups_[group->second].push_back(std::move(record));
    else
      groups_[place->second.first][place->second.second] = std::move(record);
  }
}

void Records::read_table(const std::filesystem::path& path, std::string_view text,
                         const RecordColumns& columns) {
  const Table table = table_of(path, text, file_);
  const std::string suffix = lower_ascii(path.extension().string());
  const bool csv = suffix == ".csv" || suffix == ".tsv";
  const auto id = column_for(table, columns.id, "id", kIdNames);
  const auto score = column_for(table, columns.score, "score", kScoreNames);
  const auto answer = column_for(table, columns.text, "text", kTextNames);
  const auto question = column_for(table, columns.question, "question", kQuestionNames);
  const auto turn = column_for(table, columns.turn, "turn", kTurnNames);
  if (!id)
    table.refuse({1, 1},
                 "no column names the samples; name one with id=; it has " + joined(table.columns));
  if (!score && !answer)
    table.refuse({1, 1}, "neither scores nor texts; name a column with score= or text=; it has " +
                             joined(table.columns));

  std::vector<std::string> ignored;
  for (const std::string& column : table.columns)
    if (column != id && column != score && column != answer && column != question && column != turn)
      ignored.push_back(column);
  ignored_columns_ = joined(ignored);

  for (const Row& row : table.rows) {
    const Cell& name = table.at(row, *id);
    if (name.text.empty() || name.type == Cell::Type::nested)
      table.refuse(name.place, "no name of a sample");
    Record record{.place = row.place};
    if (score)
      if (const Cell* cell = table.find(row, *score)) read_score(*cell, csv, file_, record);
    if (question)
      if (const Cell* cell = table.find(row, *question)) record.question = trimmed(cell->text);
    if (turn && table.find(row, *turn)) {
      const double value = table.number(row, *turn);
      if (value < 0 || value > 1e6 || value != std::floor(value))
        table.refuse(table.at(row, *turn).place, "a turn is a whole number from 0");
      record.turn = static_cast<std::size_t>(value);
    }
    const Cell* cell = answer ? table.find(row, *answer) : nullptr;
    if (cell && cell->type == Cell::Type::nested) {
      // One record holds the answers of all turns.
      const JsonValue list = parsed_json(cell->text, file_, 64, cell->place.line);
      for (std::size_t i = 0; i < list.items.size() || i == 0; ++i) {
        if (list.type != JsonValue::Type::array || list.items.empty() ||
            list.items[i].type != JsonValue::Type::text)
          table.refuse(cell->place, "answers are a text or a list of texts");
        Record one = record;
        one.text = list.items[i].text;
        one.has_text = true;
        one.turn = i;
        add(tidy_name(name.text), std::move(one));
      }
      continue;
    }
    if (cell) {
      record.text = cell->text;
      // In CSV an empty cell may as well be a missing one.
      record.has_text = cell->type == Cell::Type::text && (!csv || !cell->text.empty());
    }
    add(tidy_name(name.text), std::move(record));
  }
}

const Record* Records::find(const std::string& key, const std::string& sample, std::size_t turn,
                            const std::string& question) {
  if (const auto known = by_key_.find(key); known != by_key_.end())
    return &groups_[known->second.first][known->second.second];
  const auto number = index_.find(sample);
  if (!number) return nullptr;
  const std::vector<Record>& group = groups_[*number];

  const Record* best = nullptr;
  const std::string asked = trimmed(question);
  for (const Record& record : group) {
    if (record.turn && *record.turn != turn) continue;
    if (!record.question.empty() && asked.find(record.question) == std::string::npos) continue;
    // The longest recorded question within the asked text: "Is it broken?" also occurs in "Where?
    // Is it broken?".
    if (best && record.question.size() == best->question.size())
      throw Error(Kind::data, file_ + ": lines " + std::to_string(best->place.line) + " and " +
                                  std::to_string(record.place.line) + " both fit '" +
                                  printable(sample) + "'");
    if (!best || record.question.size() > best->question.size()) best = &record;
  }
  return best;
}

std::map<std::string, std::string> Records::facts() const {
  std::size_t records = 0, flawed = 0;
  for (const auto& group : groups_)
    for (const Record& record : group) ++records, flawed += !record.flaw.empty();
  // Named as the weights of a model are: a run folder does not go on with another file.
  std::map<std::string, std::string> facts{{"weights_sha256", hash_},
                                           {"records", std::to_string(records)}};
  const std::vector<std::string> unused = index_.unused();
  if (!unused.empty()) {
    facts["records_unused"] = std::to_string(unused.size());
    facts["first_unused"] = printable(unused[0]);
  }
  if (flawed > 0) facts["scores_not_finite"] = std::to_string(flawed);
  if (!ignored_columns_.empty()) facts["columns_ignored"] = ignored_columns_;
  if (damaged_ > 0) facts["damaged_lines"] = std::to_string(damaged_);
  return facts;
}

}  // namespace looktwice::adapters
