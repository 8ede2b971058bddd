// Keeps programs busy: starts them, hands requests out, takes answers in, ends and restarts those
// that fall silent, break the protocol or die. One thread, poll(2), no busy waiting.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "adapters/process/child.h"
#include "adapters/process/picture_folder.h"
#include "adapters/process/protocol.h"
#include "harness/core/adapter.h"

namespace looktwice::adapters {

struct CrewOptions {
  std::vector<std::string> words = {};        // the program and its arguments
  std::vector<std::string> environment = {};  // "NAME=value"
  int workers = 1;
  int window = 0;  // requests that one program holds at once; 0: as many as it asks for
  std::chrono::milliseconds start_timeout = {}, answer_timeout = {}, idle_timeout = {}, grace = {};
  int restarts = 5;  // of one worker without an answer between
};

// For one serve(). A request that was in flight when its program died is asked once more, alone, so
// that of several the guilty one is found; when the program dies over it again, it has failed.
class Crew {
 public:
  Crew(CrewOptions options, const Setting& setting, Inbox& inbox, Outbox& outbox);
  ~Crew();

  // Until the inbox is over. Throws Kind::model when a program does not start, or when no worker is
  // left.
  void run();

  const std::optional<Hello>& hello() const { return hello_; }  // of the program that started first
  int restarts() const { return restarts_; }

 private:
  using Clock = std::chrono::steady_clock;

  struct Asked {
    Request request = {};
    RequestFiles files = {};
    int times = 0;
  };
  struct Worker {
    std::unique_ptr<Child> child = {};
    bool greeted = false, greeted_before = false;  // this program; any program of this worker
    bool retired = false, beats = false;
    int window = 1;
    int restarts = 0;  // without an answer between
    std::vector<std::string> accepts = {};
    std::map<std::string, Asked> in_flight = {};  // by key
    Clock::time_point started = {}, last_heard = {}, last_progress = {}, input_broken = {};
  };

  void start(Worker& worker);
  void hand_out();
  bool prepare(Worker& worker, Asked& asked);
  void ask(Worker& worker, Asked asked);
  void wait_for_events();
  void look_after(Worker& worker);
  void hear(Worker& worker, const std::string& line);
  void accept(Worker& worker, Reply reply);
  void died(Worker& worker, const std::string& why);
  void give_up(const std::string& why);
  void fail(const Asked& asked, const std::string& why);
  void release(const Asked& asked);
  std::string lateness(const Worker& worker, Clock::time_point now) const;
  std::optional<Clock::time_point> deadline(const Worker& worker) const;
  std::size_t owed() const;

  const CrewOptions options_;
  Inbox& inbox_;
  Outbox& outbox_;
  PictureFolder folder_;
  const std::string greeting_;
  std::vector<Worker> workers_;
  std::deque<Asked> queue_, suspects_;  // not asked yet; in flight when a program died
  std::optional<Hello> hello_;
  int restarts_ = 0;
};

}  // namespace looktwice::adapters
