// Did a benchmark become faster, or is it luck? Two files of Google Benchmark
// (--benchmark_out=FILE --benchmark_repetitions=10), compared benchmark by benchmark: medians,
// their ratio, a Mann-Whitney U test over the repetitions, Holm's correction over the table, and
// the geometric mean of the ratios. Not here: running benchmarks; gates of runs (gate.h).
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "reports/table.h"

namespace looktwice::reports {

// What one file holds. Times in nanoseconds, one per repetition, in the order of the file.
struct BenchFile {
  struct Benchmark {
    std::string name = {};
    std::vector<double> real = {}, processor = {};
    std::string failure = {};  // why it was not timed; empty: it was
  };
  std::filesystem::path path = {};
  std::map<std::string, std::string> context = {};  // values as written
  std::vector<Benchmark> benchmarks = {};           // in the order of the file, each name once
};

// Kind::data with file, field and expectation for what is no output of Google Benchmark, for a file
// without any benchmark and for one that holds aggregates alone.
BenchFile bench_file(const std::filesystem::path& path);

struct BenchCompareOptions {
  enum class Time { automatic, real, processor };
  Time time = Time::automatic;  // real where the benchmark's name says so, else processor
  double level = 0.95;
  std::vector<std::string> names = {};  // globs; empty: all
  bool any_machine = false;             // compare files of different machines all the same
};

struct BenchComparison {
  enum class Verdict { faster, slower, no_difference, untested };
  struct Row {
    std::string name = {};
    bool real_time = false;
    std::int64_t times_a = 0, times_b = 0;
    double median_a = 0, median_b = 0;  // nanoseconds
    std::optional<double> ratio = {};   // b / a; below 1: b is faster
    std::optional<double> p_value = {}, p_adjusted = {};
    bool exact = false;
    Verdict verdict = Verdict::untested;
    std::string reason = {};  // why untested
  };
  struct Missing {
    std::string name = {}, why = {};
    bool only_once = false;  // timed in one of the files
  };
  BenchFile a = {}, b = {};  // without times
  double level = 0.95;
  std::vector<Row> rows = {};
  std::vector<Missing> missing = {};
  std::optional<double> geometric_mean = {};  // of the ratios
  std::vector<std::string> notes = {};

  int count(Verdict verdict) const;
  bool incomplete() const;  // something was timed in one of the files alone
};

// Kind::usage when the files are of different machines or builds (unless any_machine) or share no
// benchmark, and for options out of range.
BenchComparison compare_benchmarks(const BenchFile& a, const BenchFile& b,
                                   const BenchCompareOptions& options);

Page page_of(const BenchComparison& comparison);
std::string render(const BenchComparison& comparison, Format format,
                   const RenderOptions& options = {});

}  // namespace looktwice::reports
