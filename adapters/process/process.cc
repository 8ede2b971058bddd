// Answers with any program that reads requests from its standard input and writes answers to its
// standard output: a model in Python, in another framework, in another language. docs/adapters.md
// is its protocol.
#include <unistd.h>
#include <cmath>

#include "adapters/process/command.h"
#include "adapters/process/crew.h"
#include "harness/core/adapter.h"
#include "harness/core/error.h"
#include "harness/core/text.h"

namespace looktwice::adapters {
namespace {

struct Options {
  std::string command = {};
  int workers = 1;
  int window = 0;
  double start_timeout = 600, answer_timeout = 600, idle_timeout = 60, grace = 5;
  int restarts = 5;
  std::string env = {};

  void visit(auto&& option) {
    option("command", command,
           "program and arguments, as in command=\"python3 my_model.py\"; no shell runs");
    option("workers", workers, "how many such programs run side by side");
    option("window", window, "requests that one program holds at once; 0: as many as it asks for");
    option("start_timeout", start_timeout, "seconds from its start to its handshake");
    option("answer_timeout", answer_timeout,
           "seconds from one answer to the next while some are owed");
    option("idle_timeout", idle_timeout,
           "seconds without answer or heartbeat, for programs that send heartbeats");
    option("grace", grace, "seconds that a program gets to end by itself, and again after SIGTERM");
    option("restarts", restarts,
           "how often in a row a program is started again without an answer between");
    option("env", env,
           "secret variables (*_API_KEY, *_TOKEN, *SECRET* ...) that it gets nevertheless: "
           "env=\"A,B\"");
  }
};

std::chrono::milliseconds duration(const char* name, double seconds) {
  constexpr double kWeek = 7 * 24 * 3600;
  if (seconds <= 0 || seconds > kWeek)
    throw Error(Kind::usage, std::string(name) + "=" + option_text(seconds) +
                                 ": expected seconds, more than 0 and at most a week");
  return std::chrono::milliseconds(static_cast<std::int64_t>(std::ceil(seconds * 1000)));
}

void check_range(const char* name, int value, int least, int most) {
  if (value < least || value > most)
    throw Error(Kind::usage, std::string(name) + "=" + std::to_string(value) + ": expected " +
                                 std::to_string(least) + " to " + std::to_string(most));
}

class Process final : public Adapter {
 public:
  Process(const Options& options, Setting setting) : setting_(std::move(setting)) {
    if (options.command.empty())
      throw Error(Kind::usage,
                  "model process: command= is missing, as in command=\"python3 my_model.py\"");
    check_range("workers", options.workers, 1, 256);
    check_range("window", options.window, 0, 4096);
    check_range("restarts", options.restarts, 0, 1000);
    crew_ = {.words = command_words(options.command),
             .environment = environment_for_child(environ, names_in(options.env)),
             .workers = options.workers,
             .window = options.window,
             .start_timeout = duration("start_timeout", options.start_timeout),
             .answer_timeout = duration("answer_timeout", options.answer_timeout),
             .idle_timeout = duration("idle_timeout", options.idle_timeout),
             .grace = duration("grace", options.grace),
             .restarts = options.restarts};
  }

  // The program starts with the first request, so that a run that only needs to be scored does not
  // wait for it.
  void serve(Inbox& inbox, Outbox& outbox) override {
    Crew crew(crew_, setting_, inbox, outbox);
    crew.run();
    if (crew.hello()) hello_ = crew.hello();
    restarts_ += crew.restarts();
  }

  std::map<std::string, std::string> facts() const override {
    if (!hello_) return {};
    std::map<std::string, std::string> facts = hello_->facts;
    facts["program"] = printable(hello_->name, 200);
    if (!hello_->version.empty()) facts["program_version"] = printable(hello_->version, 200);
    if (restarts_ > 0) facts["restarts"] = std::to_string(restarts_);
    return facts;
  }

 private:
  const Setting setting_;
  CrewOptions crew_;
  std::optional<Hello> hello_;
  int restarts_ = 0;
};

}  // namespace

AdapterEntry process_adapter() {
  return entry<Process, Options>("process", "any program over a pipe, one JSON object a line");
}

}  // namespace looktwice::adapters
