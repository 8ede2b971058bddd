#include "reports/metric_names.h"

#include <array>
#include <utility>

namespace looktwice::reports {
namespace {

constexpr std::array<std::pair<std::string_view, std::string_view>, 26> kTitles = {{
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
    {"aupro", "AUPRO"},
    {"ausproc", "AU-sPRO"},
    {"au_spro", "AU-sPRO"},
    {"rouge_l", "ROUGE-L"},
    {"sbert", "SBERT"},
    {"gpt_score", "GPT-Score"},
    {"pixel_auroc", "pixel AUROC"},
    {"pixel_average_precision", "pixel AP"},
    {"pixel_ap", "pixel AP"},
    {"pixel_f1_max", "pixel F1-max"},
    {"pixel_f1", "pixel F1"},
    {"pixel_accuracy", "pixel accuracy"},
    {"pixel_precision", "pixel precision"},
    {"pixel_recall", "pixel recall"},
}};

}  // namespace

std::string metric_title(std::string_view metric) {
  for (const auto& [name, title] : kTitles)
    if (metric == name) return std::string(title);
  return std::string(metric);
}

std::string interval_title(std::string_view method) {
  if (method == "delong") return "DeLong";
  if (method == "wilson") return "Wilson";
  return std::string(method);
}

Unit metric_unit(std::string_view metric) {
  return metric.find("gpt_score") != std::string_view::npos ? Unit::points : Unit::percent;
}

double printed_value(std::string_view metric, double value) {
  return metric_unit(metric) == Unit::percent ? 100 * value : value;
}

int printed_digits(Unit unit) {
  return unit == Unit::points ? 2 : unit == Unit::count ? 0 : 1;
}

}  // namespace looktwice::reports
