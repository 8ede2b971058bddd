// Heat maps: pixel values worked out by hand, names that harm nobody, ranges, what is left out.
#include "reports/heat_maps.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <map>
#include <set>

#include "adapters/imaging/codec.h"
#include "harness/core/codec.h"
#include "harness/core/npy.h"
#include "harness/store/frame.h"
#include "harness/store/run_folder.h"
#include "reports/inferno.h"
#include "tests/reports/payloads.h"
#include "tests/reports/temporary_folder.h"

namespace looktwice::reports {
namespace {

namespace fs = std::filesystem;

std::array<int, 3> pixel(const Image& image, int x, int y) {
  const auto at = static_cast<std::size_t>(3 * (y * image.width + x));
  return {image.pixels[at], image.pixels[at + 1], image.pixels[at + 2]};
}

// inferno over grey: 35 % of the colour where it is low, 80 % where it is high.
std::array<int, 3> blended(std::size_t colour, double cover, int grey) {
  std::array<int, 3> made{};
  for (std::size_t c = 0; c < 3; ++c)
    made[c] = static_cast<int>(std::lround(kInferno[colour][c] * cover + grey * (1 - cover)));
  return made;
}

TEST(HeatPanel, ShowsThePictureAndTheMapOverItInGrey) {
  Image picture{.width = 2, .height = 1, .channels = 3, .pixels = {200, 100, 0, 10, 10, 10}};
  const AnomalyMap map{.width = 2, .height = 1, .values = {0.25f, 0.75f}};
  const Image panel = heat_panel(picture, map, 0.25f, 0.75f);
  ASSERT_EQ(panel.width, 2 + 8 + 2);
  ASSERT_EQ(panel.channels, 3);
  EXPECT_EQ(pixel(panel, 0, 0), (std::array<int, 3>{200, 100, 0}));
  EXPECT_EQ(pixel(panel, 1, 0), (std::array<int, 3>{10, 10, 10}));
  for (int x = 2; x < 10; ++x) EXPECT_EQ(pixel(panel, x, 0), (std::array<int, 3>{255, 255, 255}));
  EXPECT_EQ(pixel(panel, 10, 0), blended(0, 0.35, (299 * 200 + 587 * 100) / 1000));
  EXPECT_EQ(pixel(panel, 11, 0), blended(255, 0.80, 10));
}

TEST(HeatPanel, ACoarseMapIsStretchedBetweenTheCentresOfItsCells) {
  const Image picture{
      .width = 4, .height = 4, .channels = 1, .pixels = std::vector<std::uint8_t>(16)};
  const AnomalyMap map{.width = 2, .height = 1, .values = {0, 1}};
  const Image panel = heat_panel(picture, map, 0, 1);
  // Centres of cells at 1/4 and 3/4; of pixels at 1/8, 3/8, 5/8, 7/8: values 0, 1/4, 3/4, 1.
  const double values[] = {0, 0.25, 0.75, 1};
  for (int x = 0; x < 4; ++x)
    for (int y = 0; y < 4; ++y)
      EXPECT_EQ(pixel(panel, 12 + x, y),
                blended(static_cast<std::size_t>(std::lround(255 * values[x])),
                        0.35 + 0.45 * values[x], 0));
}

TEST(HeatPanel, ValuesBeyondTheRangeAreClippedAndAFlatRangeIsDark) {
  const Image picture{.width = 1, .height = 1, .channels = 1, .pixels = {100}};
  const auto colour = [&](float value, float low, float high) {
    return pixel(heat_panel(picture, {1, 1, {value}}, low, high), 9, 0);
  };
  EXPECT_EQ(colour(7, 0, 1), blended(255, 0.8, 100));
  EXPECT_EQ(colour(-7, 0, 1), blended(0, 0.35, 100));
  EXPECT_EQ(colour(0.5f, 0.5f, 0.5f), blended(0, 0.35, 100));
}

bool is_harmless(const std::string& name) {
  int slashes = 0;
  for (const char c : name) {
    const bool good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                      c == '.' || c == '_' || c == '-' || c == '/';
    if (!good) return false;
    slashes += c == '/';
  }
  return slashes == 2 && name.size() <= 160 && name.find("/.") == std::string::npos &&
         name.find("..") == std::string::npos && name.front() != '.' && name.front() != '/' &&
         name.ends_with(".png");
}

TEST(HeatMapName, IsHarmlessWhateverTheDataSetIsCalled) {
  std::set<std::string> names;
  std::vector<std::string> texts = hostile_texts();
  for (const char* text : {"", ".", "..", "../../etc/passwd", "/abs/olute", "a/../b", "x\ny",
                           ".png", "...", "C:\\x", "\xff\xfe", "nul\0l"})
    texts.push_back(text);
  texts.push_back(std::string(5000, 'x'));
  for (const std::string& text : std::set<std::string>(texts.begin(), texts.end())) {
    const std::string name = heat_map_name({.task = text, .sample = text, .category = text}, 12);
    EXPECT_TRUE(is_harmless(name)) << name;
    EXPECT_NE(name.find("/000012-"), std::string::npos) << name;
    EXPECT_TRUE(names.insert(name).second) << "twice: " << name;
  }
  EXPECT_EQ(
      heat_map_name({.task = "zsad.elpv", .sample = "images/cell0042.png", .category = "elpv"}, 3),
      "zsad.elpv/elpv/000003-cell0042-" +
          heat_map_name({.sample = "images/cell0042.png"}, 1).substr(20));
}

class HeatMaps : public TemporaryFolder {
 protected:
  // Four samples: a map 0..1, one 0..4, one of a lost picture, none.
  RunView made() {
    const auto codec = imaging::make_codec();
    fs::create_directories(folder() / "run/maps");
    fs::create_directories(folder() / "data");
    std::string lines = store::file_header("outcomes", kRun) + "\n";
    const auto add = [&](const std::string& name, std::vector<float> values, bool lost,
                         bool anomalous) {
      Outcome outcome{.task = "zsad.folder", .sample = name, .category = "c"};
      outcome.anomalous = anomalous;
      outcome.image = name;
      outcome.marks = {{.scorer = "official", .score = 0.5}};
      if (!lost) {
        const auto png =
            codec->encode_png({.width = 2, .height = 1, .channels = 1, .pixels = {10, 20}});
        store::write_whole(folder() / "data" / name,
                           {reinterpret_cast<const char*>(png.data()), png.size()});
      }
      if (!values.empty()) {
        outcome.map = "maps/" + name + ".npy";
        store::write_whole(
            folder() / "run" / outcome.map,
            npy_of({.width = static_cast<int>(values.size()), .height = 1, .values = values}));
      }
      lines += store::framed(json_of(outcome), kRun) + "\n";
    };
    add("a.png", {0, 1}, false, false);
    add("b.png", {0, 4}, false, true);
    add("lost.png", {0, 2}, true, true);
    add("none.png", {}, false, true);
    store::write_whole(folder() / "run/outcomes.jsonl", lines);
    RunView run{.folder = folder() / "run"};
    run.summary.run = run.manifest.run = kRun;
    run.manifest.tasks = {{.task = "zsad.folder", .root = folder() / "data"}};
    return run;
  }
  HeatMapCount drawn(const HeatMapOptions& options) {
    files_.clear();
    return heat_maps(made(), options, *imaging::make_codec(),
                     [&](const std::string& name, const std::vector<std::byte>& bytes) {
                       files_[name] = bytes;
                     });
  }
  Image picture(const std::string& part) const {
    for (const auto& [name, bytes] : files_)
      if (name.find(part) != std::string::npos) return imaging::make_codec()->decode(bytes);
    throw std::runtime_error("no " + part);
  }

  static constexpr const char* kRun = "0123456789abcdef";
  std::map<std::string, std::vector<std::byte>> files_;
};

TEST_F(HeatMaps, OneRangeForATaskOrOneForEachSample) {
  const HeatMapCount count = drawn({});
  EXPECT_EQ(count.written, 2);
  EXPECT_EQ(count.without_map, 1);
  EXPECT_EQ(count.unreadable, 1);
  ASSERT_EQ(count.problems.size(), 1u);
  EXPECT_NE(count.problems[0].find("lost.png"), std::string::npos);
  // The right edge of a map over two pixels is the value of its last cell.
  EXPECT_EQ(pixel(picture("-a-"), 11, 0), blended(64, 0.35 + 0.45 * 0.25, 20));
  EXPECT_EQ(pixel(picture("-b-"), 11, 0), blended(255, 0.8, 20));
  drawn({.range = HeatRange::sample});
  EXPECT_EQ(pixel(picture("-a-"), 11, 0), blended(255, 0.8, 20));
  drawn({.range = HeatRange::given, .low = 0, .high = 8});
  EXPECT_EQ(pixel(picture("-b-"), 11, 0), blended(128, 0.35 + 0.45 * 0.5, 20));
}

TEST_F(HeatMaps, FiltersChangeNoName) {
  drawn({});
  std::string name;
  for (const auto& [file, bytes] : files_)
    if (file.find("-b-") != std::string::npos) name = file;
  EXPECT_NE(name.find("000002"), std::string::npos);
  drawn({.anomalous = true, .limit = 1});
  EXPECT_TRUE(files_.contains(name));
  EXPECT_EQ(files_.size(), 2u) << "and maps.csv";
  drawn({.task = "det.*"});
  EXPECT_EQ(files_.size(), 1u);
}

}  // namespace
}  // namespace looktwice::reports
