// profile.json: under which conditions a profile was measured; the requests are in timing.jsonl
// beside it. Not here: percentiles and what makes a profile valid (reports/latency.h).
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace looktwice::store {

// One walk over all requests.
struct PassFacts {
  std::int64_t start_ns = 0, duration_ns = 0;  // steady clock
  std::int64_t requests = 0, failed = 0, refused = 0;
  std::int64_t other_answers = 0;  // answers unlike those of the warm-up
  std::optional<double> mhz = {};  // mean frequency of our processors after it, where readable
};

// How the machine did while passes were measured, over the processors that the process may use.
struct MachineFacts {
  int processors = 0;
  std::optional<double> busy_others = {};         // share of their time that others had
  std::optional<double> busy_own = {};            // the process and its children
  std::optional<double> stolen = {};              // share that a hypervisor gave to others
  std::optional<double> load_before = {};         // runnable tasks, mean over a minute
  std::optional<std::int64_t> throttled = {};     // times a processor slowed down for its heat
  std::optional<double> hottest = {};             // degrees Celsius at the end
  std::int64_t clock_ns = 0;                      // smallest step of the steady clock
  std::map<std::string, std::string> about = {};  // processor, governor, system ...
};

struct Profile {
  std::string run = {};  // id: the same for the same requests, model and options
  std::string model = {}, label = {}, version = {}, commit = {}, started = {};
  std::map<std::string, std::string> model_args = {}, model_facts = {}, options = {};
  std::vector<std::string> tasks = {};  // "zsad.elpv: 32 of 1092 samples"
  std::string requests = {};            // SHA-256 over the keys of all requests
  std::string answers = {};             // SHA-256 over the answers of the warm-up
  std::int64_t at_once = 1;             // most requests in flight; 0: as the adapter likes
  std::int64_t least_requests = 0;      // asked for
  double least_seconds = 0;
  double most_others = 0;              // share of the machine that others may have
  std::string stopped = {};            // why it ended early; empty: it did not
  std::vector<PassFacts> passes = {};  // measured ones; the warm-up is not among them
  PassFacts warm_up = {};
  MachineFacts machine = {};
};

std::string json_of(const Profile& profile);
Profile read_profile(const std::filesystem::path& file);  // Kind::data names file and field

}  // namespace looktwice::store
