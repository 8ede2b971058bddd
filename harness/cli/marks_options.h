// The options of `run` that draw marks on pictures, and where the maps come from: a folder of maps,
// an .npz, another run, or the truth. Not here: drawing (run/drawing.h).
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "harness/cli/command.h"
#include "harness/run/marks.h"

namespace looktwice::cli {

struct MarksOptions {
  std::string kind = "none", from = {}, place = "auto";
  double threshold = 0.5;

  void add_to(Command& command);
  bool any() const { return kind != "none"; }
  void refuse_wrong() const;  // Kind::usage, before any work
};

struct MarksInUse {
  run::Marks marks = {};
  std::map<std::string, std::string> as_used = {};  // decides the answers
  std::vector<std::string> flags = {};              // what tables must say
  std::vector<std::string> warnings = {};
};

// Reads every map of the tasks once: their hash belongs to the run's identity, and their range is
// the scale of heat maps. Kind::data: there is no map for any picture.
std::optional<MarksInUse> marks_in_use(const MarksOptions& options,
                                       std::span<const run::Task> tasks,
                                       const std::shared_ptr<const ImageCodec>& codec);

}  // namespace looktwice::cli
