// The stage that gives every answer and its reference an embedding, so that their similarity can be
// measured (SBERT). The encoder is an adapter like any other; embeddings lie in embeddings.jsonl,
// each distinct text once, so scoring needs no encoder and an interrupted run goes on.
// Not here: the cosine (metrics/text), averages (answers.h), models.
#pragma once

#include <map>
#include <span>
#include <string>
#include <vector>

#include "harness/core/adapter.h"
#include "harness/run/mark.h"
#include "harness/run/predict.h"
#include "harness/run/task.h"

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

// Asks for what has no embedding yet. An answer without one has failed.
PredictResult embed(const Embedding& embedding, Adapter& adapter, const store::RunFolder& folder,
                    const std::string& run, PredictOptions options);

// Puts the cosine of each answer and its reference into the marks: "sbert".
void add_similarities(std::vector<Marked>& marked,
                      const std::map<std::string, std::vector<float>, std::less<>>& embeddings);

}  // namespace looktwice::run
