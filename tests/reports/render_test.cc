#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "harness/core/error.h"
#include "harness/core/text.h"
#include "reports/display_width.h"
#include "reports/embedded.h"
#include "reports/table.h"
#include "tests/reports/golden.h"
#include "tests/reports/payloads.h"
#include "tests/reports/temporary_folder.h"

namespace looktwice::reports {
namespace {

Table example() {
  Table table{.title = "A small table"};
  table.columns = {{.title = "Name", .may_shorten = true},
                   {.title = "Value, %", .align = Align::right, .key = "value"},
                   {.title = "n", .align = Align::right}};
  table.rows = {{{.text = "first", .tone = Tone::strong},
                 {.text = "9.5", .aside = "8.1–10.9", .note = "A note.", .number = 9.5123456789},
                 {.text = "1092"}},
                {{.text = "日本語の名前"}, {.text = "100.0", .number = 100.0}, {.text = "7"}},
                {{.text = "a|b_c <d>", .note = "Another | note."},
                 {.text = "-", .tone = Tone::muted},
                 {.text = "0", .tone = Tone::bad, .note = "A note."}}};
  table.footnotes = {"To the whole table."};
  return table;
}

Page example_page() {
  return {
      .title = "A page",
      .sections = {{.title = "First", .paragraphs = {"One line.", "Another."}, .table = example()},
                   {.title = "How", .command = "looktwice run --model 'a b'"}}};
}

TEST(Render, EveryFormatAsBefore) {
  for (const auto& [format, suffix] : {std::pair(Format::terminal, "txt"),
                                       {Format::markdown, "md"},
                                       {Format::csv, "csv"},
                                       {Format::json, "json"},
                                       {Format::latex, "tex"},
                                       {Format::html, "html"}}) {
    expect_golden(std::string("table.") + suffix, render(example(), format));
    expect_golden(std::string("page.") + suffix, render(example_page(), format));
  }
  expect_golden("table_colour.txt", render(example(), Format::terminal, {.colour = true}));
  expect_golden("table_narrow.txt", render(example(), Format::terminal, {.width = 24}));
}

TEST(Render, LinesFitTheTerminal) {
  for (int width = 32; width <= 100; ++width) {
    std::istringstream lines(render(example_page(), Format::terminal, {.width = width}));
    for (std::string line; std::getline(lines, line);)
      if (line.find("looktwice run") == std::string::npos) {
        EXPECT_LE(display_width(line), width) << line;
      }
  }
}

TEST(Render, WideCharactersTakeTwoColumns) {
  EXPECT_EQ(display_width("abc"), 3);
  EXPECT_EQ(display_width("日本"), 4);
  EXPECT_EQ(display_width("e\xCC\x81"), 1);  // e and a combining accent
  EXPECT_EQ(display_width("…"), 1);
  EXPECT_EQ(shortened("日本語", 5, "…"), "日本…");
  EXPECT_EQ(shortened("日本語", 4, "…"), "日…");
  EXPECT_EQ(shortened("ae\xCC\x81z", 3, "…"), "ae\xCC\x81z");
  EXPECT_EQ(shortened("ae\xCC\x81zy", 3, "…"), "ae\xCC\x81…");
  EXPECT_EQ(shortened("a bc", 3, "…"), "a…");
}

TEST(Render, NumbersDoNotDependOnTheLocale) {
  EXPECT_EQ(fixed(0.705, 1), "0.7");
  EXPECT_EQ(fixed(1234567.25, 1), "1234567.2");
  EXPECT_EQ(fixed(-0.01, 1), "0.0");
  EXPECT_EQ(fixed(-1.26, 1), "-1.3");
  EXPECT_EQ(fixed({}, 1), "-");
  EXPECT_EQ(fixed(std::numeric_limits<double>::infinity(), 1), "-");
  EXPECT_EQ(fixed(1e300, 0).size(), 301u);
}

TEST(Render, FormatsHaveNames) {
  EXPECT_EQ(format_named("markdown"), Format::markdown);
  EXPECT_FALSE(format_named("pdf"));
  EXPECT_EQ(format_names(), "terminal, markdown, csv, json, latex, html");
}

TEST(Render, ARaggedTableIsOurMistake) {
  Table table = example();
  table.rows[1].pop_back();
  EXPECT_THROW(render(table, Format::terminal), Error);
}

TEST(Render, EmptyTablesAreFine) {
  for (const Format format : {Format::terminal, Format::markdown, Format::csv, Format::json,
                              Format::latex, Format::html}) {
    render(Table{}, format);
    render(Page{}, format);
  }
}

TEST(Render, TwoColumnsOfOneNameStayTwoFieldsInJson) {
  Table table;
  table.columns = {{.title = "a"}, {.title = "a"}};
  table.rows = {{{.text = "x"}, {.text = "y"}}};
  const auto row = nlohmann::json::parse(render(table, Format::json))["rows"][0];
  EXPECT_EQ(row["a"], "x");
  EXPECT_EQ(row["a 2"], "y");
}

TEST(Render, TemplatesEscapeEveryValue) {
  EXPECT_GE(template_files().size(), 4u);
  for (const EmbeddedFile& file : template_files()) {
    EXPECT_EQ(file.bytes.find("{{{"), std::string_view::npos) << file.name;
    EXPECT_EQ(file.bytes.find("{{&"), std::string_view::npos) << file.name;
    EXPECT_EQ(file.bytes.find("{{="), std::string_view::npos) << file.name;
    EXPECT_EQ(file.bytes.find("<script"), std::string_view::npos) << file.name;
    EXPECT_EQ(file.bytes.find("src=\"http"), std::string_view::npos) << file.name;
  }
}

// A page with a text in every place that takes one.
Page page_of_texts(const std::vector<std::string>& texts) {
  Page page{.title = texts[0]};
  for (const std::string& text : texts) {
    Table table{.title = text};
    table.columns = {{.title = text}, {.title = text, .align = Align::right, .key = text}};
    table.rows = {
        {{.text = text}, {.text = text, .aside = text, .tone = Tone::strong, .note = text}}};
    table.footnotes = {text};
    page.sections.push_back(
        {.title = text, .paragraphs = {text}, .table = table, .command = "run " + text});
  }
  return page;
}

class Hostile : public TemporaryFolder {
 protected:
  std::filesystem::path write(const std::string& name, const std::string& text) {
    std::ofstream(folder() / name, std::ios::binary) << text;
    return folder() / name;
  }
  static int run(const std::string& command) { return std::system(command.c_str()); }

  const std::vector<std::string> hostile_ = hostile_texts();
  const std::vector<std::string> harmless_ = std::vector<std::string>(hostile_.size(), "text");
};

TEST_F(Hostile, TextAddsNoElementToHtml) {
  const auto a = write("a.html", render(page_of_texts(harmless_), Format::html));
  const auto b = write("b.html", render(page_of_texts(hostile_), Format::html));
  if (run("python3 --version >/dev/null 2>&1") != 0) GTEST_SKIP() << "no python3";
  EXPECT_EQ(run("python3 " LOOKTWICE_SOURCE_DIR "/tests/reports/check_html.py '" + a.string() +
                "' '" + b.string() + "'"),
            0);
}

TEST_F(Hostile, TextAddsNoElementToMarkdown) {
  // <code> is how wild text is shown; it holds character references only.
  const auto a = write("a.md", render(page_of_texts(harmless_), Format::markdown));
  const auto b = write("b.md", render(page_of_texts(hostile_), Format::markdown));
  if (run("cmark-gfm --version >/dev/null 2>&1 && python3 --version >/dev/null 2>&1") != 0)
    GTEST_SKIP() << "no cmark-gfm (Debian package cmark-gfm)";
  for (const char* name : {"a", "b"})
    ASSERT_EQ(run("cd '" + folder().string() + "' && cmark-gfm --unsafe -e table -e autolink " +
                  "-e strikethrough -e tagfilter " + name + ".md > " + name + ".html"),
              0);
  EXPECT_EQ(run("python3 " LOOKTWICE_SOURCE_DIR "/tests/reports/check_html.py --ignore code '" +
                (folder() / "a.html").string() + "' '" + (folder() / "b.html").string() + "'"),
            0);
}

TEST_F(Hostile, TextStaysInItsCellOfCsv) {
  const auto file = write("b.csv", render(page_of_texts(hostile_), Format::csv));
  if (run("python3 --version >/dev/null 2>&1") != 0) GTEST_SKIP() << "no python3";
  const auto script = write("check.py",
                            "import csv, sys\n"
                            "csv.field_size_limit(1 << 24)\n"
                            "rows = [r for r in csv.reader(open(sys.argv[1], newline='', "
                            "encoding='utf-8'), strict=True) if r]\n"
                            "assert len(rows) == 2 * int(sys.argv[2]), len(rows)\n"
                            "for row in rows:\n"
                            "    assert len(row) == 3, row\n"
                            "    for cell in row:\n"
                            "        s = cell.lstrip(' \"')\n"
                            "        assert s[:1] not in ('=', '+', '@'), cell\n"
                            "        assert s[:1] != '-' or s == '-', cell\n");
  EXPECT_EQ(run("python3 '" + script.string() + "' '" + file.string() + "' " +
                std::to_string(hostile_.size())),
            0);
}

TEST_F(Hostile, TextIsInertInATerminal) {
  std::istringstream lines(render(page_of_texts(hostile_), Format::terminal, {.width = 60}));
  for (std::string line; std::getline(lines, line);) {
    for (const char c : line) ASSERT_GE(static_cast<unsigned char>(c), 0x20) << printable(line);
    const std::size_t first = line.find_first_not_of(' ');
    if (first == std::string::npos) continue;
    EXPECT_NE(line.substr(first, 2), "::") << line;
    EXPECT_EQ(line.find("##["), std::string::npos) << line;
  }
}

TEST_F(Hostile, JsonIsAsciiAndGivesTheTextBack) {
  const std::string text = render(page_of_texts(hostile_), Format::json);
  for (const char c : text) ASSERT_TRUE(c == '\n' || (c >= 0x20 && c < 0x7F));
  const auto json = nlohmann::json::parse(text);
  for (std::size_t i = 0; i < hostile_.size(); ++i) {
    if (!is_valid_utf8(hostile_[i])) continue;
    EXPECT_EQ(json["sections"][i]["title"], hostile_[i]);
  }
}

}  // namespace
}  // namespace looktwice::reports
