// Programs that say wrong things, die or hang (rows G1 and G2 of the fault catalogue):
// programs/say.sh, live.sh, wrong_answers.py. No test waits for a clock longer than its program
// gives it reason to.
#include <poll.h>
#include <signal.h>

#include "tests/adapters/process/process_fixture.h"

namespace looktwice::adapters {
namespace {

// What a program says or does, and words of the message about it.
struct Wrong {
  std::string name = {}, said = {};
  std::vector<std::string> words = {};
};
void PrintTo(const Wrong& wrong, std::ostream* out) {
  *out << wrong.name;
}
std::string name_of(const ::testing::TestParamInfo<Wrong>& each) {
  return each.param.name;
}

// A line of JSON.
std::string line(const std::string& json) {
  return json + "\n";
}

// ------------------------------------------------------------------- before and at the handshake

class Handshake : public ProcessTest, public ::testing::WithParamInterface<Wrong> {
 protected:
  void expect_no_start() {
    EXPECT_TRUE(names_all(error_, GetParam().words)) << error_;
    EXPECT_TRUE(names_all(error_, {"did not start"})) << error_;
    EXPECT_EQ(error_.find('\x1b'), std::string::npos);
    EXPECT_LT(error_.size(), 2500u);
  }
};

TEST_P(Handshake, EndsTheRunAndShowsTheLine) {
  folder_.file("said/hello", GetParam().said);
  EXPECT_TRUE(answers("say.sh '" + (folder_.path() / "said").string() + "'").empty())
      << "nothing was answered, so all stays to be asked again";
  expect_no_start();
}

INSTANTIATE_TEST_SUITE_P(
    Say, Handshake,
    ::testing::Values(
        Wrong{
            "Garbage", "Loading shards: 100%\n", {"handshake", "standard error", "Loading shards"}},
        Wrong{"Ansi", "\x1b[31mloading\x1b[0m\xE2\x80\xAE\n", {"\\x1B[31m", "\\u{202E}"}},
        Wrong{"Binary", std::string("\0\xFF\xFE\x80\n", 5), {"\\x00\\xFF"}},
        Wrong{"Array", "[1]\n", {"handshake", "[1]"}},
        Wrong{"TextVersion", line(R"({"looktwice":"1","name":"x"})"), {"no handshake"}},
        Wrong{"OtherVersion", line(R"({"looktwice":2,"name":"x"})"), {"version 2", "version 1"}},
        Wrong{"NoName", line(R"({"looktwice":1})"), {"lacks a name"}},
        Wrong{"NumberName", line(R"({"looktwice":1,"name":5})"), {"no text"}},
        Wrong{"AnswerFirst", line(R"({"id":"key-0","score":1})"), {"no handshake", "key-0"}},
        Wrong{"BadUtf8", line("{\"looktwice\":1,\"name\":\"\xFF\"}"), {"\\xFF"}},
        Wrong{"BadAccepts",
              line(R"({"looktwice":1,"name":"x","accepts":["jpg"]})"),
              {"accepts", "png"}},
        Wrong{"BadWindow", line(R"({"looktwice":1,"name":"x","window":0})"), {"window"}},
        Wrong{"BadFacts", line(R"({"looktwice":1,"name":"x","facts":{"a":[]}})"), {"facts"}}),
    name_of);

class Start : public Handshake {};

TEST_P(Start, EndsTheRunAndSaysWhy) {
  const bool hangs = GetParam().name == "Hangs";
  EXPECT_TRUE(
      answers("live.sh " + GetParam().said, {{"start_timeout", hangs ? "0.5" : "60"}}).empty());
  expect_no_start();
}

INSTANTIATE_TEST_SUITE_P(
    Live, Start,
    ::testing::Values(
        Wrong{"ExitsWith0", "exit_0_at_start", {"exited with status 0"}},
        Wrong{"ExitsWith1", "exit_1_at_start", {"exited with status 1", "no model here"}},
        Wrong{"IsKilled", "killed_at_start", {"killed by signal 9"}},
        Wrong{"Hangs", "hang_at_start", {"start_timeout=0.500 s"}},
        Wrong{"ClosesOutput", "close_output_at_start", {"the program ended"}},
        Wrong{"SaysALongLine", "long_line_first", {"more than 4 MiB", "xxx"}},
        Wrong{"SaysHalfALine", "half_line_first", {"middle of a line", "looktwice", "status 3"}}),
    name_of);

// ----------------------------- wrong answers: each fails its own request and the program goes on

TEST_F(ProcessTest, AWrongAnswerFailsItsRequestOnly) {
  const std::vector<std::pair<std::string, std::vector<std::string>>> wrong{
      {"nan_score", {"'NaN'", "finite", "\"id\": \"key-"}},
      {"inf_score", {"'Infinity'"}},
      {"minus_inf_score", {"'-Infinity'"}},
      {"text_score", {"'0.9'"}},
      {"true_score", {"'true'"}},
      {"list_score", {"an array"}},
      {"nothing", {"no score, map, text or embedding"}},
      {"all_null", {"no score, map, text or embedding"}},
      {"number_text", {"text is '5'"}},
      {"unknown_status", {"'done'"}},
      {"ragged_map", {"equal length"}},
      {"deep_map", {"map", "an array"}},
      {"empty_map", {"0x0"}},
      {"empty_rows_map", {"2x0"}},
      {"nan_map", {"'NaN'"}},
      {"huge_map_value", {"map", "1e+300"}},
      {"text_map", {"map", "'1'"}},
      {"object_map", {"map"}},
      {"missing_map", {"gone.npy", "No such file"}},
      {"outside_map", {"/etc/passwd", "does not lie in"}},
      {"upward_map", {"'../../etc/passwd'"}},
      {"proc_map", {"'/proc/self/environ'"}},
      {"device_map", {"does not lie in"}},
      {"url_map", {"https://example.org"}},
      {"folder_map", {"no regular file"}},
      {"linked_map", {"does not lie in"}},
      {"fifo_map", {"no regular file"}},
      {"damaged_map", {".npy"}},
      {"one_axis_map", {"(6)"}},
      {"three_axes_map", {"(2,3,4)"}},
      {"object_array_map", {"never loaded"}},
      {"nan_file_map", {"NaN", "row 0"}},
      {"bad_usage", {"usage"}},
      {"bad_spans", {"spans"}},
      {"reports_failure", {"CUDA out of memory"}}};
  const std::vector<std::string> right{"right", "unknown_members", "escapes"};
  const Picture image = requests_[0].image;
  requests_.clear();
  const auto ask = [&](const std::string& category) {
    requests_.push_back(
        {.key = "key-" + std::to_string(requests_.size()), .category = category, .image = image});
  };
  for (const auto& [category, words] : wrong) {
    ask(category);
    ask(right[requests_.size() % right.size()]);
  }
  const auto found = answers("wrong_answers.py");
  ASSERT_EQ(found.size(), requests_.size()) << error_;
  for (std::size_t i = 0; i < requests_.size(); ++i) {
    const Prediction& reply = found.at(requests_[i].key);
    const std::string& category = requests_[i].category;
    if (i % 2 == 1) {
      EXPECT_EQ(reply.status, Status::answered) << category << ": " << reply.error;
      EXPECT_EQ(reply.score, 1) << category;
    } else {
      EXPECT_EQ(reply.status, Status::failed) << category;
      EXPECT_TRUE(names_all(reply.error, wrong[i / 2].second)) << category << ": " << reply.error;
    }
  }
  EXPECT_EQ(restarts(), 0) << "one program gave them all";
}

// ------------------- lines that break the protocol: the program is started again, the rest is kept

class BrokenProtocol : public ProcessTest, public ::testing::WithParamInterface<Wrong> {
 protected:
  void expect_poison_only(const std::map<std::string, Prediction>& found) {
    expect_right_but(found, {kPoison});
    const Prediction& reply = found.at(kPoison);
    EXPECT_EQ(reply.status, Status::failed);
    EXPECT_TRUE(names_all(reply.error, GetParam().words)) << reply.error;
    EXPECT_EQ(reply.error.find('\x1b'), std::string::npos);
    EXPECT_LT(reply.error.size(), 2500u);
    EXPECT_EQ(restarts(), 2);
  }
};

TEST_P(BrokenProtocol, FailsTheRequestAfterASecondTry) {
  folder_.file(std::string("said/") + kPoison, GetParam().said);
  expect_poison_only(answers("say.sh '" + (folder_.path() / "said").string() + "'"));
}

TEST_P(BrokenProtocol, FailsNoneOfThoseInFlightWithIt) {
  folder_.file(std::string("said/") + kPoison, GetParam().said);
  folder_.file("said/hello", line(R"({"looktwice":1,"name":"say","window":4})"));
  expect_poison_only(answers("say.sh '" + (folder_.path() / "said").string() + "'"));
}

INSTANTIATE_TEST_SUITE_P(
    Say, BrokenProtocol,
    ::testing::Values(
        Wrong{"Print", "epoch 1/10\n", {"epoch 1/10", "standard error"}},
        Wrong{"Number", "3.5\n", {"3.5"}},
        Wrong{"BadUtf8", line("{\"id\":\"key-2\",\"text\":\"\xFF\xFE\"}"), {"\\xFF\\xFE"}},
        Wrong{"WrongId", line(R"({"id":"key-99","score":1})"), {"not asked", "key-99"}},
        Wrong{"NoId", line(R"({"score":1})"), {"without the id"}},
        Wrong{"NumberId", line(R"({"id":2,"score":1})"), {"without the id"}},
        Wrong{"EmptyObject", "{}\n", {"without the id"}},
        Wrong{"CutJson", line(R"({"id":"key-2","score":)"), {"key-2"}},
        Wrong{"TwoObjects", line(R"({"id":"key-2","score":1}{"id":"key-3","score":1})"), {"key-3"}},
        Wrong{"NameTwice", line(R"({"id":"key-2","score":1,"score":2})"), {"score"}},
        Wrong{"HugeNumber", line(R"({"id":"key-2","score":1e999})"), {"1e999"}},
        Wrong{"DeepJson",
              line(R"({"id":"key-2","score":)" + std::string(5000, '[') + std::string(5000, ']') +
                   "}"),
              {"[[["}},
        Wrong{"Nul", std::string("{\"id\":\"key-2\"\0,\"score\":1}\n", 26), {"\\x00"}},
        Wrong{"LongJson",
              line(R"({"id":"key-2","text":")" + std::string(5'000'000, 'x') + "\"}"),
              {"more than 4 MiB"}},
        Wrong{
            "HelloAgain", line(R"({"looktwice":1,"name":"say"})"), {"without the id", "looktwice"}},
        Wrong{"Ansi", "\x1b[2J\x1b]0;title\x07\n", {"\\x1B[2J"}},
        Wrong{"Markup", "<script>alert(1)</script>\n", {"<script>"}}),
    name_of);

TEST_F(ProcessTest, KeepsAnAnswerThatIsGivenTwice) {
  folder_.file(std::string("said/") + kPoison,
               line(R"({"id":"key-2","score":2})") + line(R"({"id":"key-2","score":7})"));
  expect_right_but(answers("say.sh '" + (folder_.path() / "said").string() + "'"), {});
  EXPECT_EQ(restarts(), 1);
}

TEST_F(ProcessTest, GivesUpOnAProgramThatBreaksTheProtocolAtOnce) {
  const std::string hello = line(R"({"looktwice":1,"name":"say"})");
  folder_.file("said/hello", hello + hello);
  EXPECT_LE(
      answers("say.sh '" + (folder_.path() / "said").string() + "'", {{"restarts", "2"}}).size(),
      2u);
  EXPECT_TRUE(names_all(error_, {"3 times", "without the id"})) << error_;
}

// ---------------------------------------------------------------------- programs that die or hang

class Death : public BrokenProtocol {};

TEST_P(Death, FailsTheRequestAfterASecondTry) {
  expect_poison_only(answers("live.sh " + GetParam().said));
}

INSTANTIATE_TEST_SUITE_P(
    Live, Death,
    ::testing::Values(
        Wrong{"Exit", "exit", {"exited with status 9", "cannot allocate \\x1B[31mmemory"}},
        Wrong{"Signal", "signal", {"signal 9"}},
        Wrong{"HalfALine", "half_line", {"middle of a line", "sco", "status 5"}},
        Wrong{"ClosedOutput", "closes_output", {"the program ended"}},
        Wrong{"LongLine", "long_line", {"more than 4 MiB"}},
        Wrong{"HeldPipe", "background", {"exited with status 0"}}),
    name_of);

TEST_F(ProcessTest, StartsAProgramAgainThatEndsAfterEachAnswer) {
  expect_right_but(answers("live.sh exit_after_each", {{"restarts", "1"}}), {});
}

TEST_F(ProcessTest, StartsAProgramAgainThatDiesInTheMiddle) {
  expect_right_but(answers("live.sh dies_at_third"), {});
  EXPECT_GE(restarts(), 1);
}

TEST_F(ProcessTest, DoesNotMindHowAProgramEndsThatOwesNothing) {
  expect_right_but(answers("live.sh exit_after_last"), {});
}

TEST_F(ProcessTest, FindsTheGuiltyRequestAmongThoseInFlight) {
  for (const char* workers : {"1", "2"}) {
    const auto found = answers("live.sh exit", {{"window", "5"}, {"workers", workers}});
    expect_right_but(found, {kPoison});
    EXPECT_TRUE(names_all(found.at(kPoison).error, {"exited with status 9"}))
        << found.at(kPoison).error;
  }
}

TEST_F(ProcessTest, GivesUpAfterSoManyDeathsWithoutAnAnswer) {
  const auto found = answers("live.sh never_answers", {{"restarts", "3"}});
  EXPECT_TRUE(names_all(error_, {"ended 4 times", "status 4", "giving up"})) << error_;
  for (const auto& [key, reply] : found) EXPECT_EQ(reply.status, Status::failed);
  EXPECT_EQ(found.size(), 2u) << "two requests were tried twice; the others stay to be asked again";
}

TEST_F(ProcessTest, EndsAProgramThatDoesNotAnswer) {
  const auto found = answers("live.sh hangs", {{"answer_timeout", "2"}});
  expect_right_but(found, {kPoison});
  EXPECT_TRUE(names_all(found.at(kPoison).error, {"answer_timeout=2 s", "signal 15"}))
      << found.at(kPoison).error;
}

TEST_F(ProcessTest, KillsAProgramThatIgnoresBeingAsked) {
  const auto found = answers("live.sh ignores_sigterm", {{"answer_timeout", "2"}});
  expect_right_but(found, {kPoison});
  EXPECT_TRUE(names_all(found.at(kPoison).error, {"signal 9"})) << found.at(kPoison).error;
}

TEST_F(ProcessTest, EndsAProgramWhoseHeartStops) {
  const auto found = answers("live.sh beats_then_hangs", {{"idle_timeout", "1"}});
  expect_right_but(found, {kPoison});
  EXPECT_TRUE(names_all(found.at(kPoison).error, {"idle_timeout=1 s"})) << found.at(kPoison).error;
}

TEST_F(ProcessTest, WaitsForASlowProgramWhoseHeartBeats) {
  expect_right_but(answers("live.sh beats_while_slow", {{"idle_timeout", "1"}}), {});
}

TEST_F(ProcessTest, ReadsAwayAFloodOnStandardError) {
  expect_right_but(answers("live.sh floods_log"), {});
}

TEST_F(ProcessTest, NoticesAProgramThatClosesItsInput) {
  const auto found = answers("live.sh closes_input", {{"restarts", "1"}});
  EXPECT_TRUE(names_all(error_, {"closed its standard input"})) << error_;
  EXPECT_LT(found.size(), requests_.size());
}

TEST_F(ProcessTest, SurvivesABrokenPipeWithoutIgnoringTheSignal) {
  // SIGPIPE at its default: a careless write would end this test.
  struct sigaction before {
  }, usual{};
  usual.sa_handler = SIG_DFL;
  ::sigaction(SIGPIPE, &usual, &before);
  answers("live.sh closes_input", {{"restarts", "0"}});
  ::sigaction(SIGPIPE, &before, nullptr);
  EXPECT_NE(error_, "");
}

TEST_F(ProcessTest, EndsGrandchildrenWithTheirParent) {
  for (const char* mode : {"grandchild", "grandchild_then_exit", "stubborn_grandchild"}) {
    std::filesystem::remove(notes());
    expect_right_but(answers(std::string("live.sh ") + mode + " '" + notes() + "'"), {});
    const std::vector<pid_t> left = noted_processes();
    ASSERT_FALSE(left.empty());
    for (const pid_t pid : left) {
      for (int i = 0; i < 1000 && is_running(pid); ++i)
        ::poll(nullptr, 0, 5);  // SIGKILL takes a moment
      EXPECT_FALSE(is_running(pid)) << mode;
    }
  }
}

TEST_F(ProcessTest, EndsAProgramThatStaysAfterTheLastAnswer) {
  for (const char* mode : {"stays", "ends_late"}) {
    std::filesystem::remove(notes());
    expect_right_but(answers(std::string("live.sh ") + mode + " '" + notes() + "'"), {});
    for (const pid_t pid : noted_processes()) EXPECT_FALSE(is_running(pid)) << mode;
  }
}

TEST_F(ProcessTest, LeavesNoDescriptorOpen) {
  const auto open_descriptors = [] {
    return std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {});
  };
  answers("live.sh exit");
  const auto before = open_descriptors();
  answers("live.sh exit");
  answers("live.sh half_line_first");
  EXPECT_EQ(open_descriptors(), before);
}

}  // namespace
}  // namespace looktwice::adapters
