// What Chrome's Trace Event Format asks of a file, as far as Perfetto's importer reads it; held
// against each event, since the importer itself (trace_processor) is a program to fetch.
// Source: "Trace Event Format",
// docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU (JSON Object Format,
// Complete Events, Metadata Events), and Perfetto's json_trace_parser: times are microseconds, kept
// as whole nanoseconds; slices of one thread that overlap without lying in each other are dropped.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

namespace looktwice::test {

// Nanoseconds of a time in microseconds, which must be whole.
inline std::int64_t nanoseconds_of(const nlohmann::json& microseconds) {
  const double ns = microseconds.get<double>() * 1000;
  EXPECT_NEAR(ns, std::round(ns), 1e-3 + ns * 1e-12) << "a fraction of a nanosecond";
  return static_cast<std::int64_t>(std::round(ns));
}

inline void expect_keys(const nlohmann::json& event, const std::set<std::string>& needed,
                        const std::set<std::string>& allowed) {
  for (const std::string& key : needed) ASSERT_TRUE(event.contains(key)) << key << event.dump();
  for (const auto& [key, value] : event.items())
    ASSERT_TRUE(needed.contains(key) || allowed.contains(key)) << key << " in " << event.dump();
}

inline void expect_metadata(const nlohmann::json& event, std::map<int, std::string>& tracks) {
  expect_keys(event, {"ph", "name", "pid", "tid", "args"}, {});
  const std::string name = event.at("name");
  if (name == "process_name" || name == "thread_name") {
    ASSERT_TRUE(event.at("args").at("name").is_string()) << event.dump();
    if (name == "thread_name") tracks[event.at("tid")] = event.at("args").at("name");
  } else {
    ASSERT_EQ(name, "thread_sort_index") << event.dump();
    ASSERT_TRUE(event.at("args").at("sort_index").is_number_integer()) << event.dump();
  }
}

// Each track is named before its first slice, its slices are in order of time, and what is open at
// a slice's start lasts to its end.
inline void expect_trace_format(const nlohmann::json& trace) {
  expect_keys(trace, {"traceEvents"}, {"displayTimeUnit", "otherData"});
  ASSERT_TRUE(trace.at("traceEvents").is_array());
  ASSERT_EQ(trace.value("displayTimeUnit", "ms"), "ms");
  std::map<int, std::string> tracks;
  std::map<int, std::vector<std::int64_t>> open;
  std::map<int, std::int64_t> latest;
  for (const nlohmann::json& event : trace.at("traceEvents")) {
    ASSERT_TRUE(event.is_object());
    ASSERT_TRUE(event.contains("ph") && event.at("ph").is_string()) << event.dump();
    ASSERT_TRUE(event.at("name").is_string()) << event.dump();
    ASSERT_TRUE(event.at("pid").is_number_integer() && event.at("pid") > 0) << event.dump();
    ASSERT_TRUE(event.at("tid").is_number_integer()) << event.dump();
    if (event.at("ph") == "M") {
      expect_metadata(event, tracks);
      if (::testing::Test::HasFatalFailure()) return;
      continue;
    }
    ASSERT_EQ(event.at("ph"), "X");
    expect_keys(event, {"ph", "name", "cat", "ts", "dur", "pid", "tid"}, {"args"});
    if (::testing::Test::HasFatalFailure()) return;
    ASSERT_TRUE(event.at("cat").is_string());
    ASSERT_TRUE(!event.contains("args") || event.at("args").is_object()) << event.dump();
    ASSERT_TRUE(event.at("ts").is_number() && event.at("dur").is_number()) << event.dump();
    const int track = event.at("tid");
    ASSERT_TRUE(tracks.contains(track)) << "a track has a name before its first slice";
    const std::int64_t start = nanoseconds_of(event.at("ts")),
                       end = start + nanoseconds_of(event.at("dur"));
    ASSERT_GE(start, 0);
    ASSERT_GE(end, start);
    ASSERT_GE(start, latest[track]) << "in order of time";
    latest[track] = start;
    std::vector<std::int64_t>& ends = open[track];
    while (!ends.empty() && ends.back() <= start) ends.pop_back();
    if (!ends.empty()) {
      ASSERT_LE(end, ends.back()) << event.dump();
    }
    ends.push_back(end);
  }
}

}  // namespace looktwice::test
