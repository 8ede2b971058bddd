// looktwice profile and looktwice maps as a user meets them.
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "adapters/imaging/codec.h"
#include "harness/store/run_folder.h"
#include "tests/harness/cli/unit.h"
#include "tests/support/files.h"
#include "tests/support/trace_format.h"
#include "tests/support/web_server.h"

namespace looktwice {
namespace {

namespace fs = std::filesystem;
using namespace looktwice::testing;
using Json = nlohmann::json;

const Unit& unit() {
  static const Unit one;
  return one;
}

// Few requests and any load: a test is no benchmark.
Command profile(const std::string& name, const std::vector<std::string>& model,
                const std::vector<std::string>& more = {}) {
  std::vector<std::string> words = {"profile",
                                    "--tasks",
                                    "zsad.folder",
                                    "--data_root",
                                    (unit().root() / "data").string(),
                                    "--output_path",
                                    unit().run(name).string(),
                                    "--min_requests",
                                    "20",
                                    "--min_time",
                                    "0",
                                    "--max_load",
                                    "1",
                                    "--threads",
                                    "1",
                                    "--quiet"};
  words.insert(words.end(), model.begin(), model.end());
  words.insert(words.end(), more.begin(), more.end());
  return looktwice(words);
}

Json json_in(const fs::path& file) {
  return Json::parse(store::read_text(file));
}

const Json& row(const Json& latency, const std::string& part) {
  for (const Json& one : latency.at("rows"))
    if (one.at("part") == part) return one;
  throw std::runtime_error("no row " + part);
}

TEST(ProfileCli, WritesAFolderThatTellsEverything) {
  const Finished done = finished(profile("null", {"--model", "null"}));
  ASSERT_EQ(done.code, 0) << done.err;
  EXPECT_NE(done.out.find("p99"), std::string::npos) << done.out;
  const fs::path folder = unit().run("null");
  for (const char* file :
       {"profile.json", "timing.jsonl", "predictions.jsonl", "latency.md", "latency.csv",
        "latency.json", "latency.html", "latency.tex", "trace.json"})
    EXPECT_TRUE(fs::exists(folder / file)) << file;
  EXPECT_FALSE(fs::exists(folder / "work"));
  const Json latency = json_in(folder / "latency.json");
  EXPECT_GE(latency.at("requests"), 40);
  EXPECT_EQ(row(latency, "request").at("n"), latency.at("requests"));
  EXPECT_EQ(latency.at("profile").at("passes").size(), 2);
  EXPECT_GT(json_in(folder / "trace.json").at("traceEvents").size(), 40);
  test::expect_trace_format(json_in(folder / "trace.json"));
}

// Whatever is timed is what runs.
TEST(ProfileCli, GivesTheAnswersOfARunToTheByte) {
  ASSERT_EQ(finished(unit().command("run_for_profile")).code, 0);
  const std::string arguments = "path=" + (unit().root() / "answers/scores.csv").string() +
                                ",maps=" + (unit().root() / "answers/maps").string();
  const Finished done = finished(
      profile("recorded", {"--model", "predictions", "--model_args", arguments, "--limit", "0"}));
  ASSERT_EQ(done.code, 0) << done.err;
  EXPECT_EQ(store::read_text(unit().run("recorded") / "predictions.jsonl"),
            store::read_text(unit().run("run_for_profile") / "predictions.jsonl"));
  for (const Json& pass : json_in(unit().run("recorded") / "profile.json").at("passes"))
    EXPECT_EQ(pass.at("other_answers"), 0);
}

TEST(ProfileCli, ShowsAFolderAgainAndTheTimesOfARunButNotAsValid) {
  ASSERT_EQ(finished(profile("again", {"--model", "null"})).code, 0);
  const std::string before = store::read_text(unit().run("again") / "latency.json");
  const Finished again = finished(looktwice({"profile", "--from", unit().run("again").string()}));
  EXPECT_EQ(again.code, 0) << again.err;
  EXPECT_EQ(store::read_text(unit().run("again") / "latency.json"), before);

  ASSERT_EQ(finished(unit().command("timed_run")).code, 0);
  const Finished run =
      finished(looktwice({"profile", "--from", unit().run("timed_run").string(), "--json",
                          "--output_path", unit().run("times").string()}));
  EXPECT_EQ(run.code, 0) << run.err;
  EXPECT_FALSE(Json::parse(run.out).at("valid"));
  EXPECT_NE(run.err.find("ordinary run"), std::string::npos) << run.err;
  EXPECT_EQ(row(Json::parse(run.out), "request").at("n"), 40);
  EXPECT_EQ(finished(looktwice({"profile", "--from", unit().run("timed_run").string(),
                                "--output_path", unit().run("times").string(), "--require_valid"}))
                .code,
            1);
}

TEST(ProfileCli, HoldsOneProfileAgainstAnother) {
  ASSERT_EQ(finished(profile("first", {"--model", "echo"})).code, 0);
  const Finished done = finished(profile("second", {"--model", "echo"},
                                         {"--baseline", unit().run("first").string(), "--json"}));
  ASSERT_EQ(done.code, 0) << done.err;
  const Json ratio = Json::parse(done.out).at("comparison").at("ratios").at(0);
  EXPECT_EQ(ratio.at("part"), "request");
  EXPECT_EQ(ratio.at("requests"), 32);
  EXPECT_LE(ratio.at("low"), ratio.at("ratio"));
  EXPECT_LE(ratio.at("ratio"), ratio.at("high"));
  const Finished other = finished(profile(
      "third", {"--model", "echo"}, {"--baseline", unit().run("first").string(), "--limit", "7"}));
  EXPECT_EQ(other.code, 2) << other.err;
  EXPECT_NE(other.err.find("different requests"), std::string::npos) << other.err;
}

TEST(ProfileCli, AProgramBehindAPipeIsStartedOnce) {
  // The shell adapter of the examples: a start of its own for each pass would be most of the time.
  const std::string command =
      "sh " + std::string(LOOKTWICE_SOURCE_DIR) + "/scripts/adapters/examples/shell_adapter.sh";
  const Finished done = finished(
      profile("pipe", {"--model", "process", "--model_args", "command=\"" + command + "\""},
              {"--limit", "5"}));
  ASSERT_EQ(done.code, 0) << done.err;
  EXPECT_GE(json_in(unit().run("pipe") / "latency.json").at("requests"), 20);
}

TEST(ProfileCli, AStreamTellsTheTimeToTheFirstToken) {
  const std::string events =
      R"(data: {"id":"1","model":"test-model","choices":[{"index":0,"delta":{"role":"assistant","content":"Yes"},"finish_reason":null}]}

data: {"id":"1","model":"test-model","choices":[{"index":0,"delta":{"content":", a scratch"},"finish_reason":"stop"}]}

data: {"id":"1","model":"test-model","choices":[],"usage":{"prompt_tokens":9,"completion_tokens":4,"total_tokens":13}}

data: [DONE]

)";
  WebServer server([&](const Heard&, Line& line) {
    line.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Length: " +
              std::to_string(events.size()) + "\r\n\r\n" + events);
  });
  Command command = profile("stream",
                            {"--model", "openai", "--model_args",
                             "model=test-model,stream=true,max_tries=1,base_url=" + server.url()},
                            {"--limit", "10"});
  command.environment["OPENAI_API_KEY"] = "sk-none";
  for (const char* proxy : {"http_proxy", "https_proxy", "all_proxy"})
    command.environment[proxy] = "";
  const Finished done = finished(command);
  ASSERT_EQ(done.code, 0) << done.err;
  const Json latency = json_in(unit().run("stream") / "latency.json");
  EXPECT_EQ(row(latency, "time to first token").at("n"), latency.at("requests"));
  EXPECT_LE(row(latency, "time to first token").at("mean").get<double>(),
            row(latency, "request").at("mean").get<double>());
  EXPECT_GT(server.heard().size(), 20u) << "no answer came from a cache";
  EXPECT_EQ(latency.at("output_tokens"), 4 * latency.at("requests").get<int>());
}

TEST(ProfileCli, MistakesAreNamed) {
  const auto fails = [](const Command& command, int code, const std::string& message) {
    const Finished done = finished(command);
    EXPECT_EQ(done.code, code) << done.err;
    EXPECT_NE(done.err.find(message), std::string::npos) << done.err;
  };
  fails(looktwice({"profile"}), 2, "--model and --tasks are needed");
  fails(looktwice({"profile", "--from", "x", "--model", "null"}), 2, "no --model");
  fails(looktwice({"profile", "--from", "/nowhere"}), 4, "neither profile.json nor run.json");
  fails(profile("bad", {"--model", "nul"}), 2, "did you mean 'null'");
  for (const auto& [option, value] : {std::pair{"--min_requests", "0"},
                                      {"--min_time", "-1"},
                                      {"--max_time", "0"},
                                      {"--max_load", "2"},
                                      {"--at_once", "-1"},
                                      {"--warmup", "0"},
                                      {"--level", "2"},
                                      {"--batch_size", "x"},
                                      {"--min_passes", "0"}})
    fails(profile("bad", {"--model", "null"}, {option, value}), 2, option);
  EXPECT_FALSE(fs::exists(unit().run("bad")));
  ASSERT_EQ(finished(profile("twice", {"--model", "null"})).code, 0);
  fails(profile("twice", {"--model", "null"}), 2, "holds profile.json already");
}

TEST(MapsCli, WritesEachMapBesideItsPicture) {
  ASSERT_EQ(finished(unit().command("with_maps")).code, 0);
  const fs::path out = unit().root() / "heat";
  const Finished done = finished(looktwice({"maps", unit().run("with_maps").string(),
                                            "--output_path", out.string(), "--range", "0,12"}));
  ASSERT_EQ(done.code, 0) << done.err;
  EXPECT_NE(done.out.find("40 maps written"), std::string::npos) << done.out;
  int pictures = 0;
  const auto codec = imaging::make_codec();
  for (const auto& entry : fs::recursive_directory_iterator(out)) {
    if (entry.path().extension() != ".png") continue;
    ++pictures;
    const Image image = codec->decode(test::bytes_of(entry.path()));
    EXPECT_EQ(image.width, 8 + 8 + 8);
    EXPECT_EQ(image.height, 6);
  }
  EXPECT_EQ(pictures, 40);
  const std::string list = store::read_text(out / "maps.csv");
  EXPECT_EQ(std::ranges::count(list, '\n'), 41);

  const Finished few = finished(
      looktwice({"maps", unit().run("with_maps").string(), "--only", "anomalous", "--limit", "3"}));
  EXPECT_EQ(few.code, 0) << few.err;
  EXPECT_NE(few.out.find("3 maps written"), std::string::npos) << few.out;
  EXPECT_TRUE(fs::exists(unit().run("with_maps") / "heat_maps" / "maps.csv"));
  for (const auto& [option, value] : {std::pair{"--range", "1,0"},
                                      {"--range", "warm"},
                                      {"--only", "broken"},
                                      {"--side", "1"},
                                      {"--limit", "-1"}}) {
    const Finished bad =
        finished(looktwice({"maps", unit().run("with_maps").string(), option, value}));
    EXPECT_EQ(bad.code, 2) << option << bad.err;
    EXPECT_NE(bad.err.find(option), std::string::npos) << bad.err;
  }
  ASSERT_EQ(finished(looktwice({"run", "--model", "null", "--tasks", "zsad.folder", "--data_root",
                                (unit().root() / "data").string(), "--output_path",
                                unit().run("no_maps").string(), "--quiet", "--resamples", "0"}))
                .code,
            0);
  EXPECT_EQ(finished(looktwice({"maps", unit().run("no_maps").string()})).code, 4)
      << "nothing to draw is no success";
}

}  // namespace
}  // namespace looktwice
