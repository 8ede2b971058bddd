// Marks on a picture that tell a model where to look: the prompt images of OmniAD, table 8. Exact:
// the same bytes everywhere. Not here: where the region comes from (marks.h).
//
// The paper prints no colours, widths or blends; these are ours:
//   box        a red frame around every 8-connected part, outside of it
//   contour    a red line around every part, outside of it, so that small ones stay visible
//   heat       the map in the colours of Jet, half and half with the picture
//   highlight  what is not anomalous at two fifths of its brightness
//   mask       white where anomalous, black elsewhere
// Lines are round(longest side / 256) pixels wide, at least 1.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "harness/core/image.h"
#include "harness/core/sample.h"

namespace looktwice::run {

enum class MarkKind { box, contour, heat, highlight, mask };
const std::vector<std::string>& mark_kinds();  // "bbox", "contour", "heatmap", "highlight", "mask"
std::optional<MarkKind> mark_kind(std::string_view name);
const char* name_of(MarkKind kind);

struct MarkStyle {
  MarkKind kind = MarkKind::box;
  // From which value a pixel of the map is anomalous; of masks (0 and 1) any number above 0, up to
  // 1, says the same.
  double threshold = 0.5;
  double low = 0, high = 1;  // what is the coldest and the hottest colour of a heat map
  // The picture as it is, and the marked one to the right of it; otherwise the marked one alone.
  bool beside = false;
};

int line_width(int width, int height);

// picture: RGB. The map is brought to its size first: one of 0 and 1 by the nearest pixel, others
// bilinearly, as pixel metrics do.
Image marked_picture(const Image& picture, const AnomalyMap& map, const MarkStyle& style);

// The parts that marked_picture is made of. region[height][width]: non-zero = anomalous.
std::vector<std::uint8_t> region_of(const AnomalyMap& map, int width, int height, double threshold);
void draw_boxes(Image& picture, std::span<const std::uint8_t> region, int line);
void draw_contours(Image& picture, std::span<const std::uint8_t> region, int line);

}  // namespace looktwice::run
