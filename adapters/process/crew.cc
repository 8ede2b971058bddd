#include "adapters/process/crew.h"

#include <poll.h>

#include <algorithm>

#include "adapters/imaging/map_file.h"
#include "harness/core/error.h"
#include "harness/core/text.h"

namespace looktwice::adapters {
namespace {

using namespace std::chrono_literals;

constexpr auto kLongestSleep =
    200ms;  // how late a stopped run or a death without a closed pipe may be noticed

std::string seconds(std::chrono::milliseconds time) {
  std::string text = std::to_string(time.count() / 1000);
  if (const auto rest = time.count() % 1000; rest != 0)
    text += "." + std::to_string(1000 + rest).substr(1);
  return text + " s";
}

}  // namespace

Crew::Crew(CrewOptions options, const Setting& setting, Inbox& inbox, Outbox& outbox)
    : options_(std::move(options)),
      inbox_(inbox),
      outbox_(outbox),
      greeting_(greeting(setting, folder_.path().string())),
      workers_(static_cast<std::size_t>(options_.workers)) {}

Crew::~Crew() = default;

void Crew::run() {
  for (;;) {
    if (inbox_.over() &&
        owed() > 0) {  // the run is being stopped: what is owed will be asked again
      for (Worker& worker : workers_)
        if (worker.child) worker.child->end(std::min(options_.grace, 1000ms), /*at_once=*/true);
      return;
    }
    if (owed() == 0) {
      std::vector<Request> batch = inbox_.take(std::max(1, options_.workers));
      if (batch.empty()) break;
      for (Request& request : batch) queue_.push_back({.request = std::move(request)});
    }
    for (Worker& worker : workers_)
      if (!worker.child && !worker.retired) start(worker);
    hand_out();
    if (owed() == 0) continue;  // their pictures could not be read
    wait_for_events();
    for (Worker& worker : workers_)
      if (worker.child) look_after(worker);
  }
  for (Worker& worker : workers_)
    if (worker.child) worker.child->close_input();
  for (Worker& worker : workers_)
    if (worker.child) worker.child->end(options_.grace, /*at_once=*/false);
}

std::size_t Crew::owed() const {
  std::size_t count = queue_.size() + suspects_.size();
  for (const Worker& worker : workers_) count += worker.in_flight.size();
  return count;
}

void Crew::start(Worker& worker) {
  worker.child = std::make_unique<Child>(options_.words, options_.environment, kLongestLine);
  worker.greeted = worker.beats = false;
  worker.started = worker.last_heard = Clock::now();
  worker.input_broken = {};
  worker.child->send(greeting_);
}

void Crew::hand_out() {
  const auto room = [](const Worker& worker) {
    return worker.greeted ? worker.window - static_cast<int>(worker.in_flight.size()) : 0;
  };
  int wanted = -static_cast<int>(queue_.size());
  for (const Worker& worker : workers_) wanted += room(worker);
  if (wanted > 0 && suspects_.empty())
    for (Request& request : inbox_.try_take(wanted))
      queue_.push_back({.request = std::move(request)});

  // One each in turn, so that all have work before one has two. While a suspect waits, nobody gets
  // anything new: it is asked alone.
  for (bool handed = true; handed;) {
    handed = false;
    for (Worker& worker : workers_) {
      std::deque<Asked>& from = suspects_.empty() ? queue_ : suspects_;
      const bool alone = std::ranges::any_of(worker.in_flight,
                                             [](const auto& one) { return one.second.times > 1; });
      if (from.empty() || room(worker) < 1 || alone ||
          (&from == &suspects_ && !worker.in_flight.empty()))
        continue;
      Asked asked = std::move(from.front());
      from.pop_front();
      handed = true;
      if (prepare(worker, asked)) ask(worker, std::move(asked));
    }
  }
}

// Puts the pictures into the folder; false: they cannot be read and the request has failed.
bool Crew::prepare(Worker& worker, Asked& asked) {
  release(asked);  // of an earlier try
  asked.files = {};
  try {
    if (!asked.request.image.empty())
      asked.files.image = folder_.file(asked.request.image, worker.accepts);
    for (const Picture& reference : asked.request.references)
      asked.files.references.push_back(folder_.file(reference, worker.accepts));
    return true;
  } catch (const Error& error) {
    if (error.kind() != Kind::data) throw;
    fail(asked, error.what());
    return false;
  }
}

void Crew::ask(Worker& worker, Asked asked) {
  ++asked.times;
  if (worker.in_flight.empty()) worker.last_progress = worker.last_heard = Clock::now();
  worker.child->send(request_line(asked.request, asked.files));
  std::string key = asked.request.key;
  worker.in_flight.emplace(std::move(key), std::move(asked));
}

void Crew::wait_for_events() {
  std::vector<pollfd> descriptors;
  Clock::time_point wake = Clock::now() + kLongestSleep;
  for (const Worker& worker : workers_) {
    if (!worker.child) continue;
    const Child& child = *worker.child;
    descriptors.push_back({.fd = child.output(), .events = POLLIN, .revents = 0});
    descriptors.push_back({.fd = child.log(), .events = POLLIN, .revents = 0});
    // Without POLLOUT it still tells when the program closes its end.
    descriptors.push_back({.fd = child.input(),
                           .events = static_cast<short>(child.has_unsent() ? POLLOUT : 0),
                           .revents = 0});
    if (const auto limit = deadline(worker)) wake = std::min(wake, *limit);
  }
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(wake - Clock::now());
  ::poll(descriptors.data(), descriptors.size(), static_cast<int>(std::max(left, 0ms).count()));
}

void Crew::look_after(Worker& worker) {
  Child& child = *worker.child;
  child.write_some();
  child.read_log();
  child.read_output();
  try {
    while (const auto line = child.lines().next()) hear(worker, *line);
    if (child.lines().overlong())
      throw ProtocolError("a line of more than " + std::to_string(kLongestLine >> 20) +
                          " MiB; write large maps to files: '" +
                          printable(child.lines().rest().substr(0, 4096), 200) + "'");
  } catch (const ProtocolError& error) {
    died(worker, error.what());
    return;
  }
  const Clock::time_point now = Clock::now();
  if (child.output_ended()) {
    const std::string_view rest = child.lines().rest();
    died(worker, rest.empty()
                     ? "the program ended"
                     : "the program ended in the middle of a line: '" + printable(rest, 200) + "'");
  } else if (const std::string why = lateness(worker, now); !why.empty()) {
    died(worker, why);
  } else if (child.input_broken() && worker.input_broken == Clock::time_point{}) {
    worker.input_broken = now;  // what it has answered may still be on its way
  }
}

std::optional<Crew::Clock::time_point> Crew::deadline(const Worker& worker) const {
  if (!worker.greeted) return worker.started + options_.start_timeout;
  if (worker.in_flight.empty()) return {};
  Clock::time_point first = worker.last_progress + options_.answer_timeout;
  if (worker.beats) first = std::min(first, worker.last_heard + options_.idle_timeout);
  if (worker.input_broken != Clock::time_point{})
    first = std::min(first, worker.input_broken + options_.grace);
  return first;
}

std::string Crew::lateness(const Worker& worker, Clock::time_point now) const {
  const auto limit = deadline(worker);
  if (!limit || now < *limit) return "";
  if (!worker.greeted)
    return "no handshake within start_timeout=" + seconds(options_.start_timeout);
  if (now >= worker.last_progress + options_.answer_timeout)
    return "no answer within answer_timeout=" + seconds(options_.answer_timeout);
  if (worker.input_broken != Clock::time_point{}) return "the program closed its standard input";
  return "neither answer nor heartbeat within idle_timeout=" + seconds(options_.idle_timeout);
}

void Crew::hear(Worker& worker, const std::string& line) {
  worker.last_heard = Clock::now();
  if (line.empty()) return;
  if (!worker.greeted) {
    const Hello hello = hello_of(line);
    worker.greeted = worker.greeted_before = true;
    worker.window = options_.window > 0 ? options_.window : hello.window;
    worker.accepts = hello.accepts;
    if (!hello_) hello_ = hello;
    return;
  }
  Reply reply = reply_of(line);
  if (reply.heartbeat) {
    worker.beats = true;
    return;
  }
  if (!worker.in_flight.contains(reply.prediction.key))
    throw ProtocolError("an answer to a request that was not asked or is answered already: '" +
                        printable(line, 200) + "'");
  accept(worker, std::move(reply));
}

void Crew::accept(Worker& worker, Reply reply) {
  const auto found = worker.in_flight.find(reply.prediction.key);
  const Asked asked = std::move(found->second);
  worker.in_flight.erase(found);
  worker.restarts = 0;
  worker.last_progress = worker.last_heard;
  if (reply.flaw.empty() && !reply.map_file.empty()) {
    try {
      const std::filesystem::path file = folder_.left_by_program(reply.map_file);
      reply.prediction.map = imaging::map_of_file(file);
      std::error_code ignored;
      std::filesystem::remove(file, ignored);
    } catch (const Error& error) {
      reply.flaw = std::string("map: ") + error.what();
    }
  }
  if (!reply.flaw.empty()) return fail(asked, reply.flaw);
  Prediction& prediction = reply.prediction;
  if (prediction.status == Status::failed)
    return fail(asked,
                prediction.error.empty() ? "the program reports a failure" : prediction.error);
  release(asked);
  outbox_.push(std::move(prediction));
}

void Crew::fail(const Asked& asked, const std::string& why) {
  release(asked);
  outbox_.push({.key = asked.request.key, .status = Status::failed, .error = why});
}

void Crew::release(const Asked& asked) {
  if (!asked.files.image.empty()) folder_.release(asked.files.image);
  for (const std::string& file : asked.files.references) folder_.release(file);
}

void Crew::died(Worker& worker, const std::string& why) {
  worker.child->end(options_.grace, /*at_once=*/true);
  std::string message = why + " (it " + worker.child->fate() + ")";
  if (const std::string tail = worker.child->log_tail(); !tail.empty()) {
    constexpr std::size_t kShown = 300;
    message += "; its standard error ends: '" +
               printable(std::string_view(tail).substr(tail.size() - std::min(tail.size(), kShown)),
                         4 * kShown) +
               "'";
  }
  worker.child.reset();
  std::map<std::string, Asked> in_flight;
  in_flight.swap(worker.in_flight);
  if (!worker.greeted_before)
    throw Error(Kind::model, "'" + printable(options_.words[0]) + "' did not start: " + message);

  for (auto& [key, asked] : in_flight)
    if (asked.times > 1)
      fail(asked, message);
    else
      suspects_.push_back(std::move(asked));
  if (++worker.restarts <= options_.restarts) {
    ++restarts_;
    return;  // run() starts it again
  }
  worker.retired = true;
  if (std::ranges::all_of(workers_, &Worker::retired)) give_up(message);
}

void Crew::give_up(const std::string& why) {
  // Those that were never asked stay open: a resumed run asks them.
  for (const Asked& asked : suspects_) fail(asked, why);
  throw Error(Kind::model, "'" + printable(options_.words[0]) + "' ended " +
                               std::to_string(options_.restarts + 1) +
                               " times without an answer between; the last time: " + why);
}

}  // namespace looktwice::adapters
