#include "reports/html_report.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <fstream>
#include <random>
#include <regex>

#include "adapters/imaging/codec.h"
#include "harness/core/codec.h"
#include "harness/core/npy.h"
#include "harness/store/frame.h"
#include "reports/picture.h"
#include "tests/reports/example_runs.h"
#include "tests/reports/payloads.h"
#include "tests/reports/temporary_folder.h"

namespace looktwice::reports {
namespace {

namespace fs = std::filesystem;

constexpr const char* kRunId = "0123456789abcdef";

class HtmlReport : public TemporaryFolder {
 protected:
  void SetUp() override {
    TemporaryFolder::SetUp();
    run_ = example_run("baseline", kRunId, {elpv_task()}, 0.7213);
    run_.folder = folder() / "run";
    run_.manifest.tasks[0].root = folder() / "data";
    fs::create_directories(run_.folder / "maps");
    fs::create_directories(folder() / "data/images");
  }

  // A grey cell with bus bars, and a dark spot when anomalous.
  static Image cell(std::mt19937& random, bool anomalous, int side = 96) {
    Image image{.width = side, .height = side, .channels = 1};
    const int spot_x = static_cast<int>(random() % 60) + 18,
              spot_y = static_cast<int>(random() % 60) + 18;
    for (int y = 0; y < side; ++y)
      for (int x = 0; x < side; ++x) {
        int value = 150 + static_cast<int>(random() % 25) - (x % 32 == 0 ? 70 : 0);
        const int dx = x - spot_x, dy = y - spot_y;
        if (anomalous && dx * dx + dy * dy < 100) value -= 90;
        image.pixels.push_back(static_cast<std::uint8_t>(value));
      }
    return image;
  }

  void write(const fs::path& file, std::span<const std::byte> bytes) {
    std::ofstream(file, std::ios::binary)
        .write(reinterpret_cast<const char*>(bytes.data()),
               static_cast<std::streamsize>(bytes.size()));
  }

  void add_sample(int number, bool anomalous, double score, std::mt19937& random) {
    const std::string name = "images/cell" + std::to_string(number) + ".png";
    write(folder() / "data" / name, codec_->encode_png(cell(random, anomalous)));
    AnomalyMap map{.width = 12, .height = 12};
    for (int i = 0; i < 144; ++i)
      map.values.push_back(static_cast<float>(std::exp(-0.02 * std::pow(i - 70, 2) / 9) * score));
    const std::string map_name = "maps/" + std::to_string(number) + ".npy";
    std::ofstream(run_.folder / map_name, std::ios::binary) << npy_of(map);
    Outcome outcome{.task = "zsad.elpv",
                    .sample = name,
                    .category = "elpv",
                    .anomalous = anomalous,
                    .defect = anomalous ? "mono" : "good",
                    .image = name,
                    .map = map_name};
    outcome.marks = {{.scorer = "corrected", .score = score},
                     {.scorer = "official", .score = score}};
    outcomes_.push_back(outcome);
  }

  void add_samples(int count) {
    std::mt19937 random(7);
    std::normal_distribution<double> noise;
    for (int i = 0; i < count; ++i) {
      const bool anomalous = i % 3 != 0;
      add_sample(i, anomalous, 0.4 + 0.1 * noise(random) + (anomalous ? 0.09 : 0), random);
    }
  }

  std::string page(const HtmlOptions& options = {}) {
    std::ofstream file(run_.folder / "outcomes.jsonl", std::ios::binary);
    file << store::file_header("outcomes", kRunId) << "\n";
    for (const Outcome& outcome : outcomes_)
      file << store::framed(json_of(outcome), kRunId) << "\n";
    file.close();
    std::string html = html_report(run_, *codec_, options);
    if (const char* show = std::getenv("LOOKTWICE_SHOW"))
      std::ofstream(
          fs::path(show) /
          (std::string(testing::UnitTest::GetInstance()->current_test_info()->name()) + ".html"))
          << html;
    return html;
  }

  static int count(const std::string& text, const std::string& part) {
    int found = 0;
    for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1))
      ++found;
    return found;
  }

  const std::shared_ptr<const ImageCodec> codec_ = imaging::make_codec();
  RunView run_;
  std::vector<Outcome> outcomes_;
};

TEST_F(HtmlReport, HasCurvesPicturesTablesAndTheCommand) {
  add_samples(300);
  const std::string html = page();
  EXPECT_EQ(count(html, "<svg "), 4);   // ROC, precision-recall, scores, published
  EXPECT_EQ(count(html, "<img "), 24);  // six each, picture and map
  EXPECT_EQ(count(html, "src=\"data:image/png;base64,"), 24);
  EXPECT_NE(html.find("<strong>72.1<small> %</small></strong>"), std::string::npos);
  EXPECT_NE(html.find("69.0–75.0 (95 % confidence, DeLong)"), std::string::npos);
  EXPECT_NE(html.find("looktwice run --model baseline"), std::string::npos);
  EXPECT_NE(html.find("Anomaly-OV, CVPR 2025, table 2"), std::string::npos);
  EXPECT_LT(html.size(), 2'000'000u);
}

TEST_F(HtmlReport, NeedsNothingFromOutside) {
  add_samples(30);
  const std::string html = page();
  EXPECT_NE(html.find("content=\"default-src 'none'; style-src 'unsafe-inline'; img-src data:\""),
            std::string::npos);
  EXPECT_EQ(html.find("<script"), std::string::npos);
  EXPECT_EQ(html.find("http://"), std::string::npos);
  EXPECT_EQ(html.find("https://"), std::string::npos);
  EXPECT_EQ(html.find("url("), std::string::npos);
  EXPECT_EQ(html.find("@import"), std::string::npos);
  const std::regex reference("(src|href)=\"([^\"]{0,8})");
  for (std::sregex_iterator at(html.begin(), html.end(), reference), end; at != end; ++at)
    EXPECT_TRUE((*at)[2] == "data:ima" || (*at)[2].str().starts_with("#")) << (*at)[2];
}

TEST_F(HtmlReport, TheWorstAreTheWorstAndEqualScoresKeepTheirOrder) {
  std::mt19937 random(1);
  const double normal[] = {0.1, 0.9, 0.9, 0.5}, anomalous[] = {0.2, 0.8, 0.2, 0.7};
  for (int i = 0; i < 4; ++i) add_sample(i, false, normal[i], random);
  for (int i = 0; i < 4; ++i) add_sample(10 + i, true, anomalous[i], random);
  const std::string html = page({.worst = 2});
  EXPECT_EQ(count(html, "<figcaption><b>"), 4);
  const std::size_t first = html.find("<b>images/cell1.png"),
                    second = html.find("<b>images/cell2.png");
  EXPECT_LT(first, second);
  EXPECT_NE(second, std::string::npos);
  EXPECT_LT(html.find("<b>images/cell10.png"), html.find("<b>images/cell12.png"));
  EXPECT_EQ(html.find("<b>images/cell13.png"), std::string::npos);
}

TEST_F(HtmlReport, WhatCannotBeReadIsSaidAndNothingOutsideIsRead) {
  std::mt19937 random(1);
  for (int i = 0; i < 6; ++i) add_sample(i, true, 0.1 * i, random);
  write(folder() / "secret.png", codec_->encode_png(cell(random, false)));
  outcomes_[0].image = "../secret.png";
  outcomes_[1].image = (folder() / "secret.png").string();
  fs::create_symlink(folder() / "secret.png", folder() / "data/link.png");
  outcomes_[2].image = "link.png";
  outcomes_[3].image = "images/no_such.png";
  outcomes_[4].map = "../../secret.npy";
  outcomes_[5].region = Region{2147483600, 0, 2147483600, 5};
  const std::string html = page();
  EXPECT_EQ(count(html, "outside the data set"), 3);
  EXPECT_EQ(count(html, "outside the run folder"), 1);
  EXPECT_EQ(count(html, "outside the picture"), 1);
  EXPECT_EQ(count(html, "No picture here"), 6);
  EXPECT_EQ(count(html, "<img "), 1);  // the picture whose map lies outside
}

TEST_F(HtmlReport, PicturesAndMapsThatAreDamagedAreSaid) {
  std::mt19937 random(1);
  for (int i = 0; i < 3; ++i) add_sample(i, true, 0.1 * i, random);
  std::ofstream(folder() / "data" / outcomes_[0].image) << "no picture";
  std::ofstream(folder() / "data" / outcomes_[1].image) << "";
  std::ofstream(run_.folder / outcomes_[2].map) << "no map";
  const std::string html = page();
  EXPECT_EQ(count(html, "No picture here"), 3);
}

TEST_F(HtmlReport, WithoutOutcomesOrScoresThePageStands) {
  const std::string bare = html_report(run_, *codec_);
  EXPECT_NE(bare.find("no outcomes.jsonl"), std::string::npos);
  EXPECT_EQ(count(bare, "<img "), 0);
  outcomes_ = {{.task = "zsad.elpv", .sample = "a", .status = Status::failed, .error = "down"},
               {.task = "other", .sample = "b"}};
  const std::string html = page();
  EXPECT_NE(html.find("down"), std::string::npos);
  EXPECT_EQ(html.find("Curves"), std::string::npos);
}

TEST_F(HtmlReport, SeveralTasksAreListedAtTheTop) {
  run_ = example_run("baseline", kRunId, {elpv_task(), headct_task()}, 0.7213);
  run_.folder = folder() / "run";
  run_.summary.tasks[1].partial = run_.manifest.partial = true;
  run_.summary.tasks[1].limited = "10 of 200 samples";
  add_samples(30);
  const std::string html = page();
  EXPECT_NE(html.find("href=\"#task-2\">zsad.headct"), std::string::npos);
  EXPECT_NE(html.find("PARTIAL: 10 of 200 samples"), std::string::npos);
}

// The same run twice: once with harmless names and answers, once with hostile ones in every place
// that a model, a server, a data set or a user fills.
TEST_F(HtmlReport, HostileTextAddsNoElement) {
  const std::vector<std::string> hostile = hostile_texts();
  const auto made = [&](bool is_hostile) {
    std::size_t next = 0;
    const auto text = [&](const char* harmless) {
      return is_hostile ? hostile[next++ % hostile.size()] : std::string(harmless);
    };
    run_ = example_run("baseline", kRunId, {elpv_task()}, 0.7213);
    run_.folder = folder() / "run";
    run_.manifest.tasks[0].root = folder() / "data";
    outcomes_.clear();
    run_.summary.label = text("label");
    store::TaskSummary& task = run_.summary.tasks[0];
    task.variant = text("variant");
    task.fingerprint = text("fingerprint");
    task.counts.refused = task.counts.failed = static_cast<std::int64_t>(hostile.size());
    task.counts.unscored = {{text("scorer"), 40}};
    for (int i = 0; i < 40; ++i) task.disagreements.push_back(text("sample"));
    for (store::Row& row : run_.summary.rows) {
      if (!row.value) row.reason = text("reason");
      if (row.interval) row.interval->method = "delong";
    }
    for (int i = 0; i < 5; ++i)
      run_.summary.rows.push_back({.task = task.task,
                                   .scorer = "official",
                                   .metric = text("metric") + std::to_string(i),
                                   .group = "pooled",
                                   .value = 0.5});
    run_.manifest.version = text("version");
    run_.manifest.commit = text("commit");
    run_.manifest.host = {{"host", text("host")}};
    run_.manifest.model_args_used = {{"checkpoint", text("folder")}};
    run_.manifest.model_facts = {{"fact", text("fact")}};
    run_.manifest.tasks[0].warnings = {text("warning")};
    run_.manifest.options_asked = {{"1", "run"}, {"2", text("word")}, {"3", text("word")}};
    for (std::size_t i = 0; i < hostile.size(); ++i) {
      outcomes_.push_back({.task = task.task,
                           .sample = text("a"),
                           .category = text("b"),
                           .status = Status::failed,
                           .error = text("c")});
      outcomes_.push_back({.task = task.task,
                           .sample = text("a"),
                           .category = text("b"),
                           .status = Status::refused,
                           .error = text("c")});
      Outcome answered{.task = task.task,
                       .sample = text("a"),
                       .category = text("b"),
                       .anomalous = i % 2 == 0,
                       .defect = text("d"),
                       .image = text("e"),
                       .map = text("f"),
                       .text = text("g")};
      answered.marks = {{.scorer = "official", .score = static_cast<double>(i)},
                        {.scorer = "corrected", .unscored_because = text("h")}};
      outcomes_.push_back(answered);
    }
    fs::path file = folder() / (is_hostile ? "hostile.html" : "harmless.html");
    std::ofstream(file, std::ios::binary) << page({.worst = 100, .listed = 1000});
    return file;
  };
  const fs::path harmless = made(false), bad = made(true);
  if (std::system("python3 --version >/dev/null 2>&1") != 0) GTEST_SKIP() << "no python3";
  const std::string command = "python3 " LOOKTWICE_SOURCE_DIR "/tests/reports/check_html.py '" +
                              harmless.string() + "' '" + bad.string() + "'";
  EXPECT_EQ(std::system(command.c_str()), 0);
}

TEST(Picture, AreasAreAveraged) {
  const Image image{
      .width = 4, .height = 2, .channels = 1, .pixels = {0, 100, 10, 30, 100, 0, 20, 40}};
  const Image small = downscaled(image, 2);
  EXPECT_EQ(small.width, 2);
  EXPECT_EQ(small.height, 1);
  EXPECT_EQ(small.pixels, (std::vector<std::uint8_t>{50, 25}));
  EXPECT_EQ(downscaled(image, 10).pixels, image.pixels);
}

TEST(Picture, MapsKeepTheirPeaks) {
  const AnomalyMap map{
      .width = 4, .height = 4, .values = {0, 0, 0, 0, 0, 9, 0, 0, 0, 0, -1, -2, 0, 0, -3, -4}};
  const AnomalyMap small = downscaled(map, 2);
  EXPECT_EQ(small.values, (std::vector<float>{9, 0, 0, -1}));
}

TEST(Picture, OverlayGoesFromDarkToBright) {
  const Image grey{.width = 2, .height = 1, .channels = 1, .pixels = {100, 100}};
  const AnomalyMap map{.width = 2, .height = 1, .values = {0, 1}};
  const Image out = overlaid(grey, map, 0, 1);
  ASSERT_EQ(out.pixels.size(), 6u);
  EXPECT_LT(out.pixels[0], 80);                            // dark end of the colours over grey
  EXPECT_GT(out.pixels[3], 200);                           // bright end
  EXPECT_EQ(overlaid(grey, map, 1, 1).pixels.size(), 6u);  // a flat map
}

TEST(Picture, GreyInThreeChannelsBecomesOne) {
  Image image{.width = 2, .height = 1, .channels = 3, .pixels = {1, 1, 1, 2, 2, 2}};
  EXPECT_EQ(without_needless_colour(image).pixels, (std::vector<std::uint8_t>{1, 2}));
  image.pixels[5] = 3;
  EXPECT_EQ(without_needless_colour(image).channels, 3);
}

}  // namespace
}  // namespace looktwice::reports
