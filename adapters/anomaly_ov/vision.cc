#include "adapters/anomaly_ov/vision.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/zeros.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "adapters/imaging/normalise.h"
#include "adapters/nn/device.h"
#include "adapters/nn/stage_clock.h"
#include "harness/core/error.h"

namespace looktwice::anomaly_ov {
namespace {

// One value per kind of part of the checkpoint.
constexpr const char* kVisionPrefixes[] = {"model.vision_tower.", "model.mm_projector.",
                                           "model.image_newline"};

// And what is the language model's own, or, of a fine-tuned checkpoint, the expert's, which the
// official evaluation does not use either.
constexpr const char* kOtherPrefixes[] = {"model.embed_tokens.", "model.layers.", "model.norm.",
                                          "lm_head.", "anomaly_encoder."};

constexpr const char* kStages[] = {"preprocess", "vision", "ltfm", "select"};

}  // namespace

bool is_vision(const std::string& tensor) {
  return std::ranges::any_of(kVisionPrefixes,
                             [&](const char* prefix) { return tensor.starts_with(prefix); });
}

struct Vision::Parts {
  VisionOptions options;
  int tiles_at_once = 1;
  std::optional<nn::Siglip> siglip;
  std::optional<Expert> expert;
  nn::Linear project_in, project_out;
  at::Tensor newline;
  imaging::ValueTable values = imaging::value_table(imaging::kSiglip);
};

Vision::Vision(const CheckpointFolder& folder, const VisionOptions& options)
    : parts_(std::make_unique<Parts>()) {
  const c10::InferenceMode guard;
  Parts& parts = *parts_;
  parts.options = options;
  const nn::SiglipShape& shape = folder.vision_shape;
  if (!folder.has_expert())
    parts.options.levels.clear();
  else if (options.levels.empty() || !std::ranges::is_sorted(options.levels) ||
           std::ranges::adjacent_find(options.levels) != options.levels.end() ||
           options.levels.front() < 0 || options.levels.back() > shape.blocks - 2)
    throw Error(Kind::model,
                "the expert's levels must be blocks of the vision model, ascending, from 0 to " +
                    std::to_string(shape.blocks - 2));
  nn::Loading model("checkpoint " + folder.model.files().front().parent_path().string(),
                    folder.model, options.device, options.type);
  for (const char* prefix : kOtherPrefixes) model.ignore(prefix);
  std::string wrong;  // with all files together, since it is fixed in one go
  const auto finish = [&wrong](const nn::Loading& loading) {
    const std::string more = loading.complaint();
    wrong += (wrong.empty() || more.empty() ? "" : "; ") + more;
  };
  if (folder.vision.files().empty()) {
    parts.siglip.emplace(model, folder.vision_prefix, shape);
  } else {
    model.ignore("model.vision_tower.");
    nn::Loading own("vision model " + folder.vision.files().front().parent_path().string(),
                    folder.vision, options.device, options.type);
    own.ignore("text_model.");
    own.ignore("logit_");
    parts.siglip.emplace(own, folder.vision_prefix, shape);
    finish(own);
  }
  parts.tiles_at_once = options.tiles_at_once > 0     ? options.tiles_at_once
                        : !options.device.is_cpu()    ? 8
                        : parts.siglip->tiles_apart() ? 5
                                                      : 1;
  parts.project_in =
      nn::linear(model, "model.mm_projector.0", folder.language_hidden, shape.hidden);
  parts.project_out =
      nn::linear(model, "model.mm_projector.2", folder.language_hidden, folder.language_hidden);
  parts.newline = model.take("model.image_newline", {folder.language_hidden});
  finish(model);
  if (folder.has_expert()) {
    nn::Loading expert("expert " + folder.expert.files().front().string(), folder.expert,
                       options.device, options.type);
    parts.expert.emplace(expert, shape.hidden, shape.tokens(),
                         static_cast<std::int64_t>(options.levels.size()), options.expert);
    finish(expert);
  }
  if (!wrong.empty()) throw Error(Kind::model, wrong);
  if (parts.expert) parts.expert->prepare();
}

Vision::~Vision() = default;
Vision::Vision(Vision&&) noexcept = default;

at::Tensor Vision::pixels(std::span<const Image* const> images) const {
  const auto count = static_cast<std::int64_t>(images.size()), edge = shape().image;
  at::Tensor pixels = at::empty({count, 3, edge, edge}, at::kFloat);
  const auto size = static_cast<std::size_t>(3 * edge * edge);
  float* to = pixels.mutable_data_ptr<float>();
  for (const Image* image : images) {
    LOOKTWICE_CHECK(image->width == edge && image->height == edge);
    imaging::normalise(*image, parts_->values, {to, size});
    to += size;
  }
  return pixels;
}

at::Tensor Vision::pixels(const Tiles& tiles) const {
  std::vector<const Image*> images;
  for (const Image& image : tiles.images) images.push_back(&image);
  return pixels(images);
}

nn::SiglipFeatures Vision::features(const at::Tensor& pixels) const {
  const Parts& parts = *parts_;
  const std::int64_t tiles = pixels.size(0);
  if (tiles == 1 || !parts.options.device.is_cpu() || parts.siglip->tiles_apart())
    return parts.siglip->features(pixels, parts.options.levels);
  nn::SiglipFeatures all;
  for (std::int64_t tile = 0; tile < tiles; ++tile) {
    const auto one = parts.siglip->features(pixels.narrow(0, tile, 1), parts.options.levels);
    const auto put = [&](at::Tensor& to, const at::Tensor& from) {
      if (!to.defined()) to = at::empty({tiles, from.size(1), from.size(2)}, from.options());
      to[tile].copy_(from[0]);
    };
    put(all.final, one.final);
    all.levels.resize(one.levels.size());
    for (std::size_t l = 0; l < one.levels.size(); ++l) put(all.levels[l], one.levels[l]);
  }
  return all;
}

// Tiles of all pictures in one row, and what has been seen of them.
struct Vision::Row {
  struct Picture {
    std::int64_t first = 0, tiles = 0;  // in the row
    Expertise seen = {};                // class and prompts
    at::Tensor final = {};
    std::vector<at::Tensor> levels = {};
  };
  std::vector<Picture> pictures = {};
  std::vector<const Image*> images = {};
  Expertise seen = {};  // of all tiles
};

// Those from `first` on: `at_once` of them, or as many as there are. Done again, it changes
// nothing.
nn::StageClock Vision::look_at(Row& row, std::int64_t first, std::int64_t count, Keep keep) {
  const Parts& parts = *parts_;
  const at::Device device = parts.options.device;
  nn::StageClock clock(device);
  at::Tensor own =
      pixels(std::span(row.images)
                 .subspan(static_cast<std::size_t>(first), static_cast<std::size_t>(count)));
  // A library on a GPU chooses its way, and so the bits, by the number of rows: it is always the
  // same.
  const std::int64_t all = device.is_cpu() ? count : parts.tiles_at_once;
  if (all > count)
    own = at::cat({own, at::zeros({all - count, own.size(1), own.size(2), own.size(3)})});
  clock.end(kStages[0]);
  const nn::SiglipFeatures features = this->features(own);
  clock.end(kStages[1]);
  // What of these is of one picture: where here, where there, how many.
  const auto each = [&](const auto& work) {
    for (Row::Picture& picture : row.pictures) {
      const std::int64_t from = std::max(first, picture.first),
                         to = std::min(first + count, picture.first + picture.tiles);
      if (from < to) work(picture, from - first, from - picture.first, to - from);
    }
  };
  each([&](Row::Picture& picture, std::int64_t here, std::int64_t there, std::int64_t tiles) {
    const auto keep_in = [&](at::Tensor& kept, const at::Tensor& found) {
      const at::Tensor some = found.narrow(0, here, tiles);
      if (!kept.defined())
        kept = at::empty({picture.tiles, some.size(1), some.size(2)}, some.options());
      kept.narrow(0, there, tiles).copy_(some);
    };
    if (keep != Keep::nothing) keep_in(picture.final, features.final);
    picture.levels.resize(keep == Keep::all ? features.levels.size() : 0);
    for (std::size_t l = 0; l < picture.levels.size(); ++l)
      keep_in(picture.levels[l], features.levels[l]);
  });
  if (!parts.expert) return clock;
  each([&](Row::Picture& picture, std::int64_t here, std::int64_t there, std::int64_t tiles) {
    nn::SiglipFeatures some{.final = features.final.narrow(0, here, tiles)};
    for (const at::Tensor& level : features.levels)
      some.levels.push_back(level.narrow(0, here, tiles));
    if (there == 0) parts.expert->classify(some.final[0], picture.seen);
    Expertise seen = Expert::part(row.seen, first + here, tiles);
    seen.prompts = picture.seen.prompts;
    parts.expert->match(some, seen);
  });
  clock.end(kStages[2]);
  Expertise some = Expert::part(row.seen, first, all);
  parts.expert->select(features.final, some);
  clock.end(kStages[3]);
  return clock;
}

std::vector<Sight> Vision::look(std::span<const Tiles> pictures, Keep keep) {
  const c10::InferenceMode guard;
  Parts& parts = *parts_;
  Row row;
  for (const Tiles& tiles : pictures) {
    row.pictures.push_back({.first = static_cast<std::int64_t>(row.images.size()),
                            .tiles = static_cast<std::int64_t>(tiles.images.size())});
    for (const Image& image : tiles.images) row.images.push_back(&image);
  }
  const auto all = static_cast<std::int64_t>(row.images.size());
  const std::int64_t start_ns = nn::steady_ns();
  // And of those that fill the last ones up.
  if (parts.expert) {
    row.seen = parts.expert->room(all + parts.tiles_at_once);
    row.seen.map.zero_();
  }
  struct Look {
    std::int64_t first = 0, count = 0;
    nn::StageClock clock;
  };
  std::vector<Look> looks;  // a GPU is not waited for in between
  for (std::int64_t first = 0; first < all;) {
    const std::int64_t count = std::min<std::int64_t>(parts.tiles_at_once, all - first);
    try {
      looks.push_back({first, count, look_at(row, first, count, keep)});
      first += count;
    } catch (const std::exception& error) {
      if (!nn::is_out_of_memory(error)) throw;
      if (parts.options.give_back && parts.options.give_back()) continue;
      const auto tried = parts.options.device.is_cpu() ? static_cast<int>(count)  // none filled up
                                                       : parts.tiles_at_once;
      if (tried == 1) throw;
      parts.tiles_at_once = tried / 2;
    }
  }
  std::vector<Sight> sights;
  std::vector<at::Tensor> logits;
  for (Row::Picture& picture : row.pictures) {
    Sight& sight = sights.emplace_back();
    sight.features = {.final = picture.final, .levels = std::move(picture.levels)};
    if (!parts.expert) continue;
    sight.expertise = Expert::part(row.seen, picture.first, picture.tiles);
    sight.expertise.class_pool = picture.seen.class_pool;
    sight.expertise.class_vector = picture.seen.class_vector;
    sight.expertise.prompts = picture.seen.prompts;
    parts.expert->conclude(sight.expertise);
    logits.push_back(sight.expertise.logit);
  }
  at::Tensor found;
  if (!logits.empty()) found = at::cat(logits).cpu();  // waits for a GPU
  for (std::size_t i = 0; i < logits.size(); ++i) {
    sights[i].logit = found.const_data_ptr<float>()[i];
    sights[i].score = 1 / (1 + std::exp(-sights[i].logit));
  }
  std::vector<std::vector<Span>> times;
  for (const Look& look : looks) times.push_back(look.clock.spans());
  for (std::size_t p = 0; p < sights.size(); ++p) {
    const Row::Picture& picture = row.pictures[p];
    std::int64_t from = start_ns;
    for (std::size_t stage = 0; stage < (parts.expert ? std::size(kStages) : 2); ++stage) {
      double ns = 0;
      for (std::size_t i = 0; i < looks.size(); ++i) {
        const auto& [first, count, clock] = looks[i];
        const std::int64_t own =
            std::min(first + count, picture.first + picture.tiles) - std::max(first, picture.first);
        if (own > 0)
          ns += static_cast<double>(times[i][stage].duration_ns) * static_cast<double>(own) /
                static_cast<double>(count);
      }
      sights[p].spans.push_back(
          {.name = kStages[stage], .start_ns = from, .duration_ns = std::llround(ns)});
      from += sights[p].spans.back().duration_ns;
    }
  }
  return sights;
}

Sight Vision::look(const Tiles& tiles, Keep keep) {
  return std::move(look(std::span(&tiles, 1), keep).front());
}

int Vision::tiles_at_once() const {
  return parts_->tiles_at_once;
}

at::Tensor Vision::projected(const at::Tensor& tokens) const {
  const c10::InferenceMode guard;
  const at::Tensor own = tokens.to(parts_->project_in.weight.scalar_type());
  return parts_->project_out(at::gelu(parts_->project_in(own)));
}

const at::Tensor& Vision::newline() const {
  return parts_->newline;
}
const nn::SiglipShape& Vision::shape() const {
  return parts_->siglip->shape();
}
bool Vision::has_expert() const {
  return parts_->expert.has_value();
}
const nn::Siglip& Vision::siglip() const {
  return *parts_->siglip;
}
const Expert& Vision::expert() const {
  return *parts_->expert;
}

}  // namespace looktwice::anomaly_ov
