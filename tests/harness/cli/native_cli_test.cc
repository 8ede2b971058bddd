// The native model from the command line, over the miniature of VisA-D&R and cells in the layout of
// ELPV, as one command: detection, reasoning, zero-shot scores, heat maps, a profile. And over real
// cells, where the package elpv-dataset is in .venv or LOOKTWICE_ELPV names its folder.
#include <gtest/gtest.h>

#include <cstdlib>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "adapters/imaging/codec.h"
#include "harness/core/json_value.h"
#include "harness/store/run_folder.h"
#include "harness/store/summary.h"
#include "tests/harness/cli/unit.h"
#include "tests/support/files.h"
#include "tests/support/qwen_vocabulary.h"

namespace looktwice {
namespace {

namespace fs = std::filesystem;
using namespace looktwice::testing;
using Json = nlohmann::json;

// Pictures with something in them, as PNG whatever their suffix: the content decides.
std::string picture(int width, int height, int seed) {
  Image image{.width = width, .height = height, .channels = 3};
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x)
      for (int c = 0; c < 3; ++c)
        image.pixels.push_back(static_cast<std::uint8_t>(
            (x * (3 + seed % 5) + y * 7 + c * 40 + (x / 9 + y / 11) % 2 * 90 + seed * 31) % 256));
  const auto bytes = imaging::make_codec()->encode_png(image);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// One folder that holds both: VisA/ with the two lists, elpv/ with its labels.
class Data {
 public:
  Data() {
    int seed = 0;
    for (const char* list : {"test_data.json", "visa_dr.json"}) {
      const std::string text = store::read_text(test::data_path(std::string("visa_dr/") + list));
      folder_.file(std::string("VisA/") + list, text);
      for (const JsonValue& record : parsed_json(text, list).items) {
        const std::string& image = record.find("image")->text;
        if (!fs::exists(folder_.path() / image))
          folder_.file(image, picture(60 + seed % 7, 50 + seed % 11, seed));
        ++seed;
      }
    }
    std::string labels;
    for (int i = 1; i <= 12; ++i) {
      const std::string name = "images/cell" + std::to_string(1000 + i) + ".png";
      folder_.file("elpv/" + name, picture(90, 90, 500 + i));
      labels += name + (i % 3 == 0 ? "  1.0" : "  0.0") + (i % 2 == 0 ? "  mono\n" : "  poly\n");
    }
    folder_.file("elpv/labels.csv", labels);
  }
  fs::path path() const { return folder_.path(); }
  fs::path run(const std::string& name) const { return folder_.path() / "runs" / name; }

 private:
  TemporaryFolder folder_;
};

const Data& data() {
  static const Data one;
  return one;
}

// What was asked, answered and scored; not which run it was.
std::vector<std::string> answers_in(const fs::path& run) {
  std::vector<std::string> lines;
  std::istringstream file(store::read_text(run / "predictions.jsonl"));
  for (std::string line; std::getline(file, line);) {
    Json record = Json::parse(line);
    for (const char* name : {"run", "crc"}) record.erase(name);
    lines.push_back(record.dump());
  }
  return lines;
}

std::string checkpoint() {
  static const test::WithTokenizer folder(test::fixture_path("anomaly_ov/checkpoint"));
  return folder.path().string();
}

Finished ov(std::vector<std::string> words, const std::string& arguments, const std::string& tasks,
            const std::string& output, const std::vector<std::string>& more = {},
            const fs::path& data_root = data().path()) {
  for (const std::string& word :
       {std::string("--model"), std::string("anomaly_ov"), std::string("--model_args"),
        "checkpoint=" + checkpoint() + arguments, std::string("--tasks"), tasks,
        std::string("--data_root"), data_root.string(), std::string("--output_path"),
        data().run(output).string(), std::string("--threads"), std::string("1"),
        std::string("--quiet")})
    words.push_back(word);
  words.insert(words.end(), more.begin(), more.end());
  Command command = looktwice(words);
  command.limit = std::chrono::minutes(10);  // under a sanitizer
  return finished(command);
}

TEST(NativeCli, OneCommandRunsVisaDrAndElpv) {
  LOOKTWICE_NEEDS_FIXTURE("anomaly_ov/checkpoint/model.safetensors");
  const Finished done = ov({"run"}, ",max_new_tokens=4", "visa_dr,zsad.elpv", "both",
                           {"--limit", "4", "--resamples", "0", "--maps", "all"});
  ASSERT_EQ(done.code, 0) << done.err;
  const store::Summary summary = store::read_summary(data().run("both") / "summary.json");
  ASSERT_EQ(summary.tasks.size(), 3u);
  EXPECT_EQ(summary.tasks[0].task, "visa_dr.detection");
  EXPECT_EQ(summary.tasks[1].task, "visa_dr.reasoning");
  EXPECT_EQ(summary.tasks[2].task, "zsad.elpv");
  for (const store::TaskSummary& task : summary.tasks) {
    EXPECT_EQ(task.counts.answered, 4) << task.task;
    EXPECT_TRUE(task.partial);
  }
  std::set<std::string> computed;
  for (const store::Row& row : summary.rows)
    if (row.value) computed.insert(row.task + " " + row.metric);
  for (const char* row : {"visa_dr.detection accuracy", "visa_dr.detection accuracy_at_half",
                          "visa_dr.detection f1_at_half", "visa_dr.detection f1_at",
                          "visa_dr.reasoning low_level.rouge_l"})
    EXPECT_TRUE(computed.contains(row)) << row;
  // What the expert saw of both kinds of pictures.
  const Finished maps = finished(looktwice({"maps", data().run("both").string()}));
  EXPECT_EQ(maps.code, 0) << maps.err;
  EXPECT_NE(maps.out.find("12 maps written"), std::string::npos) << maps.out;
}

// The folder of labels.csv and the 2,624 cells; empty: not here.
fs::path real_cells() {
  if (const char* given = std::getenv("LOOKTWICE_ELPV")) return given;
  const fs::path libraries = fs::path(LOOKTWICE_SOURCE_DIR) / ".venv/lib";
  std::error_code none;
  for (const auto& python : fs::directory_iterator(libraries, none)) {
    const fs::path folder = python.path() / "site-packages/elpv_dataset/data";
    if (fs::exists(folder / "labels.csv")) return folder;
  }
  return {};
}

TEST(NativeCli, OneCommandRunsVisaDrAndRealCellsOfElpv) {
  LOOKTWICE_NEEDS_FIXTURE("anomaly_ov/checkpoint/model.safetensors");
  const fs::path cells = real_cells();
  if (cells.empty())
    GTEST_SKIP() << "no ELPV: ./scripts/setup puts elpv-dataset into .venv, or set LOOKTWICE_ELPV";
  const TemporaryFolder both;
  fs::copy(data().path() / "VisA", both.path() / "VisA", fs::copy_options::recursive);
  fs::create_directory_symlink(cells, both.path() / "elpv");
  const Finished done = ov({"run"}, ",max_new_tokens=2", "visa_dr,zsad.elpv", "real_cells",
                           {"--limit", "24", "--resamples", "0"}, both.path());
  ASSERT_EQ(done.code, 0) << done.err;
  // All 377 and 715 cells of the edition were found, of which 24 were drawn.
  EXPECT_EQ(done.err.find("zsad.elpv"), std::string::npos) << done.err;
  const store::Summary summary = store::read_summary(data().run("real_cells") / "summary.json");
  ASSERT_EQ(summary.tasks.size(), 3u);
  EXPECT_EQ(summary.tasks[2].task, "zsad.elpv");
  EXPECT_EQ(summary.tasks[2].counts.answered, 24);
  int ranked = 0;
  for (const store::Row& row : summary.rows)
    if (row.task == "zsad.elpv" && row.metric == "auroc" && row.value) {
      EXPECT_EQ(row.used, 24);
      ++ranked;
    }
  EXPECT_GT(ranked, 0);
  std::set<double> scores;
  std::istringstream outcomes(store::read_text(data().run("real_cells") / "outcomes.jsonl"));
  for (std::string line; std::getline(outcomes, line);) {
    const Json outcome = Json::parse(line);
    if (outcome.value("task", "") == "zsad.elpv")  // the first line is the file's header
      scores.insert(outcome.at("marks").at(0).at("score").get<double>());
  }
  EXPECT_GT(scores.size(), 12u) << "cells that differ were seen as the same";
}

TEST(NativeCli, AProfileTellsItsStagesAndGivesTheSameAnswers) {
  LOOKTWICE_NEEDS_FIXTURE("anomaly_ov/checkpoint/model.safetensors");
  const std::vector<std::string> few = {"--limit", "2"};
  std::vector<std::string> measured = few;
  for (const char* word : {"--min_requests", "16", "--min_time", "0", "--max_load", "1"})
    measured.push_back(word);
  ASSERT_EQ(ov({"run"}, ",max_new_tokens=4", "visa_dr.reasoning", "plain", few).code, 0);
  const Finished done =
      ov({"profile"}, ",max_new_tokens=4", "visa_dr.reasoning", "profile", measured);
  ASSERT_EQ(done.code, 0) << done.err;
  EXPECT_EQ(store::read_text(data().run("profile") / "predictions.jsonl"),
            store::read_text(data().run("plain") / "predictions.jsonl"));
  const Json latency = Json::parse(store::read_text(data().run("profile") / "latency.json"));
  std::map<std::string, std::int64_t> counts;
  for (const Json& row : latency.at("rows")) counts[row.at("part")] = row.at("n");
  const std::int64_t requests = latency.at("requests");
  EXPECT_EQ(requests, 16);
  for (const char* stage : {"request", "time to first token", "prefill", "decode"})
    EXPECT_EQ(counts[stage], requests) << stage;
  // A picture is looked at once per conversation, in every pass: nothing is kept between passes.
  for (const char* stage : {"preprocess", "vision", "ltfm", "select", "projector"})
    EXPECT_EQ(counts[stage], requests / 4) << stage;
  for (const Json& pass : latency.at("profile").at("passes"))
    EXPECT_EQ(pass.at("other_answers"), 0);
  for (const Json& check : latency.at("checks"))
    if (check.at("check") == "stages lie within requests" || check.at("check") == "stages add up") {
      EXPECT_TRUE(check.at("holds")) << check.dump();
    }
}

TEST(NativeCli, ADeviceMapIsToldInTheManifestAndChangesNoAnswer) {
  LOOKTWICE_NEEDS_FIXTURE("anomaly_ov/checkpoint/model.safetensors");
  const std::vector<std::string> few = {"--limit", "1"};
  const std::string words = "visa_dr.reasoning";
  ASSERT_EQ(ov({"run"}, ",max_new_tokens=4", words, "whole", few).code, 0);
  const JsonValue config = parsed_json(
      store::read_text(fs::path(test::fixture_path("anomaly_ov/checkpoint/config.json"))),
      "config.json");
  const int layers = std::stoi(config.find("num_hidden_layers")->text);
  ASSERT_GT(layers, 1);
  const std::string last = std::to_string(layers - 1);
  const Finished done =
      ov({"run"}, ",max_new_tokens=4,device_map=cpu:0/cpu:1-" + last, words, "divided", few);
  ASSERT_EQ(done.code, 0) << done.err;
  EXPECT_EQ(answers_in(data().run("divided")), answers_in(data().run("whole")));
  EXPECT_NE(store::read_text(data().run("divided") / "run.json").find("cpu: pictures, embedding"),
            std::string::npos);
  for (const std::string& map : std::vector<std::string>{"cpu:0", "cpu:0-" + std::to_string(layers),
                                                         "cpu:1-2", "gpu:0-2", "both"}) {
    const Finished bad = ov({"run"}, ",device_map=" + map, "zsad.elpv", "bad_map", few);
    EXPECT_EQ(bad.code, 2) << map << ": " << bad.err;
    EXPECT_NE(bad.err.find("device_map"), std::string::npos) << bad.err;
  }
}

TEST(NativeCli, AnswersAreDrawnWhereTheUserAsksForIt) {
  LOOKTWICE_NEEDS_FIXTURE("anomaly_ov/checkpoint/model.safetensors");
  const auto answers = [](const std::string& arguments, const std::string& output,
                          std::vector<std::string> more = {}) {
    more.insert(more.end(), {"--limit", "2"});
    const Finished done =
        ov({"run"}, ",max_new_tokens=6" + arguments, "visa_dr.reasoning", output, more);
    EXPECT_EQ(done.code, 0) << done.err;
    return answers_in(data().run(output));
  };
  const auto greedy = answers("", "greedy");
  const auto five = answers(",temperature=1,top_p=0.95,seed=5", "five");
  EXPECT_NE(five, greedy);
  EXPECT_EQ(answers(",temperature=1,top_p=0.95,seed=5", "five_again", {"--batch_size", "1"}), five);
  EXPECT_NE(answers(",temperature=1,top_p=0.95,seed=6", "six"), five);
  EXPECT_EQ(answers(",seed=5", "greedy_with_seed"), greedy);

  const Json used =
      Json::parse(store::read_text(data().run("five") / "run.json")).at("model_args_used");
  EXPECT_EQ(used.at("temperature"), "1");
  EXPECT_EQ(used.at("top_p"), "0.95");
  EXPECT_EQ(used.at("seed"), "5");
  // Another temperature is another run: its answers never go into this one's folder.
  const Finished other = ov({"run"}, ",max_new_tokens=6,temperature=0.5,top_p=0.95,seed=5",
                            "visa_dr.reasoning", "five", {"--limit", "2"});
  EXPECT_EQ(other.code, 2) << other.err;
  EXPECT_NE(other.err.find("temperature"), std::string::npos) << other.err;
}

TEST(NativeCli, DecodingOutOfRangeIsOneError) {
  LOOKTWICE_NEEDS_FIXTURE("anomaly_ov/checkpoint/model.safetensors");
  for (const char* bad : {"temperature=-1", "temperature=2.1", "top_p=0", "top_p=1.5", "seed=-1"}) {
    const Finished done = ov({"run"}, std::string(",") + bad, "zsad.elpv", "bad", {"--limit", "1"});
    EXPECT_EQ(done.code, 2) << done.err;
    const std::string name = std::string(bad).substr(0, std::string(bad).find('='));
    EXPECT_NE(done.err.find("model anomaly_ov: " + name + " must be"), std::string::npos)
        << done.err;
  }
}

TEST(NativeCli, MaxNewTokensBoundsEveryAnswer) {
  LOOKTWICE_NEEDS_FIXTURE("anomaly_ov/checkpoint/model.safetensors");
  const Finished bad = ov({"run"}, ",max_new_tokens=-1", "zsad.elpv", "bad", {"--limit", "1"});
  EXPECT_EQ(bad.code, 2) << bad.err;
  EXPECT_NE(bad.err.find("max_new_tokens"), std::string::npos) << bad.err;
}

}  // namespace
}  // namespace looktwice
