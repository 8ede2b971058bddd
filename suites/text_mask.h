// Text-as-Mask of OmniAD (protocols.md 8.2): a region as runs of patches, written by a model
// between <seg> tags, and back. Total: any bytes may come in, time and memory stay in proportion to
// them. Not here: pixels of pictures on disk, metrics.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "harness/core/sample.h"

namespace looktwice::suites {

inline constexpr int kPatchSide = 24;
// patches[row * 24 + column]: 1 = anomalous.
using PatchMask = std::array<std::uint8_t, kPatchSide * kPatchSide>;

// What a reply of the form <seg>..</seg><think>..</think><answer>..</answer> says. Closing tags may
// be written <\seg> as well, tags in any case.
struct SegReply {
  bool formatted = false;  // the three blocks in this order, each once, nothing but blanks around
  bool has_mask = false;   // there is a <seg>; without one `mask` says nothing
  PatchMask mask = {};
  // Runs that needed mending: out of range (clipped), reversed (ends swapped), crossing rows
  // (filled row by row), and stretches of anything else between runs; a <seg> that is not closed.
  std::int64_t malformed = 0;
  std::int64_t runs = 0;
  bool proves_base_one = false;  // an index is 24, which counting from 0 does not have
  std::string answer = {};       // of the last <answer>, blanks around cut; empty: none

  bool any() const;  // a patch is anomalous
};

// first_index: what the model calls the first row and column, 0 or 1. Of several <seg> the first
// counts. "", "none", "normal" and "[]" are the empty region.
SegReply seg_reply(std::string_view reply, int first_index = 0);

// "(2, 3)-(2, 7), (4, 0)": runs within rows, row by row; empty for no patch. The inverse of what
// seg_reply reads.
std::string mask_text(const PatchMask& mask, int first_index = 0);

// Patch r covers the rows floor(r * height / 24) to floor((r + 1) * height / 24) - 1; likewise
// columns. pixels[height][width].
enum class PatchRule { any, majority };  // anomalous when one pixel is, or more than half
PatchMask patches_of(std::span<const std::uint8_t> pixels, int width, int height,
                     PatchRule rule = PatchRule::any);
// The region of the reply at that size, 0 and 1; nothing: it has no <seg>.
std::optional<AnomalyMap> drawn_mask(std::string_view reply, int width, int height,
                                     int first_index = 0);
// The patch that covers pixel `at` of `size`.
int patch_at(int at, int size);

}  // namespace looktwice::suites
