#include "suites/text_mask.h"

#include <gtest/gtest.h>

#include <chrono>
#include <random>
#include <string>

namespace looktwice::suites {
namespace {

std::string canonical(const std::string& runs, int first_index = 0) {
  return mask_text(seg_reply("<seg>" + runs + "</seg>", first_index).mask, first_index);
}
std::int64_t malformed(const std::string& runs, int first_index = 0) {
  return seg_reply("<seg>" + runs + "</seg>", first_index).malformed;
}

TEST(TextMask, RunsAndSinglePatchesAreRead) {
  const SegReply reply = seg_reply(
      "<seg>(2, 3)-(2, 5), (4, 0)</seg><think>a</think><answer> B "
      "</answer>");
  EXPECT_TRUE(reply.formatted);
  EXPECT_TRUE(reply.has_mask);
  EXPECT_EQ(reply.runs, 2);
  EXPECT_EQ(reply.malformed, 0);
  EXPECT_EQ(reply.answer, "B");
  for (int i = 0; i < 576; ++i)
    EXPECT_EQ(reply.mask[static_cast<std::size_t>(i)], i == 51 || i == 52 || i == 53 || i == 96)
        << i;
}

TEST(TextMask, BlanksAndLineBreaksMayStandAnywhere) {
  EXPECT_EQ(canonical("( 2 ,\n3 )\t-\r\n(2,5)\n,\n(4 , 0 )"), "(2, 3)-(2, 5), (4, 0)");
  EXPECT_EQ(malformed("( 2 ,\n3 )\t-\r\n(2,5)\n,\n(4 , 0 )"), 0);
}

TEST(TextMask, BothWaysToCloseATagAndAnyCase) {
  const SegReply reply = seg_reply("<SEG>(1, 1)<\\seg> <think>x<\\think>\n<Answer>(c)<\\ANSWER>");
  EXPECT_TRUE(reply.formatted);
  EXPECT_TRUE(reply.any());
  EXPECT_EQ(reply.answer, "(c)");
}

TEST(TextMask, TheEmptyRegionHasSeveralNames) {
  for (const char* text : {"", "  ", "none", "None", "normal", "[]", "\n"}) {
    EXPECT_EQ(canonical(text), "") << text;
    EXPECT_EQ(malformed(text), 0) << text;
  }
  EXPECT_FALSE(seg_reply("none").has_mask);
}

TEST(TextMask, FormatIsTheThreeBlocksInOrderAndNothingElse) {
  EXPECT_TRUE(seg_reply("<seg></seg><think></think><answer></answer>").formatted);
  for (const char* text :
       {"", "<seg></seg><answer>A</answer><think></think>", "<think></think><answer>A</answer>",
        "Sure! <seg></seg><think></think><answer>A</answer>",
        "<seg></seg><think></think><answer>A</answer> done", "<seg></seg><think></think><answer>A",
        "<seg><seg></seg><think></think><answer>A</answer>",
        "<seg></seg><think></think><answer>A</answer><answer>B</answer>"})
    EXPECT_FALSE(seg_reply(text).formatted) << text;
}

TEST(TextMask, WhatIsWrongIsMendedAndCounted) {
  EXPECT_EQ(canonical("(0, 5)-(0, 2)"), "(0, 2)-(0, 5)");
  EXPECT_EQ(malformed("(0, 5)-(0, 2)"), 1);
  EXPECT_EQ(canonical("(0, 22)-(1, 1)"), "(0, 22)-(0, 23), (1, 0)-(1, 1)");
  EXPECT_EQ(malformed("(0, 22)-(1, 1)"), 1);
  EXPECT_EQ(canonical("(0, 99)"), "(0, 23)");
  EXPECT_EQ(canonical("(99999999999999999999, -3)"), "(23, 0)");
  EXPECT_EQ(malformed("(99999999999999999999, -3)"), 1);
  EXPECT_EQ(canonical("the scratch (1, 2) and (3, 4)-"), "(1, 2), (3, 4)");
  EXPECT_EQ(malformed("the scratch (1, 2) and (3, 4)-"), 3);
  EXPECT_EQ(malformed("(1, 2"), 1);
  EXPECT_EQ(malformed("(1, 2)(3, 4)"), 0);  // the comma is not missed
  EXPECT_EQ(seg_reply("<seg>(1, 2)<think>(5, 5)</think>").malformed, 1);
  EXPECT_EQ(mask_text(seg_reply("<seg>(1, 2)<think>(5, 5)</think>").mask), "(1, 2)");
}

TEST(TextMask, AnIndexOf24ProvesThatCountingBeginsAtOne) {
  const std::string runs = "(24, 1)-(24, 24)";
  EXPECT_TRUE(seg_reply("<seg>" + runs + "</seg>").proves_base_one);
  EXPECT_EQ(malformed(runs), 1);
  EXPECT_EQ(malformed(runs, 1), 0);
  EXPECT_EQ(canonical(runs, 1), runs);
  EXPECT_EQ(malformed("(0, 1)", 1), 1);
}

TEST(TextMask, MaskToTextToMaskIsTheSameMask) {
  std::mt19937 random(11);
  for (int round = 0; round < 300; ++round) {
    PatchMask mask = {};
    const auto density = random() % 100;
    for (std::uint8_t& patch : mask) patch = random() % 100 < density;
    for (const int first : {0, 1}) {
      const std::string text = mask_text(mask, first);
      const SegReply back = seg_reply("<seg>" + text + "</seg>", first);
      EXPECT_EQ(back.mask, mask) << "seed 11, round " << round;
      EXPECT_EQ(back.malformed, 0);
      EXPECT_EQ(mask_text(back.mask, first), text);
    }
  }
}

TEST(TextMask, PatchesCoverThePixelsOfThePaper) {
  for (const int size : {1, 23, 24, 25, 512, 700, 1024})
    for (int at = 0; at < size; ++at) {
      int wanted = -1;
      for (int r = 0; r < 24; ++r)
        if (r * size / 24 <= at && at <= (r + 1) * size / 24 - 1) wanted = r;
      EXPECT_EQ(patch_at(at, size), wanted) << at << " of " << size;
    }
}

TEST(TextMask, PatchesByAnyPixelOrByMajority) {
  std::vector<std::uint8_t> pixels(48 * 48);
  pixels[0] = 255;
  pixels[46] = pixels[47] = pixels[48 + 47] = 1;
  EXPECT_EQ(mask_text(patches_of(pixels, 48, 48)), "(0, 0), (0, 23)");
  EXPECT_EQ(mask_text(patches_of(pixels, 48, 48, PatchRule::majority)), "(0, 23)");
}

TEST(TextMask, AMegabyteOfHostileTextCostsMilliseconds) {
  for (const std::string piece :
       {"(0, 0)-(23, 23), ", "(", "((((1,", "<seg>", "<seg></seg>", "<answer>", "(1, 2)-", "9", "-",
        "</think><think>", "(1,\n\n\n\n", "(1, 2"}) {
    std::string reply = "<seg>";
    while (reply.size() < 1u << 20) reply += piece;
    const auto start = std::chrono::steady_clock::now();
    seg_reply(reply);
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
    EXPECT_LT(took.count(), 2) << piece;
  }
}

}  // namespace
}  // namespace looktwice::suites
