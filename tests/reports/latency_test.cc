// Latency: percentiles, what makes a profile valid, comparisons, the trace; hostile names in all of
// it.
#include "reports/latency.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <random>

#include "harness/core/error.h"
#include "harness/store/frame.h"
#include "harness/store/run_folder.h"
#include "reports/trace.h"
#include "tests/reports/payloads.h"
#include "tests/reports/temporary_folder.h"
#include "tests/support/trace_format.h"

namespace looktwice::reports {
namespace {

using Json = nlohmann::json;

constexpr std::int64_t kMs = 1000000;

// A profile on a quiet machine: `keys` requests, `passes` passes, about 20 ms each, of which the
// stages are 5, 10 and the rest, with 11 tokens.
LatencyView quiet(int keys = 10, int passes = 20) {
  LatencyView view{.label = "model"};
  store::Profile profile{.model = "model",
                         .label = "model",
                         .least_requests = 100,
                         .least_seconds = 1,
                         .most_others = 0.05};
  profile.machine = {.processors = 2,
                     .busy_others = 0.01,
                     .busy_own = 0.5,
                     .stolen = 0.0,
                     .throttled = 0,
                     .clock_ns = 30};
  std::mt19937 random(5);
  std::uniform_int_distribution<std::int64_t> jitter(-kMs / 10, kMs / 10);
  std::int64_t now = 1000 * kMs;
  for (int pass = 1; pass <= passes; ++pass) {
    store::PassFacts facts{.start_ns = now, .requests = keys, .mhz = 3000};
    for (int key = 0; key < keys; ++key) {
      const std::int64_t latency = (20 + key) * kMs + jitter(random);
      store::Timing timing{.key = "fake/" + std::to_string(key) + "/0",
                           .pass = pass,
                           .taken_ns = now,
                           .latency_ns = latency,
                           .usage = {.input_tokens = 100, .output_tokens = 11}};
      timing.spans = {{"preprocess", now, 5 * kMs},
                      {"prefill", now + 5 * kMs, 10 * kMs},
                      {"decode", now + 15 * kMs, latency - 15 * kMs}};
      view.timings.lines.push_back(std::move(timing));
      now += latency;
    }
    facts.duration_ns = now - facts.start_ns;
    profile.passes.push_back(facts);
  }
  view.profile = std::move(profile);
  return view;
}

const LatencyRow& row(const Latency& latency, const std::string& name) {
  for (const LatencyRow& one : latency.rows)
    if (one.name == name) return one;
  throw std::runtime_error("no row " + name);
}

TEST(Latency, AQuietProfileIsValid) {
  const Latency made = latency(quiet());
  EXPECT_EQ(verdict_of(made), "VALID");
  EXPECT_EQ(made.requests, 200);
  EXPECT_EQ(row(made, "request").n, 200);
  EXPECT_NEAR(row(made, "preprocess").mean, 5, 1e-12);
  EXPECT_NEAR(row(made, "time to first token").percentiles[1].value, 15, 1e-12);
  EXPECT_NEAR(row(made, "between stages").most, 0, 1e-12);
  EXPECT_NEAR(row(made, "tokens per second").most,
              1000 / row(made, "per token after the first").least, 1e-9);
  double share = 0;
  for (const LatencyRow& one : made.rows) share += one.share.value_or(0);
  EXPECT_NEAR(share, 1, 1e-12) << "stages and what lies between are all of the time";
}

TEST(Latency, StagesComeInTheOrderInWhichRequestsGoThroughThem) {
  std::vector<std::string> names;
  for (const LatencyRow& one : latency(quiet()).rows) names.push_back(one.name);
  EXPECT_EQ(names, (std::vector<std::string>{"request", "time to first token", "preprocess",
                                             "prefill", "decode", "between stages",
                                             "per token after the first", "tokens per second"}));
}

TEST(Latency, TheFirstTokenOfAStreamCountsFromWhenTheRequestWasTaken) {
  LatencyView view{.label = "remote"};
  store::Timing timing{
      .key = "a", .taken_ns = 100 * kMs, .latency_ns = 60 * kMs, .usage = {.output_tokens = 21}};
  timing.spans = {{"prepare", 100 * kMs, 5 * kMs},
                  {"queue", 105 * kMs, 5 * kMs},
                  {"server", 110 * kMs, 50 * kMs},
                  {"first_byte", 110 * kMs, 8 * kMs},
                  {"first_token", 110 * kMs, 10 * kMs}};
  view.timings.lines = {timing};
  const Latency made = latency(view);
  EXPECT_NEAR(row(made, "time to first token").mean, 20, 1e-12);
  EXPECT_NEAR(row(made, "per token after the first").mean, 2, 1e-12);
  EXPECT_NEAR(row(made, "tokens per second").mean, 500, 1e-9);
  EXPECT_NEAR(row(made, "between stages").mean, 0, 1e-12) << "nested spans count once";
  EXPECT_FALSE(made.valid()) << "the times of a run are no profile";
}

// What breaks a quiet profile, and the check that must say so.
TEST(Latency, EachDisturbanceIsNamed) {
  struct Case {
    std::string check;
    std::function<void(LatencyView&)> disturb;
  };
  const std::vector<Case> cases = {
      {"requests", [](LatencyView& v) { v.profile->least_requests = 201; }},
      {"time", [](LatencyView& v) { v.profile->least_seconds = 10; }},
      {"failures", [](LatencyView& v) { v.timings.lines[7].status = Status::failed; }},
      {"failures", [](LatencyView& v) { v.profile->warm_up.failed = 1; }},
      {"load", [](LatencyView& v) { v.profile->machine.busy_others = 0.06; }},
      {"stolen time", [](LatencyView& v) { v.profile->machine.stolen = 0.02; }},
      {"frequency", [](LatencyView& v) { v.profile->passes[3].mhz = 2600; }},
      {"heat", [](LatencyView& v) { v.profile->machine.throttled = 1; }},
      {"clock", [](LatencyView& v) { v.profile->machine.clock_ns = kMs; }},
      {"whole", [](LatencyView& v) { v.profile->stopped = "stopped by a signal"; }},
      {"records", [](LatencyView& v) { v.timings.damaged = 1; }},
      {"drift",
       [](LatencyView& v) {
         for (store::Timing& t : v.timings.lines)
           if (t.pass > 10) {
             t.latency_ns += t.latency_ns / 12;
             t.spans[2].duration_ns = t.latency_ns - 15 * kMs;
           }
       }},
      {"drift", [](LatencyView& v) { v.profile->passes.resize(1); }},
      {"stages add up",
       [](LatencyView& v) {
         for (store::Timing& t : v.timings.lines) t.spans.pop_back();
       }},
      {"stages lie within requests",
       [](LatencyView& v) {
         for (int i = 0; i < 3; ++i)
           v.timings.lines[static_cast<std::size_t>(i)].spans[0].start_ns = 0;
       }},
      {"stages lie within requests",
       [](LatencyView& v) {
         for (int i = 0; i < 3; ++i)
           v.timings.lines[static_cast<std::size_t>(i)].spans[2].duration_ns = -1;
       }},
  };
  for (const Case& one : cases) {
    LatencyView view = quiet();
    one.disturb(view);
    const Latency made = latency(std::move(view));
    const auto fails = [&](const LatencyCheck& c) { return !c.holds && c.name == one.check; };
    EXPECT_TRUE(std::ranges::any_of(made.checks, fails)) << one.check;
    EXPECT_TRUE(verdict_of(made).starts_with("NOT VALID: ")) << one.check;
    EXPECT_NE(verdict_of(made).find(one.check + ": "), std::string::npos) << one.check;
  }
}

TEST(Latency, WhatCannotBeReadIsANoteNotAReason) {
  LatencyView view = quiet();
  view.profile->machine.busy_others.reset();
  view.profile->machine.throttled.reset();
  for (store::PassFacts& pass : view.profile->passes) {
    pass.mhz.reset();
    pass.other_answers = 1;
  }
  const Latency made = latency(std::move(view));
  EXPECT_TRUE(made.valid());
  EXPECT_EQ(made.notes.size(), 3u) << "load, frequency, answers that differ";
}

TEST(Latency, SeveralAtOnceWaitForEachOtherWhichIsNoFault) {
  LatencyView view = quiet();
  view.profile->at_once = 0;
  for (store::Timing& timing : view.timings.lines) timing.spans.pop_back();
  EXPECT_TRUE(latency(std::move(view)).valid());
}

TEST(Latency, NothingMeasuredIsNotValidAndDoesNotCrash) {
  LatencyView view = quiet();
  view.timings.lines.clear();
  view.profile->passes.clear();
  const Latency made = latency(std::move(view));
  EXPECT_FALSE(made.valid());
  for (const Format format :
       {Format::terminal, Format::markdown, Format::csv, Format::json, Format::latex, Format::html})
    EXPECT_FALSE(render(made, nullptr, format).empty());
}

TEST(Latency, TwoProfilesAreHeldAgainstEachOtherRequestByRequest) {
  LatencyView slow = quiet();
  for (store::Timing& timing : slow.timings.lines) {
    timing.latency_ns *= 2;
    for (Span& span : timing.spans) span.duration_ns *= 2;
  }
  slow.profile->model_args["dtype"] = "bf16";
  const LatencyComparison made = compared(latency(quiet()), latency(std::move(slow)));
  ASSERT_EQ(made.ratios.size(), 4u);
  EXPECT_EQ(made.ratios[0].name, "request");
  EXPECT_EQ(made.ratios[0].requests, 10);
  EXPECT_NEAR(made.ratios[0].ratio, 2, 1e-12);
  EXPECT_NEAR(*made.ratios[0].low, 2, 1e-9);
  EXPECT_EQ(made.differences, (std::vector<std::string>{"model_args dtype: - | bf16"}));
  // By hand: ratios 1 and 4 of two requests: geometric mean 2, Student's quantile with one degree.
  LatencyView a{.label = "a"}, b{.label = "b"};
  a.timings.lines = {{.key = "x", .latency_ns = kMs}, {.key = "y", .latency_ns = kMs}};
  b.timings.lines = {{.key = "x", .latency_ns = kMs}, {.key = "y", .latency_ns = 4 * kMs}};
  const LatencyComparison two = compared(latency(a), latency(b));
  EXPECT_NEAR(two.ratios[0].ratio, 2, 1e-12);
  EXPECT_NEAR(std::log(*two.ratios[0].high / 2), 12.706204736 * std::log(2), 1e-6);
}

TEST(Latency, DifferentRequestsAreNotCompared) {
  EXPECT_THROW(compared(latency(quiet(10)), latency(quiet(9))), Error);
}

using LatencyFolder = TemporaryFolder;

TEST_F(LatencyFolder, IsReadBackAsItWasWritten) {
  const LatencyView view = quiet(3, 2);
  std::string lines = store::file_header("timing", "0123456789abcdef") + "\n";
  for (const store::Timing& timing : view.timings.lines) lines += store::json_of(timing) + "\n";
  store::write_whole(folder() / "timing.jsonl", lines + "{\"key\":\"torn\n[]\n");
  store::write_whole(folder() / "profile.json", store::json_of(*view.profile));
  const LatencyView read = latency_view(folder());
  EXPECT_EQ(store::json_of(*read.profile), store::json_of(*view.profile));
  EXPECT_EQ(read.timings.damaged, 2);
  ASSERT_EQ(read.timings.lines.size(), 6u);
  for (std::size_t i = 0; i < 6; ++i)
    EXPECT_EQ(store::json_of(read.timings.lines[i]), store::json_of(view.timings.lines[i]));
  EXPECT_THROW(latency_view(folder() / "none"), Error);
  store::write_whole(folder() / "timing.jsonl", "{}\n");
  EXPECT_THROW(latency_view(folder()), Error);
}

TEST_F(LatencyFolder, LinesThatLieAreCountedAndNotBelieved) {
  std::string lines = store::file_header("timing", "0123456789abcdef") + "\n";
  const std::vector<std::string> bad = {
      "",
      "null",
      "[]",
      "{",
      R"({"key":"a"})",
      R"({"key":1,"latency_ns":5})",
      R"({"key":"a","latency_ns":1e300})",
      R"({"key":"a","latency_ns":1.5})",
      R"({"key":"a","latency_ns":-1})",
      R"({"key":"a","latency_ns":18446744073709551615})",
      R"({"key":"a","latency_ns":9223372036854775807})",
      R"({"key":"a","latency_ns":5,"pass":-1})",
      R"({"key":"a","latency_ns":5,"pass":4294967296})",
      R"({"key":"a","latency_ns":5,"status":"fine"})",
      R"({"key":"a","latency_ns":5,"spans":{}})",
      R"({"key":"a","latency_ns":5,"spans":[1]})",
      R"({"key":"a","latency_ns":5,"spans":[{"name":"x","start_ns":9223372036854775807,"duration_ns":1}]})",
      R"({"key":"a","latency_ns":5,"spans":[{"name":"x","start_ns":-9223372036854775808,"duration_ns":1}]})",
      R"({"key":"a","latency_ns":5,"spans":[{"name":"x","start_ns":1,"duration_ns":1e99}]})"};
  for (const std::string& line : bad) lines += line + "\n";
  // As far as a line may go: nothing overflows on the way to the tables and the trace.
  lines += R"({"key":"a","taken_ns":2305843009213693952,"latency_ns":2305843009213693952,"spans":)"
           R"([{"name":"x","start_ns":-2305843009213693952,"duration_ns":2305843009213693952}]})"
           "\n";
  store::write_whole(folder() / "timing.jsonl", lines);
  store::write_whole(folder() / "profile.json", store::json_of(*quiet().profile));
  const LatencyView view = latency_view(folder());
  EXPECT_EQ(view.timings.damaged, static_cast<std::int64_t>(bad.size()));
  ASSERT_EQ(view.timings.lines.size(), 1u);
  EXPECT_FALSE(latency(view).valid());
  EXPECT_TRUE(Json::accept(chrome_trace(view)));
}

TEST(Trace, RequestsThatOverlapHaveLanesAndStagesLieWithin) {
  LatencyView view = quiet(3, 2);
  for (std::size_t i = 0; i < view.timings.lines.size(); i += 2)
    view.timings.lines[i].latency_ns += 5 * kMs;  // into the next one
  const Json trace = Json::parse(chrome_trace(view));
  test::expect_trace_format(trace);
  std::map<int, int> requests;
  int stages = 0;
  for (const Json& event : trace.at("traceEvents")) {
    if (event.at("ph") != "X") continue;
    if (event.at("cat") == "request")
      ++requests[event.at("tid")];
    else
      ++stages;
  }
  EXPECT_EQ(requests.size(), 2u);
  EXPECT_EQ(stages, 18);
  const Json& first = trace.at("traceEvents").at(3);
  EXPECT_EQ(first.at("ts"), 0);
  EXPECT_NEAR(first.at("dur").get<double>(),
              static_cast<double>(view.timings.lines[0].latency_ns) / 1000, 1e-6)
      << "microseconds";
}

TEST(Trace, AnySpansGiveAFileThatOpens) {
  std::mt19937_64 random(11);
  for (int round = 0; round < 50; ++round) {
    LatencyView view{.label = "x"};
    for (int i = 0; i < 40; ++i) {
      store::Timing timing{.key = "k" + std::to_string(i),
                           .taken_ns = static_cast<std::int64_t>(random() % 1000),
                           .latency_ns = static_cast<std::int64_t>(random() % 300)};
      for (int s = 0; s < 12; ++s)
        timing.spans.push_back({"s" + std::to_string(s),
                                static_cast<std::int64_t>(random() % 1600) - 200,
                                static_cast<std::int64_t>(random() % 400) - 50});
      view.timings.lines.push_back(std::move(timing));
    }
    test::expect_trace_format(Json::parse(chrome_trace(view)));
    if (::testing::Test::HasFatalFailure()) FAIL() << "round " << round;
  }
}

TEST(Trace, ItIsCutWhereNoViewerWouldOpenIt) {
  const Json trace = Json::parse(chrome_trace(quiet(), 17));
  const auto& events = trace.at("traceEvents");
  EXPECT_EQ(
      std::ranges::count_if(
          events, [](const Json& e) { return e.at("ph") == "X" && e.at("cat") == "request"; }),
      17);
  EXPECT_EQ(trace.at("otherData").at("of"), 200);
}

TEST(HostileLatency, NamesStayText) {
  for (const std::string& text : hostile_texts()) {
    LatencyView view = quiet(2, 2);
    view.label = text;
    view.profile->label = view.profile->model = view.profile->model_args[text] = text;
    view.profile->tasks = {text};
    for (store::Timing& timing : view.timings.lines) {
      timing.key += text;
      timing.spans[0].name = text;
    }
    const Latency made = latency(view);
    const std::string trace = chrome_trace(view);
    EXPECT_TRUE(Json::accept(trace));
    EXPECT_EQ(trace.find("##["), std::string::npos);
    EXPECT_TRUE(Json::accept(render(made, nullptr, Format::json)));
    const std::string html = render(made, nullptr, Format::html);
    for (const char* harmful : {"<script>pwn", "<img src=x", "<svg onload", "<iframe", "<b>pwn"})
      EXPECT_EQ(html.find(harmful), std::string::npos) << text;
    const std::string terminal = render(made, nullptr, Format::terminal);
    for (const char c : terminal)
      ASSERT_TRUE(c == '\n' || static_cast<unsigned char>(c) >= 0x20) << text;
  }
}

}  // namespace
}  // namespace looktwice::reports
