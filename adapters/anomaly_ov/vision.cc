#include "adapters/anomaly_ov/vision.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/gelu.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "adapters/imaging/normalise.h"
#include "adapters/nn/stage_clock.h"
#include "harness/core/error.h"

namespace looktwice::anomaly_ov {
namespace {

// One value per kind of part of the checkpoint.
constexpr const char* kVisionPrefixes[] = {"model.vision_tower.", "model.mm_projector.",
                                           "model.image_newline"};

}  // namespace

bool is_vision(const std::string& tensor) {
  return std::ranges::any_of(kVisionPrefixes,
                             [&](const char* prefix) { return tensor.starts_with(prefix); });
}

struct Vision::Parts {
  VisionOptions options;
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
  // The language model's own, and what a fine-tuned checkpoint saves of the expert, which the
  // official evaluation does not use either.
  for (const auto& [name, tensor] : folder.model.tensors())
    if (!is_vision(name)) model.ignore(name);
  if (folder.vision.files().empty()) {
    parts.siglip.emplace(model, folder.vision_prefix, shape);
  } else {
    model.ignore("model.vision_tower.");
    nn::Loading own("vision model " + folder.vision.files().front().parent_path().string(),
                    folder.vision, options.device, options.type);
    own.ignore("text_model.");
    own.ignore("logit_");
    parts.siglip.emplace(own, folder.vision_prefix, shape);
    own.finish();
  }
  parts.project_in =
      nn::linear(model, "model.mm_projector.0", folder.language_hidden, shape.hidden);
  parts.project_out =
      nn::linear(model, "model.mm_projector.2", folder.language_hidden, folder.language_hidden);
  parts.newline = model.take("model.image_newline", {folder.language_hidden});
  model.finish();
  if (!folder.has_expert()) return;
  nn::Loading expert("expert " + folder.expert.files().front().string(), folder.expert,
                     options.device, options.type);
  parts.expert.emplace(expert, shape.hidden, shape.tokens(),
                       static_cast<std::int64_t>(options.levels.size()), options.expert);
  expert.finish();
  parts.expert->prepare();
}

Vision::~Vision() = default;
Vision::Vision(Vision&&) noexcept = default;

at::Tensor Vision::pixels(const Tiles& tiles) const {
  const auto count = static_cast<std::int64_t>(tiles.images.size()), edge = shape().image;
  at::Tensor pixels = at::empty({count, 3, edge, edge}, at::kFloat);
  const auto size = static_cast<std::size_t>(3 * edge * edge);
  float* to = pixels.mutable_data_ptr<float>();
  for (const Image& image : tiles.images) {
    LOOKTWICE_CHECK(image.width == edge && image.height == edge);
    imaging::normalise(image, parts_->values, {to, size});
    to += size;
  }
  return pixels;
}

Sight Vision::look(const Tiles& tiles) const {
  const c10::InferenceMode guard;
  Sight sight;
  nn::StageClock clock(parts_->options.device);
  const at::Tensor own = pixels(tiles);
  clock.end("preprocess");
  sight.features = parts_->siglip->features(own, parts_->options.levels);
  clock.end("vision");
  if (!parts_->expert) {
    sight.spans = clock.spans();
    return sight;
  }
  sight.expertise = parts_->expert->match(sight.features);
  clock.end("ltfm");
  parts_->expert->select(sight.features, sight.expertise);
  sight.logit = sight.expertise.logit.item<double>();  // waits for a GPU
  sight.score = 1 / (1 + std::exp(-sight.logit));
  clock.end("select");
  sight.spans = clock.spans();
  return sight;
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
