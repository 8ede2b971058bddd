// mmad: multiple-choice questions about industrial pictures, seven subtasks, four sources
// (protocols.md 3). A sample is one question, so that each is answered, resumed and marked on its
// own; intervals draw pictures. The variant is a prompt set, and what changes the asking stands
// behind it: "mmad:qwen+similar+cumulative".
#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <sstream>

#include "harness/core/error.h"
#include "harness/core/hash.h"
#include "harness/core/options.h"
#include "harness/core/random.h"
#include "harness/core/suite.h"
#include "harness/core/text.h"
#include "suites/datasets/layout.h"
#include "suites/mmad/mmad_file.h"
#include "suites/mmad/mmad_prompts.h"
#include "suites/text_mask.h"

namespace looktwice::suites {
namespace {

constexpr const char* kTask = "mmad";
constexpr const char* kDefaultPrompt = "qwen";
// A scorer of its own, where a model tells how likely each letter is.
constexpr const char* kLikelihoods = "likelihoods";
constexpr std::size_t kDetection = 0;  // index into kMmadSubtasks

struct Asking {
  MmadPromptSet prompt = {};
  bool cumulative = false, similar = false, knowledge = false;
  bool blind = false, shuffled = false, controls = false;
};

struct Modifier {
  const char* name = "";
  bool Asking::*flag = nullptr;
};
constexpr std::array kModifiers = {
    Modifier{"cumulative", &Asking::cumulative},  // with the earlier questions of the picture
    Modifier{"similar", &Asking::similar},        // templates: similar_templates
    Modifier{"knowledge", &Asking::knowledge},    // domain_knowledge.json
    Modifier{"blind", &Asking::blind},            // no pictures
    Modifier{"shuffled", &Asking::shuffled},      // options in another order, with the seed
    Modifier{"controls", &Asking::controls},      // scorers "majority" and "random" beside
};

Asking asking_of(const std::string& variant) {
  Asking asking{.prompt = *mmad_prompt_set(kDefaultPrompt)};
  std::istringstream in(variant);
  std::vector<std::string> known;
  for (const MmadPromptSet& set : mmad_prompt_sets()) known.emplace_back(set.name);
  for (std::string word; std::getline(in, word, '+');) {
    const auto modifier = std::ranges::find(kModifiers, word, &Modifier::name);
    if (modifier != kModifiers.end()) {
      asking.*modifier->flag = true;
    } else if (const auto set = mmad_prompt_set(word)) {
      asking.prompt = *set;
    } else {
      for (const Modifier& one : kModifiers) known.emplace_back(one.name);
      const std::string near = nearest(word, known);
      throw Error(Kind::usage, std::string(kTask) + ": no variant '" + printable(word, 40) + "'" +
                                   (near.empty() ? "" : "; did you mean '" + near + "'?"));
    }
  }
  return asking;
}

// "DS-MVTec/bottle/image/good/000.png#q2" -> 2: the question's place in its conversation.
int question_index(const std::string& id) {
  const std::size_t mark = id.rfind("#q");
  int index = 0;
  if (mark != std::string::npos)
    std::from_chars(id.data() + mark + 2, id.data() + id.size(), index);
  return index;
}

// Number 0..n-1 that seed and id decide.
std::size_t drawn(std::uint64_t seed, const std::string& id, std::size_t n) {
  const std::string hash = sha256(std::to_string(seed) + "\n" + id);
  std::uint64_t number = 0;
  std::from_chars(hash.data(), hash.data() + 15, number, 16);
  return static_cast<std::size_t>(number % n);
}

void shuffle(std::vector<Option>& options, std::string& answer, std::uint64_t seed,
             const std::string& id) {
  const auto n = static_cast<std::uint32_t>(options.size());
  const auto order = permutation(n, static_cast<std::uint32_t>(drawn(seed, id, 1u << 31)));
  std::vector<Option> shuffled = options;
  std::string moved;
  for (std::uint32_t i = 0; i < n; ++i) {
    shuffled[i].text = options[order[i]].text;
    if (options[order[i]].letter == answer) moved = shuffled[i].letter;
  }
  options = std::move(shuffled);
  answer = std::move(moved);
}

// One load: records to samples.
class Loader {
 public:
  Loader(const Asking& asking, const Loading& loading)
      : asking_(asking), loading_(loading), set_(mmad_set(loading.data_root)) {
    if (asking.knowledge) knowledge_ = mmad_domain_knowledge(set_.root);
  }

  Loaded loaded() {
    for (const MmadImage& image : set_.images) add(image);
    Loaded loaded{.root = set_.root, .samples = std::move(samples_), .warnings = set_.notes};
    if (asking_.controls) add_controls(loaded.samples);
    for (const auto& [why, seen] : flaws_)
      loaded.warnings.push_back(std::to_string(seen.first) + " questions cannot be asked: " + why +
                                ", first " + seen.second);
    return loaded;
  }

 private:
  void add(const MmadImage& image) {
    std::string id = datasets::id_of(image.key);
    if (image.copy > 0) id += "#copy" + std::to_string(image.copy);
    if (image.questions.empty()) {
      add_flawed(id + "#q0", image, image.flaw);
      return;
    }
    std::string flaw = image.flaw;
    if (flaw.empty() && loading_.num_fewshot > 0) flaw = template_flaw(image);
    std::vector<SetQuestion> before;
    for (std::size_t i = 0; i < image.questions.size(); ++i) {
      const MmadQuestion& question = image.questions[i];
      const std::string name = id + "#q" + std::to_string(i);
      if (!flaw.empty() || !question.flaw.empty()) {
        add_flawed(name, image, flaw.empty() ? question.flaw : flaw);
        continue;
      }
      Sample sample = sample_of(name, image);
      SetQuestion asked{.group = kMmadSubtasks[static_cast<std::size_t>(question.subtask)].group,
                        .text = question.text,
                        .options = question.options};
      sample.truth.answers = {question.answer};
      if (asking_.shuffled) shuffle(asked.options, sample.truth.answers[0], loading_.seed, name);
      if (asking_.cumulative) {
        sample.questions = before;
        before.push_back(asked);
      }
      sample.questions.push_back(std::move(asked));
      samples_.push_back(std::move(sample));
    }
  }

  const std::vector<std::string>& templates_of(const MmadImage& image) const {
    return asking_.similar ? image.similar_templates : image.random_templates;
  }

  std::string template_flaw(const MmadImage& image) const {
    if (!image.template_flaw.empty()) return image.template_flaw;
    const std::size_t there = templates_of(image).size();
    if (there >= static_cast<std::size_t>(loading_.num_fewshot)) return {};
    return std::string(asking_.similar ? "similar_templates" : "random_templates") + ": has " +
           std::to_string(there) + ", --num_fewshot asks for " +
           std::to_string(loading_.num_fewshot);
  }

  Sample sample_of(const std::string& id, const MmadImage& image) const {
    Sample sample{.id = id, .category = image.category, .source = image.source};
    if (!image.image.empty()) sample.image.path = set_.root / image.image;
    sample.truth.anomalous = !image.normal;
    sample.truth.defect = image.defect;
    sample.truth.has_mask = image.normal || !image.mask.empty();
    if (!image.mask.empty()) sample.truth.masks = {set_.root / image.mask};
    if (image.template_flaw.empty())
      for (int i = 0; i < loading_.num_fewshot; ++i)
        sample.references.push_back(
            {.path = set_.root / templates_of(image)[static_cast<std::size_t>(i)]});
    if (asking_.knowledge)
      if (const auto known = knowledge_.find(image.source + "/" + image.category);
          known != knowledge_.end())
        sample.background = known->second;
    return sample;
  }

  void add_flawed(const std::string& id, const MmadImage& image, const std::string& why) {
    Sample sample{.id = id, .category = image.category, .source = image.source};
    if (sample.category.empty()) sample.category = "unknown";
    if (!image.image.empty()) sample.image.path = set_.root / image.image;
    sample.truth.anomalous = !image.normal;
    sample.truth.defect = image.defect;
    sample.flaw = "mmad.json: '" + printable(image.key, 200) + "': " + why;
    // Told once per kind: the field without its place in lists.
    std::string kind = why.substr(0, why.find(':'));
    std::string general;
    for (std::size_t at = 0; at < kind.size(); ++at) {
      if (kind[at] == '[') at = std::min(kind.find(']', at), kind.size());
      if (at < kind.size() && kind[at] != ']') general += kind[at];
    }
    auto& seen = flaws_.try_emplace(general, 0, sample.flaw).first->second;
    ++seen.first;
    samples_.push_back(std::move(sample));
  }

  // What a guesser says: the letter that is right most often among the questions of the same
  // source, subtask and letters (ties: the first letter), and a drawn one.
  void add_controls(std::vector<Sample>& samples) const {
    const auto kind_of = [](const Sample& sample) {
      std::string kind = sample.source + "\n" + sample.questions.back().group + "\n";
      for (const Option& option : sample.questions.back().options) kind += option.letter;
      return kind;
    };
    std::map<std::string, std::map<std::string, std::int64_t>> right;
    for (const Sample& sample : samples)
      if (sample.flaw.empty()) ++right[kind_of(sample)][sample.truth.answers[0]];
    for (Sample& sample : samples) {
      if (!sample.flaw.empty()) continue;
      const auto& letters = right.at(kind_of(sample));
      sample.truth.controls["majority"] =
          std::ranges::max_element(letters, {}, [](const auto& item) {
            return item.second;
          })->first;
      const std::vector<Option>& options = sample.questions.back().options;
      sample.truth.controls["random"] =
          options[drawn(loading_.seed, "control " + sample.id, options.size())].letter;
    }
  }

  const Asking& asking_;
  const Loading& loading_;
  MmadSet set_;
  std::map<std::string, std::string> knowledge_ = {};
  std::vector<Sample> samples_ = {};
  std::map<std::string, std::pair<std::int64_t, std::string>> flaws_ = {};
};

class Mmad final : public Suite {
 public:
  explicit Mmad(Asking asking, std::string variant)
      : asking_(asking), variant_(std::move(variant)) {}

  Loaded load(const Loading& loading) const override { return Loader(asking_, loading).loaded(); }

  std::optional<Question> ask(const Sample& sample, std::span<const Turn> turns) const override {
    if (!turns.empty()) return {};
    std::vector<ShownQuestion> shown;
    const int asked = question_index(sample.id);
    const auto count = static_cast<int>(sample.questions.size());
    for (int i = 0; i < count; ++i) {
      const SetQuestion& question = sample.questions[static_cast<std::size_t>(i)];
      shown.push_back({.number = asking_.cumulative ? i + 1 : asked + 1,
                       .text = question.text,
                       .options = question.options});
    }
    Question question{.system = mmad_system_text(asking_.prompt.prompt),
                      .parts = mmad_prompt(asking_.prompt.prompt,
                                           {.templates = static_cast<int>(sample.references.size()),
                                            .questions = shown,
                                            .domain_knowledge = sample.background,
                                            .blind = asking_.blind}),
                      .blind = asking_.blind,
                      .options = sample.questions.back().options,
                      .wanted = {.text = true},
                      .decoding = {.max_new_tokens = asking_.prompt.max_new_tokens},
                      .alone = true};
    if (asking_.prompt.fitted_pictures)
      question.sent = {.side = 512,
                       .enlarge = true,
                       .scaling = PictureForm::Scaling::area,
                       .turn = true,
                       .jpeg_quality = 95,
                       .detail = "low"};
    for (const QuestionPart& part : question.parts)
      if (part.kind == QuestionPart::Kind::text) question.text += part.text;
    return question;
  }

  Outcome mark(const Sample& sample, std::span<const Prediction> answers) const override {
    LOOKTWICE_CHECK(answers.size() == 1);
    const Prediction& answer = answers.front();
    Outcome outcome{.status = answer.status, .error = answer.error};
    outcome.anomalous = sample.truth.anomalous;
    const SetQuestion& asked = sample.questions.back();
    outcome.answers.push_back({.group = asked.group, .question = asked.text, .text = answer.text});
    const bool formatted = seg_reply(answer.text).formatted;
    std::vector<std::string> all = scorers();
    if (!answer.likelihoods.empty()) all.emplace_back(kLikelihoods);
    for (const std::string& scorer : all) {
      std::string letter;
      if (scorer == "official")
        letter = official_letter(answer.text, asked.options, asking_.prompt.reading);
      else if (scorer == "corrected")
        letter = corrected_letter(answer.text, asked.options);
      else if (scorer == kLikelihoods)
        letter = likeliest_letter(answer.likelihoods, asked.options);
      else
        letter = sample.truth.controls.at(scorer);
      outcome.marks.push_back(mark_by(scorer, sample, letter, answer, formatted));
    }
    return outcome;
  }

  // The published summary takes a record whose letter is not A to E out of the list that it walks
  // through, and so passes over the next one too.
  void review(std::span<Outcome* const> outcomes) const override {
    bool passed_over = false;
    for (Outcome* outcome : outcomes) {
      // What failed has no record there: it would have been asked again.
      if (outcome->status == Status::failed) continue;
      Mark* mark = nullptr;
      for (Mark& one : outcome->marks)
        if (one.scorer == "official") mark = &one;
      if (!mark) continue;
      const bool dropped =
          !passed_over && (outcome->status == Status::refused || !mark->unscored_because.empty());
      if (passed_over) leave_out(*mark, "passed over: the record before it was dropped");
      passed_over = dropped;
    }
  }

  std::optional<AnomalyMap> mask_in(const Outcome& outcome, int width, int height) const override {
    return drawn_mask(outcome.text, width, height);
  }

  Plan plan() const override {
    Plan plan{.scorers = scorers(),
              .optional_scorers = {kLikelihoods},
              .image_metrics = {"precision", "recall", "f1"},
              .zero_rates = true,
              .headline = "average",
              .dataset = "MMAD",
              .published = "omniad_table2",
              .variant = variant_};
    Average average{.name = "average"};
    for (std::size_t i = 0; i < kMmadSubtasks.size(); ++i) {
      const MmadSubtask& subtask = kMmadSubtasks[i];
      const GroupMeasure measure{subtask.group, i == kDetection ? "choice_balanced" : "choice"};
      plan.measures.push_back(measure);
      average.of.push_back(measure.name());
      plan.columns.push_back(measure.name());
      plan.published_columns[measure.name()] =
          i == kDetection ? "Anomaly Discrimination" : subtask.name;
    }
    plan.published_columns["average"] = "Average";
    for (const char* rate : {"overkill", "miss"})
      plan.measures.push_back({kMmadSubtasks[kDetection].group, rate});
    for (const MmadSubtask& subtask : kMmadSubtasks) {
      plan.measures.push_back({subtask.group, "invalid"});
      if (asking_.prompt.prompt != MmadPrompt::omniad) continue;
      plan.measures.push_back({subtask.group, "reward_format"});
      plan.measures.push_back({subtask.group, "reward_answer"});
      plan.measures.push_back({subtask.group, "reward"});
    }
    if (asking_.prompt.prompt == MmadPrompt::omniad) plan.pixel_metrics = {"reward_mask"};
    plan.averages = {std::move(average)};
    return plan;
  }

 private:
  std::vector<std::string> scorers() const {
    std::vector<std::string> names = {"official", "corrected"};
    if (asking_.controls) names.insert(names.end(), {"majority", "random"});
    return names;
  }

  static void leave_out(Mark& mark, const std::string& why) {
    mark.unscored_because = why;
    mark.decision.reset();
    mark.values.clear();
    for (AnswerMark& answer : mark.answers) {
      answer.values.clear();
      answer.unscored_because = why;
    }
  }

  static Mark mark_by(const std::string& scorer, const Sample& sample, const std::string& letter,
                      const Prediction& answer, bool formatted) {
    Mark mark{.scorer = scorer};
    mark.answers.emplace_back();
    if (answer.status != Status::answered) {
      leave_out(mark, name_of(answer.status));
      return mark;
    }
    const SetQuestion& asked = sample.questions.back();
    if (scorer == "official" && letter.empty()) {
      leave_out(mark, "dropped: no letter A to E");
      return mark;
    }
    const bool right = letter == sample.truth.answers[0];
    std::map<std::string, double>& values = mark.answers[0].values;
    values["choice"] = right;
    values["invalid"] = letter.empty();
    // Of any run's answers; rows of them where the prompt asks for that form, or --metrics does.
    values["reward_format"] = formatted;
    values["reward_answer"] = right ? 1 : 0.1;
    if (asked.group == kMmadSubtasks[kDetection].group) {
      const bool anomalous = *sample.truth.anomalous;
      values[anomalous ? "miss" : "overkill"] = !right;
      mark.decision = right ? anomalous : !anomalous;
    }
    return mark;
  }

  Asking asking_;
  std::string variant_;
};

std::unique_ptr<Suite> make(const std::string& task, const std::string& variant) {
  if (task != kTask)
    throw Error(Kind::usage, "no task '" + printable(task) + "'; did you mean '" + kTask + "'?");
  return std::make_unique<Mmad>(asking_of(variant), variant.empty() ? kDefaultPrompt : variant);
}

}  // namespace

SuiteEntry mmad_suite() {
  TaskInfo task{.name = kTask, .summary = "MMAD: 39,672 multiple-choice questions on 8,366 images"};
  for (const MmadPromptSet& set : mmad_prompt_sets()) task.variants.emplace_back(set.name);
  // The default comes first.
  std::ranges::stable_partition(task.variants,
                                [](const std::string& name) { return name == kDefaultPrompt; });
  for (const Modifier& modifier : kModifiers) task.modifiers.emplace_back(modifier.name);
  return {.name = kTask,
          .summary = "multiple choice about industrial pictures, seven subtasks",
          .tasks = {std::move(task)},
          .make = make};
}

}  // namespace looktwice::suites
