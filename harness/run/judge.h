// The stage between answers and outcomes: somebody reads each answer beside its reference and gives
// points. The judge is an adapter like any other; its replies lie in judgements.jsonl, so judging
// goes on where it stopped and scoring needs no judge. A judgement belongs to the very texts that
// were judged: when an answer changes it is asked again, and the old one is not read.
// Not here: prompts and verdicts (judge_prompt.h), averages (answers.h), quality (judge_audit.h).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "harness/core/adapter.h"
#include "harness/run/judge_prompt.h"
#include "harness/run/mark.h"
#include "harness/run/predict.h"
#include "harness/run/task.h"

namespace looktwice::run {

inline constexpr const char* kJudgements = "judgements";  // the journal
inline constexpr int kTries = 4;                          // the first, and three more

// Who judges how. Two judges with the same setup are the same judge.
struct JudgeSetup {
  std::string model = {};  // adapter
  std::map<std::string, std::string> model_args = {}, model_facts = {};
  JudgePrompt prompt = {};
  bool both_orders = true;  // each pair also with its answers changed round
  int repeats = 1;          // how often everything is judged
  Decoding decoding = {};
  // With a prompt of preference: answers of another run, by task, sample and question.
  std::string against = {};  // its id

  std::string id() const;  // 12 hex digits over all of it
  std::map<std::string, std::string> facts() const;
};
// Of what the manifest keeps. Kind::data when the prompt is not the one of this build.
JudgeSetup setup_of(const std::map<std::string, std::string>& facts);

// One answer judged once.
struct Judged {
  std::string task = {}, sample = {};
  std::size_t question = 0;
  std::string group = {}, category = {};
  bool swapped = false;  // the answer was shown first, its reference second
  int repeat = 0;
  // Empty: missing, for `why`. points: of the answer; reference: of the other text. Of preferences:
  // 1 the answer, 0 the other, 0.5 neither, and no reference.
  std::optional<double> points = {}, reference = {};
  std::string why = {};  // "not judged yet", "no verdict in 4 replies", "failed: ..."
  int tries = 0;
  std::size_t answer_bytes = 0;
  std::map<std::string, std::string> facts = {};  // of the reply: "model", "fingerprint"
};

// What is to be judged, as a task whose questions are the prompts. Only answers with a text, and
// with a reference or a rival; of samples that were answered.
class Judging {
 public:
  // rivals: outcomes of the other run, for preferences.
  Judging(JudgeSetup setup, std::span<const Outcome> outcomes,
          std::span<const Outcome> rivals = {});

  const Task& task() const { return task_; }
  const JudgeSetup& setup() const { return setup_; }
  std::size_t size() const { return items_.size(); }

  // From the last records of a journal.
  std::vector<Judged> judged(const Answers& records) const;

 private:
  JudgeSetup setup_;
  Task task_;
  std::vector<Judged> items_;  // one per sample of the task
};

// Asks what has no verdict yet. Every record says who judged: name, prompt and its hash, decoding.
PredictResult judge(const Judging& judging, Adapter& adapter, const store::RunFolder& folder,
                    const std::string& run, PredictOptions options);

struct JudgeCounts {
  std::int64_t asked = 0, judged = 0, missing = 0, failed = 0;
  std::map<std::string, std::int64_t> models = {};  // as the replies name them
};
JudgeCounts counted(std::span<const Judged> judged);

// Puts points into the marks: "gpt_score" and "gpt_reference". The official scorer reads the order
// of the prompt, the corrected one the mean of both orders, missing when one is; repeats are
// averaged over those that have a verdict.
void add_points(std::vector<Marked>& marked, std::span<const Judged> judged, bool both_orders);

}  // namespace looktwice::run
