#include "reports/bench_compare.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <utility>

#include "harness/core/error.h"
#include "harness/core/text.h"
#include "metrics/stats/holm.h"
#include "metrics/stats/mann_whitney.h"
#include "reports/paired_outcomes.h"

namespace looktwice::reports {
namespace {

using Time = BenchCompareOptions::Time;
using Verdict = BenchComparison::Verdict;

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const std::size_t middle = values.size() / 2;
  return values.size() % 2 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

std::string value_of(const BenchFile& file, const std::string& name) {
  const auto found = file.context.find(name);
  return found == file.context.end() ? "" : found->second;
}

double number_of(const BenchFile& file, const std::string& name) {
  return std::strtod(value_of(file, name).c_str(), nullptr);
}

// Clock rates are measured, so they differ a little between two runs of one machine.
bool near(double a, double b) {
  return std::abs(a - b) <= 0.05 * std::max(std::abs(a), std::abs(b));
}

// What must be the same for times to be comparable: "host_name: a and b".
std::vector<std::string> differing(const BenchFile& a, const BenchFile& b) {
  std::vector<std::string> differ;
  for (const char* name : {"host_name", "processor", "device", "num_cpus", "mhz_per_cpu", "caches",
                           "library_build_type"}) {
    const std::string of_a = value_of(a, name), of_b = value_of(b, name);
    if (of_a == of_b) continue;
    if (std::string(name) == "mhz_per_cpu" && near(number_of(a, name), number_of(b, name)))
      continue;
    const auto shown = [](const std::string& text) {
      return text.empty() ? std::string("nothing") : printable(text, 60);
    };
    differ.push_back(std::string(name) == "caches"
                         ? std::string("caches")
                         : std::string(name) + " " + shown(of_a) + " and " + shown(of_b));
  }
  return differ;
}

std::string joined(const std::vector<std::string>& parts) {
  std::string text;
  for (const std::string& part : parts) text += (text.empty() ? "" : ", ") + part;
  return text;
}

bool is_real_time(const std::string& name, Time time) {
  if (time != Time::automatic) return time == Time::real;
  return name.find("/real_time") != std::string::npos ||
         name.find("/manual_time") != std::string::npos;
}

// The chance that a clear difference has anyway: of all deals of a + b ranks, the two extreme ones.
double smallest_p(std::int64_t a, std::int64_t b) {
  double ways = 1;
  for (std::int64_t i = 1; i <= a && ways < 1e18; ++i)
    ways *= static_cast<double>(b + i) / static_cast<double>(i);
  return std::min(1.0, 2 / ways);
}

void add_test(BenchComparison::Row& row, const std::vector<double>& a,
              const std::vector<double>& b) {
  row.times_a = std::ssize(a);
  row.times_b = std::ssize(b);
  row.median_a = median(a);
  row.median_b = median(b);
  if (row.median_a > 0 && row.median_b > 0) row.ratio = row.median_b / row.median_a;
  if (a.size() < 2 || b.size() < 2) {
    row.reason = "one repetition says nothing of chance; --benchmark_repetitions=10";
    return;
  }
  const metrics::MannWhitney test = metrics::mann_whitney(b, a);
  row.p_value = test.p_value;
  row.exact = test.exact;
}

void add_verdicts(BenchComparison& result) {
  std::vector<double> p_values;
  std::vector<BenchComparison::Row*> tested;
  for (BenchComparison::Row& row : result.rows)
    if (row.p_value) {
      p_values.push_back(*row.p_value);
      tested.push_back(&row);
    }
  const std::vector<double> adjusted = metrics::holm(p_values);
  for (std::size_t i = 0; i < tested.size(); ++i) {
    BenchComparison::Row& row = *tested[i];
    row.p_adjusted = adjusted[i];
    const bool differs = adjusted[i] <= 1 - result.level && row.median_a != row.median_b;
    row.verdict = !differs                      ? Verdict::no_difference
                  : row.median_b < row.median_a ? Verdict::faster
                                                : Verdict::slower;
  }
  // Would a clear difference pass at all?
  double least = 1;
  for (const auto* row : tested) least = std::min(least, smallest_p(row->times_a, row->times_b));
  const auto tests = static_cast<double>(tested.size());
  if (!tested.empty() && least * tests > 1 - result.level) {
    std::int64_t enough = 2;
    while (smallest_p(enough, enough) * tests > 1 - result.level) ++enough;
    result.notes.push_back("Too few repetitions: among " + std::to_string(tested.size()) +
                           " tests not even a clear difference can pass; "
                           "--benchmark_repetitions=" +
                           std::to_string(enough) + " or fewer benchmarks.");
  }
}

void add_geometric_mean(BenchComparison& result) {
  double sum = 0;
  int count = 0;
  for (const BenchComparison::Row& row : result.rows)
    if (row.ratio) {
      sum += std::log(*row.ratio);
      ++count;
    }
  if (count > 0) result.geometric_mean = std::exp(sum / count);
}

void add_notes(BenchComparison& result, const BenchFile& file, const char* which) {
  const std::string name = std::string(which) + " (" + printable(file.path.string(), 120) + ")";
  if (value_of(file, "cpu_scaling_enabled") == "true")
    result.notes.push_back(name + ": the clock of the processors was not fixed.");
  const std::string load = value_of(file, "load_avg");
  const double first = load.size() > 1 ? std::strtod(load.c_str() + 1, nullptr) : 0;
  const double processors = number_of(file, "num_cpus");
  if (processors > 0 && first > processors / 2)
    result.notes.push_back(name + ": the machine was busy at the start, load " + fixed(first, 1) +
                           " on " + fixed(processors, 0) + " processors.");
}

std::map<std::string, const BenchFile::Benchmark*> by_name(const BenchFile& file) {
  std::map<std::string, const BenchFile::Benchmark*> made;
  for (const BenchFile::Benchmark& one : file.benchmarks) made.emplace(one.name, &one);
  return made;
}

BenchFile without_times(const BenchFile& file) {
  return {.path = file.path, .context = file.context};
}

}  // namespace

int BenchComparison::count(Verdict verdict) const {
  return static_cast<int>(
      std::ranges::count_if(rows, [&](const Row& row) { return row.verdict == verdict; }));
}

bool BenchComparison::incomplete() const {
  return std::ranges::any_of(missing, [](const Missing& one) { return one.only_once; });
}

BenchComparison compare_benchmarks(const BenchFile& a, const BenchFile& b,
                                   const BenchCompareOptions& options) {
  if (!(options.level > 0.5 && options.level < 1))
    throw Error(Kind::usage, "--level: expected a number between 0.5 and 1, such as 0.95");
  BenchComparison result{.a = without_times(a), .b = without_times(b), .level = options.level};
  const std::vector<std::string> differ = differing(a, b);
  if (!differ.empty() && !options.any_machine)
    throw Error(Kind::usage, printable(a.path.string()) + " and " + printable(b.path.string()) +
                                 " are of different machines or builds: " + joined(differ) +
                                 "; --any_machine compares them all the same");
  if (!differ.empty())
    result.notes.push_back("Different machines or builds: " + joined(differ) +
                           ". Ratios are of these, too.");
  const auto in_a = by_name(a), in_b = by_name(b);
  const auto leave_out = [&](const std::string& name, const BenchFile::Benchmark* of_a,
                             const BenchFile::Benchmark* of_b) {
    const auto state = [](const BenchFile::Benchmark* one) {
      return !one                   ? std::string("not there")
             : one->failure.empty() ? std::string("timed")
                                    : "not timed: " + printable(one->failure, 200);
    };
    const bool timed_a = of_a && of_a->failure.empty(), timed_b = of_b && of_b->failure.empty();
    result.missing.push_back({.name = name,
                              .why = "A: " + state(of_a) + "; B: " + state(of_b),
                              .only_once = timed_a != timed_b});
  };
  for (const BenchFile::Benchmark& one : a.benchmarks) {
    if (!takes(options.names, one.name)) continue;
    const auto found = in_b.find(one.name);
    const BenchFile::Benchmark* other = found == in_b.end() ? nullptr : found->second;
    if (!other || !one.failure.empty() || !other->failure.empty()) {
      leave_out(one.name, &one, other);
      continue;
    }
    BenchComparison::Row row{.name = one.name, .real_time = is_real_time(one.name, options.time)};
    add_test(row, row.real_time ? one.real : one.processor,
             row.real_time ? other->real : other->processor);
    result.rows.push_back(std::move(row));
  }
  for (const BenchFile::Benchmark& one : b.benchmarks)
    if (takes(options.names, one.name) && !in_a.contains(one.name))
      leave_out(one.name, nullptr, &one);
  if (result.rows.empty())
    throw Error(Kind::usage, printable(a.path.string()) + " and " + printable(b.path.string()) +
                                 ": no benchmark was timed in both" +
                                 (options.names.empty() ? "" : "; see --names"));
  add_verdicts(result);
  add_geometric_mean(result);
  add_notes(result, a, "A");
  add_notes(result, b, "B");
  return result;
}

}  // namespace looktwice::reports
