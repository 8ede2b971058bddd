// Tiles against those that the released Anomaly-OneVision code cuts.
#include "adapters/imaging/anyres.h"

#include <gtest/gtest.h>

#include <fstream>
#include <span>
#include <string>

#include <nlohmann/json.hpp>

#include "adapters/imaging/codec.h"
#include "harness/core/hash.h"
#include "tests/support/files.h"

namespace looktwice::imaging {
namespace {

using test::bytes_of;
using test::data_path;

nlohmann::json json_of(const std::string& name) {
  std::ifstream in(data_path("image/anyres/" + name));
  return nlohmann::json::parse(in);
}

TEST(Anyres, LayoutsEqualTheOriginals) {
  const nlohmann::json table = json_of("grid_table.json");
  const std::vector<std::string> columns = table.at("columns");
  ASSERT_EQ(columns.at(7), "resized_height");
  for (const auto& row : table.at("rows")) {
    const AnyresLayout layout = anyres_layout(row[0], row[1]);
    const std::vector<int> found = {
        row[0],      row[1],     layout.grid.width,    layout.grid.height,
        layout.left, layout.top, layout.resized.width, layout.resized.height};
    const std::vector<int> expected(row.begin(), row.begin() + 8);
    EXPECT_EQ(found, expected);
  }
  EXPECT_EQ(table.at("rows").size(), 223u);
}

TEST(Anyres, TilesEqualTheOriginalsToTheBit) {
  const nlohmann::json expected = json_of("tiles.json");
  for (const auto& [name, hashes] : expected.items()) {
    const Image image = make_codec()->decode(bytes_of(data_path("image/anyres/" + name + ".png")));
    const std::vector<Image> tiles = anyres_tiles(image);
    ASSERT_EQ(tiles.size(), hashes.at("u8").size()) << name;
    for (std::size_t i = 0; i < tiles.size(); ++i) {
      std::vector<std::uint8_t> planes;  // the fixture has channels first
      for (std::size_t c = 0; c < 3; ++c)
        for (std::size_t p = c; p < tiles[i].pixels.size(); p += 3)
          planes.push_back(tiles[i].pixels[p]);
      EXPECT_EQ(sha256(std::as_bytes(std::span(planes))), hashes.at("u8")[i])
          << name << ", tile " << i;
      std::vector<float> values(planes.size());
      normalise(tiles[i], value_table(kSiglip), values);
      EXPECT_EQ(sha256(std::as_bytes(std::span(values))), hashes.at("f32")[i])
          << name << ", tile " << i;
    }
  }
}

}  // namespace
}  // namespace looktwice::imaging
