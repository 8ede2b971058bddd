// The safetensors reader against headers that lie, each refused before a byte of data is used.
#include "adapters/nn/weights/safetensors.h"

#include <gtest/gtest.h>

#include <cstring>
#include <map>
#include <string>

#include "harness/core/error.h"
#include "tests/support/refusal.h"

namespace looktwice::weights {
namespace {

using testing::names_all;
using testing::refusal;

// With blanks behind the header up to a multiple of 8, as writers put them.
std::vector<std::byte> file_of(std::string header, std::size_t data_bytes) {
  header.resize((header.size() + 7) / 8 * 8, ' ');
  const std::uint64_t length = header.size();
  std::vector<std::byte> file(sizeof length + header.size() + data_bytes);
  std::memcpy(file.data(), &length, sizeof length);
  std::memcpy(file.data() + sizeof length, header.data(), header.size());
  for (std::size_t i = 0; i < data_bytes; ++i)
    file[sizeof length + header.size() + i] = std::byte(i);
  return file;
}

std::string refused(const std::string& header, std::size_t data_bytes) {
  const std::vector<std::byte> file = file_of(header, data_bytes);
  return refusal(Kind::model, [&] { (void)safetensors(file, "x.safetensors"); });
}

std::string entry(const std::string& type, const std::string& shape, const std::string& offsets) {
  return R"({"dtype":")" + type + R"(","shape":)" + shape + R"(,"data_offsets":)" + offsets + "}";
}

TEST(Safetensors, GivesTypeShapeAndBytes) {
  const auto file = file_of(
      R"({"__metadata__":{"format":"pt"},"b":)" + entry("BF16", "[2,1]", "[4,8]") + R"(,"a":)" +
          entry("F32", "[]", "[0,4]") + R"(,"none":)" + entry("I64", "[0,7]", "[8,8]") + "}   ",
      8);
  const Tensors tensors = safetensors(file, "x");
  ASSERT_EQ(tensors.size(), 3u);
  EXPECT_EQ(tensors.at("a").type, NumberType::f32);
  EXPECT_EQ(tensors.at("a").shape, Shape{});
  EXPECT_EQ(tensors.at("b").shape, (Shape{2, 1}));
  EXPECT_EQ(tensors.at("b").bytes.size(), 4u);
  EXPECT_EQ(tensors.at("b").bytes[0], std::byte(4));
  EXPECT_TRUE(tensors.at("none").bytes.empty());
}

TEST(Safetensors, EveryTypeHasItsSize) {
  for (const auto& [type, bytes] : std::map<std::string, int>{{"F64", 8},
                                                              {"F32", 4},
                                                              {"F16", 2},
                                                              {"BF16", 2},
                                                              {"I64", 8},
                                                              {"I32", 4},
                                                              {"I16", 2},
                                                              {"I8", 1},
                                                              {"U64", 8},
                                                              {"U32", 4},
                                                              {"U16", 2},
                                                              {"U8", 1},
                                                              {"BOOL", 1}}) {
    const auto end = std::to_string(3 * bytes);
    const auto file = file_of(R"({"t":)" + entry(type, "[3]", "[0," + end + "]") + "}",
                              3 * static_cast<std::size_t>(bytes));
    const Tensors tensors = safetensors(file, "x");
    EXPECT_EQ(name_of(tensors.at("t").type), type);
  }
}

TEST(Safetensors, AHeaderLongerThanTheFileIsRefused) {
  auto file = file_of("{}", 0);
  for (const std::uint64_t length :
       {std::uint64_t{9}, std::uint64_t{1} << 20, ~std::uint64_t{0}, (std::uint64_t{1} << 63)}) {
    std::memcpy(file.data(), &length, sizeof length);
    EXPECT_TRUE(names_all(refusal(Kind::model, [&] { (void)safetensors(file, "x.safetensors"); }),
                          {"x.safetensors", "header"}))
        << length;
  }
  EXPECT_NE(refusal(Kind::model, [&] { (void)safetensors(std::span(file).first(7), "x"); }), "");
}

// Before anything of that size is allocated: the length alone decides.
TEST(Safetensors, AHeaderBeyondTheLimitIsRefusedThoughTheFileHasIt) {
  const std::uint64_t length = (std::uint64_t{16} << 20) + 1;
  std::vector<std::byte> file(sizeof length + length, std::byte{' '});
  std::memcpy(file.data(), &length, sizeof length);
  file[sizeof length] = std::byte{'{'};
  EXPECT_TRUE(names_all(refusal(Kind::model, [&] { (void)safetensors(file, "x"); }), {"limit"}));
}

TEST(Safetensors, BytesThatAreNoTextAreRefused) {
  for (const std::string name :
       {"\xff", "\xc0\xaf", "\xed\xa0\x80", "a\xf5\x80\x80\x80", "\xe2\x82"})
    EXPECT_NE(refused("{\"" + name + "\":" + entry("U8", "[1]", "[0,1]") + "}", 1), "") << name;
  EXPECT_NE(refused(std::string("{\"a\0b\":", 8) + entry("U8", "[1]", "[0,1]") + "}", 1), "");
}

TEST(Safetensors, MisalignedNumbersAreRefusedWithTheTensorsName) {
  // Behind `before` bytes of a tensor of single bytes.
  const auto behind = [](int before, const std::string& type, int bytes) {
    const std::string from = std::to_string(before), to = std::to_string(before + bytes);
    const auto file =
        file_of(R"({"a":)" + entry("U8", "[" + from + "]", "[0," + from + "]") + R"(,"weight":)" +
                    entry(type, "[1]", "[" + from + "," + to + "]") + "}",
                static_cast<std::size_t>(before + bytes));
    try {
      return std::to_string(safetensors(file, "x.safetensors").at("weight").bytes.size());
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), Kind::model);
      return std::string(error.what());
    }
  };
  for (const auto& [type, bytes] : std::map<std::string, int>{
           {"F64", 8}, {"I64", 8}, {"F32", 4}, {"I32", 4}, {"BF16", 2}, {"F16", 2}, {"I16", 2}})
    for (int before = 1; before <= 16; ++before) {
      const std::string told = behind(before, type, bytes);
      if (before % bytes == 0) {
        EXPECT_EQ(told, std::to_string(bytes)) << type << " behind " << before;
      } else {
        EXPECT_TRUE(names_all(told, {"x.safetensors", "'weight'", "misaligned", type}))
            << type << " behind " << before << ": " << told;
      }
    }
  EXPECT_EQ(behind(3, "U8", 1), "1");
  EXPECT_EQ(behind(3, "BOOL", 1), "1");
}

TEST(Safetensors, AHeaderThatMisalignsAllNumbersIsRefused) {
  const std::string header = R"({"weight":)" + entry("F32", "[1]", "[0,4]") + "}";
  for (std::size_t blanks = 0; blanks < 8; ++blanks) {
    const std::string padded = header + std::string(blanks, ' ');
    const std::uint64_t length = padded.size();
    std::vector<std::byte> file(sizeof length + padded.size() + 4);
    std::memcpy(file.data(), &length, sizeof length);
    std::memcpy(file.data() + sizeof length, padded.data(), padded.size());
    if (padded.size() % 4 == 0) {
      EXPECT_EQ(safetensors(file, "x").at("weight").bytes.size(), 4u) << blanks;
    } else {
      EXPECT_TRUE(names_all(refusal(Kind::model, [&] { (void)safetensors(file, "x"); }),
                            {"'weight'", "misaligned"}))
          << blanks;
    }
  }
  // Nothing lies there that could be misaligned.
  const std::string none = R"({"none":)" + entry("F32", "[0]", "[0,0]") + "}";
  const std::uint64_t length = none.size();
  std::vector<std::byte> file(sizeof length + none.size());
  std::memcpy(file.data(), &length, sizeof length);
  std::memcpy(file.data() + sizeof length, none.data(), none.size());
  EXPECT_TRUE(safetensors(file, "x").at("none").bytes.empty());
}

TEST(Safetensors, FieldsThatAreMissingOrOfAnotherTypeAreRefused) {
  for (const char* one : {R"({"shape":[1],"data_offsets":[0,1]})",
                          R"({"dtype":"U8","data_offsets":[0,1]})",
                          R"({"dtype":"U8","shape":[1]})",
                          R"({"dtype":8,"shape":[1],"data_offsets":[0,1]})",
                          R"({"dtype":"U8","shape":1,"data_offsets":[0,1]})",
                          R"({"dtype":"U8","shape":["1"],"data_offsets":[0,1]})",
                          R"({"dtype":"U8","shape":[1],"data_offsets":[0]})",
                          R"({"dtype":"U8","shape":[1],"data_offsets":[0,1,2]})",
                          R"({"dtype":"U8","shape":[1],"data_offsets":{"begin":0,"end":1}})",
                          R"({"dtype":"U8","shape":[1],"data_offsets":[0,1],"more":1})",
                          R"({"dtype":"u8","shape":[1],"data_offsets":[0,1]})",
                          R"({"dtype":"","shape":[1],"data_offsets":[0,1]})",
                          R"({"dtype":"U8","shape":[[1]],"data_offsets":[0,1]})",
                          R"({"dtype":"U8","shape":[null],"data_offsets":[0,1]})",
                          R"({"dtype":"U8","shape":[true],"data_offsets":[0,1]})",
                          R"({"dtype":"U8","shape":[-0],"data_offsets":[0,0]})",
                          R"([])",
                          R"("U8")",
                          "7",
                          "null"})
    EXPECT_TRUE(names_all(refused(std::string(R"({"weight":)") + one + "}", 1), {"weight"})) << one;
}

TEST(Safetensors, WhatIsNoObjectIsRefused) {
  for (const char* header : {"", "[]", " {}", "{", "{}x", "{\"a\":1}", "{\"a\":{}}", "\"a\"",
                             "{\"__metadata__\":{\"a\":1}}"})
    EXPECT_NE(refused(header, 0), "") << header;
}

TEST(Safetensors, RangesThatLieAreRefusedWithTheTensorsName) {
  const auto one = [](const std::string& e, std::size_t bytes) {
    return refused(R"({"weight":)" + e + "}", bytes);
  };
  const std::vector<std::string> named = {"x.safetensors", "'weight'"};
  EXPECT_TRUE(names_all(one(entry("F32", "[2]", "[0,8]"), 4), named));    // cut
  EXPECT_TRUE(names_all(one(entry("F32", "[2]", "[8,0]"), 8), named));    // backwards
  EXPECT_TRUE(names_all(one(entry("F32", "[3]", "[0,8]"), 8), named));    // other shape
  EXPECT_TRUE(names_all(one(entry("F32", "[2]", "[4,12]"), 12), named));  // hole before
  EXPECT_TRUE(
      names_all(one(entry("F32", "[2]", "[0,18446744073709551615]"), 8), named));  // overflow
  EXPECT_TRUE(names_all(one(entry("F32", "[2]", "[0,18446744073709551616]"), 8), named));
  EXPECT_TRUE(
      names_all(one(entry("F32", "[4294967296,4294967296]", "[0,0]"), 0), named));  // 2^66 bytes
  EXPECT_TRUE(names_all(one(entry("F32", "[9223372036854775807,2]", "[0,8]"), 8), named));
  EXPECT_TRUE(names_all(one(entry("F32", "[-2]", "[0,8]"), 8), named));
  EXPECT_TRUE(names_all(one(entry("F32", "[2.0]", "[0,8]"), 8), named));
  EXPECT_TRUE(names_all(one(entry("F32", "[2]", "[0,8e0]"), 8), named));
  EXPECT_TRUE(names_all(one(entry("F8_E5M2", "[8]", "[0,8]"), 8), {"'weight'", "F8_E5M2"}));
  EXPECT_TRUE(
      names_all(one(entry("F32", "[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,2]", "[0,8]"), 8), named));
  EXPECT_NE(one(entry("F32", "[2]", "[0,8]"), 9), "");  // bytes behind the last
}

TEST(Safetensors, SharedBytesAndHolesAreRefused) {
  const std::string a = entry("U8", "[4]", "[0,4]");
  EXPECT_TRUE(names_all(refused(R"({"a":)" + a + R"(,"b":)" + entry("U8", "[4]", "[2,6]") + "}", 6),
                        {"'b'", "shares"}));
  EXPECT_NE(refused(R"({"a":)" + a + R"(,"b":)" + entry("U8", "[4]", "[0,4]") + "}", 4), "");
  EXPECT_NE(refused(R"({"a":)" + a + R"(,"b":)" + entry("U8", "[4]", "[5,9]") + "}", 9), "");
}

TEST(Safetensors, ANameTwiceIsRefused) {
  const std::string a = entry("U8", "[4]", "[0,4]");
  EXPECT_TRUE(names_all(refused(R"({"a":)" + a + R"(,"a":)" + a + "}", 4), {"header", "a"}));
}

}  // namespace
}  // namespace looktwice::weights
