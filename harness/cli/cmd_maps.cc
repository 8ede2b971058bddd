// looktwice maps: the anomaly maps of a run as pictures.
#include <charconv>
#include <cmath>

#include "adapters/imaging/codec.h"
#include "harness/cli/command.h"
#include "harness/cli/print.h"
#include "harness/core/error.h"
#include "harness/core/text.h"
#include "harness/store/disk.h"
#include "harness/store/run_folder.h"
#include "reports/escape.h"
#include "reports/heat_maps.h"

namespace looktwice::cli {
namespace {

namespace fs = std::filesystem;

struct MapsCommand {
  fs::path run = {}, output_path = {}, data_root = {};
  std::string range = "task", only = "all", task = {};
  std::int64_t limit = 0;
  int side = 1024;
};

[[noreturn]] void refuse(const char* name, const std::string& given, const char* expected) {
  throw Error(Kind::usage,
              std::string("--") + name + "=" + printable(given, 40) + ": expected " + expected);
}

reports::HeatMapOptions options_of(const MapsCommand& given) {
  reports::HeatMapOptions made{
      .side = given.side, .task = given.task, .limit = given.limit, .data_root = given.data_root};
  if (given.side < 16 || given.side > 16384)
    refuse("side", std::to_string(given.side), "16 to 16384");
  if (given.limit < 0) refuse("limit", std::to_string(given.limit), "a whole number from 0");
  if (given.only == "anomalous" || given.only == "normal")
    made.anomalous = given.only == "anomalous";
  else if (given.only != "all")
    refuse("only", given.only, "all, anomalous or normal");
  if (given.range == "sample") {
    made.range = reports::HeatRange::sample;
  } else if (given.range != "task") {
    made.range = reports::HeatRange::given;
    const char* end = given.range.data() + given.range.size();
    const auto first = std::from_chars(given.range.data(), end, made.low);
    const auto second = first.ptr < end && *first.ptr == ','
                            ? std::from_chars(first.ptr + 1, end, made.high)
                            : std::from_chars_result{first.ptr, std::errc::invalid_argument};
    if (first.ec != std::errc{} || second.ec != std::errc{} || second.ptr != end ||
        !std::isfinite(made.low) || !std::isfinite(made.high) || !(made.low < made.high))
      refuse("range", given.range, "task, sample or LOW,HIGH");
  }
  return made;
}

int maps(const MapsCommand& given) {
  const reports::HeatMapOptions options = options_of(given);
  const reports::RunView run = reports::run_view(given.run);
  const fs::path folder = given.output_path.empty() ? given.run / "heat_maps" : given.output_path;
  const reports::HeatMapCount count = reports::heat_maps(
      run, options, *imaging::make_codec(),
      [&](const std::string& name, const std::vector<std::byte>& bytes) {
        const fs::path file = folder / name;
        std::error_code failed;
        fs::create_directories(file.parent_path(), failed);
        if (failed) store::disk_failure(file.parent_path(), "create the folder", failed.value());
        store::write_whole(file, {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
      });
  for (const std::string& problem : count.problems) warn(problem);
  std::string line = std::to_string(count.written) + " maps written to " +
                     reports::terminal_text(folder.string()) + ", listed in maps.csv";
  if (count.without_map > 0)
    line += "; " + std::to_string(count.without_map) + " samples have no map";
  if (count.unreadable > 0) line += "; " + std::to_string(count.unreadable) + " could not be drawn";
  print(line + "\n");
  return count.written > 0 && count.unreadable == 0 ? 0 : static_cast<int>(Kind::data);
}

}  // namespace

void add_maps(Command& program, Context&) {
  Command command =
      program.add("maps", "the anomaly maps of a run as PNG: picture, and map laid over it");
  auto options = std::make_shared<MapsCommand>();
  command.word("run", options->run, "run folder, scored", Command::Need::required)
      .option("output_path", options->output_path, "folder of the pictures; default: RUN/heat_maps")
      .option("range", options->range,
              "what the colours span: task (all its maps, comparable), sample (each its own), or "
              "LOW,HIGH")
      .option("only", options->only, "all, anomalous or normal, by the truth")
      .option("task", options->task, "name or glob; default: all tasks")
      .option("limit", options->limit, "maps per task; 0: all")
      .option("side", options->side, "longest side of a panel in pixels")
      .option("data_root", options->data_root,
              "where the pictures lie now; default: as in the run");
  command.action([options] { return maps(*options); });
}

}  // namespace looktwice::cli
