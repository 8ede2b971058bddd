// Files of Google Benchmark, written here by hand; the U test itself: tests/metrics.
#include "reports/bench_compare.h"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "harness/core/error.h"
#include "metrics/stats/mann_whitney.h"
#include "tests/reports/temporary_folder.h"

namespace looktwice::reports {
namespace {

using Json = nlohmann::ordered_json;
using Verdict = BenchComparison::Verdict;

Json context(const std::string& host = "box") {
  return {{"date", "2026-11-28T14:00:00+00:00"},
          {"host_name", host},
          {"executable", "./looktwice_bench"},
          {"num_cpus", 2},
          {"mhz_per_cpu", 2300},
          {"cpu_scaling_enabled", false},
          {"caches", Json::array({{{"type", "Data"}, {"level", 1}, {"size", 49152}}})},
          {"load_avg", {0.1, 0.2, 0.3}},
          {"library_build_type", "release"},
          {"processor", "Some CPU"}};
}

Json entry(const std::string& name, double real, double cpu, int repetition = 0) {
  return {{"name", name},      {"family_index", 0},
          {"run_name", name},  {"run_type", "iteration"},
          {"repetitions", 5},  {"repetition_index", repetition},
          {"threads", 1},      {"iterations", 100},
          {"real_time", real}, {"cpu_time", cpu},
          {"time_unit", "us"}};
}

Json aggregate(const std::string& name) {
  Json made = entry(name + "_mean", 1, 1);
  made["run_name"] = name;
  made["run_type"] = "aggregate";
  made["aggregate_name"] = "mean";
  return made;
}

Json failed(const std::string& name, const std::string& message) {
  Json made = entry(name, 0, 0);
  made["error_occurred"] = true;
  made["error_message"] = message;
  return made;
}

class BenchCompare : public TemporaryFolder {
 protected:
  std::filesystem::path written(const std::string& name, const std::string& text) {
    const auto path = folder() / name;
    std::ofstream(path, std::ios::binary) << text;
    return path;
  }
  BenchFile file(const std::string& name, const Json& benchmarks, const Json& own = context()) {
    return bench_file(written(name, Json({{"context", own}, {"benchmarks", benchmarks}}).dump()));
  }
  // What bench_file says of a text.
  std::string refusal(const std::string& text) {
    try {
      bench_file(written("bad.json", text));
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), Kind::data);
      return error.what();
    }
    return "accepted";
  }
};

// Five repetitions around `middle` microseconds.
void add(Json& benchmarks, const std::string& name, double middle, double spread = 1) {
  for (int i = 0; i < 5; ++i)
    benchmarks.push_back(entry(name, 2 * middle, middle + spread * (i - 2), i));
  benchmarks.push_back(aggregate(name));
}

TEST_F(BenchCompare, MediansRatiosAndVerdicts) {
  Json a = Json::array(), b = Json::array();
  add(a, "ltfm/cpu/fp32/tiles:5", 100);
  add(a, "token_select/cpu/fp32/tiles:5", 200);
  add(b, "ltfm/cpu/fp32/tiles:5", 50);
  add(b, "token_select/cpu/fp32/tiles:5", 200.5);
  const BenchComparison done = compare_benchmarks(file("a", a), file("b", b), {});
  ASSERT_EQ(done.rows.size(), 2u);
  const auto& first = done.rows[0];
  EXPECT_EQ(first.name, "ltfm/cpu/fp32/tiles:5");
  EXPECT_FALSE(first.real_time);
  EXPECT_DOUBLE_EQ(first.median_a, 100e3);
  EXPECT_DOUBLE_EQ(first.median_b, 50e3);
  EXPECT_DOUBLE_EQ(*first.ratio, 0.5);
  EXPECT_EQ(first.times_a, 5);
  EXPECT_DOUBLE_EQ(*first.p_value, 2.0 / 252);
  EXPECT_DOUBLE_EQ(*first.p_adjusted, 4.0 / 252);
  EXPECT_EQ(first.verdict, Verdict::faster);
  EXPECT_EQ(done.rows[1].verdict, Verdict::no_difference);
  EXPECT_NEAR(*done.geometric_mean, std::sqrt(0.5 * 1.0025), 1e-12);
  EXPECT_FALSE(done.incomplete());
  // The other way round.
  EXPECT_EQ(compare_benchmarks(file("b", b), file("a", a), {}).rows[0].verdict, Verdict::slower);
}

TEST_F(BenchCompare, TheNameSaysWhichTimeUnlessToldOtherwise) {
  Json a = Json::array();
  add(a, "copy/cuda/real_time", 10);
  const BenchFile one = file("a", a);
  EXPECT_DOUBLE_EQ(compare_benchmarks(one, one, {}).rows[0].median_a, 20e3);
  using Time = BenchCompareOptions::Time;
  EXPECT_DOUBLE_EQ(compare_benchmarks(one, one, {.time = Time::processor}).rows[0].median_a, 10e3);
}

TEST_F(BenchCompare, UnitsAreTurnedIntoNanoseconds) {
  Json a = Json::array();
  for (const auto& [unit, factor] :
       {std::pair{"ns", 1.0}, std::pair{"us", 1e3}, std::pair{"ms", 1e6}, std::pair{"s", 1e9}}) {
    Json one = entry(std::string("in_") + unit, 7, 3);
    one["time_unit"] = unit;
    a.push_back(one);
    EXPECT_DOUBLE_EQ(file("a", a).benchmarks.back().real[0], 7 * factor);
    EXPECT_DOUBLE_EQ(file("a", a).benchmarks.back().processor[0], 3 * factor);
  }
}

TEST_F(BenchCompare, OneRepetitionIsNoTest) {
  const BenchFile one = file("a", Json::array({entry("x", 1, 1)})),
                  two = file("b", Json::array({entry("x", 2, 2)}));
  const BenchComparison done = compare_benchmarks(one, two, {});
  EXPECT_EQ(done.rows[0].verdict, Verdict::untested);
  EXPECT_FALSE(done.rows[0].p_value);
  EXPECT_DOUBLE_EQ(*done.rows[0].ratio, 2);
  EXPECT_NE(done.rows[0].reason, "");
}

TEST_F(BenchCompare, TooFewRepetitionsForTheTableAreSaid) {
  Json a = Json::array();
  for (int name = 0; name < 30; ++name) add(a, "bench" + std::to_string(name), 10);
  const BenchComparison done = compare_benchmarks(file("a", a), file("b", a), {});
  ASSERT_EQ(done.notes.size(), 1u);
  // 30 tests at 0.05: 2 / C(2 n, n) <= 1 / 600 needs n = 7.
  EXPECT_NE(done.notes[0].find("--benchmark_repetitions=7"), std::string::npos) << done.notes[0];
}

TEST_F(BenchCompare, WhatIsInOneFileAloneIsListedNotDropped) {
  Json a = Json::array(), b = Json::array();
  add(a, "both", 10);
  add(b, "both", 10);
  add(a, "only a", 10);
  add(b, "only b", 10);
  a.push_back(failed("gpu", "no CUDA device"));
  b.push_back(failed("gpu", "no CUDA device"));
  const BenchComparison done = compare_benchmarks(file("a", a), file("b", b), {});
  ASSERT_EQ(done.missing.size(), 3u);
  EXPECT_TRUE(done.incomplete());
  const BenchComparison same = compare_benchmarks(file("a", a), file("a2", a), {});
  EXPECT_FALSE(same.incomplete()) << "what no file has timed is nobody's loss";
  EXPECT_NE(same.missing[0].why.find("no CUDA device"), std::string::npos);
  b.erase(b.begin(), b.begin() + 6);
  b.push_back(failed("both", "differs from the reference"));
  b.push_back(entry("only a", 1, 1));
  EXPECT_TRUE(compare_benchmarks(file("a", a), file("b", b), {}).incomplete());
}

TEST_F(BenchCompare, DifferentMachinesAreRefusedUnlessToldSo) {
  Json a = Json::array();
  add(a, "x", 10);
  const BenchFile here = file("a", a), there = file("b", a, context("other"));
  try {
    compare_benchmarks(here, there, {});
    FAIL() << "accepted";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), Kind::usage);
    EXPECT_NE(std::string(error.what()).find("host_name box and other"), std::string::npos)
        << error.what();
  }
  const BenchComparison done = compare_benchmarks(here, there, {.any_machine = true});
  EXPECT_NE(done.notes[0].find("Different machines"), std::string::npos);
  for (const auto& [name, value] : {std::pair<const char*, Json>{"num_cpus", 4},
                                    {"processor", "Other"},
                                    {"device", "H200"},
                                    {"mhz_per_cpu", 3000},
                                    {"caches", Json::array()},
                                    {"library_build_type", "debug"}}) {
    Json own = context();
    own[name] = value;
    EXPECT_THROW(compare_benchmarks(here, file("b", a, own), {}), Error) << name;
  }
  Json near = context();
  near["mhz_per_cpu"] = 2310;
  near["date"] = "later";
  near["load_avg"] = {1.9, 0, 0};
  const BenchComparison busy = compare_benchmarks(here, file("b", a, near), {});
  ASSERT_EQ(busy.notes.size(), 1u) << "5 repetitions are enough for one test";
  EXPECT_NE(busy.notes[0].find("busy"), std::string::npos);
}

TEST_F(BenchCompare, WhatIsNoOutputOfABenchmarkGetsOneError) {
  const std::string good = entry("x", 1, 1).dump();
  const auto with = [](const std::string& benchmarks) {
    return "{\"context\": {}, \"benchmarks\": " + benchmarks + "}";
  };
  for (const auto& [text, part] : std::vector<std::pair<std::string, std::string>>{
           {"", "bad.json"},
           {"not json", "bad.json: line 1"},
           {"[]", "expected an object"},
           {"{}", "context: missing"},
           {"{\"context\": 3}", "context: expected an object"},
           {"{\"context\": {}}", "benchmarks: missing"},
           {with("{}"), "benchmarks: expected an array"},
           {with("[]"), "benchmarks: none"},
           {with("[7]"), "benchmarks[0]: expected an object"},
           {with("[{}]"), "benchmarks[0].name: missing"},
           {with("[" + good + ", {\"name\": 3}]"), "benchmarks[1].name: expected a text"},
           {with("[{\"name\": \"x\"}]"), "benchmarks[0].real_time: missing"},
           {with("[{\"name\": \"x\", \"real_time\": \"1\"}]"), "real_time: expected a number"},
           {with("[{\"name\": \"x\", \"real_time\": -1, \"cpu_time\": 1}]"), "at least 0"},
           {with(
                "[{\"name\": \"x\", \"real_time\": 1e308, \"cpu_time\": 1, \"time_unit\": \"s\"}]"),
            "real_time"},
           {with("[{\"name\": \"x\", \"real_time\": 1, \"cpu_time\": 1, \"time_unit\": \"h\"}]"),
            "time_unit: expected ns, us, ms or s"},
           {with("[" + aggregate("x").dump() + "]"), "aggregates alone"},
           {std::string(100000, '['), "nested deeper"},
           {"{\"context\": {}, \"benchmarks\": [", "bad.json"}}) {
    const std::string message = refusal(text);
    EXPECT_NE(message.find(part), std::string::npos) << text.substr(0, 80) << "\n" << message;
    EXPECT_EQ(message.find('\n'), std::string::npos);
  }
  EXPECT_THROW(bench_file(folder() / "nowhere.json"), Error);
  EXPECT_THROW(bench_file(folder()), Error);
}

TEST_F(BenchCompare, HostileNamesAreTextEverywhere) {
  const std::string name = "<script>alert(1)</script>\x1b[31m::error::=1+1|`x`](http://a)";
  Json a = Json::array();
  add(a, name, 10);
  Json own = context("<b>host</b>\x1b[2J");
  const BenchComparison done = compare_benchmarks(file("a", a, own), file("b", a, own), {});
  EXPECT_EQ(render(done, Format::terminal).find('\x1b'), std::string::npos);
  EXPECT_EQ(render(done, Format::html).find("<script>alert"), std::string::npos);
  EXPECT_EQ(render(done, Format::html).find("<b>host"), std::string::npos);
  EXPECT_EQ(render(done, Format::markdown).find("<script>"), std::string::npos);
  EXPECT_EQ(render(done, Format::markdown).find("](http"), std::string::npos);
  EXPECT_EQ(render(done, Format::json).find('\x1b'), std::string::npos);
  EXPECT_EQ(Json::parse(render(done, Format::json))["benchmarks"][0]["name"], name);
}

TEST_F(BenchCompare, WithoutADeviceTheProcessorIsNamed) {
  Json a = Json::array(), own = context();
  add(a, "x", 10);
  own["device"] = "none";
  const BenchFile one = file("a", a, own);
  const BenchComparison done = compare_benchmarks(one, one, {});
  EXPECT_NE(render(done, Format::terminal).find("Some CPU"), std::string::npos);
  own["device"] = "NVIDIA H200";
  const BenchFile gpu = file("b", a, own);
  EXPECT_NE(render(compare_benchmarks(gpu, gpu, {}), Format::terminal).find("NVIDIA H200"),
            std::string::npos);
}

TEST_F(BenchCompare, JsonSaysAll) {
  Json a = Json::array(), b = Json::array();
  add(a, "x", 10);
  add(b, "x", 20);
  const Json said =
      Json::parse(render(compare_benchmarks(file("a", a), file("b", b), {}), Format::json));
  EXPECT_EQ(said["kind"], "bench_compare");
  EXPECT_EQ(said["slower"], 1);
  EXPECT_EQ(said["a"]["context"]["host_name"], "box");
  const Json& row = said["benchmarks"][0];
  EXPECT_EQ(row["verdict"], "slower");
  EXPECT_DOUBLE_EQ(row["ratio"].get<double>(), 2);
  EXPECT_DOUBLE_EQ(said["geometric_mean_ratio"].get<double>(), 2);
  EXPECT_EQ(row["exact"], true);
}

TEST_F(BenchCompare, NamesAreGlobsAndNothingInCommonIsAnError) {
  Json a = Json::array(), b = Json::array();
  add(a, "ltfm/1", 10);
  add(a, "topk/1", 10);
  add(b, "other", 10);
  const BenchFile one = file("a", a);
  EXPECT_EQ(compare_benchmarks(one, one, {.names = {"ltfm/*"}}).rows.size(), 1u);
  EXPECT_THROW(compare_benchmarks(one, one, {.names = {"nothing*"}}), Error);
  EXPECT_THROW(compare_benchmarks(one, file("b", b), {}), Error);
  EXPECT_THROW(compare_benchmarks(one, one, {.level = 1}), Error);
}

TEST_F(BenchCompare, ATimeOfZeroHasNoRatio) {
  Json a = Json::array();
  for (int i = 0; i < 5; ++i) a.push_back(entry("x", 0, 0, i));
  const BenchFile one = file("a", a);
  const BenchComparison done = compare_benchmarks(one, one, {});
  EXPECT_FALSE(done.rows[0].ratio);
  EXPECT_FALSE(done.geometric_mean);
  EXPECT_NE(render(done, Format::terminal), "");
}

}  // namespace
}  // namespace looktwice::reports
