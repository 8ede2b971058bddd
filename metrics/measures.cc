#include <memory>
#include <stdexcept>
#include <utility>

#include "metrics/measure.h"
#include "metrics/text/rouge.h"

namespace looktwice::metrics {
namespace {

struct RougeKind {
  const char *name, *what;
  Rouge kind;
};
constexpr RougeKind kRouge[] = {
    {"rouge_l", "the longest common subsequence of words", Rouge::l},
    {"rouge_lsum", "the same line by line", Rouge::lsum},
    {"rouge_1", "shared words", Rouge::n1},
    {"rouge_2", "shared pairs of words", Rouge::n2},
};

struct RougePart {
  const char *name, *what;
  double RougeScore::*value;
};
constexpr RougePart kParts[] = {{"", "F of ", &RougeScore::f},
                                {"_precision", "precision of ", &RougeScore::precision},
                                {"_recall", "recall of ", &RougeScore::recall}};

enum class RougeForm { plain, stemmed, icu };
constexpr std::pair<const char*, const char*> kForms[] = {
    {"", ""}, {"_stemmed", ", by Porter's stems"}, {"_icu", ", words of any script (Unicode)"}};

std::shared_ptr<RougeScorer> scorer_for(RougeForm form, const WordCutter& unicode_words) {
  if (form != RougeForm::icu) return std::make_shared<RougeScorer>(form == RougeForm::stemmed);
  if (!unicode_words) throw std::invalid_argument("rouge: nobody cuts Unicode's words here");
  return std::make_shared<RougeScorer>(unicode_words);
}

void add_rouge(std::vector<Measure>& all) {
  for (const RougeKind& kind : kRouge)
    for (const RougePart& part : kParts)
      for (const RougeForm form : {RougeForm::plain, RougeForm::stemmed, RougeForm::icu}) {
        const auto& [name, what] = kForms[static_cast<std::size_t>(form)];
        all.push_back(
            {.name = std::string(kind.name) + name + part.name,
             .summary = std::string(part.what) + kind.what + what,
             .make = [&kind, &part, form](const WordCutter& unicode_words) -> TextMeasure {
               return [scorer = scorer_for(form, unicode_words), &kind, &part](
                          std::string_view reference, std::string_view answer) {
                 return scorer->score(kind.kind, reference, answer).*part.value;
               };
             }});
      }
}

Measure bert_score(const char* part, const char* summary) {
  return {.name = std::string("bertscore_") + part,
          .summary = std::string("BERTScore: ") + summary,
          .range = {.low = -1, .high = 1},
          .missing =
              "not computed: no encoder compared tokens; `looktwice embed --similarity "
              "bertscore` does"};
}

}  // namespace

std::vector<Measure> measure_catalogue() {
  const std::string no_judge = "not computed: no judge was asked; `looktwice judge` does";
  std::vector<Measure> all;
  add_rouge(all);
  const std::vector<Measure> others = {
      {.name = "sbert",
       .summary = "cosine of sentence embeddings",
       .range = {.low = -1, .high = 1},
       .missing = "not computed: no sentence encoder was asked; `looktwice embed` does"},
      bert_score("f", "harmonic mean of both"),
      bert_score("precision", "mean cosine of the answer's tokens with their nearest"),
      bert_score("recall", "the same of the reference's tokens"),
      bert_score("f_idf", "of both, rare tokens counting more (bert_score's idf)"),
      bert_score("precision_idf", "of the answer's tokens, by how rare they are"),
      bert_score("recall_idf", "of the reference's tokens, by how rare they are"),
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
      {.name = "malformed",
       .summary = "share of text masks that had to be mended: runs out of range, reversed, across "
                  "rows, anything else between them",
       .pooling = Pooling::values,
       .higher_is_better = false},
      {.name = "index_24",
       .summary = "share of text masks with an index of 24, which counting from 0 does not have: "
                  "the model counts from 1 (variant base1)",
       .pooling = Pooling::values,
       .higher_is_better = false},
      {.name = "choice_balanced",
       .summary = "mean of that share over normal and over anomalous samples",
       .reads = "choice",
       .pooling = Pooling::balanced,
       .missing = "no answer could be read"},
  };
  all.insert(all.end(), others.begin(), others.end());
  return all;
}

}  // namespace looktwice::metrics
