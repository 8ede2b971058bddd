// Pictures with marks on them on their way to the adapter, whatever the suite and the model. Marks
// come from recorded maps, or from the truth: then the model is told what it is asked, which the
// manifest, the summary and the leaderboard say. Only pixels pass: an adapter sees no mask, no map
// and no name of either. Not here: how marks look (drawing.h), who reads recorded maps.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "harness/core/image.h"
#include "harness/core/sample.h"
#include "harness/run/drawing.h"
#include "harness/run/task.h"

namespace looktwice::run {

// The map that belongs to a sample; nothing: there is none. Thread-safe.
using MapSource = std::function<std::optional<AnomalyMap>(const Task& task, const Sample& sample)>;

struct Marks {
  MarkStyle style = {};
  bool from_truth = false;
  MapSource maps = {};      // unless from the truth
  std::string source = {};  // a hash of the maps, for names of pictures; empty: the truth

  // What draws on the sample's picture. Maps are read when the picture is.
  std::shared_ptr<const PictureChange> change_of(
      const Task& task, const Sample& sample, const std::shared_ptr<const ImageCodec>& codec) const;
  // "bbox of the truth"
  std::string text() const;
};

// Why the sample's picture cannot be marked; empty: it can.
std::string flaw_of(const Marks& marks, const Task& task, const Sample& sample);

}  // namespace looktwice::run
