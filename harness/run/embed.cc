#include "harness/run/embed.h"

#include <memory>
#include <set>

#include "harness/core/error.h"
#include "harness/core/hash.h"
#include "metrics/text/bert_score.h"
#include "metrics/text/cosine.h"

namespace looktwice::run {
namespace {

// Each sample is one text, or two whose tokens are compared.
class TextSuite final : public Suite {
 public:
  Loaded load(const Loading&) const override { return {}; }
  std::optional<Question> ask(const Sample& sample, std::span<const Turn> turns) const override {
    if (!turns.empty()) return {};
    const std::string& text = sample.questions.front().text;
    if (sample.questions.size() == 1) return Question{.text = text, .wanted = {.embedding = true}};
    return Question{
        .text = text, .compared = sample.questions.back().text, .wanted = {.tokens = true}};
  }
  Outcome mark(const Sample&, std::span<const Prediction>) const override { return {}; }
  Plan plan() const override { return {}; }
};

// An answer without an embedding would else stand in the journal as done.
class EmbeddingsOnly final : public Outbox {
 public:
  explicit EmbeddingsOnly(Outbox& out) : out_(out) {}
  void push(Prediction prediction) override {
    if (prediction.status == Status::answered && prediction.embedding.empty()) {
      prediction.status = Status::failed;
      prediction.error = "no embedding in the answer; is this adapter an encoder?";
    }
    out_.push(std::move(prediction));
  }

 private:
  Outbox& out_;
};

metrics::TokenMatches matches_of(const TokenCosines& text) {
  return {.ids = text.ids, .best = text.best, .counted = text.counted};
}

// What is kept of the states of two texts.
class MatchesOnly final : public Outbox {
 public:
  explicit MatchesOnly(Outbox& out) : out_(out) {}
  void push(Prediction prediction) override {
    if (prediction.status == Status::answered) {
      if (is_whole(prediction.tokens)) {
        const TokenStates &a = prediction.tokens[0], &b = prediction.tokens[1];
        TokenCosines of_a{.ids = a.ids, .counted = a.counted},
            of_b{.ids = b.ids, .counted = b.counted};
        metrics::best_matches(a.values, b.values, a.values.size() / a.ids.size(), of_a.best,
                              of_b.best);
        prediction.matches = {std::move(of_a), std::move(of_b)};
      } else {
        prediction.status = Status::failed;
        prediction.error = "no states of tokens in the answer; minilm gives them";
      }
    }
    prediction.tokens.clear();
    out_.push(std::move(prediction));
  }

 private:
  static bool is_whole(const std::vector<TokenStates>& texts) {
    if (texts.size() != 2) return false;
    for (const TokenStates& text : texts)
      if (text.ids.empty() || text.counted.size() != text.ids.size() || text.values.empty() ||
          text.values.size() % text.ids.size() != 0 ||
          text.values.size() / text.ids.size() != texts[0].values.size() / texts[0].ids.size())
        return false;
    return true;
  }

  Outbox& out_;
};

template <class Out>
class Encoder final : public Adapter {
 public:
  explicit Encoder(Adapter& adapter) : adapter_(adapter) {}
  void serve(Inbox& inbox, Outbox& outbox) override {
    Out out(outbox);
    adapter_.serve(inbox, out);
  }

 private:
  Adapter& adapter_;
};

bool is_compared(const Answer& answer) {
  return !answer.text.empty() && !answer.reference.empty();
}

constexpr std::string_view kArgs = "model_args.", kFacts = "model_facts.";

}  // namespace

std::map<std::string, std::string> EncoderSetup::facts() const {
  std::map<std::string, std::string> all{{"model", model}};
  for (const auto& [name, value] : model_args) all[std::string(kArgs) + name] = value;
  for (const auto& [name, value] : model_facts) all[std::string(kFacts) + name] = value;
  return all;
}

std::string EncoderSetup::id() const {
  Sha256 sum;
  for (const auto& [name, value] : facts())
    sum.add(std::to_string(name.size()) + ":" + name + "=" + std::to_string(value.size()) + ":" +
            value + "\n");
  return sum.hex().substr(0, 12);
}

EncoderSetup encoder_of(const std::map<std::string, std::string>& facts) {
  EncoderSetup setup;
  const auto model = facts.find("model");
  if (model == facts.end()) throw Error(Kind::data, "run.json: encoders: 'model' is missing");
  setup.model = model->second;
  for (const auto& [name, value] : facts) {
    if (name.starts_with(kArgs)) setup.model_args[name.substr(kArgs.size())] = value;
    if (name.starts_with(kFacts)) setup.model_facts[name.substr(kFacts.size())] = value;
  }
  return setup;
}

Embedding::Embedding(const EncoderSetup& setup, std::span<const Outcome> outcomes) {
  task_.name = "embed:" + setup.id();
  task_.suite = std::make_unique<TextSuite>();
  std::set<std::string_view> texts;
  for (const Outcome& outcome : outcomes) {
    if (outcome.status != Status::answered) continue;
    for (const Answer& answer : outcome.answers)
      if (is_compared(answer)) texts.insert({answer.text, answer.reference});
  }
  for (const std::string_view text : texts) {
    Sample sample{.id = sha256(text)};
    sample.questions = {{.text = std::string(text)}};
    task_.samples.push_back(std::move(sample));
  }
  task_.samples_in_set = static_cast<std::int64_t>(task_.samples.size());
}

std::map<std::string, std::vector<float>, std::less<>> Embedding::embeddings(
    const Answers& records) const {
  std::map<std::string, std::vector<float>, std::less<>> all;
  for (const Sample& sample : task_.samples) {
    const auto found = records.find(request_key(task_, sample, 0));
    if (found == records.end()) continue;
    const Prediction& reply = found->second.prediction;
    if (reply.status == Status::answered && !reply.embedding.empty())
      all[sample.questions.front().text] = reply.embedding;
  }
  return all;
}

PredictResult embed(const Embedding& embedding, Adapter& adapter, const store::RunFolder& folder,
                    const std::string& run, PredictOptions options) {
  options.journal = kEmbeddings;
  Encoder<EmbeddingsOnly> encoder(adapter);
  return predict({&embedding.task(), 1}, encoder, nullptr, folder, run, options);
}

Matching::Matching(const EncoderSetup& setup, std::span<const Outcome> outcomes) {
  task_.name = "match:" + setup.id();
  task_.suite = std::make_unique<TextSuite>();
  std::set<std::pair<std::string_view, std::string_view>> pairs;
  for (const Outcome& outcome : outcomes) {
    if (outcome.status != Status::answered) continue;
    for (const Answer& answer : outcome.answers)
      if (is_compared(answer)) pairs.emplace(answer.text, answer.reference);
  }
  for (const auto& [text, reference] : pairs) {
    Sample sample{.id = sha256(std::to_string(text.size()) + ":" + std::string(text) +
                               std::string(reference))};
    sample.questions = {{.text = std::string(text)}, {.text = std::string(reference)}};
    task_.samples.push_back(std::move(sample));
  }
  task_.samples_in_set = static_cast<std::int64_t>(task_.samples.size());
}

Matching::Pairs Matching::pairs(const Answers& records) const {
  Pairs all;
  for (const Sample& sample : task_.samples) {
    const auto found = records.find(request_key(task_, sample, 0));
    if (found == records.end()) continue;
    const Prediction& reply = found->second.prediction;
    if (reply.status == Status::answered && reply.matches.size() == 2)
      all[{sample.questions[0].text, sample.questions[1].text}] = reply.matches;
  }
  return all;
}

PredictResult match(const Matching& matching, Adapter& adapter, const store::RunFolder& folder,
                    const std::string& run, PredictOptions options) {
  options.journal = kEmbeddings;
  Encoder<MatchesOnly> encoder(adapter);
  return predict({&matching.task(), 1}, encoder, nullptr, folder, run, options);
}

void add_bert_scores(std::vector<Marked>& marked, const Matching::Pairs& pairs) {
  const auto found = [&](const Answer& answer) -> const std::vector<TokenCosines>* {
    const auto pair = pairs.find({answer.text, answer.reference});
    return pair == pairs.end() ? nullptr : &pair->second;
  };
  // As bert_score takes them: the reference of each answer, as often as it comes.
  metrics::TokenRarity rarity;
  for (const Marked& one : marked)
    for (const Answer& answer : one.outcome.answers)
      if (const auto* matches = found(answer)) rarity.add((*matches)[1].ids);
  for (Marked& one : marked)
    for (Mark& mark : one.outcome.marks)
      for (std::size_t i = 0; i < mark.answers.size(); ++i) {
        const auto* matches = found(one.outcome.answers[i]);
        if (!matches || !mark.answers[i].unscored_because.empty()) continue;
        const auto text = matches_of((*matches)[0]), reference = matches_of((*matches)[1]);
        for (const bool by_rarity : {false, true}) {
          const auto score = metrics::bert_score(text, reference, by_rarity ? &rarity : nullptr);
          if (!score) continue;
          const std::string idf = by_rarity ? "_idf" : "";
          mark.answers[i].values["bertscore_f" + idf] = score->f;
          mark.answers[i].values["bertscore_precision" + idf] = score->precision;
          mark.answers[i].values["bertscore_recall" + idf] = score->recall;
        }
      }
}

void add_similarities(std::vector<Marked>& marked,
                      const std::map<std::string, std::vector<float>, std::less<>>& embeddings) {
  for (Marked& one : marked)
    for (Mark& mark : one.outcome.marks)
      for (std::size_t i = 0; i < mark.answers.size(); ++i) {
        const Answer& answer = one.outcome.answers[i];
        if (!is_compared(answer) || !mark.answers[i].unscored_because.empty()) continue;
        const auto text = embeddings.find(answer.text),
                   reference = embeddings.find(answer.reference);
        if (text == embeddings.end() || reference == embeddings.end()) continue;
        if (const auto cosine = metrics::cosine(text->second, reference->second))
          mark.answers[i].values["sbert"] = *cosine;
      }
}

}  // namespace looktwice::run
