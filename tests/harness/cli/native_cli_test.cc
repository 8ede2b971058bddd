// The native model from the command line, over the miniature of VisA-D&R and cells in the layout of
// ELPV, as one command: detection, reasoning, zero-shot scores, heat maps, a profile.
#include <gtest/gtest.h>

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
            const std::string& output, const std::vector<std::string>& more = {}) {
  for (const std::string& word :
       {std::string("--model"), std::string("anomaly_ov"), std::string("--model_args"),
        "checkpoint=" + checkpoint() + arguments, std::string("--tasks"), tasks,
        std::string("--data_root"), data().path().string(), std::string("--output_path"),
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
  for (const char* row : {"visa_dr.detection accuracy", "visa_dr.detection accuracy_at",
                          "visa_dr.detection f1_at", "visa_dr.reasoning low_level.rouge_l"})
    EXPECT_TRUE(computed.contains(row)) << row;
  // What the expert saw of both kinds of pictures.
  const Finished maps = finished(looktwice({"maps", data().run("both").string()}));
  EXPECT_EQ(maps.code, 0) << maps.err;
  EXPECT_NE(maps.out.find("12 maps written"), std::string::npos) << maps.out;
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

TEST(NativeCli, MaxNewTokensBoundsEveryAnswer) {
  LOOKTWICE_NEEDS_FIXTURE("anomaly_ov/checkpoint/model.safetensors");
  const Finished bad = ov({"run"}, ",max_new_tokens=-1", "zsad.elpv", "bad", {"--limit", "1"});
  EXPECT_EQ(bad.code, 2) << bad.err;
  EXPECT_NE(bad.err.find("max_new_tokens"), std::string::npos) << bad.err;
}

}  // namespace
}  // namespace looktwice
