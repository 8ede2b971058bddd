// A protocol: which samples, which questions, how an answer is read, which metrics count.
// Not here: models, files of the run, arithmetic of metrics.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "harness/core/dataset.h"
#include "harness/core/sample.h"

namespace looktwice {

// How to load a task.
struct Loading {
  std::filesystem::path data_root = {};
  std::shared_ptr<const ImageCodec> codec = {};
  int num_fewshot = 0;
  std::uint64_t seed = 0;
};

struct Loaded {
  std::filesystem::path root = {};  // the folder that sample ids and images are relative to
  std::vector<Sample> samples = {};
  std::vector<std::string> warnings = {};
};

// A measure of single answers (metrics/measure.h) over the questions of one group. Its rows, and
// the samples' own values, are called "low_level.rouge_l".
struct GroupMeasure {
  std::string group = {}, measure = {};
  std::string name() const { return group + "." + measure; }
};

// Mean of other metrics of the same scorer, within each group of samples.
struct Average {
  std::string name = {};
  std::vector<std::string> of = {};
};

// Which metrics a suite reports, of which scorer's marks, and what the leaderboard prints first.
struct Plan {
  std::vector<std::string> scorers = {};  // "official", "corrected"
  std::vector<std::string> optional_scorers =
      {};  // likewise, where an outcome has a mark by them: "likelihoods"
  std::vector<std::string> image_metrics = {};  // names in the metric catalogue
  std::vector<std::string> pixel_metrics =
      {};  // computed when the set has masks and the answers have maps
  std::vector<GroupMeasure> measures = {};  // of answers that are judged one by one
  std::vector<Average> averages = {};       // of `measures`
  bool zero_rates = false;  // the official scorer takes a rate without a denominator for 0
  // Where the protocol sets a size for pixel metrics: maps and masks at side x side, masks by the
  // nearest pixel. 0: the size of the mask.
  int map_side = 0;
  std::string headline = {};
  std::vector<std::string> columns = {};  // what leaderboards show beside the headline
  std::string dataset = {};               // column in the published tables: "ELPV"
  std::string published =
      {};  // table that the headline is compared with: "anomaly_ov_table2", empty: none
  // metric -> column of that table, where it is not called "ELPV" or "ELPV.auroc"
  std::map<std::string, std::string> published_columns = {};
  std::string variant = {};  // split or label convention as used
};

class Suite {
 public:
  virtual ~Suite() = default;
  virtual Loaded load(const Loading& loading) const = 0;
  // The next question after these answers (one per question asked so far); nothing: the dialogue is
  // over.
  virtual std::optional<Question> ask(const Sample& sample, std::span<const Turn> turns) const = 0;
  // answers: one per question, in order; the dialogue stops at the first that is not
  // Status::answered (a refused Question::alone does not stop it). Gives one Mark per scorer of the
  // plan.
  virtual Outcome mark(const Sample& sample, std::span<const Prediction> answers) const = 0;
  // What only all outcomes of a task tell, in the order of its samples: a published rule by which
  // one answer changes how the next one counts.
  virtual void review(std::span<Outcome* const> /*outcomes*/) const {}
  // The mask that the answers hold as text, at that size; nothing: none. Values 0 and 1.
  virtual std::optional<AnomalyMap> mask_in(const Outcome& /*outcome*/, int /*width*/,
                                            int /*height*/) const {
    return {};
  }
  virtual Plan plan() const = 0;
};

// One row of `looktwice list`. A task is a name that make() understands, "zsad.elpv"; a variant is
// written "zsad.elpv:all".
struct TaskInfo {
  std::string name = {}, summary = {};
  std::vector<std::string> variants = {};
  std::vector<std::string> modifiers = {};  // may follow, "mmad:qwen+similar+blind"
};

struct SuiteEntry {
  std::string name = {}, summary = {};
  std::vector<TaskInfo> tasks = {};
  std::function<std::unique_ptr<Suite>(const std::string& task, const std::string& variant)> make =
      {};
};

}  // namespace looktwice
