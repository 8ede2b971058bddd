// Anomaly maps of a run as pictures: the picture, and beside it the map in colours laid over it in
// grey, as papers show them (figure 7 of Anomaly-OneVision). One PNG per sample, under a name that
// no data set can choose, and a list of them. Not here: colours and overlay (picture.h), pages
// (html_report.h).
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "harness/core/image.h"
#include "reports/picture.h"
#include "reports/run_view.h"

namespace looktwice::reports {

// What the darkest and the brightest colour stand for. task: the least and largest value of all
// maps of the task, so that pictures can be compared; sample: of each map, so that each uses all
// colours.
enum class HeatRange { task, sample, given };

struct HeatMapOptions {
  HeatRange range = HeatRange::task;
  float low = 0, high = 1;               // given
  int side = 1024;                       // longest side of one panel; larger pictures are shrunk
  std::string task = {};                 // glob over task names; empty: all
  std::optional<bool> anomalous = {};    // only these, by the truth
  std::int64_t limit = 0;                // maps per task; 0: all
  std::filesystem::path data_root = {};  // empty: where the run found its pictures
};

struct HeatMapCount {
  std::int64_t written = 0, without_map = 0, unreadable = 0;
  std::vector<std::string> problems = {};  // the first few, with the sample
};

// Picture and overlay side by side, RGB, a white gap between them.
Image heat_panel(const Image& picture, const AnomalyMap& map, float low, float high);

// "zsad.elpv/elpv/000012-cell0042-1f3a9c0b.png": task and class, the number of the sample among the
// task's, what is harmless of its name, and a hash of its id. Letters, digits, ._- and two '/';
// never longer than 160 bytes.
std::string heat_map_name(const Outcome& outcome, std::int64_t number);

// write: gets each PNG under its name, and at last "maps.csv": file, task, sample, category,
// anomalous, score, low, high. data_root: where the pictures lie now; empty: as in the run.
HeatMapCount heat_maps(
    const RunView& run, const HeatMapOptions& options, const ImageCodec& codec,
    const std::function<void(const std::string& name, const std::vector<std::byte>& bytes)>& write);

}  // namespace looktwice::reports
