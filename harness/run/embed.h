// The stage that asks a sentence encoder about every answer and its reference: an embedding of each
// distinct text, for the similarity of texts (SBERT), or of each distinct pair how near the tokens
// of one come to those of the other (BERTScore). The encoder is an adapter like any other; all of
// it lies in embeddings.jsonl, so scoring needs no encoder and an interrupted run goes on. States
// of tokens are never written: a pair's would take 300 KB. Not here: cosines and scores
// (metrics/text), averages (answers.h), models.
#pragma once

#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "harness/core/adapter.h"
#include "harness/core/token_encoder.h"
#include "harness/run/mark.h"
#include "harness/run/predict.h"
#include "harness/run/task.h"
#include "metrics/text/bert_score.h"

namespace looktwice::run {

inline constexpr const char* kEmbeddings = "embeddings";  // the journal

// Values cannot be compared across encoders, so this is part of every result. Two with the same
// setup are the same encoder.
struct EncoderSetup {
  std::string model = {};  // adapter
  std::map<std::string, std::string> model_args = {}, model_facts = {};

  std::string id() const;  // 12 hex digits over all of it
  std::map<std::string, std::string> facts() const;
};
// Of what the manifest keeps. Kind::data when a field is missing.
EncoderSetup encoder_of(const std::map<std::string, std::string>& facts);

// The distinct texts of the answers that have a reference, as a task whose questions are the texts.
class Embedding {
 public:
  Embedding(const EncoderSetup& setup, std::span<const Outcome> outcomes);

  const Task& task() const { return task_; }
  std::size_t size() const { return task_.samples.size(); }
  // Text -> embedding, of those that a journal has.
  std::map<std::string, std::vector<float>, std::less<>> embeddings(const Answers& records) const;

 private:
  Task task_;
};

// The distinct pairs of an answer and its reference, as a task about their tokens.
class Matching {
 public:
  Matching(const EncoderSetup& setup, std::span<const Outcome> outcomes);

  const Task& task() const { return task_; }
  std::size_t size() const { return task_.samples.size(); }
  // Answer and reference -> what their tokens found, of those that a journal has.
  struct Pair {
    metrics::TokenMatches answer = {}, reference = {};
  };
  using Pairs = std::map<std::pair<std::string, std::string>, Pair>;
  Pairs pairs(const Answers& records) const;

 private:
  Task task_;
};

// Asks for what has no embedding yet. An answer without one has failed.
PredictResult embed(const Embedding& embedding, Adapter& adapter, const store::RunFolder& folder,
                    const std::string& run, PredictOptions options);

// The same for pairs of texts; a pair whose states cannot be compared has failed.
PredictResult match(const Matching& matching, const TokenEncoder& encoder,
                    const store::RunFolder& folder, const std::string& run, PredictOptions options);

// Puts BERTScore of each answer and its reference into the marks: "bertscore_f", "_precision" and
// "_recall", and each with "_idf", whose weights are of the references of these answers.
void add_bert_scores(std::vector<Marked>& marked, const Matching::Pairs& pairs);

// Puts the cosine of each answer and its reference into the marks: "sbert".
void add_similarities(std::vector<Marked>& marked,
                      const std::map<std::string, std::vector<float>, std::less<>>& embeddings);

}  // namespace looktwice::run
