#include "reports/escape.h"

#include <gtest/gtest.h>

#include <set>

#include "harness/core/text.h"
#include "tests/reports/payloads.h"

namespace looktwice::reports {
namespace {

TEST(Escape, ThereAreAtLeastTwoHundredHostileTexts) {
  EXPECT_GE(hostile_texts().size(), 200u);
}

TEST(Escape, TerminalTextHasNoControlsAndNoCommands) {
  for (const std::string& hostile : hostile_texts()) {
    const std::string text = terminal_text(hostile);
    EXPECT_TRUE(is_valid_utf8(text));
    for (const char c : text) EXPECT_GE(static_cast<unsigned char>(c), 0x20) << text;
    EXPECT_EQ(text.find("\xC2\x9B"), std::string::npos);
    EXPECT_EQ(text.find("\xE2\x80\xAE"), std::string::npos);
    EXPECT_FALSE(text.starts_with("::")) << text;
    EXPECT_EQ(text.find(" ::"), std::string::npos) << text;
    EXPECT_EQ(text.find("##"), std::string::npos) << text;
  }
  EXPECT_EQ(terminal_text("plain text, 72.1 %"), "plain text, 72.1 %");
  EXPECT_EQ(terminal_text("ns::name"), "ns::name");
  EXPECT_EQ(terminal_text("::error"), "\\x3A:error");
}

TEST(Escape, MarkdownKeepsTameTextReadable) {
  EXPECT_EQ(markdown_text("anomaly_ov 0.5 (a-b), c/d"), "anomaly_ov 0.5 (a-b), c/d");
  EXPECT_EQ(markdown_text("a | b"), "a \\| b");
  EXPECT_EQ(markdown_text("_a_ *b* [c] # ~~"), "\\_a\\_ \\*b\\* \\[c\\] \\# \\~\\~");
  EXPECT_EQ(markdown_text("- a"), "\\- a");
  EXPECT_EQ(markdown_text("12. a"), "12\\. a");
  EXPECT_EQ(markdown_text("12.5"), "12.5");
  EXPECT_EQ(markdown_text("-"), "-");
  EXPECT_EQ(markdown_text("a@b"), "<code>a</code><code>&#64;</code><code>b</code>");
  EXPECT_EQ(markdown_text("<b>"), "<code>&#60;b&#62;</code>");
}

TEST(Escape, CsvFieldsAreNoFormulas) {
  EXPECT_EQ(csv_field("plain"), "plain");
  EXPECT_EQ(csv_field("-"), "-");  // our sign for no value
  EXPECT_EQ(csv_field("a,b"), "\"a,b\"");
  EXPECT_EQ(csv_field("a \"b\""), "\"a \"\"b\"\"\"");
  EXPECT_EQ(csv_field("=1+1"), "'=1+1");
  EXPECT_EQ(csv_field("  -2"), "'  -2");
  EXPECT_EQ(csv_field("\t=1"), "'\\t=1");
  EXPECT_EQ(csv_field("\xEF\xBC\x9D"
                      "1"),
            "'\xEF\xBC\x9D"
            "1");
  for (const std::string& hostile : hostile_texts()) {
    const std::string field = csv_field(hostile);
    const std::size_t first = field.find_first_not_of("\" ");
    if (first == std::string::npos || field == "-") continue;
    EXPECT_EQ(std::string("=+-@").find(field[first]), std::string::npos) << field;
  }
}

TEST(Escape, LatexHasOnlyCommandsOfOurs) {
  const std::set<std::string> ours = {"textbackslash", "textasciicircum", "textasciitilde",
                                      "textless",      "textgreater",     "textbar",
                                      "textquotedbl"};
  for (const std::string& hostile : hostile_texts()) {
    const std::string text = latex_text(hostile);
    int depth = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
      const char c = text[i];
      EXPECT_EQ(std::string("$&#%^~_").find(c), std::string::npos) << text;
      depth += c == '{' ? 1 : c == '}' ? -1 : 0;
      EXPECT_GE(depth, 0) << text;
      if (c != '\\') continue;
      ASSERT_LT(i + 1, text.size());
      if (std::string("{}$&#%_").find(text[i + 1]) != std::string::npos) {
        ++i;
        continue;
      }
      const std::size_t end = text.find("{}", i);
      ASSERT_NE(end, std::string::npos) << text;
      EXPECT_TRUE(ours.contains(text.substr(i + 1, end - i - 1))) << text;
    }
    EXPECT_EQ(depth, 0) << text;
  }
}

TEST(Escape, ShellWordsStayOneArgument) {
  EXPECT_EQ(shell_word("runs/a_b-1.2"), "runs/a_b-1.2");
  EXPECT_EQ(shell_word(""), "''");
  EXPECT_EQ(shell_word("a b"), "'a b'");
  EXPECT_EQ(shell_word("$(x) 'y'"), "'$(x) '\\''y'\\'''");
}

}  // namespace
}  // namespace looktwice::reports
