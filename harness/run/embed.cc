#include "harness/run/embed.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <memory>
#include <optional>
#include <set>

#include "harness/core/error.h"
#include "harness/core/hash.h"
#include "harness/core/text.h"
#include "metrics/text/bert_score.h"
#include "metrics/text/cosine.h"

namespace looktwice::run {
namespace {

// Each sample is one text, or two whose tokens are compared: the parts of the question then.
class TextSuite final : public Suite {
 public:
  Loaded load(const Loading&) const override { return {}; }
  std::optional<Question> ask(const Sample& sample, std::span<const Turn> turns) const override {
    if (!turns.empty()) return {};
    Question question{.text = sample.questions.front().text, .wanted = {.embedding = true}};
    if (sample.questions.size() > 1)
      for (const SetQuestion& text : sample.questions)
        question.parts.push_back({.kind = QuestionPart::Kind::text, .text = text.text});
    return question;
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

class Encoder final : public Adapter {
 public:
  explicit Encoder(Adapter& adapter) : adapter_(adapter) {}
  void serve(Inbox& inbox, Outbox& outbox) override {
    EmbeddingsOnly out(outbox);
    adapter_.serve(inbox, out);
  }

 private:
  Adapter& adapter_;
};

// What the journal keeps of a pair, as the text of a reply: for both texts "id:counted:bits ..." of
// each token, the bits of its best cosine as 8 hex digits; a line each.
std::string text_of(const metrics::TokenMatches& matches) {
  std::string text;
  char word[32];
  for (std::size_t i = 0; i < matches.ids.size(); ++i) {
    std::snprintf(word, sizeof word, "%s%d:%d:%08x", i > 0 ? " " : "", matches.ids[i],
                  matches.counted[i] ? 1 : 0, std::bit_cast<std::uint32_t>(matches.best[i]));
    text += word;
  }
  return text;
}

// Nothing when the line is not of that form.
std::optional<metrics::TokenMatches> matches_in(std::string_view line) {
  metrics::TokenMatches matches;
  const auto number = [&](auto& value, int base, char after) {
    const auto [end, fault] = std::from_chars(line.data(), line.data() + line.size(), value, base);
    if (fault != std::errc{}) return false;
    line.remove_prefix(static_cast<std::size_t>(end - line.data()));
    if (line.empty()) return after == ' ';
    if (line.front() != after) return false;
    line.remove_prefix(1);
    return true;
  };
  while (!line.empty()) {
    std::int32_t id = 0, counted = 0;
    std::uint32_t bits = 0;
    if (!number(id, 10, ':') || !number(counted, 10, ':') || !number(bits, 16, ' ')) return {};
    matches.ids.push_back(id);
    matches.counted.push_back(counted != 0);
    matches.best.push_back(std::bit_cast<float>(bits));
    if (!std::isfinite(matches.best.back())) return {};
  }
  if (matches.ids.empty()) return {};
  return matches;
}

// Each distinct text of a batch goes to the encoder once; states live until the pairs are compared.
class Matcher final : public Adapter {
 public:
  explicit Matcher(const TokenEncoder& encoder) : encoder_(encoder) {}
  void serve(Inbox& inbox, Outbox& outbox) override {
    serve_in_batches(*this, kPairs, inbox, outbox);
  }
  std::vector<Prediction> answer(std::span<const Request> batch) override {
    std::map<std::string_view, std::size_t> places;
    std::vector<std::string> texts;
    for (const Request& request : batch)
      for (const QuestionPart& part : request.question.parts)
        if (places.try_emplace(part.text, texts.size()).second) texts.push_back(part.text);
    const std::vector<TokenStates> states = encoder_.token_states(texts);
    LOOKTWICE_CHECK(states.size() == texts.size());
    std::vector<Prediction> all;
    for (const Request& request : batch) {
      const auto& parts = request.question.parts;
      all.push_back(compared(request.key, states[places.at(parts[0].text)],
                             states[places.at(parts[1].text)]));
    }
    return all;
  }

 private:
  static constexpr int kPairs = 64;

  static Prediction compared(const std::string& key, const TokenStates& a, const TokenStates& b) {
    Prediction prediction{.key = key};
    const std::size_t width = a.ids.empty() ? 0 : a.values.size() / a.ids.size();
    const auto is_whole = [&](const TokenStates& text) {
      return width > 0 && !text.ids.empty() && text.counted.size() == text.ids.size() &&
             text.values.size() == width * text.ids.size() &&
             std::ranges::all_of(text.values, [](float value) { return std::isfinite(value); });
    };
    if (!is_whole(a) || !is_whole(b)) {
      prediction.status = Status::failed;
      prediction.error = "the encoder's states of tokens are not whole or not finite";
      return prediction;
    }
    metrics::TokenMatches of_a{.ids = a.ids, .counted = a.counted},
        of_b{.ids = b.ids, .counted = b.counted};
    metrics::best_matches(a.values, b.values, width, of_a.best, of_b.best);
    prediction.text = text_of(of_a) + "\n" + text_of(of_b);
    return prediction;
  }

  const TokenEncoder& encoder_;
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
  Encoder encoder(adapter);
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
    if (reply.status != Status::answered) continue;
    const std::size_t end = std::min(reply.text.find('\n'), reply.text.size());
    auto answer = matches_in(std::string_view(reply.text).substr(0, end));
    auto reference =
        matches_in(std::string_view(reply.text).substr(std::min(end + 1, reply.text.size())));
    if (!answer || !reference)
      throw Error(Kind::data, "embeddings.jsonl: key " + printable(reply.key, 40) +
                                  ": 'text': expected two lines of id:counted:bits");
    all[{sample.questions[0].text, sample.questions[1].text}] = {std::move(*answer),
                                                                 std::move(*reference)};
  }
  return all;
}

PredictResult match(const Matching& matching, const TokenEncoder& encoder,
                    const store::RunFolder& folder, const std::string& run,
                    PredictOptions options) {
  options.journal = kEmbeddings;
  Matcher matcher(encoder);
  return predict({&matching.task(), 1}, matcher, nullptr, folder, run, options);
}

void add_bert_scores(std::vector<Marked>& marked, const Matching::Pairs& pairs) {
  const auto found = [&](const Answer& answer) -> const Matching::Pair* {
    const auto pair = pairs.find({answer.text, answer.reference});
    return pair == pairs.end() ? nullptr : &pair->second;
  };
  // As bert_score takes them: the reference of each answer, as often as it comes.
  metrics::TokenRarity rarity;
  for (const Marked& one : marked)
    for (const Answer& answer : one.outcome.answers)
      if (const auto* pair = found(answer)) rarity.add(pair->reference.ids);
  for (Marked& one : marked)
    for (Mark& mark : one.outcome.marks)
      for (std::size_t i = 0; i < mark.answers.size(); ++i) {
        const auto* pair = found(one.outcome.answers[i]);
        if (!pair || !mark.answers[i].unscored_because.empty()) continue;
        for (const bool by_rarity : {false, true}) {
          const auto score =
              metrics::bert_score(pair->answer, pair->reference, by_rarity ? &rarity : nullptr);
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
