// What Look-Twice Feature Matching holds a feature against: a softmax of two is a logistic of their
// difference, so one product per token is enough, with the difference of the prompts' unit vectors,
// already times scale. Internal to adapters/kernels.
#pragma once

#include <cmath>
#include <cstdint>

namespace looktwice::kernels {

// prompts[2][dims] -> difference[dims]: the other less the selected.
inline void prompt_difference(const float* prompts, std::int64_t dims, int selected_one,
                              float scale, float* difference) {
  const float* selected = prompts + selected_one * dims;
  const float* other = prompts + (1 - selected_one) * dims;
  double selected_norm = 0, other_norm = 0;
  for (std::int64_t d = 0; d < dims; ++d) {
    selected_norm += double{selected[d]} * selected[d];
    other_norm += double{other[d]} * other[d];
  }
  selected_norm = std::sqrt(selected_norm);
  other_norm = std::sqrt(other_norm);
  for (std::int64_t d = 0; d < dims; ++d)
    difference[d] =
        static_cast<float>(double{scale} * (other[d] / other_norm - selected[d] / selected_norm));
}

}  // namespace looktwice::kernels
