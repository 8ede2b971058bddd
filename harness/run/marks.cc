#include "harness/run/marks.h"

#include "harness/core/error.h"
#include "harness/core/options.h"
#include "harness/run/pixel_pass.h"

namespace looktwice::run {
namespace {

std::string style_text(const Marks& marks) {
  const MarkStyle& style = marks.style;
  std::string text = std::string("marks=") + name_of(style.kind);
  if (style.kind == MarkKind::heat)
    text += "," + option_text(style.low) + "," + option_text(style.high);
  else if (!marks.from_truth)
    text += "," + option_text(style.threshold);
  if (style.beside) text += ",beside";
  return text + "," + (marks.from_truth ? "truth" : marks.source);
}

class Drawn final : public PictureChange {
 public:
  Drawn(const Marks& marks, const Task& task, const Sample& sample,
        std::shared_ptr<const ImageCodec> codec)
      : marks_(marks), task_(task), sample_(sample), codec_(std::move(codec)) {}

  std::string name() const override { return style_text(marks_); }

  Image changed(Image picture) const override {
    if (marks_.from_truth)
      if (const std::string flaw = flaw_of(marks_, task_, sample_); !flaw.empty())
        throw Error(Kind::data, flaw);
    if (!marks_.from_truth) {
      const std::optional<AnomalyMap> map = marks_.maps(task_, sample_);
      if (!map) throw Error(Kind::data, "no map to draw on its picture");
      return marked_picture(picture, *map, marks_.style);
    }
    const Image mask = truth_mask(sample_, *codec_);
    if (mask.width != picture.width || mask.height != picture.height)
      throw Error(Kind::data, "the picture and what is to be drawn on it differ in size");
    return marked_picture(picture,
                          {.width = mask.width,
                           .height = mask.height,
                           .values = {mask.pixels.begin(), mask.pixels.end()}},
                          marks_.style);
  }

 private:
  // All live as long as the run.
  const Marks& marks_;
  const Task& task_;
  const Sample& sample_;
  const std::shared_ptr<const ImageCodec> codec_;
};

}  // namespace

std::shared_ptr<const PictureChange> Marks::change_of(
    const Task& task, const Sample& sample, const std::shared_ptr<const ImageCodec>& codec) const {
  return std::make_shared<Drawn>(*this, task, sample, codec);
}

std::string Marks::text() const {
  return std::string(name_of(style.kind)) + (from_truth ? " of the truth" : " of recorded maps") +
         (style.beside ? ", beside the picture" : "");
}

std::string flaw_of(const Marks& marks, const Task& task, const Sample& sample) {
  if (sample.image.path.empty()) return {};
  if (marks.from_truth) {
    if (sample.truth.has_mask || !sample.truth.masks.empty() || sample.truth.anomalous == false)
      return {};
    return "marks: the data set has no mask of this picture";
  }
  try {
    if (marks.maps(task, sample)) return {};
  } catch (const Error& error) {
    return std::string("marks: ") + error.what();
  }
  return "marks: no map of this picture";
}

}  // namespace looktwice::run
