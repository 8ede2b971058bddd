// Reasoning from the question to the leaderboard with a remote model and a remote judge: answers,
// similarity, points and the published table in one row; money, the cache and repetitions of a
// judge.
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "adapters/imaging/codec.h"
#include "harness/store/run_folder.h"
#include "tests/harness/cli/unit.h"
#include "tests/suites/visa_dr/miniature_dr.h"
#include "tests/support/web_server.h"

namespace looktwice {
namespace {

namespace fs = std::filesystem;
using namespace looktwice::testing;

// The list and pictures of VisA-D&R in little: 29 pictures of ten classes.
constexpr std::size_t kPictures = 29, kJudgements = kPictures * 4 * 2;

const Miniature& data() {
  static const Miniature& made = *[] {
    auto* mini = new Miniature;  // NOLINT: lives as long as the tests
    add_visa_dr(*mini);
    const auto codec = imaging::make_codec();
    Image picture{.width = 9, .height = 7, .channels = 3};
    picture.pixels.assign(9 * 7 * 3, 120);
    const auto bytes = codec->encode_png(picture);
    for (const auto& entry : fs::recursive_directory_iterator(mini->path()))
      if (entry.path().extension() == ".JPG")
        std::ofstream(entry.path(), std::ios::binary)
            .write(reinterpret_cast<const char*>(bytes.data()),
                   static_cast<std::streamsize>(bytes.size()));
    return mini;
  }();
  return made;
}

std::string last_question(const Heard& heard) {
  const auto json = nlohmann::json::parse(heard.body);
  const auto& content = json.at("messages").back().at("content");
  return content.is_string() ? content.get<std::string>()
                             : content.back().at("text").get<std::string>();
}

bool asks_a_judge(const Heard& heard) {
  return last_question(heard).starts_with("[Context]");
}

// A model that says the same four sentences, and a judge that gives 8 to the reference and, by the
// question, 4, 5, 6, 7 to the answer, one more where the reference has an odd length (so that
// pictures differ), one less where the answer is shown first.
void reply(const Heard& heard, Line& line) {
  const std::string asked = last_question(heard);
  const bool judging = asked.starts_with("[Context]");
  const std::vector<std::pair<std::string, std::string>> replies = {
      {"Do you observe", "Yes, a bent edge near the corner."},
      {"Can you describe", "A dark crack on the surface, missing wax."},
      {"What is the potential cause", "Pressure during transport caused it."},
      {"How can such", "Better handling and inspection."}};
  for (std::size_t i = 0; i < replies.size(); ++i) {
    if (asked.find(replies[i].first) == std::string::npos) continue;
    if (!judging) {
      line.send(response(200, completion(replies[i].second)));
      return;
    }
    const bool first = asked.find("[Assistant 1]\n" + replies[i].second) != std::string::npos;
    const std::string open = first ? "[Assistant 2]\n" : "[Assistant 1]\n";
    const std::size_t begin = asked.find(open) + open.size();
    const std::size_t reference = asked.find("\n\n[End of Assistant", begin) - begin;
    const int points = 4 + static_cast<int>(i) + static_cast<int>(reference % 2);
    line.send(response(200, completion(first ? std::to_string(points - 1) + " 8\\nwhy"
                                             : "8 " + std::to_string(points) + "\\nwhy",
                                       "judge-model-2024-08-06")));
    return;
  }
  line.send(response(400, R"({"error":"no such question"})"));
}

std::size_t judged_in(const WebServer& server) {
  std::size_t count = 0;
  for (const Heard& heard : server.heard()) count += asks_a_judge(heard);
  return count;
}

class ReasoningCli : public ::testing::Test {
 protected:
  std::string run_folder(const std::string& name = "run") const {
    return (folder_.path() / name).string();
  }

  Finished does(std::vector<std::string> words) const {
    Command command = looktwice(std::move(words));
    command.environment = {{"XDG_CACHE_HOME", (folder_.path() / "cache").string()},
                           {"OPENAI_API_KEY", "sk-nobody-reads-this"},
                           {"http_proxy", ""},
                           {"all_proxy", ""}};
    return finished(command);
  }

  static std::string remote(const WebServer& server, const std::string& model,
                            const std::string& more = {}) {
    return "model=" + model +
           ",max_wait=0.02,max_tries=2,max_connections=8,base_url=" + server.url() + more;
  }

  Finished answer(const WebServer& server, const std::string& name = "run") const {
    return does({"run", "--model", "openai", "--model_args", remote(server, "test-model"),
                 "--tasks", "visa_dr.reasoning", "--data_root", data().path().string(),
                 "--output_path", run_folder(name), "--label", "Ours", "--resamples", "200",
                 "--quiet"});
  }

  Finished judge(const WebServer& server, const std::vector<std::string>& more = {},
                 const std::string& args = {}, const std::string& name = "run") const {
    std::vector<std::string> words = {"judge",        run_folder(name),
                                      "--judge",      "openai",
                                      "--judge_args", remote(server, "judge-model", args),
                                      "--quiet"};
    words.insert(words.end(), more.begin(), more.end());
    return does(std::move(words));
  }

  nlohmann::json manifest(const std::string& name = "run") const {
    return nlohmann::json::parse(store::read_text(fs::path(run_folder(name)) / "run.json"));
  }

  TemporaryFolder folder_;
};

TEST_F(ReasoningCli, AnswersSimilarityAndPointsStandBesideThePublishedTable) {
  WebServer server(reply);
  const Finished answered = answer(server);
  ASSERT_EQ(answered.code, 0) << answered.err;
  const Finished encoded =
      does({"embed", run_folder(), "--quiet", "--encoder", "process", "--encoder_args",
            "command=\"'" LOOKTWICE_PYTHON "' -S -E '" LOOKTWICE_SOURCE_DIR
            "/tests/harness/cli/programs/letter_encoder.py'\""});
  ASSERT_EQ(encoded.code, 0) << encoded.err;
  const Finished judged = judge(server);
  ASSERT_EQ(judged.code, 0) << judged.err;
  EXPECT_NE(judged.err.find("by judge-model-2024-08-06: " + std::to_string(kJudgements)),
            std::string::npos)
      << judged.err;

  const std::map<std::string, double> of_paper = {{"low_level.rouge_l", 0.34},
                                                  {"low_level.sbert", 0.73},
                                                  {"low_level.gpt_score", 4.26},
                                                  {"complex.sbert", 0.84},
                                                  {"complex.gpt_score", 6.34}};
  std::map<std::string, double> points;  // by scorer and column
  for (const std::string scorer : {"official", "corrected"}) {
    const Finished board =
        does({"leaderboard", run_folder(), "--format", "json", "--scorer", scorer});
    ASSERT_EQ(board.code, 0) << board.err;
    const auto json = nlohmann::json::parse(board.out);
    bool ours = false, theirs = false;
    for (const auto& row : json.at("rows"))
      for (std::size_t i = 0; i < json.at("columns").size(); ++i) {
        const auto& column = json.at("columns")[i];
        const std::string name = column.at("metric");
        if (!of_paper.contains(name)) continue;
        const double scale = column.at("unit") == "%" ? 100 : 1;
        const auto& place = row.at("values").at(i);
        if (row.at("model") == "Anomaly-OV-7B 7B") {
          theirs = true;
          EXPECT_NEAR(place.at("value").get<double>(), scale * of_paper.at(name), 1e-9) << name;
        }
        if (row.at("model") != "Ours") continue;
        ours = true;
        ASSERT_TRUE(place.at("value").is_number()) << name << place;
        EXPECT_TRUE(place.at("interval").is_object()) << name << place;
        EXPECT_EQ(place.at("n"), kPictures) << name;
        points[scorer + " " + name] = place.at("value");
      }
    EXPECT_TRUE(ours && theirs) << board.out;
  }
  ASSERT_EQ(points.size(), 2 * of_paper.size());
  for (const auto& [name, least] :
       std::map<std::string, double>{{"low_level.gpt_score", 4.5}, {"complex.gpt_score", 6.5}}) {
    EXPECT_GT(points.at("official " + name), least) << name;
    EXPECT_LT(points.at("official " + name), least + 1) << name;
    // The official rule reads the order of the prompt, the corrected one the mean of both.
    EXPECT_NEAR(points.at("corrected " + name), points.at("official " + name) - 0.5, 1e-9) << name;
  }
  const Finished shown = does({"leaderboard", run_folder()});
  for (const char* text : {"Ours", "Anomaly-OV-7B", "ROUGE-L, low level", "GPT-Score, complex"})
    EXPECT_NE(shown.out.find(text), std::string::npos) << text << shown.out;

  const Finished audit = does({"judge", "audit", run_folder()});
  EXPECT_EQ(audit.code, 0) << audit.err;
  EXPECT_NE(audit.out.find("Order flips"), std::string::npos) << audit.out;
}

TEST_F(ReasoningCli, AJudgeIsAskedOnceAndItsAnswersComeFromTheCache) {
  WebServer server(reply);
  ASSERT_EQ(answer(server).code, 0);
  ASSERT_EQ(judge(server).code, 0);
  const std::size_t all = judged_in(server);
  EXPECT_EQ(all, kJudgements);
  EXPECT_EQ(judge(server).code, 0);
  EXPECT_EQ(judged_in(server), all) << "judged is judged";
  // The journal is gone; the cache is not.
  fs::remove(fs::path(run_folder()) / "judgements.jsonl");
  EXPECT_EQ(judge(server).code, 0);
  EXPECT_EQ(judged_in(server), all);
  const auto judges = manifest().at("judges");
  ASSERT_EQ(judges.size(), 1u);
  EXPECT_EQ(judges.begin()->at("last_start.answers_from_cache"), std::to_string(kJudgements));
  // More connections and other time-outs are the same judge.
  EXPECT_EQ(judge(server, {}, ",give_up=3,total_timeout=77").code, 0);
  EXPECT_EQ(judged_in(server), all);
  EXPECT_EQ(manifest().at("judges").size(), 1u);
  // A repetition is asked, not taken from the first one's answer.
  EXPECT_EQ(judge(server, {"--repeats", "2"}).code, 0);
  EXPECT_EQ(judged_in(server), 2 * all);
  EXPECT_EQ(judge(server, {"--cache", "sometimes"}).code, 2);
}

TEST_F(ReasoningCli, AJudgeThatNeverComesToAVerdictIsSaidToHaveBeenAsked) {
  WebServer server([](const Heard& heard, Line& line) {
    if (asks_a_judge(heard))
      line.send(response(200, completion("Both are fine, who am I to tell.")));
    else
      reply(heard, line);
  });
  ASSERT_EQ(answer(server).code, 0);
  judge(server);
  const Finished report = does({"report", run_folder()});
  EXPECT_NE(report.out.find(std::to_string(kJudgements) + " have no verdict on the scale"),
            std::string::npos)
      << report.out;
  EXPECT_EQ(report.out.find("no judge was asked"), std::string::npos) << report.out;
}

TEST_F(ReasoningCli, TheMoneyOfAJudgeHasABound) {
  WebServer server(reply);
  ASSERT_EQ(answer(server).code, 0);
  // 10 tokens in and 5 out: $0.015; a try may cost 1024 tokens of answer and its prompt, about $3.
  const std::string prices = ",price_input=1000,price_output=1000";
  const Finished first = judge(server, {"--max_cost", "5"}, prices);
  EXPECT_EQ(first.code, 3) << first.err;
  EXPECT_NE(first.err.find("--max_cost"), std::string::npos) << first.err;
  const std::size_t asked = judged_in(server);
  EXPECT_GT(asked, 0u);
  EXPECT_LT(asked, kJudgements);
  const auto judge_facts = manifest().at("judges").begin().value();
  EXPECT_LE(std::stod(judge_facts.at("last_start.cost_usd").get<std::string>()), 5);
  const Finished second = judge(server, {}, prices);
  EXPECT_EQ(second.code, 0) << second.err;
  EXPECT_EQ(judged_in(server), kJudgements) << "what was paid is not paid again";
  EXPECT_NE(second.err.find(" in this start"), std::string::npos) << second.err;
}

}  // namespace
}  // namespace looktwice
