#include "harness/core/table.h"

#include <gtest/gtest.h>

#include <clocale>
#include <functional>
#include <string>
#include <vector>

#include "harness/core/error.h"
#include "tests/support/pictures.h"

namespace looktwice {
namespace {

using namespace std::string_literals;

std::string message_of(const std::function<void()>& act) {
  try {
    act();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), Kind::data) << error.what();
    return error.what();
  }
  ADD_FAILURE() << "nothing was thrown";
  return {};
}

std::vector<std::string> texts(const Row& row) {
  std::vector<std::string> out;
  for (const Cell& cell : row.cells) out.push_back(cell.text);
  return out;
}

using Texts = std::vector<std::string>;

TEST(Csv, QuotedCellsHoldSeparatorsLineEndsAndQuotes) {
  const Table table = csv_table(
      "\xEF\xBB\xBFpath,label\r\n\"a,b\",1\r\n\"two\r\nlines\",0\n\"say \"\"no\"\"\",1", "l.csv");
  EXPECT_EQ(table.columns, (Texts{"path", "label"}));
  ASSERT_EQ(table.rows.size(), 3u);
  EXPECT_EQ(texts(table.rows[0]), (Texts{"a,b", "1"}));
  EXPECT_EQ(texts(table.rows[1]), (Texts{"two\r\nlines", "0"}));
  EXPECT_EQ(texts(table.rows[2]), (Texts{"say \"no\"", "1"}));
  EXPECT_EQ(table.rows[1].place.line, 3);
  EXPECT_EQ(table.rows[2].place.line, 5);
  EXPECT_EQ(table.rows[2].cells[1].place.column, 14);
}

TEST(Csv, EmptyCellsAreCellsAndEmptyLinesAreNot) {
  const Table table = csv_table("a,b\n\n,\r\n\r\nx,\n", "l.csv");
  ASSERT_EQ(table.rows.size(), 2u);
  EXPECT_EQ(texts(table.rows[0]), (Texts{"", ""}));
  EXPECT_EQ(texts(table.rows[1]), (Texts{"x", ""}));
}

TEST(Csv, FileNamesNeedNotBeUtf8) {
  EXPECT_EQ(csv_table("a\n\xE9\xFF.png\n", "l.csv").rows[0].cells[0].text, "\xE9\xFF.png");
}

TEST(Csv, BlanksSetColumnsApart) {
  const Table table =
      csv_table("  images/cell0001.png   1.0  mono\nimages/cell0002.png\t0.0 poly  \n   \n",
                "labels.csv", {.separator = ' ', .header = false});
  EXPECT_EQ(table.columns, (Texts{"1", "2", "3"}));
  ASSERT_EQ(table.rows.size(), 2u);
  EXPECT_EQ(texts(table.rows[1]), (Texts{"images/cell0002.png", "0.0", "poly"}));
  EXPECT_EQ(table.rows[0].cells[0].place.column, 3);
}

TEST(Csv, SaysWhereTheFaultIs) {
  const struct {
    std::string text, message;
  } cases[] = {
      {"", "line 1, column 1: is empty"},
      {"\n\n", "line 1, column 1: is empty"},
      {"a,b\n1", "line 2, column 1: 1 cells where 2 were expected"},
      {"a,b\n1,2,3\n", "line 2, column 1: 3 cells where 2 were expected"},
      {"a,a\n1,2\n", "line 1, column 3: column 'a' stands twice"},
      {"a,b\n\"1,2\n3,4\n", "line 2, column 1: this quote is never closed"},
      {"a,b\n1,\"2\"x\n", "line 2, column 6: text behind a closing quote"},
      {"a,b\n1,2\"\n", "line 2, column 4: a quote inside a cell that is not quoted"},
      {"a,b\n1,2\r3,4\n", "line 2, column 4: a carriage return without a line feed"},
      {"a,b\n\"x\ny\",2\n1,\0\n"s, "line 4, column 3: a NUL byte"},
      {"\xFF\xFE"
       "a\0,\0b\0"s,
       "UTF-16"},
      {"a\0,\0b\0"s, "UTF-16"},
  };
  for (const auto& given : cases) {
    const std::string message = message_of([&] { csv_table(given.text, "l.csv"); });
    EXPECT_NE(message.find(given.message), std::string::npos) << message;
    EXPECT_TRUE(message.starts_with("l.csv: ")) << message;
  }
}

TEST(Json, RowsHoldWhatTheFileSays) {
  const Table table = json_table(
      "\xEF\xBB\xBF[\n {\"path\": \"a\\u00e9.png\", \"label\": 1, \"big\": -1.50e2},\n {\"label\": "
      "false, "
      "\"more\": [1, {\"x\": \"]\"}], \"mask\": null}\n]",
      "l.json");
  EXPECT_EQ(table.columns, (Texts{"path", "label", "big", "more", "mask"}));
  ASSERT_EQ(table.rows.size(), 2u);
  EXPECT_EQ(texts(table.rows[0]), (Texts{"a\xC3\xA9.png", "1", "-1.50e2", "", ""}));
  EXPECT_EQ(texts(table.rows[1]), (Texts{"", "false", "", "[1, {\"x\": \"]\"}]", ""}));
  EXPECT_EQ(table.number(table.rows[0], "big"), -150);
  EXPECT_EQ(table.find(table.rows[1], "mask"), nullptr);
  EXPECT_EQ(table.find(table.rows[1], "path"), nullptr);
  EXPECT_EQ(table.find(table.rows[1], "nothing"), nullptr);
  EXPECT_EQ(table.rows[1].place.line, 3);
  EXPECT_EQ(table.rows[1].cells[1].place.column, 12);
  EXPECT_EQ(table.rows[1].cells[3].place.column, 27);
}

TEST(Json, AnObjectOfObjectsGivesItsNamesAsKeys) {
  const Table table =
      json_table(R"({"a.png": {"score": 1}, "b.png": {"score": 2, "x": 3}})", "l.json");
  EXPECT_EQ(table.columns, (Texts{"key", "score", "x"}));
  EXPECT_EQ(texts(table.rows[1]), (Texts{"b.png", "2", "3"}));
}

TEST(Json, LinesAreRecords) {
  const Table table = jsonl_table("{\"a\": 1}\r\n\n{\"b\": [ 2 ]}", "l.jsonl");
  EXPECT_EQ(table.columns, (Texts{"a", "b"}));
  EXPECT_EQ(texts(table.rows[1]), (Texts{"", "[ 2 ]"}));
  EXPECT_EQ(table.rows[1].place.line, 3);
}

TEST(Json, PlacesOfValuesAreTheirFirstBytes) {
  const std::string text = "{\"a\" : [1,\n 22 , \"x\\n\"],\n\"b\":{\"c\":true ,\"d\":null}}";
  const JsonValue root = parsed_json(text, "x");
  const auto same = [&](const JsonValue& value, int line, int column, const std::string& raw) {
    EXPECT_EQ(value.place.line, line) << raw;
    EXPECT_EQ(value.place.column, column) << raw;
    EXPECT_EQ(text.substr(value.begin, value.end - value.begin), raw);
  };
  const JsonValue& a = *root.find("a");
  same(root, 1, 1, text);
  same(a, 1, 8, "[1,\n 22 , \"x\\n\"]");
  same(a.items[0], 1, 9, "1");
  same(a.items[1], 2, 2, "22");
  same(a.items[2], 2, 7, "\"x\\n\"");
  same(*root.find("b")->find("c"), 3, 10, "true");
  same(*root.find("b")->find("d"), 3, 20, "null");
}

TEST(Json, SaysWhereTheFaultIs) {
  const struct {
    std::string text, message;
  } cases[] = {
      {"", "line 1, column 1: no valid JSON"},
      {"[{\"a\": 1},\n {\"a\": NaN}]", "line 2, column 8: no valid JSON"},
      {"[{\"a\": NaN}]", "NaN and Infinity are no JSON"},
      {"[{\"a\": -Infinity}]", "NaN and Infinity are no JSON"},
      {"[{\"a\": 1e999}]", "number overflow"},
      {"[{\"a\": 1,\n  \"a\": 2}]", "line 2, column 3: 'a' stands twice in this object"},
      {"[{\"a\": 01}]", "line 1, column 10: no valid JSON"},
      {"[{\"a\": 1},]", "line 1, column 11: no valid JSON"},
      {"[{\"a\": 1}] x", "line 1, column 12: no valid JSON"},
      {"[{'a': 1}]", "line 1, column 3: no valid JSON"},
      {"[{\"a\": \"\xFF\"}]", "no valid JSON"},
      {"[{\"a\": \"\\ud800\"}]", "no valid JSON"},
      {"[{\"a\": \"tab\there\"}]", "no valid JSON"},
      {"[// no\n]", "no valid JSON"},
      {"[1]", "line 1, column 2: an object was expected, this is a number"},
      {"\"x\"", "line 1, column 1: a list of objects was expected, this is a text"},
      {"{\"a\": 3}", "line 1, column 7: an object was expected, this is a number"},
      {"\xFF\xFE[\0]\0"s, "UTF-16"},
      {"\0[\0]"s, "UTF-16"},
      {std::string(100'000, '['), "line 1, column 65: nested deeper than 64 levels"},
  };
  for (const auto& given : cases) {
    const std::string message = message_of([&] { json_table(given.text, "l.json"); });
    EXPECT_NE(message.find(given.message), std::string::npos)
        << given.text.substr(0, 40) << ": " << message;
    EXPECT_TRUE(message.starts_with("l.json: ")) << message;
  }
  const std::string lines = message_of([] { jsonl_table("{\"a\":1}\n{\"a\":1} {}\n", "l.jsonl"); });
  EXPECT_TRUE(lines.starts_with("l.jsonl: line 2, column 9: ")) << lines;
}

TEST(Table, MissingAndWrongCellsAreNamed) {
  const Table table = csv_table("id,score\na,nan\nb,0x10\nc,1e999\nd, -2.5 \ne,\n", "p.csv");
  const auto fault = [&](std::size_t row, const std::string& column) {
    return message_of([&] { table.number(table.rows[row], column); });
  };
  EXPECT_EQ(fault(0, "score"),
            "p.csv: line 2, column 3: 'score' must be a finite number, not 'nan'");
  EXPECT_EQ(fault(1, "score"),
            "p.csv: line 3, column 3: 'score' must be a finite number, not '0x10'");
  EXPECT_EQ(fault(2, "score"),
            "p.csv: line 4, column 3: 'score' must be a finite number, not '1e999'");
  EXPECT_EQ(fault(4, "score"), "p.csv: line 6, column 3: 'score' must be a finite number, not ''");
  EXPECT_EQ(fault(0, "map"), "p.csv: line 2, column 1: 'map' is missing");
  EXPECT_EQ(table.number(table.rows[3], "score"), -2.5);
}

TEST(Table, AFileOfAGigabyteIsRefusedBeforeItIsRead) {
  const testing::TemporaryFolder folder;
  for (const char* name : {"list.csv", "list.json", "list.jsonl"}) {
    const auto path = folder.file(name, "[");
    std::filesystem::resize_file(path, std::uintmax_t{1} << 30);  // a hole: takes no space
    const std::string message = message_of([&] { table_of_file(path); });
    EXPECT_NE(message.find("more than the limit of 268435456"), std::string::npos) << message;
  }
  const std::string message = message_of([&] { table_of_file(folder.file("list.xlsx", "x")); });
  EXPECT_NE(message.find("a list ends in .csv"), std::string::npos) << message;
}

TEST(Table, NumbersDoNotHangOnTheLocale) {
  const std::string before = std::setlocale(LC_ALL, nullptr);
  for (const char* name : {"de_DE.UTF-8", "de_DE.utf8", "C.UTF-8"})
    if (std::setlocale(LC_ALL, name)) break;
  EXPECT_EQ(finite_number("1.5"), 1.5);
  EXPECT_EQ(finite_number("1,5"), std::nullopt);
  std::setlocale(LC_ALL, before.c_str());
  EXPECT_EQ(finite_number("+3"), 3.0);
  for (const char* wrong : {"", " ", "+", "+-1", "-inf", "infinity", "1e400", "1 2", "1f", "١"})
    EXPECT_EQ(finite_number(wrong), std::nullopt) << wrong;
}

}  // namespace
}  // namespace looktwice
