// looktwice bench compare: which benchmarks became faster or slower between two stored outputs of
// Google Benchmark (looktwice_bench or any other program of it), and whether it is luck.
#include "harness/cli/command.h"
#include "harness/cli/formats.h"
#include "harness/cli/print.h"
#include "harness/cli/wiring.h"
#include "harness/core/error.h"
#include "harness/core/text.h"
#include "reports/bench_compare.h"

namespace looktwice::cli {
namespace {

struct BenchCompareCommand {
  std::filesystem::path a = {}, b = {}, output_path = {};
  std::string format = "terminal", time = "auto", names = {};
  double level = 0.95;
  bool any_machine = false, fail_on_slower = false, json = false;
};

reports::BenchCompareOptions::Time time_of(const std::string& name) {
  using Time = reports::BenchCompareOptions::Time;
  if (name == "auto") return Time::automatic;
  if (name == "real") return Time::real;
  if (name == "cpu") return Time::processor;
  throw Error(Kind::usage, "--time=" + printable(name, 40) + ": expected auto, real or cpu");
}

int compare(const BenchCompareCommand& options, const Context& context) {
  const reports::Format format = options.json ? reports::Format::json : format_of(options.format);
  const reports::BenchCompareOptions how{.time = time_of(options.time),
                                         .level = options.level,
                                         .names = list_of(options.names),
                                         .any_machine = options.any_machine};
  const reports::BenchComparison comparison = reports::compare_benchmarks(
      reports::bench_file(options.a), reports::bench_file(options.b), how);
  print(reports::render(comparison, format, render_options(context.terminal)));
  if (!options.output_path.empty())
    write_formats(options.output_path, "bench",
                  [&](reports::Format f) { return reports::render(comparison, f); });
  if (comparison.incomplete()) {
    warn("bench compare: some benchmarks were timed in one of the files alone");
    return static_cast<int>(Kind::incomplete);
  }
  const bool slower = comparison.count(reports::BenchComparison::Verdict::slower) > 0;
  return options.fail_on_slower && slower ? static_cast<int>(Kind::gate) : 0;
}

}  // namespace

void add_bench(Command& program, Context& context) {
  Command bench = program.add("bench", "stored outputs of benchmarks");
  Command command = bench.add(
      "compare", "which benchmarks became faster or slower between two files, and is it chance");
  auto options = std::make_shared<BenchCompareCommand>();
  command
      .word("a", options->a, "file of --benchmark_out (JSON), with --benchmark_repetitions",
            Command::Need::required)
      .word("b", options->b, "the other one: is it faster than the first?", Command::Need::required)
      .option("names", options->names, "names or globs of benchmarks, ltfm/*; default: all")
      .option("time", options->time,
              "auto (real where the benchmark's name says so, else cpu), real or cpu")
      .option("level", options->level, "0.95: a false alarm in 20 tables")
      .option("format", options->format, reports::format_names())
      .option("output_path", options->output_path,
              "also write bench.md, .csv, .json, .tex and .html here")
      .flag("any_machine", options->any_machine,
            "compare files of different machines or builds all the same")
      .flag("fail_on_slower", options->fail_on_slower,
            "exit 1 when a benchmark is slower beyond chance")
      .flag("json", options->json, "the same as --format json");
  command.action([=, &context] { return compare(*options, context); });
}

}  // namespace looktwice::cli
