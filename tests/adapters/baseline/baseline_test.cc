#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <sstream>

#include "adapters/catalogue.h"
#include "harness/core/error.h"
#include "harness/core/npy.h"
#include "tests/adapters/baseline/textures.h"
#include "tests/support/pictures.h"
#include "tests/support/queues.h"

namespace looktwice::adapters {
namespace {

using looktwice::testing::Defect;
using looktwice::testing::drawn;
using looktwice::testing::Texture;

AdapterEntry baseline_entry() {
  for (const AdapterEntry& entry : adapter_catalogue())
    if (entry.name == "baseline") return entry;
  throw std::runtime_error("baseline is not listed");
}

// Pictures on disk as requests.
class Pictures {
 public:
  Picture picture(const Image& image) {
    const std::string name = std::to_string(count_++) + ".ppm";
    return named(name, folder_.file(name, looktwice::testing::netpbm_of(image)));
  }
  Picture named(const std::string& name, const std::filesystem::path& path) {
    return Picture(name, {.path = path}, codec_);
  }
  const looktwice::testing::TemporaryFolder& folder() const { return folder_; }

 private:
  looktwice::testing::TemporaryFolder folder_;
  std::shared_ptr<const ImageCodec> codec_ = std::make_shared<looktwice::testing::NetpbmCodec>();
  int count_ = 0;
};

std::map<std::string, Prediction> answers(const std::vector<Request>& requests,
                                          const Arguments& arguments = {},
                                          const Setting& setting = {}) {
  const auto adapter = baseline_entry().make(arguments, setting);
  looktwice::testing::ListDesk desk(requests);
  adapter->serve(desk, desk);
  EXPECT_EQ(desk.kept().size(), requests.size());
  return desk.by_key();
}

Prediction answer(Pictures& pictures, const Image& image, const Arguments& arguments = {}) {
  const auto all = answers({{.key = "only", .image = pictures.picture(image)}}, arguments);
  return all.at("only");
}

// The middle of the largest cell, in pixels of the picture.
std::pair<double, double> peak(const AnomalyMap& map, const Image& image) {
  const auto at = std::max_element(map.values.begin(), map.values.end()) - map.values.begin();
  const auto column = at % map.width, row = at / map.width;
  return {(static_cast<double>(column) + 0.5) * image.width / map.width,
          (static_cast<double>(row) + 0.5) * image.height / map.height};
}

struct Planted {
  std::string name = {};
  Texture texture = {};
  Defect defect = {};
};

std::vector<Planted> planted() {
  std::vector<Planted> all;
  for (const Texture& texture : looktwice::testing::textures()) {
    all.push_back({"dark square", texture, {{150, 90, 20, 20}, {0.4, 0.4, 0.4}}});
    all.push_back({"bright square", texture, {{100, 110, 20, 20}, {1.4, 1.4, 1.4}}});
  }
  return all;
}

class PlantedDefect : public ::testing::TestWithParam<Planted> {};

TEST_P(PlantedDefect, IsFoundWhereItIs) {
  Pictures pictures;
  const auto& [name, texture, defect] = GetParam();
  for (const std::uint32_t seed : {1u, 2u, 3u}) {
    const Image clean = drawn(texture, seed), bad = drawn(texture, seed, defect);
    const Prediction before = answer(pictures, clean), after = answer(pictures, bad);
    EXPECT_GT(*after.score, 1.05 * *before.score) << texture.name << ", " << name << ", " << seed;
    const auto [x, y] = peak(*after.map, bad);
    const Region& r = defect.region;
    EXPECT_TRUE(x > r.x && x < r.x + r.width && y > r.y && y < r.y + r.height)
        << texture.name << ", " << name << ", seed " << seed << ": found at " << x << ", " << y;
  }
}

INSTANTIATE_TEST_SUITE_P(Textures, PlantedDefect, ::testing::ValuesIn(planted()),
                         [](const auto& each) {
                           std::string name = each.param.texture.name + " " + each.param.name;
                           for (char& c : name)
                             if (c == ' ') c = '_';
                           return name;
                         });

// expected.txt: name, side, memory, picture, score, map, references; float64 in NumPy, written from
// the formulas by scripts/golden/baseline_reference.py.
TEST(Baseline, EqualsItsNumPyReference) {
  const std::filesystem::path data = LOOKTWICE_SOURCE_DIR "/tests/data/baseline";
  std::ifstream expected(data / "expected.txt");
  int cases = 0;
  for (std::string line; std::getline(expected, line); ++cases) {
    std::istringstream words(line);
    std::string name, side, memory, picture, map_file, reference;
    double score = 0;
    words >> name >> side >> memory >> picture >> score >> map_file;
    Pictures pictures;
    Request request{.key = name, .image = pictures.named(picture, data / picture)};
    while (words >> reference)
      request.references.push_back(pictures.named(reference, data / reference));
    Arguments arguments = {{"side", side}};
    if (memory != "none") arguments["memory"] = memory;
    const Prediction found = answers({request}, arguments).at(name);
    ASSERT_TRUE(found.score && found.map) << line << ": " << found.error;

    // Planes and distances are float32, of size 1; the typical distance that divides them is at
    // least kFloor = 0.02.
    const double tolerance = 16 * 0x1p-23 / 0.02;
    EXPECT_NEAR(*found.score, score, tolerance * std::max(1.0, score)) << name;
    std::ifstream file(data / map_file, std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(file), {}};
    const AnomalyMap map =
        anomaly_map(npy_array(std::as_bytes(std::span(bytes.data(), bytes.size()))));
    ASSERT_EQ(found.map->width, map.width) << name;
    ASSERT_EQ(found.map->height, map.height) << name;
    for (std::size_t i = 0; i < map.values.size(); ++i)
      ASSERT_NEAR(found.map->values[i], map.values[i], tolerance * std::max(1.0f, map.values[i]))
          << name << ", cell " << i;
  }
  EXPECT_EQ(cases, 14);
}

}  // namespace
}  // namespace looktwice::adapters
