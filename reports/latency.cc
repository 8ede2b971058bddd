#include "reports/latency.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "harness/core/error.h"
#include "harness/core/text.h"
#include "harness/store/manifest.h"
#include "metrics/stats/distributions.h"
#include "metrics/stats/percentile.h"

namespace looktwice::reports {
namespace {

namespace fs = std::filesystem;
using What = LatencyRow::What;

constexpr double kMs = 1e6;            // nanoseconds
constexpr double kMostDrift = 0.05;    // of the median request between both halves
constexpr double kSureOfDrift = 0.01;  // and the chance of it, where enough requests tell
constexpr double kLeastSpans = 0.9;    // of a request's time that its stages explain
constexpr double kMostOutside = 0.01;  // of the requests with a stage outside them
constexpr double kMostStolen = 0.01;
constexpr double kMostSlowdown = 0.1;  // of the processors' frequency
constexpr double kLeastTicks = 100;    // steps of the clock in the median request
constexpr std::size_t kManyKeys = 8;

std::string percent(double share) {
  return fixed(100 * share, 1) + " %";
}

// Moments within a stage: they say when, not what for.
bool is_moment(const std::string& name) {
  return name == "first_token" || name == "first_byte";
}

std::int64_t end_of(const Span& span) {
  return span.start_ns + span.duration_ns;
}

const Span* span_named(const store::Timing& timing, const char* name) {
  for (const Span& span : timing.spans)
    if (span.name == name) return &span;
  return nullptr;
}

// When the first token was there, after the request was taken. A decoder's first token comes out of
// the prefill.
std::optional<double> first_token_ns(const store::Timing& timing) {
  const Span* span = span_named(timing, "first_token");
  if (!span) span = span_named(timing, "prefill");
  if (!span) return {};
  return static_cast<double>(end_of(*span) - timing.taken_ns);
}

// Of the tokens after the first.
std::optional<double> decode_ns(const store::Timing& timing) {
  if (const Span* span = span_named(timing, "decode"))
    return static_cast<double>(span->duration_ns);
  const Span* first = span_named(timing, "first_token");
  const Span* server = span_named(timing, "server");
  if (!first || !server) return {};
  return static_cast<double>(end_of(*server) - end_of(*first));
}

// Nanoseconds of the request that some stage covers.
std::int64_t covered_ns(const store::Timing& timing) {
  const std::int64_t from = timing.taken_ns, to = from + timing.latency_ns;
  std::vector<std::pair<std::int64_t, std::int64_t>> parts;
  for (const Span& span : timing.spans)
    parts.emplace_back(std::max(from, span.start_ns), std::min(to, end_of(span)));
  std::sort(parts.begin(), parts.end());
  std::int64_t sum = 0, reached = from;
  for (const auto& [begin, end] : parts) {
    if (end <= reached) continue;
    sum += end - std::max(begin, reached);
    reached = end;
  }
  return sum;
}

// A span that cannot be a part of its request: another clock, or a negative time. A GPU's clock and
// ours may differ by a little.
bool has_outside(const store::Timing& timing) {
  const std::int64_t slack = 1000000 + timing.latency_ns / 100;
  return std::any_of(timing.spans.begin(), timing.spans.end(), [&](const Span& span) {
    return span.duration_ns < 0 || span.start_ns < timing.taken_ns - slack ||
           end_of(span) > timing.taken_ns + timing.latency_ns + slack;
  });
}

LatencyRow row_of(What what, const std::string& name, std::vector<double> values, double level) {
  std::sort(values.begin(), values.end());
  LatencyRow row{.what = what, .name = name, .n = static_cast<std::int64_t>(values.size())};
  double sum = 0;
  for (const double value : values) sum += value;
  row.mean = sum / static_cast<double>(values.size());
  row.least = values.front();
  row.most = values.back();
  constexpr std::array kShares = {0.5, 0.9, 0.99};
  for (std::size_t i = 0; i < kShares.size(); ++i) {
    const metrics::PercentileInterval interval =
        metrics::percentile_interval(values, kShares[i], level);
    row.percentiles[i] = {kShares[i], metrics::percentile_of_sorted(values, kShares[i]),
                          interval.low, interval.high};
  }
  return row;
}

bool counts(const store::Timing& timing) {
  return timing.status != Status::failed;
}

// Stages in the order in which requests go through them.
std::vector<std::string> stages_of(const std::vector<store::Timing>& timings) {
  std::map<std::string, std::pair<double, std::int64_t>> places;
  for (const store::Timing& timing : timings)
    for (const Span& span : timing.spans) {
      auto& [sum, count] = places[span.name];
      sum += static_cast<double>(span.start_ns - timing.taken_ns);
      ++count;
    }
  std::vector<std::pair<double, std::string>> order;
  for (const auto& [name, place] : places)
    order.emplace_back(place.first / static_cast<double>(place.second), name);
  std::sort(order.begin(), order.end());
  std::vector<std::string> names;
  for (auto& [at, name] : order) names.push_back(std::move(name));
  return names;
}

void add_rows(Latency& made) {
  std::vector<double> whole, first, per_token, rate, between;
  std::map<std::string, std::vector<double>> by_stage;
  double all_ns = 0;
  for (const store::Timing& timing : made.view.timings.lines) {
    if (!counts(timing)) continue;
    const auto latency = static_cast<double>(timing.latency_ns);
    whole.push_back(latency / kMs);
    all_ns += latency;
    if (const auto ns = first_token_ns(timing)) first.push_back(*ns / kMs);
    if (const auto ns = decode_ns(timing); ns && *ns > 0 && timing.usage.output_tokens > 1) {
      const auto tokens = static_cast<double>(timing.usage.output_tokens - 1);
      per_token.push_back(*ns / kMs / tokens);
      rate.push_back(tokens / (*ns / 1e9));
    }
    std::map<std::string, double> sums;  // a stage may come several times
    for (const Span& span : timing.spans) sums[span.name] += static_cast<double>(span.duration_ns);
    for (const auto& [name, ns] : sums) by_stage[name].push_back(ns / kMs);
    if (!timing.spans.empty())
      between.push_back(static_cast<double>(timing.latency_ns - covered_ns(timing)) / kMs);
  }
  if (whole.empty()) return;
  const auto add = [&](What what, const std::string& name, std::vector<double> values) {
    if (values.empty()) return;
    double sum = 0;
    for (const double value : values) sum += value;
    made.rows.push_back(row_of(what, name, std::move(values), made.level));
    if (what == What::stage || what == What::between) made.rows.back().share = sum * kMs / all_ns;
  };
  add(What::request, "request", std::move(whole));
  add(What::first_token, "time to first token", std::move(first));
  for (const std::string& name : stages_of(made.view.timings.lines))
    add(What::stage, name, std::move(by_stage[name]));
  add(What::between, "between stages", std::move(between));
  add(What::per_token, "per token after the first", std::move(per_token));
  add(What::rate, "tokens per second", std::move(rate));
}

// Times of a key in some passes, in milliseconds.
std::map<std::string, std::vector<double>> times_by_key(const Latency& made, int first_pass,
                                                        int last_pass) {
  std::map<std::string, std::vector<double>> times;
  for (const store::Timing& timing : made.view.timings.lines)
    if (counts(timing) && timing.pass >= first_pass && timing.pass <= last_pass)
      times[timing.key].push_back(static_cast<double>(timing.latency_ns) / kMs);
  return times;
}

LatencyCheck drift(const Latency& made) {
  LatencyCheck check{.name = "drift"};
  const int passes = static_cast<int>(made.view.profile->passes.size()), half = passes / 2;
  if (half == 0) {
    return {"drift", false, "fewer than two passes: no second half to hold against the first"};
  }
  const auto early = times_by_key(made, 1, half),
             late = times_by_key(made, passes - half + 1, passes);
  std::vector<double> ratios;
  std::int64_t slower = 0, faster = 0;
  for (const auto& [key, times] : early)
    if (const auto found = late.find(key); found != late.end()) {
      const double before = metrics::percentile(times, 0.5);
      if (!(before > 0)) continue;
      ratios.push_back(metrics::percentile(found->second, 0.5) / before);
      slower += ratios.back() > 1;
      faster += ratios.back() < 1;
    }
  if (ratios.empty()) return check;
  const std::size_t keys = ratios.size();
  const double middle = metrics::percentile(std::move(ratios), 0.5);
  const std::int64_t moved = slower + faster;
  const double chance =
      moved > 0 ? std::min(1.0, 2 * metrics::binomial_cdf(std::min(slower, faster), moved, 0.5))
                : 1;
  check.holds = std::abs(middle - 1) <= kMostDrift || (keys >= kManyKeys && chance > kSureOfDrift);
  check.found = "the median request of the second half takes " + fixed(middle, 3) +
                " times that of the first (" + std::to_string(slower) + " slower, " +
                std::to_string(faster) + " faster)";
  return check;
}

void check_machine(Latency& made) {
  const store::Profile& profile = *made.view.profile;
  const store::MachineFacts& machine = profile.machine;
  if (machine.busy_others)
    made.checks.push_back({"load", *machine.busy_others <= profile.most_others,
                           "others had " + percent(*machine.busy_others) + " of " +
                               std::to_string(machine.processors) + " processors, " +
                               percent(profile.most_others) + " are tolerated"});
  else
    made.notes.push_back("the load of the machine cannot be read here");
  if (machine.stolen)
    made.checks.push_back({"stolen time", *machine.stolen <= kMostStolen,
                           "a hypervisor gave " + percent(*machine.stolen) + " to others"});
  std::optional<double> least, most;
  for (const store::PassFacts& pass : profile.passes)
    if (pass.mhz) {
      least = std::min(least.value_or(*pass.mhz), *pass.mhz);
      most = std::max(most.value_or(*pass.mhz), *pass.mhz);
    }
  if (least)
    made.checks.push_back({"frequency", *least >= (1 - kMostSlowdown) * *most,
                           "processors ran at " + fixed(*least, 0) + " to " + fixed(*most, 0) +
                               " MHz at the ends of passes"});
  else
    made.notes.push_back("the frequency of the processors cannot be read here");
  if (machine.throttled)
    made.checks.push_back(
        {"heat", *machine.throttled == 0,
         std::to_string(*machine.throttled) + " times a processor slowed down for its heat"});
}

void check_spans(Latency& made) {
  std::int64_t outside = 0, with_spans = 0, all = 0;
  double covered = 0, latency = 0;
  for (const store::Timing& timing : made.view.timings.lines) {
    if (!counts(timing)) continue;
    ++all;
    if (timing.spans.empty()) continue;
    ++with_spans;
    outside += has_outside(timing);
    covered += static_cast<double>(covered_ns(timing));
    latency += static_cast<double>(timing.latency_ns);
  }
  if (with_spans == 0) {
    made.notes.push_back("the adapter tells no stages");
    return;
  }
  if (with_spans < all)
    made.notes.push_back(std::to_string(all - with_spans) + " of " + std::to_string(all) +
                         " requests tell no stages");
  made.checks.push_back(
      {"stages lie within requests",
       static_cast<double>(outside) <= kMostOutside * static_cast<double>(with_spans),
       std::to_string(outside) + " of " + std::to_string(with_spans) +
           " requests have a stage outside them, or one of negative length"});
  // Several at once wait for each other; that is no stage.
  if (made.view.profile->at_once == 1 && latency > 0)
    made.checks.push_back({"stages add up", covered >= kLeastSpans * latency,
                           "stages explain " + percent(covered / latency) + " of the time"});
}

void add_checks(Latency& made) {
  if (!made.view.profile) {
    made.checks.push_back({"a profile", false,
                           "these are the times of an ordinary run: no warm-up, no repeats, "
                           "nothing known of the machine's load"});
    return;
  }
  const store::Profile& profile = *made.view.profile;
  made.checks.push_back({"whole", profile.stopped.empty(),
                         profile.stopped.empty() ? "it came to its end" : profile.stopped});
  made.checks.push_back({"requests",
                         made.requests - made.failed >= profile.least_requests && made.requests > 0,
                         std::to_string(made.requests - made.failed) + " answered, " +
                             std::to_string(profile.least_requests) + " asked for"});
  made.checks.push_back({"time", made.seconds >= profile.least_seconds,
                         fixed(made.seconds, 2) + " s measured, " +
                             fixed(profile.least_seconds, 2) + " s asked for"});
  made.checks.push_back(
      {"failures", made.failed == 0 && profile.warm_up.failed == 0,
       std::to_string(made.failed + profile.warm_up.failed) + " requests failed"});
  if (made.refused > 0)
    made.notes.push_back(std::to_string(made.refused) + " requests were refused by the model");
  made.checks.push_back(drift(made));
  const LatencyRow* whole = made.rows.empty() ? nullptr : &made.rows.front();
  if (whole) {
    const double ticks = whole->percentiles[0].value * kMs /
                         static_cast<double>(std::max<std::int64_t>(1, profile.machine.clock_ns));
    made.checks.push_back({"clock", ticks >= kLeastTicks,
                           "the median request lasts " + fixed(ticks, 0) +
                               " steps of the clock of " +
                               std::to_string(profile.machine.clock_ns) + " ns"});
  }
  check_machine(made);
  check_spans(made);
  std::int64_t other = 0;
  for (const store::PassFacts& pass : profile.passes) other += pass.other_answers;
  if (other > 0)
    made.notes.push_back(std::to_string(other) +
                         " answers differ from those of the warm-up: the model does not repeat "
                         "itself, so passes may differ in their work");
  if (made.view.timings.damaged > 0)
    made.checks.push_back(
        {"records", false,
         std::to_string(made.view.timings.damaged) + " lines of timing.jsonl are damaged"});
}

// Median milliseconds by key, of the whole (stage empty) or of one stage.
std::map<std::string, double> medians(const Latency& made, const std::string& stage) {
  std::map<std::string, std::vector<double>> times;
  for (const store::Timing& timing : made.view.timings.lines) {
    if (!counts(timing)) continue;
    double ns = stage.empty() ? static_cast<double>(timing.latency_ns) : 0;
    bool there = stage.empty();
    for (const Span& span : timing.spans)
      if (span.name == stage) {
        ns += static_cast<double>(span.duration_ns);
        there = true;
      }
    if (there) times[timing.key].push_back(ns / kMs);
  }
  std::map<std::string, double> made_of;
  for (auto& [key, values] : times) made_of[key] = metrics::percentile(std::move(values), 0.5);
  return made_of;
}

std::optional<LatencyRatio> ratio_of(const Latency& first, const Latency& second,
                                     const std::string& name, const std::string& stage) {
  const auto a = medians(first, stage), b = medians(second, stage);
  std::vector<double> logs, ours, theirs;
  for (const auto& [key, time] : a)
    if (const auto found = b.find(key); found != b.end() && time > 0 && found->second > 0) {
      logs.push_back(std::log(found->second / time));
      ours.push_back(time);
      theirs.push_back(found->second);
    }
  if (logs.empty()) return {};
  const auto n = static_cast<double>(logs.size());
  double mean = 0, squares = 0;
  for (const double value : logs) mean += value / n;
  for (const double value : logs) squares += (value - mean) * (value - mean);
  LatencyRatio made{.name = name,
                    .requests = static_cast<std::int64_t>(logs.size()),
                    .first_ms = metrics::percentile(ours, 0.5),
                    .second_ms = metrics::percentile(theirs, 0.5),
                    .ratio = std::exp(mean)};
  if (logs.size() >= 2) {
    const double reach = metrics::student_t_quantile(1 - (1 - first.level) / 2, n - 1) *
                         std::sqrt(squares / (n - 1) / n);
    made.low = std::exp(mean - reach);
    made.high = std::exp(mean + reach);
  }
  return made;
}

void note_differences(const std::map<std::string, std::string>& a,
                      const std::map<std::string, std::string>& b, const std::string& what,
                      std::vector<std::string>& differences) {
  std::set<std::string> names;
  for (const auto& [name, value] : a) names.insert(name);
  for (const auto& [name, value] : b) names.insert(name);
  const auto text = [](const auto& map, const std::string& name) {
    const auto found = map.find(name);
    return found == map.end() ? std::string("-") : printable(found->second, 80);
  };
  for (const std::string& name : names)
    if (text(a, name) != text(b, name))
      differences.push_back(what + " " + printable(name, 60) + ": " + text(a, name) + " | " +
                            text(b, name));
}

}  // namespace

LatencyView latency_view(const fs::path& folder) {
  LatencyView view{.folder = folder};
  if (fs::exists(folder / "profile.json")) {
    view.profile = store::read_profile(folder / "profile.json");
    view.label = view.profile->label;
  } else if (fs::exists(folder / "run.json")) {
    const store::Manifest manifest = store::read_manifest(folder / "run.json");
    view.label = manifest.label.empty() ? manifest.model : manifest.label;
  } else {
    throw Error(Kind::data, printable(folder.string()) +
                                ": neither profile.json nor run.json; a folder of `looktwice "
                                "profile` or of a run was expected");
  }
  view.timings = store::read_timings(folder / "timing.jsonl");
  return view;
}

bool Latency::valid() const {
  return std::all_of(checks.begin(), checks.end(),
                     [](const LatencyCheck& check) { return check.holds; });
}

std::vector<std::string> Latency::reasons() const {
  std::vector<std::string> reasons;
  for (const LatencyCheck& check : checks)
    if (!check.holds) reasons.push_back(check.name + ": " + check.found);
  return reasons;
}

Latency latency(LatencyView view, double level) {
  Latency made{.view = std::move(view), .level = level};
  std::int64_t first = 0, last = 0;
  for (const store::Timing& timing : made.view.timings.lines) {
    if (made.requests++ == 0) first = timing.taken_ns;
    first = std::min(first, timing.taken_ns);
    last = std::max(last, timing.taken_ns + timing.latency_ns);
    made.failed += timing.status == Status::failed;
    made.refused += timing.status == Status::refused;
    made.output_tokens += timing.usage.output_tokens;
  }
  made.seconds = static_cast<double>(last - first) / 1e9;
  if (made.view.profile) {
    made.seconds = 0;
    for (const store::PassFacts& pass : made.view.profile->passes)
      made.seconds += static_cast<double>(pass.duration_ns) / 1e9;
  }
  add_rows(made);
  add_checks(made);
  return made;
}

LatencyComparison compared(const Latency& first, const Latency& second) {
  std::set<std::string> a, b;
  for (const store::Timing& timing : first.view.timings.lines) a.insert(timing.key);
  for (const store::Timing& timing : second.view.timings.lines) b.insert(timing.key);
  if (a != b)
    throw Error(Kind::usage, "the two profiles hold different requests (" +
                                 std::to_string(a.size()) + " and " + std::to_string(b.size()) +
                                 "): same tasks, --limit and --seed make them comparable");
  LatencyComparison made{.first = first.view.label, .second = second.view.label};
  const auto add = [&](const std::string& name, const std::string& stage) {
    if (auto ratio = ratio_of(first, second, name, stage)) made.ratios.push_back(std::move(*ratio));
  };
  add("request", "");
  for (const LatencyRow& row : first.rows)
    if (row.what == What::stage && !is_moment(row.name)) add(row.name, row.name);
  if (!first.view.profile || !second.view.profile) return made;
  const store::Profile &p = *first.view.profile, &q = *second.view.profile;
  note_differences({{"model", p.model},
                    {"version", p.version},
                    {"commit", p.commit},
                    {"requests at once", std::to_string(p.at_once)}},
                   {{"model", q.model},
                    {"version", q.version},
                    {"commit", q.commit},
                    {"requests at once", std::to_string(q.at_once)}},
                   "profile", made.differences);
  note_differences(p.model_args, q.model_args, "model_args", made.differences);
  note_differences(p.model_facts, q.model_facts, "model", made.differences);
  note_differences(p.options, q.options, "option", made.differences);
  note_differences(p.machine.about, q.machine.about, "machine", made.differences);
  if (p.answers != q.answers) made.differences.push_back("answers: they are not the same");
  return made;
}

std::string verdict_of(const Latency& latency) {
  if (latency.valid()) return "VALID";
  std::string text = "NOT VALID";
  const char* separator = ": ";
  for (const std::string& reason : latency.reasons()) {
    text += separator + reason;
    separator = "; ";
  }
  return text;
}

}  // namespace looktwice::reports
