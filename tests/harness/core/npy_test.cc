// Files and halves by NumPy: scripts/golden/npy_files.py.
#include "harness/core/npy.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "harness/core/error.h"

namespace looktwice {
namespace {

std::vector<std::byte> golden(const std::string& name) {
  return file_bytes(std::filesystem::path(LOOKTWICE_TEST_DATA) / "npy" / name);
}

std::span<const std::byte> bytes_of(const std::string& text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

// A file with that header text and `data_bytes` zeros.
std::string file_with(const std::string& header, std::size_t data_bytes, int version = 1) {
  std::string file = std::string("\x93NUMPY") + static_cast<char>(version) + '\0';
  for (int i = 0; i < (version == 1 ? 2 : 4); ++i)
    file += static_cast<char>(header.size() >> (8 * i) & 0xFF);
  return file + header + std::string(data_bytes, '\0');
}

std::string refusal(std::span<const std::byte> file) {
  try {
    npy_array(file);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), Kind::data);
    return error.what();
  }
  return "";
}

std::string map_refusal(NumberArray array) {
  try {
    anomaly_map(std::move(array));
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), Kind::data);
    return error.what();
  }
  return "";
}

TEST(Npy, ReadsEveryNumberTypeInBothByteOrders) {
  for (const char* name : {"le_b1", "le_i1", "le_u1", "le_i2", "be_i2", "le_u2", "be_u2",
                           "le_i4", "be_i4", "le_u4", "be_u4", "le_i8", "be_i8", "le_u8",
                           "be_u8", "le_f2", "be_f2", "le_f4", "be_f4", "le_f8", "be_f8"}) {
    const NumberArray array = npy_array(golden(std::string(name) + ".npy"));
    ASSERT_EQ(array.shape, (std::vector<std::size_t>{3, 4})) << name;
    for (int i = 0; i < 12; ++i)
      EXPECT_EQ(array.values[i], name[3] == 'b' ? i % 2 : i) << name << " element " << i;
  }
}

TEST(Npy, TurnsFortranOrderIntoCOrder) {
  const NumberArray flat = npy_array(golden("fortran_f4.npy"));
  for (int i = 0; i < 12; ++i) EXPECT_EQ(flat.values[i], i);
  const NumberArray cube = npy_array(golden("fortran_3d_f8.npy"));
  EXPECT_EQ(cube.shape, (std::vector<std::size_t>{2, 3, 4}));
  for (int i = 0; i < 24; ++i) EXPECT_EQ(cube.values[i], i);
}

TEST(Npy, ReadsVersionsTwoAndThree) {
  EXPECT_EQ(npy_array(golden("version2.npy")).values[11], 11);
  EXPECT_EQ(npy_array(golden("version3.npy")).values[11], 11);
}

TEST(Npy, ReadsOneNumberAndOneAxis) {
  const NumberArray scalar = npy_array(golden("scalar_f4.npy"));
  EXPECT_TRUE(scalar.shape.empty());
  EXPECT_EQ(scalar.values, std::vector<float>{1.5f});
  EXPECT_EQ(npy_array(golden("one_axis_f4.npy")).values, (std::vector<float>{0, 1, 2}));
}

TEST(Npy, AcceptsAnyOrderOfKeysQuotesAndSpaces) {
  const auto array = npy_array(
      bytes_of(file_with("{\"shape\" :( 2 ,3L,) ,'fortran_order':False,\"descr\":'|u1'}  \n", 6)));
  EXPECT_EQ(array.shape, (std::vector<std::size_t>{2, 3}));
}

TEST(Npy, RefusesWhatIsNotPlainNumbers) {
  EXPECT_NE(refusal(golden("bad_object.npy")).find("never loaded"), std::string::npos);
  EXPECT_NE(refusal(golden("bad_complex.npy")).find("<c8"), std::string::npos);
  EXPECT_NE(refusal(golden("bad_struct.npy")).find("structured"), std::string::npos);
  EXPECT_NE(refusal(golden("bad_text.npy")).find("<U4"), std::string::npos);
  EXPECT_NE(refusal(golden("bad_huge_f8.npy")).find("no float32"), std::string::npos);
}

TEST(Npy, RefusesHeadersThatLieAboutSizes) {
  const std::string head = "{'descr': '<f4', 'fortran_order': False, 'shape': ";
  // 2^62 elements of 4 bytes would wrap to 0 bytes; 4e9 * 4e9 * 0 must not hide behind the empty
  // axis.
  for (const char* shape :
       {"(4611686018427387904,)", "(4294967296, 4294967296, 4)", "(18446744073709551616,)",
        "(4000000000, 4000000000, 0)", "(3, -1)", "(3.0,)", "(1e3,)", "(True,)", "(3 4)", "3",
        "[3]", "(3", "((3,),)", "(99999, 99999)"})
    EXPECT_NE(refusal(bytes_of(file_with(head + shape + "}\n", 12))), "") << shape;
  EXPECT_EQ(refusal(bytes_of(file_with(head + "(3,)}\n", 12))), "");
  EXPECT_NE(refusal(bytes_of(file_with(head + "(3,)}\n", 11))), "") << "a byte is missing";
  EXPECT_NE(refusal(bytes_of(file_with(head + "(3,)}\n", 13))), "") << "a byte is left over";
}

TEST(Npy, RefusesBrokenHeaders) {
  for (const char* header :
       {"", "{", "{}", "{'descr': '<f4'}", "{'descr': '<f4', 'fortran_order': 0, 'shape': (1,)}",
        "{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (1,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1,), 'more': 'x'}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (1,)} x", "{'descr': '<f4",
        "{'descr': '<f3', 'fortran_order': False, 'shape': (1,)}",
        "{'descr': '', 'fortran_order': False, 'shape': (1,)}",
        "{'descr': 'f4', 'fortran_order': False, 'shape': (1,)}",
        "{'descr': [('x', '<f4')], 'fortran_order': False, 'shape': (1,)}",
        "{'descr': '<f4'; 'fortran_order': False, 'shape': (1,)}"})
    EXPECT_NE(refusal(bytes_of(file_with(header, 4))), "") << header;
  EXPECT_NE(
      refusal(bytes_of(file_with("{'descr': '<f4', 'fortran_order': False, 'shape': (1,)}", 4, 4))),
      "");
  EXPECT_NE(refusal(bytes_of(file_with(std::string(70000, ' '), 0, 2))), "")
      << "a header over 64 KiB";
  const std::string nul("{'descr': '<f4', 'fortran_order': False, 'shape': (1,)}\0", 56);
  EXPECT_NE(refusal(bytes_of(file_with(nul, 4))), "");
}

TEST(Npy, RefusesEveryTruncation) {
  const auto whole = golden("le_f4.npy");
  for (std::size_t length = 0; length < whole.size(); ++length)
    EXPECT_NE(refusal(std::span(whole).first(length)), "") << length << " bytes";
}

TEST(Npy, ReadsMapsWithAnExtraAxisOfOne) {
  for (const char* name : {"le_f4.npy", "shape_1hw.npy", "shape_hw1.npy", "shape_11hw.npy"}) {
    const AnomalyMap map = anomaly_map(npy_array(golden(name)));
    EXPECT_EQ(map.height, 3) << name;
    EXPECT_EQ(map.width, 4) << name;
    EXPECT_EQ(map.values[7], 7) << name;
  }
  const AnomalyMap thin = anomaly_map({.shape = {1, 4, 1}, .values = {1, 2, 3, 4}});
  EXPECT_EQ(thin.height, 4) << "the leading axis of one goes first";
  EXPECT_EQ(thin.width, 1);
}

TEST(Npy, RefusesArraysThatAreNoMap) {
  EXPECT_NE(map_refusal({.shape = {}, .values = {1}}), "");
  EXPECT_NE(map_refusal({.shape = {3}, .values = {1, 2, 3}}), "");
  EXPECT_NE(map_refusal({.shape = {2, 2, 2}, .values = std::vector<float>(8)}).find("(2,2,2)"),
            std::string::npos);
  EXPECT_NE(map_refusal({.shape = {0, 4}}), "");
  EXPECT_NE(map_refusal({.shape = {1, 1, 1, 2, 2}, .values = std::vector<float>(4)}), "");
}

TEST(Npy, NamesThePlaceOfAValueThatIsNotFinite) {
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  EXPECT_NE(map_refusal({.shape = {2, 3}, .values = {0, 0, 0, 0, 0, kNan}}).find("row 1, column 2"),
            std::string::npos);
  EXPECT_NE(map_refusal({.shape = {2, 2}, .values = {0, -kInfinity, 0, 0}}).find("row 0, column 1"),
            std::string::npos);
}

TEST(Npy, WritesTheBytesOfNumpySave) {
  AnomalyMap map{.width = 4, .height = 3};
  for (int i = 0; i < 12; ++i) map.values.push_back(static_cast<float>(i));
  const auto same = [](const std::string& made, const std::vector<std::byte>& expected) {
    return made.size() == expected.size() &&
           std::memcmp(made.data(), expected.data(), made.size()) == 0;
  };
  EXPECT_TRUE(same(npy_of(map), golden("le_f4.npy")));
  EXPECT_TRUE(same(npy_of(map, Precision::float16), golden("le_f2.npy")));
}

TEST(Npy, WritesFloat32WhenAHalfWouldOverflow) {
  const AnomalyMap fits{.width = 1, .height = 1, .values = {65519.0f}};
  const AnomalyMap large{.width = 1, .height = 1, .values = {65520.0f}};
  EXPECT_EQ(npy_array(bytes_of(npy_of(fits, Precision::float16))).values[0], 65504.0f);
  EXPECT_EQ(npy_array(bytes_of(npy_of(large, Precision::float16))).values[0], 65520.0f);
}

TEST(Npy, KeepsEveryBitOfAFloat32) {
  const std::vector<float> values{-0.0f, 1e-45f, 3.4028235e38f, -1.17549435e-38f};
  const AnomalyMap map{.width = 2, .height = 2, .values = values};
  const AnomalyMap back = anomaly_map(npy_array(bytes_of(npy_of(map))));
  EXPECT_EQ(std::memcmp(back.values.data(), values.data(), values.size() * sizeof(float)), 0);
}

TEST(Half, RoundsAsNumpy) {
  const auto from = golden("half_from.u32"), to = golden("half_to.u16");
  ASSERT_EQ(from.size() / 4, to.size() / 2);
  ASSERT_GT(to.size() / 2, 4000u);
  for (std::size_t i = 0; i < to.size() / 2; ++i) {
    std::uint32_t bits = 0;
    std::uint16_t expected = 0;
    std::memcpy(&bits, from.data() + 4 * i, 4);
    std::memcpy(&expected, to.data() + 2 * i, 2);
    ASSERT_EQ(half_of(std::bit_cast<float>(bits)), expected) << std::hex << bits;
  }
}

TEST(Half, EveryHalfComesBackFromItsFloat) {
  for (std::uint32_t half = 0; half < 0x10000; ++half) {
    const float value = float_of_half(static_cast<std::uint16_t>(half));
    if (std::isnan(value)) {
      EXPECT_TRUE(std::isnan(float_of_half(half_of(value))));
    } else {
      ASSERT_EQ(half_of(value), half);
    }
  }
  EXPECT_EQ(float_of_half(0x3C00), 1.0f);
  EXPECT_EQ(float_of_half(0x0001), 0x1p-24f);
  EXPECT_EQ(float_of_half(0xFBFF), -65504.0f);
}

}  // namespace
}  // namespace looktwice
