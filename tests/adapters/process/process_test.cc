// Programs that behave, and what the adapter promises about them. Those that do not:
// process_faults_test.cc.
#include <chrono>

#include "harness/core/json_value.h"
#include "tests/adapters/process/process_fixture.h"

namespace looktwice::adapters {
namespace {

using namespace std::chrono_literals;

TEST_F(ProcessTest, RunsTheExamplesOfTheDocumentation) {
  for (const char* command :
       {"'" LOOKTWICE_PYTHON "' '" LOOKTWICE_SOURCE_DIR
        "/scripts/adapters/examples/python_adapter.py'",
        "sh '" LOOKTWICE_SOURCE_DIR "/scripts/adapters/examples/shell_adapter.sh'"}) {
    const auto adapter = process_entry().make({{"command", command}}, {});
    for (const Prediction& reply : looktwice::testing::served(*adapter, requests_)) {
      EXPECT_EQ(reply.status, Status::answered) << reply.error;
      EXPECT_EQ(reply.score, 47) << "P6, 4 3, 255 and 36 bytes";
    }
    EXPECT_TRUE(adapter->facts().at("program").starts_with("file size"));
  }
}

TEST_F(ProcessTest, GivesTheProgramPicturesAndNothingThatTellsTheDefect) {
  requests_[1].references = {requests_[0].image};
  requests_.resize(2);
  const auto found = answers("echo_request.py");
  ASSERT_EQ(found.size(), 2u) << error_;
  for (const auto& [key, reply] : found) {
    ASSERT_EQ(reply.status, Status::answered) << reply.error;
    EXPECT_EQ(reply.text.find("broken_large"), std::string::npos) << reply.text;
    EXPECT_EQ(reply.text.find(folder_.path().string()), std::string::npos) << reply.text;
    const JsonValue seen = parsed_json(reply.text, "text");
    const std::string image = seen.find("request")->find("image")->text;
    EXPECT_TRUE(image.starts_with(seen.find("hello")->find("folder")->text + "/3f9a"));
    EXPECT_EQ(seen.find("start")->text,
              "50360a342033"
              "0a32")
        << "P6, 4 3, 2..";
    EXPECT_FALSE(std::filesystem::exists(image)) << "the folder is gone";
  }
  EXPECT_NE(found.at("key-1").text.find("references"), std::string::npos);
}

TEST_F(ProcessTest, TakesEveryPartOfAnAnswer) {
  requests_.resize(1);
  const Prediction reply = answers("echo_request.py").at("key-0");
  ASSERT_TRUE(reply.map);
  EXPECT_EQ(reply.map->values, (std::vector<float>{0, 0.5, 1, 2000}));
  EXPECT_EQ(reply.usage.input_tokens, 3);
  ASSERT_EQ(reply.spans.size(), 1u);
  EXPECT_EQ(reply.spans[0].duration_ns, 6);
  const auto facts = adapter_->facts();
  EXPECT_EQ(facts.at("program"), "echo request");
  EXPECT_EQ(facts.at("weights"), "abc");
  EXPECT_EQ(facts.at("layers"), "12");
}

TEST_F(ProcessTest, TurnsPicturesIntoPngForProgramsThatWantIt) {
  requests_.resize(1);
  const Prediction reply = answers("echo_request.py png").at("key-0");
  const JsonValue seen = parsed_json(reply.text, "text");
  EXPECT_TRUE(seen.find("request")->find("image")->text.ends_with(".png"));
  EXPECT_EQ(seen.find("start")->text, "89504e470d0a1a0a");
}

TEST_F(ProcessTest, TakesMapsFromFilesAndRemovesThem) {
  const auto found = answers("map_file.py");
  ASSERT_EQ(found.size(), requests_.size()) << error_;
  for (const auto& [key, reply] : found) {
    ASSERT_TRUE(reply.map) << reply.error;
    EXPECT_EQ(reply.map->height, 2);
    EXPECT_EQ(reply.map->values, (std::vector<float>{0, 1, 2, 3, 4, 5}));
  }
}

TEST_F(ProcessTest, KeepsSecretsAndPassesWhatIsNamed) {
  ::setenv("LOOKTWICE_TEST_API_KEY", "canary-1", 1);
  ::setenv("LOOKTWICE_TEST_TOKEN", "canary-2", 1);
  requests_.resize(1);
  EXPECT_EQ(answers("echo_request.py").at("key-0").text.find("canary"), std::string::npos);
  const std::string text =
      answers("echo_request.py", {{"env", "LOOKTWICE_TEST_TOKEN"}}).at("key-0").text;
  EXPECT_EQ(text.find("canary-1"), std::string::npos);
  EXPECT_NE(text.find("canary-2"), std::string::npos);
  ::unsetenv("LOOKTWICE_TEST_API_KEY");
  ::unsetenv("LOOKTWICE_TEST_TOKEN");
}

TEST_F(ProcessTest, RunsNoShell) {
  requests_.resize(1);
  const std::string text =
      answers("echo_request.py png '$(touch x)' '; touch x' '*'").at("key-0").text;
  EXPECT_TRUE(names_all(text, {"$(touch x)", "; touch x", "\"*\""})) << text;
}

TEST_F(ProcessTest, HandsOutAsManyRequestsAsTheProgramWants) {
  expect_right_but(answers("collect.py 5"), {});  // it answers nothing before it holds five
  expect_right_but(answers("collect.py 1", {{"window", "3"}}), {});
}

TEST_F(ProcessTest, SharesTheWorkAmongSeveralPrograms) {
  expect_right_but(answers("live.sh well", {{"workers", "3"}}), {});
  expect_right_but(answers("live.sh well", {{"workers", "2"}, {"window", "2"}}), {});
}

TEST_F(ProcessTest, FailsARequestWhosePictureCannotBeRead) {
  requests_[2].image = Picture("gone.ppm", {.path = folder_.path() / "gone.ppm"}, nullptr);
  const auto found = answers("live.sh well");
  expect_right_but(found, {kPoison});
  EXPECT_TRUE(names_all(found.at(kPoison).error, {"gone.ppm"}));
}

TEST_F(ProcessTest, StartsNothingWhenThereIsNothingToDo) {
  requests_.clear();
  EXPECT_TRUE(answers("no_such_program.py").empty());
  EXPECT_EQ(error_, "");
}

TEST_F(ProcessTest, DropsWhatIsOwedWhenTheRunIsStopped) {
  stop_after_ = 2;
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(answers("live.sh hangs", {{"grace", "60"}}).size(), 2u);
  EXPECT_LT(std::chrono::steady_clock::now() - start, 20s);
  EXPECT_EQ(error_, "");
}

TEST_F(ProcessTest, RefusesSenselessOptions) {
  const auto refusal = [](const Arguments& arguments) {
    return looktwice::testing::refusal(Kind::usage, [&] { process_entry().make(arguments, {}); });
  };
  EXPECT_TRUE(names_all(refusal({}), {"command="}));
  for (const auto& [name, value] :
       std::vector<std::pair<std::string, std::string>>{{"workers", "0"},
                                                        {"workers", "1000"},
                                                        {"window", "-1"},
                                                        {"restarts", "-1"},
                                                        {"start_timeout", "0"},
                                                        {"answer_timeout", "-1"},
                                                        {"idle_timeout", "1e9"},
                                                        {"grace", "0"},
                                                        {"command", "a | b"},
                                                        {"command", "'a"}}) {
    Arguments arguments{{"command", "x"}};
    arguments[name] = value;
    EXPECT_NE(refusal(arguments), "") << name << "=" << value;
  }
}

TEST_F(ProcessTest, SaysWhenThereIsNoSuchProgram) {
  const auto adapter = process_entry().make({{"command", "/no/such/program"}}, {});
  const std::string why = looktwice::testing::refusal(
      Kind::model, [&] { looktwice::testing::served(*adapter, requests_); });
  EXPECT_TRUE(names_all(why, {"/no/such/program", "No such file"})) << why;
}

}  // namespace
}  // namespace looktwice::adapters
