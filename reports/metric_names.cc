#include "reports/metric_names.h"

#include <algorithm>
#include <array>
#include <utility>

namespace looktwice::reports {
namespace {

constexpr std::array<std::pair<std::string_view, std::string_view>, 70> kTitles = {{
    {"auroc", "AUROC"},
    {"average_precision", "AP"},
    {"ap", "AP"},
    {"f1_max", "F1-max"},
    {"f1", "F1"},
    {"accuracy", "accuracy"},
    {"precision", "precision"},
    {"recall", "recall"},
    {"accuracy_at", "accuracy at threshold"},
    {"precision_at", "precision at threshold"},
    {"recall_at", "recall at threshold"},
    {"f1_at", "F1 at threshold"},
    {"accuracy_at_half", "accuracy at 0.5"},
    {"precision_at_half", "precision at 0.5"},
    {"recall_at_half", "recall at 0.5"},
    {"f1_at_half", "F1 at 0.5"},
    {"aupro", "AUPRO"},
    {"map_max_auroc", "AUROC of map maximum"},
    {"auroc_of_kinds", "AUROC, mean of kinds"},
    {"auroc_mvtec", "AUROC (MVTec)"},
    {"auroc_adaclip", "AUROC (AdaCLIP)"},
    {"average_precision_trapezoid", "AP by trapezoids"},
    {"auroc_structural", "AUROC structural"},
    {"auroc_logical", "AUROC logical"},
    {"rouge_l", "ROUGE-L"},
    {"sbert", "SBERT"},
    {"rouge_l_stemmed", "ROUGE-L, stemmed"},
    {"rouge_lsum", "ROUGE-Lsum"},
    {"rouge_1", "ROUGE-1"},
    {"rouge_2", "ROUGE-2"},
    {"bertscore_f", "BERTScore"},
    {"bertscore_precision", "BERTScore precision"},
    {"bertscore_recall", "BERTScore recall"},
    {"bertscore_f_idf", "BERTScore, IDF"},
    {"bertscore_precision_idf", "BERTScore precision, IDF"},
    {"bertscore_recall_idf", "BERTScore recall, IDF"},
    {"gpt_score", "GPT-Score"},
    {"gpt_reference", "GPT-Score of the references"},
    {"invalid", "invalid answers"},
    {"choice", "accuracy"},
    {"reward_format", "R_fmt"},
    {"reward_answer", "R_ans"},
    {"reward_mask", "R_acc"},
    {"reward", "reward"},
    {"choice_balanced", "balanced accuracy"},
    {"pixel_auroc", "pixel AUROC"},
    {"pixel_average_precision", "pixel AP"},
    {"pixel_ap", "pixel AP"},
    {"pixel_f1_max", "pixel F1-max"},
    {"pixel_f1", "pixel F1"},
    {"pixel_accuracy", "pixel accuracy"},
    {"pixel_precision", "pixel precision"},
    {"pixel_recall", "pixel recall"},
    {"joint_pixel_f1", "pixel F1 at joint threshold"},
    {"joint_pixel_accuracy", "pixel accuracy at joint threshold"},
    {"joint_image_f1", "image F1 at joint threshold"},
    {"joint_image_accuracy", "image accuracy at joint threshold"},
    {"joint_threshold", "joint threshold, share of the range"},
    {"joint_image_threshold", "threshold of images, share of the range"},
    {"generated_pixel_f1", "pixel F1 as generated"},
    {"generated_pixel_accuracy", "pixel accuracy as generated"},
    {"generated_image_f1", "image F1 as generated"},
    {"generated_image_accuracy", "image accuracy as generated"},
    {"pixel_accuracy_at", "pixel accuracy at threshold"},
    {"pixel_precision_at", "pixel precision at threshold"},
    {"pixel_recall_at", "pixel recall at threshold"},
    {"pixel_f1_at", "pixel F1 at threshold"},
    {"aupro_mvtec", "AUPRO (MVTec)"},
    {"aupro_anomalyclip", "AUPRO (AnomalyCLIP)"},
    {"aupro_anomalib", "AUPRO (anomalib)"},
}};

}  // namespace

std::string metric_title(std::string_view metric) {
  for (const auto& [name, title] : kTitles)
    if (metric == name) return std::string(title);
  // "low_level.rouge_l" -> "ROUGE-L, low level"
  if (const std::size_t dot = metric.find('.'); dot != std::string_view::npos) {
    std::string group(metric.substr(0, dot));
    const std::string measure = metric_title(metric.substr(dot + 1));
    // The only group of its task.
    if (group == "detection") return measure;
    std::ranges::replace(group, '_', ' ');
    if (!measure.starts_with(metric.substr(dot + 1))) return measure + ", " + group;
  }
  // "au_spro_0.05_logical" -> "AU-sPRO 0.05 logical"
  constexpr std::array<std::pair<std::string_view, std::string_view>, 2> kPrefixes = {
      {{"au_spro_", "AU-sPRO "}, {"map_max_auroc_", "AUROC of map maximum "}}};
  for (const auto& [prefix, title] : kPrefixes)
    if (metric.starts_with(prefix)) {
      std::string rest(metric.substr(prefix.size()));
      std::ranges::replace(rest, '_', ' ');
      return std::string(title) + rest;
    }
  return std::string(metric);
}

std::string interval_title(std::string_view method) {
  if (method == "delong") return "DeLong";
  if (method == "wilson") return "Wilson";
  return std::string(method);
}

Unit metric_unit(std::string_view metric) {
  const bool judged = metric.find("gpt_score") != std::string_view::npos ||
                      metric.find("gpt_reference") != std::string_view::npos ||
                      metric.find("reward") != std::string_view::npos;
  return judged ? Unit::points : Unit::percent;
}

double printed_value(std::string_view metric, double value) {
  return metric_unit(metric) == Unit::percent ? 100 * value : value;
}

int printed_digits(Unit unit) {
  return unit == Unit::points ? 2 : unit == Unit::count ? 0 : 1;
}

}  // namespace looktwice::reports
