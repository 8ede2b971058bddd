// Archives by NumPy: scripts/golden/npz_files.py.
#include "adapters/imaging/npz.h"

#include <gtest/gtest.h>

#include "adapters/imaging/map_file.h"
#include "harness/core/image.h"
#include "tests/support/pictures.h"
#include "tests/support/refusal.h"

namespace looktwice::imaging {
namespace {

using looktwice::testing::refusal;

std::filesystem::path golden(const std::string& name) {
  return std::filesystem::path(LOOKTWICE_TEST_DATA) / "predictions" / name;
}

TEST(Npz, ReadsStoredMembersFromFileAndMemory) {
  const std::vector<std::byte> bytes = file_bytes(golden("stored.npz"));
  for (const NpzFile& archive : {NpzFile(golden("stored.npz")), NpzFile(bytes)}) {
    ASSERT_EQ(archive.names(),
              (std::vector<std::string>{"bottle/test/crack/000", "bottle/test/crack/001"}));
    const NumberArray array = archive.array(1);
    EXPECT_EQ(array.shape, (std::vector<std::size_t>{3, 4}));
    EXPECT_EQ(array.values[11], 111);
  }
}

TEST(Npz, TakesTheArrayWithAUsualNameAmongSeveral) {
  const AnomalyMap map = map_of_file(golden("deflated.npz"));
  EXPECT_EQ(map.width, 64);
  EXPECT_EQ(map.height, 64);
  for (const float value : map.values) ASSERT_EQ(value, 0.5f);
  EXPECT_NE(refusal(Kind::data, [] { map_of_file(golden("two_arrays.npz")); }), "");
}

TEST(Npz, RefusesDamagedArchives) {
  EXPECT_NE(refusal(Kind::data, [] { NpzFile(golden("bad_checksum.npz")).array(0); }), "");
  EXPECT_NE(refusal(Kind::data, [] { NpzFile(golden("bad_member.npz")).array(0); }), "");
  EXPECT_NE(refusal(Kind::data, [] { NpzFile(golden("bad_size.npz")).array(0); }), "");
  EXPECT_NE(refusal(Kind::data, [] { NpzFile{std::filesystem::path("/dev/null")}; }), "");
  EXPECT_NE(refusal(Kind::data, [] { NpzFile{std::filesystem::path("/no/such/file.npz")}; }), "");
}

TEST(Npz, RefusesEveryTruncation) {
  const std::vector<std::byte> whole = file_bytes(golden("stored.npz"));
  for (std::size_t length = 0; length < whole.size(); ++length)
    EXPECT_NE(refusal(Kind::data, [&] { NpzFile(std::span(whole).first(length)).array(0); }), "")
        << length;
}

}  // namespace
}  // namespace looktwice::imaging
