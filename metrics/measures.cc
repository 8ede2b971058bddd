#include <memory>

#include "metrics/measure.h"
#include "metrics/text/rouge.h"

namespace looktwice::metrics {
namespace {

Measure rouge(const char* name, const char* summary, Rouge kind, bool stem) {
  return {.name = name, .summary = summary, .make = [kind, stem]() -> TextMeasure {
            const auto scorer = std::make_shared<RougeScorer>(stem);
            return [scorer, kind](std::string_view reference, std::string_view answer) {
              return scorer->score(kind, reference, answer).f;
            };
          }};
}

}  // namespace

std::vector<Measure> measure_catalogue() {
  const std::string no_judge = "not computed: no judge was asked; `looktwice judge` does";
  return {
      rouge("rouge_l", "F of the longest common subsequence of words", Rouge::l, false),
      rouge("rouge_l_stemmed", "the same of Porter's stems", Rouge::l, true),
      rouge("rouge_lsum", "the same line by line", Rouge::lsum, false),
      rouge("rouge_1", "F of shared words", Rouge::n1, false),
      rouge("rouge_2", "F of shared pairs of words", Rouge::n2, false),
      {.name = "sbert",
       .summary = "cosine of sentence embeddings",
       .range = {.low = -1, .high = 1},
       .missing = "not computed: no sentence encoder was asked; `looktwice embed` does"},
      {.name = "gpt_score",
       .summary = "a judge's points, 1 to 10",
       .range = {.low = 1, .high = 10},
       .missing = no_judge},
      {.name = "gpt_reference",
       .summary = "the same judge's points for the reference",
       .range = {.low = 1, .high = 10},
       .missing = no_judge},
      {.name = "invalid",
       .summary = "share of answers in which the asked word or letter was not found",
       .pooling = Pooling::values,
       .higher_is_better = false},
      {.name = "choice",
       .summary = "share of questions with the right option, all questions alike",
       .pooling = Pooling::values,
       .missing = "no answer could be read"},
      {.name = "overkill",
       .summary = "share of normal samples that were called anomalous",
       .pooling = Pooling::values,
       .higher_is_better = false},
      {.name = "miss",
       .summary = "share of anomalous samples that were called normal",
       .pooling = Pooling::values,
       .higher_is_better = false},
      {.name = "reward_format",
       .summary = "OmniAD's R_fmt: share of replies in the asked form",
       .pooling = Pooling::values},
      {.name = "reward_answer",
       .summary = "OmniAD's R_ans: 1 for the right letter, else 0.1",
       .pooling = Pooling::values},
      {.name = "reward",
       .summary = "OmniAD's R_fmt + R_acc + R_ans of answers that have all three, 0.1 to 4",
       .pooling = Pooling::values,
       .range = {.low = 0.1, .high = 4},
       .missing = "no answer has a format, a mask and a letter"},
      {.name = "choice_balanced",
       .summary = "mean of that share over normal and over anomalous samples",
       .reads = "choice",
       .pooling = Pooling::balanced,
       .missing = "no answer could be read"},
  };
}

}  // namespace looktwice::metrics
