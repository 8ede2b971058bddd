// How unlike the rest of its own picture each patch is.
// Not here: normal references (memory.h), joining levels (contrast_map.h).
#pragma once

#include <vector>

#include "adapters/baseline/patches.h"

namespace looktwice::adapters::baseline {

// One value per patch: the distance to the nearest of the other patches of the same picture, each
// taken as it is or mirrored in x, in y or in both; so a corner, rim or grid line that recurs on
// the other side is nothing special. Patches that begin less than 1.5 patches away both in x and
// in y do not count, since they show the same thing; with no other the value is 0.
// O(patches^2 * features).
std::vector<float> self_distances(const Patches& patches);

}  // namespace looktwice::adapters::baseline
