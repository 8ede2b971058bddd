#include "suites/text_mask.h"

#include <algorithm>

#include "harness/core/error.h"
#include "harness/core/text.h"

namespace looktwice::suites {
namespace {

constexpr int kPatches = kPatchSide * kPatchSide;
constexpr auto npos = std::string_view::npos;

bool is_blank(char c) {
  return c == ' ' || (c >= '\t' && c <= '\r');
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

// A block between tags of that name; begin == npos: none.
struct Block {
  std::size_t tag = npos, begin = npos, end = npos, after = npos;
  bool closed = false;
};

// lower: the reply in lower case.
Block block_at(std::string_view lower, const std::string& name, std::size_t tag) {
  Block block{.tag = tag};
  if (tag == npos) return block;
  block.begin = tag + name.size() + 2;
  block.end = std::min(lower.find("</" + name + ">", block.begin),
                       lower.find("<\\" + name + ">", block.begin));
  block.closed = block.end != npos;
  block.after = block.closed ? block.end + name.size() + 3 : npos;
  return block;
}

// Whether the reply is the three blocks, each once, and nothing else.
bool is_formatted(std::string_view lower) {
  std::size_t at = 0;
  for (const std::string name : {"seg", "think", "answer"}) {
    const std::string tag = "<" + name + ">";
    const std::size_t found = lower.find(tag, at);
    if (found == npos || !trimmed(lower.substr(at, found - at)).empty()) return false;
    const Block block = block_at(lower, name, found);
    if (!block.closed) return false;
    const std::string_view inside = lower.substr(block.begin, block.end - block.begin);
    for (const char* other : {"<seg>", "<think>", "<answer>"})
      if (inside.find(other) != npos) return false;
    at = block.after;
  }
  return trimmed(lower.substr(at)).empty();
}

// Reads runs; every byte is looked at a bounded number of times.
class RunReader {
 public:
  RunReader(std::string_view text, int first_index, SegReply& reply)
      : text_(text), first_(first_index), reply_(reply) {}

  void read() {
    bool garbage = false;
    while (skip_blanks(), at_ < text_.size()) {
      const std::size_t start = at_;
      if (text_[at_] == '(' && read_run()) {
        garbage = false;
        continue;
      }
      at_ = std::max(at_, start);
      if (text_[at_] == ',' && !garbage) {
        ++at_;
        continue;
      }
      reply_.malformed += garbage ? 0 : 1;
      garbage = true;
      ++at_;
    }
    int open = 0;
    for (std::size_t i = 0; i < kPatches; ++i) {
      open += change_[i];
      reply_.mask[i] = open > 0;
    }
  }

 private:
  struct Place {
    int row = 0, column = 0;
    bool clipped = false;
    int index() const { return row * kPatchSide + column; }
  };

  void skip_blanks() {
    while (at_ < text_.size() && is_blank(text_[at_])) ++at_;
  }
  bool take(char c) {
    skip_blanks();
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  // A whole number; far too large ones stay just out of range.
  bool take_index(int& value, bool& clipped) {
    skip_blanks();
    const bool negative = at_ < text_.size() && text_[at_] == '-';
    if (negative) ++at_;
    const std::size_t start = at_;
    int number = 0;
    for (; at_ < text_.size() && is_digit(text_[at_]); ++at_)
      number = std::min(1000, number * 10 + (text_[at_] - '0'));
    if (at_ == start) return false;
    reply_.proves_base_one = reply_.proves_base_one || (!negative && number == kPatchSide);
    const int index = (negative ? -number : number) - first_;
    value = std::clamp(index, 0, kPatchSide - 1);
    clipped = clipped || value != index;
    return true;
  }
  bool take_place(Place& place) {
    return take('(') && take_index(place.row, place.clipped) && take(',') &&
           take_index(place.column, place.clipped) && take(')');
  }

  // False: no run here; at_ is back where it was.
  bool read_run() {
    const std::size_t start = at_;
    const bool proven = reply_.proves_base_one;
    Place from;
    if (!take_place(from)) {
      at_ = start;
      reply_.proves_base_one = proven;
      return false;
    }
    Place to = from;
    const std::size_t after_first = at_;
    if (take('-')) {
      Place end;
      if (take_place(end))
        to = end;
      else
        at_ = after_first;  // the dash is left for the caller, who counts it
    }
    bool mended = from.clipped || to.clipped || from.row != to.row;
    if (from.index() > to.index()) {
      std::swap(from, to);
      mended = true;
    }
    ++reply_.runs;
    reply_.malformed += mended;
    ++change_[static_cast<std::size_t>(from.index())];
    --change_[static_cast<std::size_t>(to.index()) + 1];
    return true;
  }

  std::string_view text_;
  int first_ = 0;
  SegReply& reply_;
  std::size_t at_ = 0;
  std::array<int, kPatches + 1> change_ = {};  // of how many runs cover a patch
};

}  // namespace

bool SegReply::any() const {
  return std::ranges::any_of(mask, [](std::uint8_t patch) { return patch != 0; });
}

SegReply seg_reply(std::string_view reply, int first_index) {
  LOOKTWICE_CHECK(first_index == 0 || first_index == 1);
  SegReply read;
  const std::string lower = lower_ascii(reply);
  read.formatted = is_formatted(lower);
  if (const Block answer = block_at(lower, "answer", std::string_view(lower).rfind("<answer>"));
      answer.begin != npos)
    read.answer =
        trimmed(reply.substr(answer.begin, answer.closed ? answer.end - answer.begin : npos));
  const Block seg = block_at(lower, "seg", lower.find("<seg>"));
  if (seg.begin == npos) return read;
  read.has_mask = true;
  read.malformed += seg.closed ? 0 : 1;
  // An open one ends where the next block begins.
  std::size_t end = seg.end;
  if (!seg.closed)
    end = std::min(lower.find("<think>", seg.begin), lower.find("<answer>", seg.begin));
  const std::string_view inside =
      trimmed(std::string_view(lower).substr(seg.begin, end == npos ? npos : end - seg.begin));
  if (inside.empty() || inside == "none" || inside == "normal" || inside == "[]") return read;
  RunReader(inside, first_index, read).read();
  return read;
}

std::string mask_text(const PatchMask& mask, int first_index) {
  std::string text;
  const auto place = [&](int row, int column) {
    return "(" + std::to_string(row + first_index) + ", " + std::to_string(column + first_index) +
           ")";
  };
  for (int row = 0; row < kPatchSide; ++row)
    for (int column = 0; column < kPatchSide; ++column) {
      const auto set = [&](int at) {
        return at < kPatchSide && mask[static_cast<std::size_t>(row * kPatchSide + at)] != 0;
      };
      if (!set(column)) continue;
      const int start = column;
      while (set(column + 1)) ++column;
      if (!text.empty()) text += ", ";
      text += place(row, start);
      if (column > start) text += "-" + place(row, column);
    }
  return text;
}

int patch_at(int at, int size) {
  // The largest r with floor(r * size / 24) <= at.
  return static_cast<int>((static_cast<std::int64_t>(at + 1) * kPatchSide - 1) / size);
}

std::optional<AnomalyMap> drawn_mask(std::string_view reply, int width, int height,
                                     int first_index) {
  const SegReply read = seg_reply(reply, first_index);
  if (!read.has_mask) return {};
  AnomalyMap map{.width = width, .height = height};
  map.values.reserve(static_cast<std::size_t>(width) * static_cast<std::size_t>(height));
  for (int y = 0; y < height; ++y) {
    const int row = patch_at(y, height) * kPatchSide;
    for (int x = 0; x < width; ++x)
      map.values.push_back(read.mask[static_cast<std::size_t>(row + patch_at(x, width))]);
  }
  return map;
}

PatchMask patches_of(std::span<const std::uint8_t> pixels, int width, int height, PatchRule rule) {
  LOOKTWICE_CHECK(width > 0 && height > 0 &&
                  pixels.size() == static_cast<std::size_t>(width) * height);
  std::array<std::int64_t, kPatches> set = {}, all = {};
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x) {
      const auto patch =
          static_cast<std::size_t>(patch_at(y, height) * kPatchSide + patch_at(x, width));
      ++all[patch];
      set[patch] += pixels[static_cast<std::size_t>(y) * width + x] != 0;
    }
  PatchMask mask = {};
  for (std::size_t i = 0; i < kPatches; ++i)
    mask[i] = rule == PatchRule::any ? set[i] > 0 : 2 * set[i] > all[i];
  return mask;
}

}  // namespace looktwice::suites
