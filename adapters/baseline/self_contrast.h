// How unlike the rest of its own picture each patch is.
// Not here: normal references (memory.h), joining levels (contrast_map.h).
#pragma once

#include <vector>

#include "adapters/baseline/patches.h"

namespace looktwice::adapters::baseline {

// Distances below this share of the mean brightness are noise, whatever is typical.
constexpr float kFloor = 0.02f;

// One value per patch: the distance to the nearest of the other patches of the same picture, each
// taken as it is or mirrored in x, in y or in both; so a corner, rim or grid line that recurs on
// the other side is nothing special. Patches that overlap it do not count, since they show the
// same thing; with no other the value is 0.
// O(patches^2 * features).
std::vector<float> self_distances(const Patches& patches);

// One value per patch: its distance over what such a distance usually is, which is the sum of the
// middle distance of the picture (so grain counts less), kFloor, and a quarter of the length of
// the patch's own vector in the polished picture (a slight shift of a strong edge makes a
// distance, too). Taken twice, as the picture is and after polish(), and the smaller one counts:
// lines along the axes are unusual only before polishing, its own artefacts only after.
std::vector<float> self_contrast(const Patches& as_is, const Patches& polished);

// The middle one of the values (the upper of two), 0 for none.
float middle_of(std::vector<float> values);

}  // namespace looktwice::adapters::baseline
