// Reads what Google Benchmark 1.5 and later writes with --benchmark_out_format=json.
#include <cmath>
#include <cstdlib>

#include "harness/core/error.h"
#include "harness/core/json_value.h"
#include "harness/core/text.h"
#include "harness/store/run_folder.h"
#include "reports/bench_compare.h"

namespace looktwice::reports {
namespace {

constexpr std::uintmax_t kMostBytes = std::uintmax_t{256} << 20;

class Reader {
 public:
  explicit Reader(const std::filesystem::path& path) : file_(path.string()) {
    std::error_code failed;
    if (std::filesystem::is_directory(path, failed))
      refuse({}, "a folder; expected a file of --benchmark_out");
    const std::uintmax_t bytes = std::filesystem::file_size(path, failed);
    if (!failed && bytes > kMostBytes) refuse({}, "larger than 256 MiB");
    text_ = store::read_text(path);
    result_.path = path;
  }

  BenchFile read() {
    const JsonValue whole = parsed_json(text_, file_, 64, 1, NameTwice::kept);
    const JsonValue& context = member(whole, "", "context", JsonValue::Type::object);
    for (const auto& [name, value] : context.members)
      result_.context.emplace(name, value.type == JsonValue::Type::text
                                        ? value.text
                                        : text_.substr(value.begin, value.end - value.begin));
    const JsonValue& benchmarks = member(whole, "", "benchmarks", JsonValue::Type::array);
    std::size_t aggregates = 0;
    for (std::size_t i = 0; i < benchmarks.items.size(); ++i)
      aggregates += !add(benchmarks.items[i], "benchmarks[" + std::to_string(i) + "]");
    if (result_.benchmarks.empty() && aggregates > 0)
      refuse(benchmarks.place,
             "benchmarks: aggregates alone; run with --benchmark_repetitions=10 and without "
             "--benchmark_report_aggregates_only, so that every repetition is there");
    if (result_.benchmarks.empty()) refuse(benchmarks.place, "benchmarks: none");
    return std::move(result_);
  }

 private:
  [[noreturn]] void refuse(Place place, const std::string& why) const {
    if (place.line > 0) refuse_at(file_, place, "no output of Google Benchmark: " + why);
    throw Error(Kind::data, printable(file_) + ": no output of Google Benchmark: " + why);
  }

  const JsonValue& member(const JsonValue& object, const std::string& where, const char* name,
                          JsonValue::Type type) const {
    const std::string field = where.empty() ? name : where + "." + name;
    if (object.type != JsonValue::Type::object)
      refuse(object.place, (where.empty() ? "the file" : where) + ": expected an object, found " +
                               looktwice::name_of(object.type));
    const JsonValue* found = object.find(name);
    if (!found) refuse(object.place, field + ": missing");
    if (found->type != type) {
      refuse(found->place, field + ": expected " + looktwice::name_of(type) + ", found " +
                               looktwice::name_of(found->type));
    }
    return *found;
  }

  double nanoseconds(const JsonValue& object, const std::string& where, const char* name,
                     double unit) const {
    const JsonValue& value = member(object, where, name, JsonValue::Type::number);
    const double time = std::strtod(value.text.c_str(), nullptr) * unit;
    if (!(time >= 0) || !std::isfinite(time))
      refuse(value.place, where + "." + name + ": expected a time of at least 0");
    return time;
  }

  static bool is_true(const JsonValue& object, const char* name) {
    const JsonValue* found = object.find(name);
    return found && found->type == JsonValue::Type::boolean && found->text == "true";
  }
  static std::string text_of(const JsonValue& object, const char* name) {
    const JsonValue* found = object.find(name);
    return found && found->type == JsonValue::Type::text ? found->text : "";
  }

  // False for an aggregate, which is made of repetitions that stand here, too.
  bool add(const JsonValue& entry, const std::string& where) {
    const std::string name = member(entry, where, "name", JsonValue::Type::text).text;
    if (text_of(entry, "run_type") == "aggregate") return false;
    const std::string run_name = text_of(entry, "run_name");
    BenchFile::Benchmark& own = benchmark_named(run_name.empty() ? name : run_name);
    const bool failed = is_true(entry, "error_occurred"), skipped = is_true(entry, "skipped");
    if (failed || skipped) {
      own.failure = text_of(entry, failed ? "error_message" : "skip_message");
      if (own.failure.empty()) own.failure = failed ? "failed without a word" : "skipped";
      return true;
    }
    const JsonValue* unit = entry.find("time_unit");
    const std::string unit_name = unit ? text_of(entry, "time_unit") : "ns";
    const double factor = unit_name == "ns"   ? 1
                          : unit_name == "us" ? 1e3
                          : unit_name == "ms" ? 1e6
                          : unit_name == "s"  ? 1e9
                                              : 0;
    if (factor == 0)
      refuse(unit->place, where + ".time_unit: expected ns, us, ms or s, found '" +
                              printable(unit_name, 40) + "'");
    own.real.push_back(nanoseconds(entry, where, "real_time", factor));
    own.processor.push_back(nanoseconds(entry, where, "cpu_time", factor));
    return true;
  }

  BenchFile::Benchmark& benchmark_named(const std::string& name) {
    const auto [found, is_new] = places_.emplace(name, result_.benchmarks.size());
    if (is_new) result_.benchmarks.push_back({.name = name});
    return result_.benchmarks[found->second];
  }

  std::string file_, text_ = {};
  BenchFile result_ = {};
  std::map<std::string, std::size_t> places_ = {};
};

}  // namespace

BenchFile bench_file(const std::filesystem::path& path) {
  return Reader(path).read();
}

}  // namespace looktwice::reports
