// What normal pictures look like, patch by patch, and how far a patch is from that.
// Not here: reading pictures, joining levels.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "adapters/baseline/patches.h"

namespace looktwice::adapters::baseline {

// The memory of one level. Immutable, so threads share it.
class LevelMemory {
 public:
  virtual ~LevelMemory() = default;
  // One distance per patch, in units of relative contrast or of standard deviations.
  virtual std::vector<float> distances(const Patches& patches) const = 0;
  // The same divided by (typical + kFloor).
  std::vector<float> contrast(const Patches& patches) const;

  float typical = 0;  // the middle distance of a patch of a normal picture
};

// A Gaussian per position of the first reference's grid: mean and covariance over the references
// and the eight positions around it; other grids are matched by their relative position. The
// covariance is shrunk towards its mean over all positions, which counts as much as
// features() samples, and has 1 % of contrast added as noise, so that one reference is enough. The
// distance is Mahalanobis', divided by sqrt(features()). After PaDiM (Defard et al. 2021), with
// cosine coefficients instead of network features.
std::unique_ptr<LevelMemory> gaussian_memory(std::span<const Patches> references);

// All patches of the references, wherever they are; with more than 8,192 every n-th of them. The
// distance is that to the nearest one. After PatchCore (Roth et al. 2022), without its coreset.
std::unique_ptr<LevelMemory> nearest_memory(std::span<const Patches> references);

}  // namespace looktwice::adapters::baseline
