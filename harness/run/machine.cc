#include "harness/run/machine.h"

#include <sched.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <vector>

#include "harness/core/text.h"

namespace looktwice::run {
namespace {

namespace fs = std::filesystem;

std::string text_of(const fs::path& file) {
  std::ifstream in(file);
  std::ostringstream out;
  if (in) out << in.rdbuf();
  return out.str();
}

std::optional<double> number_in(const fs::path& file) {
  const std::string text = text_of(file);
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} ? std::optional(value) : std::nullopt;
}

fs::path of_processor(int number, const char* file) {
  return fs::path("/sys/devices/system/cpu") / ("cpu" + std::to_string(number)) / file;
}

// Of this process and all below it.
std::int64_t own_ticks() {
  std::vector<ProcessTicks> all;
  std::error_code failed;
  for (fs::directory_iterator at("/proc", failed), end; !failed && at != end; at.increment(failed))
    if (const std::string name = at->path().filename().string();
        name.find_first_not_of("0123456789") == std::string::npos)
      if (const auto process = process_ticks(text_of(at->path() / "stat"))) all.push_back(*process);
  std::set<int> ours{static_cast<int>(::getpid())};
  for (std::size_t before = 0; before != ours.size();) {
    before = ours.size();
    for (const ProcessTicks& process : all)
      if (ours.contains(process.parent)) ours.insert(process.pid);
  }
  std::int64_t sum = 0;
  for (const ProcessTicks& process : all)
    if (ours.contains(process.pid)) sum += process.ticks;
  return sum;
}

std::int64_t smallest_step() {
  using Clock = std::chrono::steady_clock;
  auto smallest = std::chrono::nanoseconds(std::chrono::seconds(1));
  for (int i = 0; i < 1000; ++i) {
    const auto before = Clock::now();
    auto after = before;
    while (after == before) after = Clock::now();
    smallest = std::min(smallest, std::chrono::nanoseconds(after - before));
  }
  return smallest.count();
}

// "model name	: Intel ..." of /proc/cpuinfo
std::string processor_name() {
  std::istringstream in(text_of("/proc/cpuinfo"));
  for (std::string line; std::getline(in, line);)
    if (line.starts_with("model name"))
      if (const std::size_t colon = line.find(": "); colon != std::string::npos)
        return printable(line.substr(colon + 2), 200);
  return {};
}

}  // namespace

std::optional<ProcessorTicks> processor_ticks(std::string_view text, const std::set<int>& of) {
  std::istringstream in{std::string(text)};
  ProcessorTicks sum;
  bool found = false;
  for (std::string line; std::getline(in, line);) {
    std::istringstream fields(line);
    std::string name;
    fields >> name;
    if (!name.starts_with("cpu") || name.size() == 3) continue;
    int number = -1;
    std::from_chars(name.data() + 3, name.data() + name.size(), number);
    if (!of.contains(number)) continue;
    // user nice system idle iowait irq softirq steal; guests are part of user.
    std::int64_t t[8] = {};
    for (std::int64_t& one : t) fields >> one;
    sum.busy += t[0] + t[1] + t[2] + t[5] + t[6];
    sum.idle += t[3] + t[4];
    sum.stolen += t[7];
    found = true;
  }
  return found ? std::optional(sum) : std::nullopt;
}

std::optional<ProcessTicks> process_ticks(std::string_view text) {
  const std::size_t name = text.find('('), end = text.rfind(')');
  if (name == std::string_view::npos || end == std::string_view::npos || end < name) return {};
  ProcessTicks made;
  std::istringstream first{std::string(text.substr(0, name))};
  std::istringstream rest{std::string(text.substr(end + 1))};
  std::string state, skipped;
  if (!(first >> made.pid) || !(rest >> state >> made.parent)) return {};
  // Fields 5 to 13 stand between the parent and utime, stime.
  for (int i = 0; i < 9; ++i) rest >> skipped;
  std::int64_t user = 0, system = 0;
  if (!(rest >> user >> system)) return {};
  made.ticks = user + system;
  return made;
}

Machine::Machine() : load_before_(number_in("/proc/loadavg")), clock_ns_(smallest_step()) {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (::sched_getaffinity(0, sizeof set, &set) != 0) return;
  for (int i = 0; i < CPU_SETSIZE; ++i)
    if (CPU_ISSET(i, &set)) processors_.insert(i);
}

Snapshot Machine::snapshot() const {
  Snapshot made{.processors = processor_ticks(text_of("/proc/stat"), processors_),
                .own = own_ticks()};
  for (const int number : processors_)
    if (const auto count = number_in(of_processor(number, "thermal_throttle/core_throttle_count")))
      made.throttled = made.throttled.value_or(0) + static_cast<std::int64_t>(*count);
  return made;
}

std::optional<double> Machine::mhz() const {
  double sum = 0;
  int count = 0;
  for (const int number : processors_)
    if (const auto khz = number_in(of_processor(number, "cpufreq/scaling_cur_freq"))) {
      sum += *khz / 1000;
      ++count;
    }
  return count > 0 ? std::optional(sum / count) : std::nullopt;
}

store::MachineFacts Machine::facts(const Snapshot& before, const Snapshot& after) const {
  store::MachineFacts made{.processors = static_cast<int>(processors_.size()),
                           .load_before = load_before_,
                           .clock_ns = clock_ns_};
  if (before.processors && after.processors) {
    const auto busy = static_cast<double>(after.processors->busy - before.processors->busy),
               idle = static_cast<double>(after.processors->idle - before.processors->idle),
               stolen = static_cast<double>(after.processors->stolen - before.processors->stolen),
               own = static_cast<double>(after.own - before.own);
    if (const double all = busy + idle + stolen; all > 0) {
      made.busy_own = std::max(0.0, own) / all;
      made.busy_others = std::max(0.0, busy - std::max(0.0, own)) / all;
      made.stolen = stolen / all;
    }
  }
  if (before.throttled && after.throttled) made.throttled = *after.throttled - *before.throttled;
  std::error_code failed;
  for (fs::directory_iterator at("/sys/class/thermal", failed), end; !failed && at != end;
       at.increment(failed))
    if (const auto milli = number_in(at->path() / "temp"))
      made.hottest = std::max(made.hottest.value_or(-273), *milli / 1000);
  utsname system{};
  ::uname(&system);
  made.about["system"] = std::string(system.sysname) + " " + system.release;
  made.about["machine"] = system.machine;
  if (const std::string name = processor_name(); !name.empty()) made.about["processor"] = name;
  if (!processors_.empty()) {
    std::string governor = text_of(of_processor(*processors_.begin(), "cpufreq/scaling_governor"));
    std::erase(governor, '\n');
    if (!governor.empty()) made.about["governor"] = printable(governor, 40);
  }
  return made;
}

}  // namespace looktwice::run
