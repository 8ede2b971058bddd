#include "harness/core/text.h"

#include <gtest/gtest.h>

namespace looktwice {
namespace {

TEST(Text, PrintableShowsWhatATerminalWouldObey) {
  EXPECT_EQ(printable("\x1b[31mred"), "\\x1B[31mred");
  EXPECT_EQ(printable("a\nb\tc\r"), "a\\nb\\tc\\r");
  EXPECT_EQ(printable("\u202Eevil"), "\\u{202E}evil");
  EXPECT_EQ(printable(std::string_view("a\0b", 3)), "a\\x00b");
  EXPECT_EQ(printable("\xC2\x9B"
                      "31m"),
            "\\x9B31m");  // the 8-bit control sequence introducer
  EXPECT_EQ(printable("größe 漢字"), "größe 漢字");
}

TEST(Text, PrintableShowsBytesThatAreNoUtf8) {
  EXPECT_EQ(printable("\xff\xfe"), "\\xFF\\xFE");
  EXPECT_EQ(printable("\xed\xa0\x80"), "\\xED\\xA0\\x80");  // a surrogate
  EXPECT_EQ(printable("\xf0\x9f\x98"), "\\xF0\\x9F\\x98");  // cut off
}

TEST(Text, PrintableIsCut) {
  EXPECT_EQ(printable("abcdef", 3), "abc...");
}

// The examples of Unicode 15, table 3-8 to 3-11: one replacement per maximal subpart.
TEST(Text, InvalidPartsBecomeOneReplacementEach) {
  const std::string r = "\xEF\xBF\xBD";
  EXPECT_EQ(valid_utf8("\xC0\xAF\xE0\x80\xBF\xF0\x81\x82\x41"),
            r + r + r + r + r + r + r + r + "A");
  EXPECT_EQ(valid_utf8("\xED\xA0\x80\xED\xBF\xBF\xED\xAF\x41"),
            r + r + r + r + r + r + r + r + "A");
  EXPECT_EQ(valid_utf8("\xF4\x91\x92\x93\xFF\x41\x80\xBF\x42"),
            r + r + r + r + r + "A" + r + r + "B");
  EXPECT_EQ(valid_utf8("\xE1\x80\xE2\xF0\x91\x92\xF1\xBF\x41"), r + r + r + r + "A");
}

TEST(Text, ValidTextIsLeftAlone) {
  EXPECT_TRUE(is_valid_utf8("größe 漢字 \U0001F600"));
  EXPECT_EQ(valid_utf8("größe 漢字 \U0001F600"), "größe 漢字 \U0001F600");
  EXPECT_FALSE(is_valid_utf8("\xE1\x80"));
}

}  // namespace
}  // namespace looktwice
