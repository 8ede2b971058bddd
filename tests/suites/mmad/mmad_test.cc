// The suite on its miniature: prompts byte for byte, the published summary, controls, bad records.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "harness/core/error.h"
#include "harness/run/answers.h"
#include "suites/catalogue.h"
#include "suites/mmad/mmad_prompts.h"
#include "tests/suites/mmad/miniature_mmad.h"

namespace looktwice::suites {
namespace {

using looktwice::testing::MmadFolder;

std::unique_ptr<Suite> suite_of(const std::string& variant) {
  for (const SuiteEntry& entry : suite_catalogue())
    if (entry.name == "mmad") return entry.make("mmad", variant);
  return nullptr;
}

run::Task task_of(const MmadFolder& folder, const std::string& variant, int shots = 0,
                  std::uint64_t seed = 0) {
  run::Task task{.name = "mmad", .variant = variant, .suite = suite_of(variant)};
  Loaded loaded =
      task.suite->load({.data_root = folder.root(), .num_fewshot = shots, .seed = seed});
  task.root = loaded.root;
  task.samples = std::move(loaded.samples);
  task.warnings = std::move(loaded.warnings);
  return task;
}

using Replies = std::map<std::string, std::string>;

Replies recorded_replies() {
  Replies replies;
  const Table table = table_of_file(MmadFolder::given() / "replies.jsonl");
  for (const Row& row : table.rows)
    replies[table.at(row, "sample").text] = table.at(row, "text").text;
  return replies;
}

std::vector<run::Marked> marked(const run::Task& task, const Replies& replies) {
  std::vector<run::Marked> all;
  std::vector<Outcome*> outcomes;
  for (const Sample& sample : task.samples) {
    run::Marked one;
    if (!sample.flaw.empty()) {
      one.outcome.status = Status::failed;
      one.outcome.error = sample.flaw;
    } else {
      const Prediction reply{.text = replies.at(sample.id)};
      one.outcome = task.suite->mark(sample, {&reply, 1});
    }
    one.outcome.sample = sample.id;
    one.outcome.category = sample.category;
    one.outcome.source = sample.source;
    one.outcome.image = sample.image.path.string();
    all.push_back(std::move(one));
  }
  for (run::Marked& one : all) outcomes.push_back(&one.outcome);
  task.suite->review(outcomes);
  run::measure_answers(all, task.suite->plan());
  return all;
}

// scorer/metric/group -> value.
std::map<std::string, double> values_of(const run::Task& task, const Replies& replies) {
  std::vector<store::Row> rows;
  run::add_answer_rows(rows, task, marked(task, replies), task.suite->plan(), {.resamples = 50});
  std::map<std::string, double> values;
  for (const store::Row& row : rows)
    if (row.value) values[row.scorer + "/" + row.metric + "/" + row.group] = *row.value;
  return values;
}

TEST(Mmad, ASampleIsAQuestion) {
  const MmadFolder folder;
  const run::Task task = task_of(folder, "");
  ASSERT_EQ(task.samples.size(), recorded_replies().size());
  const Sample& first = task.samples.front();
  EXPECT_EQ(first.id, "DS-MVTec/bottle/image/good/000.png#q0");
  EXPECT_EQ(first.category, "bottle");
  EXPECT_EQ(first.source, "DS-MVTec");
  EXPECT_EQ(first.truth.anomalous, false);
  EXPECT_EQ(first.truth.answers, std::vector<std::string>{"B"});
  std::set<std::string> ids, pictures;
  int anomalous = 0, masks = 0;
  for (const Sample& sample : task.samples) {
    ids.insert(sample.id);
    pictures.insert(sample.image.path);
    anomalous += *sample.truth.anomalous;
    masks += static_cast<int>(sample.truth.masks.size());
    EXPECT_EQ(sample.flaw, "");
  }
  EXPECT_EQ(ids.size(), task.samples.size());
  EXPECT_EQ(pictures.size(), 40u);
  EXPECT_EQ(masks, anomalous);
  EXPECT_TRUE(task.warnings.empty());
}

// Every value of the published summary, the dropped-and-passed-over records among them.
TEST(Mmad, RecordedAnswersGiveTheOfficialSummary) {
  const MmadFolder folder;
  const std::string file = MmadFolder::given() / "summary.json";
  const JsonValue golden = parsed_json(text_of_file(file), file);
  for (const std::string variant : {"qwen", "gpt4o"}) {
    const std::map<std::string, double> values =
        values_of(task_of(folder, variant), recorded_replies());
    for (const auto& [source, columns] : golden.find(variant)->members)
      for (const auto& [column, value] : columns.members) {
        std::string metric = column;
        if (column == "precision" || column == "recall" || column == "f1") continue;
        if (column == "anomaly_detection")
          metric += ".choice_balanced";
        else if (column == "overkill" || column == "miss")
          metric = "anomaly_detection." + column;
        else if (column != "average")
          metric += ".choice";
        const std::string name = "official/" + metric + "/" + source;
        ASSERT_TRUE(values.contains(name)) << name;
        EXPECT_NEAR(values.at(name), std::stod(value.text), 1e-12) << variant << " " << name;
      }
  }
}

TEST(Mmad, DecisionsGiveTheOfficialRates) {
  const MmadFolder folder;
  const std::string file = MmadFolder::given() / "summary.json";
  const JsonValue golden = parsed_json(text_of_file(file), file);
  std::map<std::string, std::array<int, 4>> counts;  // TP FP FN TN
  for (const run::Marked& one : marked(task_of(folder, "gpt4o"), recorded_replies())) {
    const Mark* mark = run::mark_by(one.outcome, "official");
    if (!mark || !mark->decision) continue;
    auto& cell = counts[one.outcome.source];
    ++cell[static_cast<std::size_t>(*one.outcome.anomalous ? (*mark->decision ? 0 : 2)
                                                           : (*mark->decision ? 1 : 3))];
  }
  for (const auto& [source, n] : counts) {
    const JsonValue& row = *golden.find("gpt4o")->find(source);
    EXPECT_DOUBLE_EQ(n[0] / double(n[0] + n[1]), std::stod(row.find("precision")->text));
    EXPECT_DOUBLE_EQ(n[0] / double(n[0] + n[2]), std::stod(row.find("recall")->text));
    EXPECT_NEAR(2 * n[0] / double(2 * n[0] + n[1] + n[2]), std::stod(row.find("f1")->text), 1e-12);
  }
  EXPECT_EQ(counts.size(), 4u);
}

TEST(Mmad, TheOracleScoresHundredInEveryCell) {
  const MmadFolder folder;
  for (const std::string variant :
       {"qwen", "llava", "qwen+shuffled", "omniad", "gpt4o+cumulative"}) {
    const run::Task task = task_of(folder, variant, 1);
    Replies replies;
    for (const Sample& sample : task.samples) replies[sample.id] = sample.truth.answers[0];
    int cells = 0;
    for (const auto& [name, value] : values_of(task, replies)) {
      if (name.find(".choice") != name.npos || name.find("average") != name.npos) {
        EXPECT_EQ(value, 1.0) << name;
        ++cells;
      }
      if (name.find(".invalid") != name.npos || name.find(".miss") != name.npos) {
        EXPECT_EQ(value, 0.0) << name;
      }
    }
    EXPECT_GT(cells, 100);
  }
}

TEST(Mmad, ControlsAreScorersOfTheirOwn) {
  const MmadFolder folder;
  const run::Task task = task_of(folder, "qwen+controls");
  const std::map<std::string, double> values = values_of(task, recorded_replies());
  // Always "defect" on three of five pictures: a balanced accuracy of one half.
  EXPECT_EQ(values.at("majority/anomaly_detection.choice_balanced/macro"), 0.5);
  EXPECT_GE(values.at("majority/defect_analysis.choice/pooled"), 0.25);
  EXPECT_NEAR(values.at("random/average/pooled"), 0.3, 0.2);
  EXPECT_FALSE(
      values_of(task_of(folder, "qwen"), recorded_replies()).contains("majority/average/macro"));
}

TEST(Mmad, ShuffledOptionsKeepTheRightText) {
  const MmadFolder folder;
  const run::Task plain = task_of(folder, "qwen"), mixed = task_of(folder, "qwen+shuffled", 0, 7);
  const auto text_of = [](const Sample& sample) {
    const SetQuestion& asked = sample.questions.back();
    return std::ranges::find(asked.options, sample.truth.answers[0], &Option::letter)->text;
  };
  int moved = 0;
  for (std::size_t i = 0; i < plain.samples.size(); ++i) {
    EXPECT_EQ(text_of(plain.samples[i]), text_of(mixed.samples[i]));
    moved += plain.samples[i].truth.answers != mixed.samples[i].truth.answers;
  }
  EXPECT_GT(moved, 50);
  const run::Task again = task_of(folder, "qwen+shuffled", 0, 7);
  EXPECT_EQ(again.samples[9].truth.answers, mixed.samples[9].truth.answers);
}

TEST(Mmad, PromptsAreThoseOfTheGoldenFiles) {
  const MmadFolder folder;
  int compared = 0;
  for (const MmadPromptSet& set : mmad_prompt_sets())
    for (const int shots : {0, 1})
      for (const std::string modifier : {"", "+cumulative", "+knowledge", "+blind"}) {
        if (!modifier.empty() && shots == 0) continue;
        const run::Task task = task_of(folder, set.name + modifier, shots);
        const auto third = std::ranges::find(
            task.samples, "MVTec-LOCO/pushpins/test/logical_anomalies/002.png#q2", &Sample::id);
        ASSERT_NE(third, task.samples.end());
        const Question question = *task.suite->ask(*third, {});
        std::string text = joined_prompt(question.parts);
        if (!question.system.empty()) text = "<system>" + question.system + "</system>" + text;
        const std::string name = std::string(set.name) + "_" + std::to_string(shots) + "shot" +
                                 (modifier.empty() ? "" : "_" + modifier.substr(1)) + ".txt";
        const std::filesystem::path golden =
            std::filesystem::path(LOOKTWICE_TEST_DATA "/mmad/prompts") / name;
        if (std::getenv("LOOKTWICE_WRITE_GOLDEN")) {
          std::filesystem::create_directories(golden.parent_path());
          std::ofstream(golden) << text;
        }
        EXPECT_EQ(text, text_of_file(golden)) << name;
        EXPECT_EQ(question.blind, modifier == "+blind");
        ++compared;
      }
  EXPECT_EQ(compared, 30);
}

TEST(Mmad, TemplatesAreTheFirstRandomOrSimilarOnes) {
  const MmadFolder folder;
  EXPECT_TRUE(task_of(folder, "qwen").samples[0].references.empty());
  const auto name = [](const Sample& sample) { return sample.references.at(0).path.filename(); };
  EXPECT_EQ(name(task_of(folder, "qwen", 1).samples[0]), "000.png");
  EXPECT_EQ(name(task_of(folder, "qwen+similar", 1).samples[0]), "001.png");
  const run::Task three = task_of(folder, "qwen", 3);
  EXPECT_NE(three.samples[0].flaw.find("random_templates: has 2"), std::string::npos)
      << three.samples[0].flaw;
}

// What each fault makes of the first record, and that all others go on.
TEST(Mmad, EveryBadRecordIsNamedByKeyAndField) {
  const std::string key = "DS-MVTec/bottle/image/good/000.png";
  const std::tuple<const char*, const char*, const char*> cases[] = {
      {"\"Answer\": \"B\"", "\"Answer\": \"E\"", "conversation[0].Answer: 'E' is no letter"},
      {"\"Answer\": \"B\"", "\"Answer\": 2", "conversation[0].Answer: expected a text"},
      {"\"Answer\": \"B\"", "\"Antwort\": \"B\"", "conversation[0].Answer: missing"},
      {"\"A\": \"Yes.\"", "\"B\": \"Yes.\"", "conversation[0].Options.B: stands twice"},
      {"\"A\": \"Yes.\"", "\"F\": \"Yes.\"", "conversation[0].Options.F: expected a letter"},
      {"\"A\": \"Yes.\"", "\"A\": \" \"", "conversation[0].Options.A: empty"},
      {"\"A\": \"Yes.\"", "\"A\": [1]", "conversation[0].Options.A: expected a text"},
      {"\"Is there any defect in the object?\"", "\"\"", "conversation[0].Question: empty"},
      {"\"Anomaly Detection\"", "\"Anomaly\"", "conversation[0].type: unknown"},
      {"\"Options\": {", "\"Options\": {}, \"x\": {", "conversation[0].Options: empty"},
  };
  for (const auto& [from, to, why] : cases) {
    const MmadFolder folder;
    folder.edit(from, to);
    const run::Task task = task_of(folder, "");
    ASSERT_EQ(task.samples.size(), recorded_replies().size()) << why;
    const auto flawed = [](const Sample& sample) { return !sample.flaw.empty(); };
    EXPECT_EQ(std::ranges::count_if(task.samples, flawed), 1) << why;
    EXPECT_TRUE(task.samples[0].flaw.starts_with("mmad.json: '" + key + "': " + why))
        << task.samples[0].flaw;
    ASSERT_EQ(task.warnings.size(), 1u);
    EXPECT_TRUE(task.warnings[0].starts_with("1 questions cannot be asked"));
  }
}

TEST(Mmad, RecordsThatAreNoneAreNamedToo) {
  const MmadFolder folder;
  folder.replace(R"({"DS-MVTec/bottle/image/good/000.png": 3,
    "DS-MVTec/bottle/image/good/001.png": {"conversation": []},
    "DS-MVTec/bottle/image/good/001.png": {"conversation": "x"},
    "elsewhere.png": {}, "New/x/test/good/0.png": {},
    "VisA/../../etc/passwd": {"conversation": [3]},
    "VisA/candle/test/good/999.png": {"conversation": [{"type": "Anomaly Detection",
      "Question": "?", "Answer": "A", "Options": {"A": "Yes", "B": "No"}}]},
    "VisA/candle/test/good/000.png": {"conversation": [{"type": "Anomaly Detection",
      "Question": "?", "Answer": "A", "Options": {"A": "Yes", "B": "No"}}]}})");
  const run::Task task = task_of(folder, "");
  ASSERT_EQ(task.samples.size(), 8u);
  const char* reasons[] = {"record: expected an object, found a number",
                           "conversation: empty",
                           "conversation: expected a list",
                           "key: expected SOURCE/CATEGORY",
                           "key: unknown source 'New'",
                           "image: ",
                           "image: no such file: 'VisA/candle/test/good/999.png'",
                           ""};
  for (std::size_t i = 0; i < 8; ++i)
    EXPECT_NE(task.samples[i].flaw.find(reasons[i]), std::string::npos) << task.samples[i].flaw;
  EXPECT_EQ(task.samples[7].flaw, "");
  // A template is asked for only when one is shown.
  EXPECT_NE(task_of(folder, "", 1).samples[7].flaw.find("random_templates: missing"),
            std::string::npos);
  folder.replace("[1, 2]");
  EXPECT_THROW(task_of(folder, ""), Error);
  folder.replace("{");
  EXPECT_THROW(task_of(folder, ""), Error);
}

TEST(Mmad, UnknownVariantsAreRefusedWithASuggestion) {
  for (const char* variant : {"qwe", "qwen+blnd", "qwen+"}) try {
      if (std::string(variant) == "qwen+") continue;
      suite_of(variant);
      FAIL() << variant;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), Kind::usage);
      EXPECT_NE(std::string(error.what()).find("did you mean"), std::string::npos) << error.what();
    }
}

TEST(Mmad, OmniadRepliesHaveRewardsAndMasks) {
  const MmadFolder folder;
  const run::Task task = task_of(folder, "omniad");
  const Sample& sample = task.samples[0];  // "B" is right
  const auto read = [&](const std::string& text) {
    const Prediction reply{.text = text};
    Outcome outcome = task.suite->mark(sample, {&reply, 1});
    outcome.text = text;
    return outcome;
  };
  const Outcome good = read("<seg>(0, 0)</seg><think>fine</think><answer>B</answer>");
  EXPECT_EQ(good.marks[1].answers[0].values.at("reward_format"), 1);
  EXPECT_EQ(good.marks[1].answers[0].values.at("reward_answer"), 1);
  ASSERT_TRUE(task.suite->mask_in(good, 48, 48));
  const std::vector<float> values = task.suite->mask_in(good, 48, 48)->values;
  EXPECT_EQ(std::ranges::count(values, 1.0f), 4);
  const Outcome bad = read("A");
  EXPECT_EQ(bad.marks[1].answers[0].values.at("reward_format"), 0);
  EXPECT_EQ(bad.marks[1].answers[0].values.at("reward_answer"), 0.1);
  EXPECT_FALSE(task.suite->mask_in(bad, 48, 48));
}

// Where a model tells how likely each letter is, that is a scorer of its own.
TEST(Mmad, LikelihoodsAreReadBesideTheText) {
  const MmadFolder folder;
  const run::Task task = task_of(folder, "qwen");
  const Sample& sample = task.samples[0];  // "B" is right
  const auto marks_of = [&](const Prediction& reply) {
    return task.suite->mark(sample, {&reply, 1}).marks;
  };
  EXPECT_EQ(marks_of({.text = "A"}).size(), 2u);
  const std::vector<Mark> marks = marks_of({.text = "A", .likelihoods = {{"A", 0.2}, {"B", 0.7}}});
  ASSERT_EQ(marks.size(), 3u);
  EXPECT_EQ(marks[2].scorer, "likelihoods");
  EXPECT_EQ(marks[2].answers[0].values.at("choice"), 1);
  EXPECT_EQ(marks[1].answers[0].values.at("choice"), 0);
  // Letters that are no options say nothing.
  EXPECT_EQ(marks_of({.likelihoods = {{"E", 1}}})[2].answers[0].values.at("invalid"), 1);
  EXPECT_EQ(task.suite->plan().optional_scorers, std::vector<std::string>{"likelihoods"});
}

TEST(Mmad, AMegabyteOfCoordinatesCostsLittle) {
  const MmadFolder folder;
  const run::Task task = task_of(folder, "omniad");
  const Sample& sample = task.samples[0];
  std::string runs;
  while (runs.size() < 1u << 20) runs += "(23, 0)-(0, 23),\n 缺陷 (1,";
  for (const std::string& text :
       {"<seg>" + runs, "<seg>" + runs + "</seg><think>" + runs + "</think><answer>B</answer>",
        runs, std::string(1 << 20, '('), std::string()}) {
    const Prediction reply{.text = text};
    Outcome outcome = task.suite->mark(sample, {&reply, 1});
    outcome.text = text;
    EXPECT_EQ(outcome.marks.size(), 2u);
    EXPECT_EQ(task.suite->mask_in(outcome, 512, 512).has_value(), text.starts_with("<seg>"));
  }
}

TEST(Mmad, PicturesOfTheScriptsAreTurnedAsOpenCvTurnsThem) {
  const MmadFolder folder;
  for (const MmadPromptSet& set : mmad_prompt_sets()) {
    const run::Task task = task_of(folder, set.name);
    const Question question = *task.suite->ask(task.samples[0], {});
    EXPECT_EQ(question.sent.turn, set.fitted_pictures) << set.name;
  }
}

}  // namespace
}  // namespace looktwice::suites
