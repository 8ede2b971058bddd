// Holm's step-down correction: the chance of any false alarm in a whole table of tests stays below
// the level, whatever their dependence. Source: Holm 1979.
#pragma once

#include <span>
#include <vector>

namespace looktwice::metrics {

// Adjusted p values in the order given: reject where adjusted <= level. Values outside [0, 1] and
// NaN throw std::invalid_argument; tests without a p value are left out by the caller.
std::vector<double> holm(std::span<const double> p_values);

}  // namespace looktwice::metrics
