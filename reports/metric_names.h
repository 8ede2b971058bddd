// How tables call a metric, and in which unit they print it.
#pragma once

#include <string>
#include <string_view>

namespace looktwice::reports {

enum class Unit { percent, points, count };  // points: of 10 or 100, as the metric says

// "auroc" -> "AUROC"; an unknown name stays as it is.
std::string metric_title(std::string_view metric);
// "delong" -> "DeLong"
std::string interval_title(std::string_view method);
// Metrics are stored as fractions and printed in percent; a judge's points are printed as they are.
Unit metric_unit(std::string_view metric);
// The value of a metric in the unit in which it is printed.
double printed_value(std::string_view metric, double value);
// The decimals that a table shows.
int printed_digits(Unit unit);

}  // namespace looktwice::reports
