#include "adapters/omniad/picture_shelf.h"

#include <ATen/ops/empty.h>

#include <algorithm>
#include <chrono>

#include "adapters/imaging/resize.h"
#include "harness/core/error.h"
#include "harness/core/hash.h"

namespace looktwice::omniad {
namespace {

using Clock = std::chrono::steady_clock;

std::int64_t nanoseconds(Clock::duration time) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(time).count();
}

Image resized_to(const Image& image, imaging::Size size) {
  return imaging::resized(image, size.width, size.height, imaging::Filter::bicubic);
}

// qwen_vl_utils' own resize, with its own bounds.
Image resized_before(const Image& image, const imaging::PatchRule& rule) {
  imaging::PatchRule own = rule;
  const std::int64_t area = std::int64_t{rule.factor()} * rule.factor();
  own.min_pixels = 4 * area;
  own.max_pixels = 16384 * area;
  own.grow_small = true;
  return resized_to(image, imaging::smart_size(image.width, image.height, own));
}

std::string text_of(const Viewing& viewing) {
  return std::to_string(static_cast<int>(viewing.framing)) + " " + std::to_string(viewing.side) +
         " " + std::to_string(viewing.min_pixels) + " " + std::to_string(viewing.max_pixels) +
         (viewing.resize_twice ? " twice" : "");
}

}  // namespace

Image sized(Image image, const Processor& processor, const Viewing& viewing) {
  imaging::PatchRule rule = processor.rule;
  if (viewing.min_pixels > 0) rule.min_pixels = viewing.min_pixels;
  if (viewing.max_pixels > 0) rule.max_pixels = viewing.max_pixels;
  switch (viewing.framing) {
    case Framing::stretch:
      image = resized_to(image, {.width = viewing.side, .height = viewing.side});
      break;
    case Framing::fit:
      image = resized_to(image, imaging::fitted_size(image.width, image.height, viewing.side));
      break;
    case Framing::native:
      break;
  }
  if (viewing.resize_twice) image = resized_before(image, rule);
  return resized_to(image, imaging::smart_size(image.width, image.height, rule));
}

at::Tensor patches(const Image& sized, const Processor& processor) {
  const imaging::PatchRule& rule = processor.rule;
  const imaging::PatchGrid grid =
      imaging::patch_grid({.width = sized.width, .height = sized.height}, rule);
  at::Tensor values =
      at::empty({grid.patches(), std::int64_t{3} * rule.frames * rule.patch * rule.patch});
  imaging::patch_values(
      sized, imaging::value_table(processor.normalisation), rule,
      {values.mutable_data_ptr<float>(), static_cast<std::size_t>(values.numel())});
  return values;
}

bool PictureShelf::forget() {
  const bool freed = !shelf_.empty();
  shelf_.clear();
  tokens_ = 0;
  return freed;
}

ShelvedPicture PictureShelf::on_shelf(std::list<ShelvedPicture>::iterator found) {
  ++shown_;
  shelf_.splice(shelf_.begin(), shelf_, found);
  return *found;
}

ShelvedPicture PictureShelf::shown(const Picture& picture, const Viewing& viewing,
                                   std::vector<Span>& spans) {
  const auto held = [&](std::int32_t id) {
    return std::ranges::find(shelf_, id, &ShelvedPicture::id);
  };
  const std::string name = picture.name() + " " + text_of(viewing);
  if (const auto known = by_name_.find(name); known != by_name_.end())
    if (const auto found = held(known->second); found != shelf_.end()) return on_shelf(found);
  auto before = Clock::now();
  const auto note = [&](const char* what) {
    const auto now = Clock::now();
    spans.push_back({.name = what,
                     .start_ns = nanoseconds(before.time_since_epoch()),
                     .duration_ns = nanoseconds(now - before)});
    before = now;
  };
  const Image image = sized(picture.decode(), model_.processor(), viewing);
  const std::string content =
      sha256({reinterpret_cast<const char*>(image.pixels.data()), image.pixels.size()}) + " " +
      std::to_string(image.width);
  const auto [entry, is_new] =
      by_content_.try_emplace(content, -static_cast<std::int32_t>(lengths_.size()) - 1);
  const std::int32_t id = entry->second;
  by_name_[name] = id;
  if (const auto found = held(id); found != shelf_.end()) {
    note("preprocess");
    return on_shelf(found);
  }
  const imaging::PatchRule& rule = model_.processor().rule;
  const imaging::PatchGrid grid =
      imaging::patch_grid({.width = image.width, .height = image.height}, rule);
  ShelvedPicture made{.id = id, .tokens = {grid.rows / rule.merge, grid.columns / rule.merge}};
  if (is_new) lengths_.push_back(made.length());
  const at::Tensor values = patches(image, model_.processor());
  note("preprocess");
  made.features = model_.vision()
                      .features(values, {grid.rows, grid.columns})
                      .to(model_.decoder().compute_type());
  if (made.features.is_cuda()) (void)made.features[0][0].item<float>();  // waits, for the span
  note("vision");
  ++shown_;
  ++seen_;
  shelf_.push_front(made);
  tokens_ += made.length();
  while (shelf_.size() > 1 && tokens_ > most_tokens_) {
    tokens_ -= shelf_.back().length();
    shelf_.pop_back();
  }
  return made;
}

}  // namespace looktwice::omniad
