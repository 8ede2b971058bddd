// What every task of the catalogue owes: full marks for the truth, chance for a coin, ids that
// stay, no leak in a question, and four states that are told apart.
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "harness/core/error.h"
#include "metrics/binary/auroc.h"
#include "metrics/catalogue.h"
#include "metrics/measure.h"
#include "suites/catalogue.h"
#include "tests/suites/datasets/miniatures.h"
#include "tests/suites/visa_dr/miniature_dr.h"

namespace looktwice {
namespace {

struct TaskCase {
  std::string suite, task, variant;
};

std::vector<TaskCase> all_tasks() {
  std::vector<TaskCase> cases;
  for (const SuiteEntry& suite : suites::suite_catalogue())
    for (const TaskInfo& task : suite.tasks) {
      // A sample of MMAD is one of many questions about a picture, each with templates of its own:
      // tests/suites/mmad asks the same of it in its terms.
      if (suite.name == "mmad") continue;
      if (task.variants.empty()) cases.push_back({suite.name, task.name, ""});
      for (const std::string& variant : task.variants)
        cases.push_back({suite.name, task.name, variant});
    }
  return cases;
}

std::string case_name(const ::testing::TestParamInfo<TaskCase>& info) {
  std::string name = info.param.task + "_" + info.param.variant;
  for (char& c : name)
    if (!std::isalnum(static_cast<unsigned char>(c))) c = c == '>' ? 'g' : '_';
  return name;
}

class EveryTask : public ::testing::TestWithParam<TaskCase> {
 protected:
  EveryTask() {
    const TaskCase& given = GetParam();
    if (given.suite == "visa_dr")
      testing::add_visa_dr(mini_);
    else if (given.suite == "elpv_dr")
      testing::add_elpv_dr(mini_);
    else
      testing::add_dataset(mini_, given.task.substr(given.task.find('.') + 1));
    for (const SuiteEntry& entry : suites::suite_catalogue())
      if (entry.name == given.suite) suite_ = entry.make(given.task, given.variant);
    loaded_ = load(mini_.path());
  }

  Loaded load(const std::filesystem::path& root, int num_fewshot = 0) const {
    return suite_->load({.data_root = root,
                         .codec = std::make_shared<testing::NetpbmCodec>(),
                         .num_fewshot = num_fewshot});
  }

  // The whole dialogue about a sample; `reply` answers a question.
  template <class Reply>
  Outcome outcome(const Sample& sample, const Reply& reply) const {
    std::vector<Turn> turns;
    std::vector<Prediction> answers;
    while (const auto question = suite_->ask(sample, turns)) {
      answers.push_back(reply(*question, turns.size()));
      if (answers.back().status != Status::answered) break;
      turns.push_back({question->text, answers.back().text});
    }
    return suite_->mark(sample, answers);
  }

  template <class Reply>
  std::optional<double> auroc_of(const std::string& scorer, const Reply& reply) const {
    std::vector<double> scores;
    std::vector<std::uint8_t> truths;
    for (const Sample& sample : loaded_.samples) {
      const Outcome read = outcome(
          sample, [&](const Question& question, std::size_t) { return reply(sample, question); });
      for (const Mark& mark : read.marks) {
        if (mark.scorer != scorer) continue;
        EXPECT_TRUE(mark.score) << sample.id << ": " << mark.unscored_because;
        scores.push_back(mark.score.value_or(0.5));
        truths.push_back(*sample.truth.anomalous);
      }
    }
    return metrics::auroc(scores, truths);
  }

  // Share of right decisions, or the mean ROUGE-L of the answers, where they are texts.
  template <class Reply>
  double share_of(const std::string& scorer, const Reply& reply) const {
    metrics::TextMeasure rouge;
    for (const metrics::Measure& measure : metrics::measure_catalogue())
      if (measure.name == "rouge_l") rouge = measure.make({});
    double sum = 0;
    int count = 0;
    for (const Sample& sample : loaded_.samples) {
      const Outcome read = outcome(sample, [&](const Question&, std::size_t turn) {
        return Prediction{.text = reply(sample, turn)};
      });
      for (const Mark& mark : read.marks) {
        if (mark.scorer != scorer) continue;
        EXPECT_TRUE(mark.unscored_because.empty()) << sample.id << ": " << mark.unscored_because;
        if (mark.decision) {
          ++count;
          sum += *mark.decision == *sample.truth.anomalous;
          continue;
        }
        EXPECT_EQ(mark.answers.size(), read.answers.size());
        for (const Answer& answer : read.answers) {
          ++count;
          sum += rouge(answer.reference, answer.text);
        }
      }
    }
    return sum / count;
  }

  static std::string seg_reply(bool anomalous) {
    return anomalous ? "<seg>(0, 0)</seg><think></think><answer>A</answer>"
                     : "<seg></seg><think></think><answer>B</answer>";
  }
  // Scorers that read what a model says; the others are controls.
  std::vector<std::string> reading_scorers() const {
    std::vector<std::string> names = suite_->plan().scorers;
    std::erase_if(
        names, [](const std::string& name) { return name != "official" && name != "corrected"; });
    return names;
  }
  static std::string truth_of(const Sample& sample, std::size_t turn) {
    if (!sample.truth.references.empty()) return sample.truth.references[turn];
    if (!sample.truth.answers.empty()) return seg_reply(*sample.truth.anomalous);
    return *sample.truth.anomalous ? "Yes." : "No.";
  }
  static std::string untruth_of(const Sample& sample) {
    if (!sample.truth.references.empty()) return "xyzzy";
    if (!sample.truth.answers.empty()) return seg_reply(!*sample.truth.anomalous);
    return *sample.truth.anomalous ? "No." : "Yes.";
  }
  bool takes_scores() const { return suite_->ask(loaded_.samples[0], {})->wanted.score; }

  testing::Miniature mini_;
  std::unique_ptr<Suite> suite_;
  Loaded loaded_;
};

TEST_P(EveryTask, TheTruthGetsFullMarks) {
  for (const std::string& scorer : reading_scorers()) {
    EXPECT_EQ(share_of(scorer, truth_of), 1.0);
    EXPECT_EQ(
        share_of(scorer, [](const Sample& sample, std::size_t) { return untruth_of(sample); }),
        0.0);
    if (takes_scores()) {
      EXPECT_EQ(auroc_of(scorer,
                         [](const Sample& sample, const Question&) {
                           return Prediction{.score = *sample.truth.anomalous ? 0.1 : -1e9};
                         }),
                1.0);
    }
    if (suite_->plan().headline != "auroc") continue;
    EXPECT_EQ(auroc_of(scorer,
                       [](const Sample& sample, const Question&) {
                         return Prediction{.text = *sample.truth.anomalous ? "Yes." : "No."};
                       }),
              1.0);
    EXPECT_EQ(auroc_of(scorer,
                       [](const Sample& sample, const Question&) {
                         return Prediction{.text = *sample.truth.anomalous ? "No." : "Yes."};
                       }),
              0.0);
  }
}

TEST_P(EveryTask, ACoinScoresChance) {
  if (!takes_scores()) GTEST_SKIP() << "its answers are texts: there is no coin to toss";
  std::mt19937 generator(20);
  int normal = 0, anomalous = 0;
  for (const Sample& sample : loaded_.samples) ++(*sample.truth.anomalous ? anomalous : normal);
  const auto value = auroc_of("corrected", [&](const Sample&, const Question&) {
    return Prediction{.score = static_cast<double>(generator()) / 4294967296.0};
  });
  // Standard deviation of the Mann-Whitney statistic without a difference.
  const double deviation = std::sqrt((normal + anomalous + 1) / (12.0 * normal * anomalous));
  ASSERT_TRUE(value);
  EXPECT_NEAR(*value, 0.5, 4 * deviation) << "seed 20";
}

TEST_P(EveryTask, StatesAreToldApart) {
  const Sample& sample = loaded_.samples.front();
  const auto states = [&](Prediction reply) {
    return outcome(sample, [&](const Question&, std::size_t) { return reply; });
  };
  const Outcome failed = states({.status = Status::failed, .error = "HTTP 429 after 5 tries"});
  EXPECT_EQ(failed.status, Status::failed);
  EXPECT_EQ(failed.error, "HTTP 429 after 5 tries");
  EXPECT_EQ(failed.anomalous, sample.truth.anomalous);
  EXPECT_EQ(states({.status = Status::refused, .text = "I cannot assist. Yes."}).status,
            Status::refused);
  for (const Outcome& read :
       {failed, states({.status = Status::refused, .text = "Yes"}), states({})}) {
    ASSERT_EQ(read.marks.size(), suite_->plan().scorers.size());
    for (const Mark& mark : read.marks) {
      if (mark.scorer.starts_with("all_") && read.status == Status::answered) continue;
      EXPECT_FALSE(mark.score || mark.decision);
      EXPECT_FALSE(mark.unscored_because.empty());
    }
  }
}

TEST_P(EveryTask, SamplesAreSoundAndStay) {
  std::set<std::string> ids;
  std::string before;
  for (const Sample& sample : loaded_.samples) {
    EXPECT_TRUE(ids.insert(sample.id).second) << sample.id;
    EXPECT_LT(before, sample.id);
    before = sample.id;
    EXPECT_FALSE(sample.category.empty());
    EXPECT_TRUE(sample.truth.anomalous);
    EXPECT_TRUE(sample.image.path.is_absolute());
    EXPECT_FALSE(sample.image.path.lexically_relative(loaded_.root).native().starts_with(".."))
        << sample.id;
  }
  EXPECT_FALSE(ids.empty());
  testing::Miniature other;
  std::filesystem::copy(mini_.path(), other.path("deeper"),
                        std::filesystem::copy_options::recursive);
  const Loaded copy = load(other.path("deeper"));
  ASSERT_EQ(copy.samples.size(), loaded_.samples.size());
  for (std::size_t i = 0; i < copy.samples.size(); ++i)
    EXPECT_EQ(copy.samples[i].id, loaded_.samples[i].id);
}

TEST_P(EveryTask, QuestionsDoNotTellTheTruth) {
  std::map<std::string, std::set<std::string>> asked;  // category -> questions
  for (const Sample& sample : loaded_.samples)
    asked[sample.category].insert(suite_->ask(sample, {})->text);
  for (const auto& [category, questions] : asked) EXPECT_EQ(questions.size(), 1u) << category;
}

TEST_P(EveryTask, ItsMetricsAreInTheCatalogue) {
  std::set<std::string> known, pixel;
  for (const metrics::MetricEntry& family : metrics::metric_catalogue())
    for (const metrics::ValueInfo& info : family.gives)
      (family.pixel ? pixel : known).insert(info.name);
  const Plan plan = suite_->plan();
  for (const std::string& name : plan.image_metrics) EXPECT_TRUE(known.contains(name)) << name;
  for (const std::string& name : plan.pixel_metrics)
    EXPECT_TRUE(pixel.empty() || pixel.contains(name)) << name;
  std::set<std::string> measures, shown(plan.image_metrics.begin(), plan.image_metrics.end());
  for (const metrics::Measure& measure : metrics::measure_catalogue())
    measures.insert(measure.name);
  for (const GroupMeasure& one : plan.measures) {
    EXPECT_TRUE(measures.contains(one.measure)) << one.measure;
    shown.insert(one.name());
  }
  shown.insert(plan.pixel_metrics.begin(), plan.pixel_metrics.end());
  EXPECT_TRUE(shown.contains(plan.headline)) << plan.headline;
  for (const std::string& name : plan.columns) EXPECT_TRUE(shown.contains(name)) << name;
  EXPECT_EQ(plan.variant, GetParam().variant);
}

TEST_P(EveryTask, ReferencesAreTheSameForAClassOrAnError) {
  Loaded shown;
  try {
    shown = load(mini_.path(), 2);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), Kind::data);
    EXPECT_NE(std::string(error.what()).find("--num_fewshot asks for 2"), std::string::npos)
        << error.what();
    return;
  }
  std::map<std::string, std::set<std::string>> by_class;
  std::set<std::string> tested;
  const auto name = [](const ImageFile& file) {
    return file.path.native() + (file.region ? "#" + std::to_string(file.region->x) : "");
  };
  for (const Sample& sample : shown.samples) tested.insert(name(sample.image));
  for (const Sample& sample : shown.samples) {
    ASSERT_EQ(sample.references.size(), 2u);
    by_class[sample.category].insert(name(sample.references[0]) + " " + name(sample.references[1]));
    for (const ImageFile& reference : sample.references)
      EXPECT_FALSE(tested.contains(name(reference)));
  }
  for (const auto& [category, sets] : by_class) EXPECT_EQ(sets.size(), 1u) << category;
}

INSTANTIATE_TEST_SUITE_P(Suites, EveryTask, ::testing::ValuesIn(all_tasks()), case_name);

}  // namespace
}  // namespace looktwice
