#include "harness/run/judge.h"

#include <algorithm>
#include <charconv>
#include <tuple>
#include <unordered_map>

#include "harness/core/error.h"
#include "harness/core/hash.h"
#include "harness/core/text.h"
#include "metrics/stats/sum.h"

namespace looktwice::run {
namespace {

// "TASK/SAMPLE#0,swapped,2" -> 2.
std::uint64_t repeat_in(const std::string& id) {
  std::uint64_t repeat = 0;
  std::from_chars(id.data() + id.rfind(',') + 1, id.data() + id.size(), repeat);
  return repeat;
}

// Each sample holds its prompt as its only question; asked again while no verdict is found.
class JudgeSuite final : public Suite {
 public:
  explicit JudgeSuite(const JudgeSetup& setup)
      : form_(setup.prompt.form), decoding_(setup.decoding) {}
  Loaded load(const Loading&) const override { return {}; }
  std::optional<Question> ask(const Sample& sample, std::span<const Turn> turns) const override {
    if (static_cast<int>(turns.size()) >= kTries) return {};
    if (!turns.empty() && verdict_in(turns.back().answer, form_)) return {};
    Question question{.text = sample.questions.front().text,
                      .wanted = {.text = true},
                      .decoding = decoding_,
                      .alone = true};
    // Another draw where the judge samples; another key for caches, from which a repetition would
    // else be answered by the first judgement.
    question.decoding.seed +=
        static_cast<std::uint64_t>(kTries) * repeat_in(sample.id) + turns.size();
    return question;
  }
  Outcome mark(const Sample&, std::span<const Prediction>) const override { return {}; }
  Plan plan() const override { return {}; }

 private:
  VerdictForm form_;
  Decoding decoding_;
};

// Says in each record who answered.
class Signed final : public Outbox {
 public:
  Signed(Outbox& out, const std::map<std::string, std::string>& facts) : out_(out), facts_(facts) {}
  void push(Prediction prediction) override {
    for (const auto& [name, value] : facts_) prediction.facts["judge_" + name] = value;
    out_.push(std::move(prediction));
  }

 private:
  Outbox& out_;
  const std::map<std::string, std::string>& facts_;
};

class SignedAdapter final : public Adapter {
 public:
  SignedAdapter(Adapter& adapter, std::map<std::string, std::string> facts)
      : adapter_(adapter), facts_(std::move(facts)) {}
  void serve(Inbox& inbox, Outbox& outbox) override {
    Signed out(outbox, facts_);
    adapter_.serve(inbox, out);
  }

 private:
  Adapter& adapter_;
  const std::map<std::string, std::string> facts_;
};

// What every record says; all of it stands once in run.json.
std::map<std::string, std::string> signature(const JudgeSetup& setup) {
  return {{"id", setup.id()},
          {"name", setup.model},
          {"prompt", setup.prompt.name + " " + std::to_string(setup.prompt.version)},
          {"prompt_sha256", setup.prompt.sha256.substr(0, 16)},
          {"decoding", "temperature " + option_text(setup.decoding.temperature) + ", seed " +
                           std::to_string(setup.decoding.seed)}};
}

const Answer* rival_of(std::span<const Outcome> rivals, const Outcome& outcome, std::size_t i) {
  const auto found = std::ranges::find_if(rivals, [&](const Outcome& other) {
    return other.task == outcome.task && other.sample == outcome.sample;
  });
  return found == rivals.end() || found->answers.size() <= i ? nullptr : &found->answers[i];
}

int whole_number(const std::map<std::string, std::string>& facts, const char* name) {
  const auto found = facts.find(name);
  int value = 0;
  if (found != facts.end()) {
    const std::string& text = found->second;
    const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (fault == std::errc{} && end == text.data() + text.size()) return value;
  }
  throw Error(Kind::data, std::string("run.json: judges: '") + name + "': expected a whole number");
}

std::optional<double> mean(const std::vector<double>& values) {
  if (values.empty()) return {};
  metrics::Sum sum;
  for (const double value : values) sum += value;
  return sum.value() / static_cast<double>(values.size());
}

}  // namespace

std::map<std::string, std::string> JudgeSetup::facts() const {
  std::map<std::string, std::string> all{
      {"model", model},
      {"prompt", prompt.name},
      {"prompt_version", std::to_string(prompt.version)},
      {"prompt_sha256", prompt.sha256},
      {"orders", both_orders ? "2" : "1"},
      {"repeats", std::to_string(repeats)},
      {"max_new_tokens", std::to_string(decoding.max_new_tokens)},
      {"temperature", option_text(decoding.temperature)},
      {"seed", std::to_string(decoding.seed)}};
  if (!against.empty()) all["against"] = against;
  for (const auto& [name, value] : model_args) all["model_args." + name] = value;
  for (const auto& [name, value] : model_facts)
    if (name.starts_with("weights")) all["model_facts." + name] = value;
  return all;
}

std::string JudgeSetup::id() const {
  Sha256 sum;
  for (const auto& [name, value] : facts()) {
    // More repeats or the other order add judgements; they do not make another judge.
    if (name == "orders" || name == "repeats") continue;
    sum.add(std::to_string(name.size()) + ":" + name + "=" + std::to_string(value.size()) + ":" +
            value + "\n");
  }
  return sum.hex().substr(0, 12);
}

JudgeSetup setup_of(const std::map<std::string, std::string>& facts) {
  const auto text = [&](const std::string& name) {
    const auto found = facts.find(name);
    if (found == facts.end())
      throw Error(Kind::data, "run.json: judges: '" + name + "' is missing");
    return found->second;
  };
  JudgeSetup setup{.model = text("model"), .prompt = judge_prompt_named(text("prompt"))};
  if (setup.prompt.sha256 != text("prompt_sha256"))
    throw Error(Kind::data, "the answers were judged with another text of the prompt '" +
                                setup.prompt.name + "' than this build has; judge them again");
  setup.both_orders = whole_number(facts, "orders") == 2;
  setup.repeats = whole_number(facts, "repeats");
  setup.decoding.max_new_tokens = whole_number(facts, "max_new_tokens");
  parse_option("temperature", text("temperature"), setup.decoding.temperature);
  std::int64_t seed = 0;
  parse_option("seed", text("seed"), seed);
  setup.decoding.seed = static_cast<std::uint64_t>(seed);
  if (const auto found = facts.find("against"); found != facts.end()) setup.against = found->second;
  for (const auto& [name, value] : facts) {
    constexpr std::string_view kArgs = "model_args.", kFacts = "model_facts.";
    if (name.starts_with(kArgs)) setup.model_args[name.substr(kArgs.size())] = value;
    if (name.starts_with(kFacts)) setup.model_facts[name.substr(kFacts.size())] = value;
  }
  return setup;
}

Judging::Judging(JudgeSetup setup, std::span<const Outcome> outcomes,
                 std::span<const Outcome> rivals)
    : setup_(std::move(setup)) {
  task_.name = "judge:" + setup_.id();
  task_.suite = std::make_unique<JudgeSuite>(setup_);
  const bool by_points = setup_.prompt.form != VerdictForm::preference;
  // A prompt for one answer has one order.
  const bool both = setup_.both_orders && setup_.prompt.form != VerdictForm::points;
  for (const Outcome& outcome : outcomes) {
    if (outcome.status != Status::answered) continue;
    for (std::size_t i = 0; i < outcome.answers.size(); ++i) {
      const Answer& answer = outcome.answers[i];
      const Answer* rival = by_points ? nullptr : rival_of(rivals, outcome, i);
      const std::string& other = by_points ? answer.reference : rival ? rival->text : "";
      if (answer.text.empty() || other.empty()) continue;
      for (int repeat = 0; repeat < setup_.repeats; ++repeat)
        for (const bool swapped : {false, true}) {
          if (swapped && !both) continue;
          // Points: the reference comes first. Preferences: the run's own answer does.
          const bool answer_first = swapped == by_points;
          Sample sample{.id = outcome.task + "/" + outcome.sample + "#" + std::to_string(i) +
                              (swapped ? ",swapped," : ",given,") + std::to_string(repeat),
                        .category = outcome.category};
          sample.questions = {
              {.group = answer.group,
               .text = filled(setup_.prompt, {.question = answer.question,
                                              .reference = answer.reference,
                                              .first = answer_first ? answer.text : other,
                                              .second = answer_first ? other : answer.text})}};
          items_.push_back({.task = outcome.task,
                            .sample = outcome.sample,
                            .question = i,
                            .group = answer.group,
                            .category = outcome.category,
                            .swapped = swapped,
                            .repeat = repeat,
                            .answer_bytes = answer.text.size()});
          task_.samples.push_back(std::move(sample));
        }
    }
  }
  task_.samples_in_set = static_cast<std::int64_t>(task_.samples.size());
}

std::vector<Judged> Judging::judged(const Answers& records) const {
  const bool by_points = setup_.prompt.form != VerdictForm::preference;
  std::vector<Judged> all = items_;
  for (std::size_t i = 0; i < all.size(); ++i) {
    Judged& one = all[i];
    one.why = "not judged yet";
    for (int turn = 0; turn < kTries; ++turn) {
      const auto found =
          records.find(request_key(task_, task_.samples[i], static_cast<std::size_t>(turn)));
      if (found == records.end()) break;
      const Prediction& reply = found->second.prediction;
      ++one.tries;
      one.facts = reply.facts;
      one.why = reply.status == Status::failed ? "failed: " + reply.error
                                               : "no verdict in " + std::to_string(one.tries) +
                                                     (one.tries == 1 ? " reply" : " replies");
      const auto verdict = verdict_in(reply.text, setup_.prompt.form);
      if (reply.status != Status::answered || !verdict) continue;
      if (by_points) {
        one.points = one.swapped ? verdict->first : verdict->second;
        one.reference = one.swapped ? verdict->second : verdict->first;
      } else {
        one.points = one.swapped ? 1 - *verdict->first : *verdict->first;
      }
      one.why.clear();
      break;
    }
  }
  return all;
}

PredictResult judge(const Judging& judging, Adapter& adapter, const store::RunFolder& folder,
                    const std::string& run, PredictOptions options) {
  options.journal = kJudgements;
  SignedAdapter signing(adapter, signature(judging.setup()));
  return predict({&judging.task(), 1}, signing, nullptr, folder, run, options);
}

JudgeCounts counted(std::span<const Judged> judged) {
  JudgeCounts counts;
  for (const Judged& one : judged) {
    ++counts.asked;
    if (one.points)
      ++counts.judged;
    else if (one.tries == 0 || one.why.starts_with("failed"))
      ++counts.failed;
    else
      ++counts.missing;
    if (const auto model = one.facts.find("model"); model != one.facts.end())
      ++counts.models[model->second];
  }
  return counts;
}

void add_points(std::vector<Marked>& marked, std::span<const Judged> judged, bool both_orders) {
  struct Points {
    std::vector<double> given = {}, swapped = {}, given_reference = {}, swapped_reference = {};
  };
  std::map<std::tuple<std::string_view, std::string_view, std::size_t>, Points> by_answer;
  for (const Judged& one : judged) {
    if (!one.points) continue;
    Points& points = by_answer[{one.task, one.sample, one.question}];
    (one.swapped ? points.swapped : points.given).push_back(*one.points);
    if (one.reference)
      (one.swapped ? points.swapped_reference : points.given_reference).push_back(*one.reference);
  }
  const auto put = [](AnswerMark& mark, const char* name, std::optional<double> value) {
    if (value) mark.values[name] = *value;
  };
  const auto of_both = [&](const std::vector<double>& given, const std::vector<double>& swapped) {
    const auto first = mean(given), second = mean(swapped);
    if (!both_orders || !first) return first;
    return second ? std::optional((*first + *second) / 2) : std::nullopt;
  };
  for (Marked& one : marked)
    for (Mark& mark : one.outcome.marks)
      for (std::size_t i = 0; i < mark.answers.size(); ++i) {
        const auto found = by_answer.find({one.outcome.task, one.outcome.sample, i});
        if (found == by_answer.end() || !mark.answers[i].unscored_because.empty()) continue;
        const Points& points = found->second;
        const bool official = mark.scorer == "official";
        put(mark.answers[i], "gpt_score",
            official ? mean(points.given) : of_both(points.given, points.swapped));
        put(mark.answers[i], "gpt_reference",
            official ? mean(points.given_reference)
                     : of_both(points.given_reference, points.swapped_reference));
      }
}

}  // namespace looktwice::run
