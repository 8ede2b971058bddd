#include "adapters/process/child.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "harness/core/error.h"
#include "harness/core/text.h"

namespace looktwice::adapters {
namespace {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr std::size_t kLogTail = 2048;

void close_and_forget(int& descriptor) {
  if (descriptor >= 0) ::close(descriptor);
  descriptor = -1;
}

// Both ends are closed on exec; the child gets its own by dup2.
struct Pipe {
  int reading = -1, writing = -1;
  Pipe() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0)
      throw Error(Kind::model, std::string("cannot make a pipe: ") + std::strerror(errno));
    reading = ends[0], writing = ends[1];
  }
  ~Pipe() {
    close_and_forget(reading);
    close_and_forget(writing);
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  int take(int& end) {
    const int taken = end;
    end = -1;
    ::fcntl(taken, F_SETFL, ::fcntl(taken, F_GETFL) | O_NONBLOCK);
    return taken;
  }
};

// Writing to a program that is gone must not end us, whatever the caller has made of SIGPIPE.
class WithoutSigpipe {
 public:
  WithoutSigpipe() {
    sigset_t pending;
    sigpending(&pending);
    was_pending_ = sigismember(&pending, SIGPIPE) == 1;
    sigemptyset(&pipe_);
    sigaddset(&pipe_, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe_, &before_);
  }
  ~WithoutSigpipe() {
    const int kept = errno;
    const timespec now{};
    if (!was_pending_)
      while (sigtimedwait(&pipe_, nullptr, &now) < 0 && errno == EINTR) {
      }
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
    errno = kept;
  }
  WithoutSigpipe(const WithoutSigpipe&) = delete;
  WithoutSigpipe& operator=(const WithoutSigpipe&) = delete;

 private:
  sigset_t pipe_{}, before_{};
  bool was_pending_ = false;
};

std::vector<char*> pointers_to(const std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  for (const std::string& text : texts) pointers.push_back(const_cast<char*>(text.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

// Reads once; false at the end of the stream.
template <class Use>
bool read_once(int descriptor, Use&& use) {
  std::array<char, 64 * 1024> bytes;
  const ssize_t got = ::read(descriptor, bytes.data(), bytes.size());
  if (got > 0) use(std::string_view(bytes.data(), static_cast<std::size_t>(got)));
  return got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR));
}

}  // namespace

std::optional<std::string> LineBuffer::next() {
  const std::size_t end = std::min(bytes_.find('\n', searched_), bytes_.size());
  overlong_ = overlong_ || end - start_ > longest_;
  if (end == bytes_.size() || overlong_) {
    bytes_.erase(0, start_);  // give back what has been read
    searched_ = overlong_ ? 0 : bytes_.size();
    start_ = 0;
    return {};
  }
  std::string line = bytes_.substr(start_, end - start_);
  if (line.ends_with('\r')) line.pop_back();
  start_ = searched_ = end + 1;
  return line;
}

Child::Child(const std::vector<std::string>& words, const std::vector<std::string>& environment,
             std::size_t longest_line)
    : lines_(longest_line) {
  Pipe input, output, log;
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, input.reading, STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, output.writing, STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, log.writing, STDERR_FILENO);

  // A group of its own, no blocked signals, and those that we ignore as they are by default.
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none, usual;
  sigemptyset(&none);
  sigfillset(&usual);
  posix_spawnattr_setpgroup(&attributes, 0);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &usual);
  posix_spawnattr_setflags(&attributes,
                           POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);

  const int failed = ::posix_spawnp(&pid_, words[0].c_str(), &actions, &attributes,
                                    pointers_to(words).data(), pointers_to(environment).data());
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  if (failed != 0) {
    pid_ = -1;
    throw Error(Kind::model,
                "cannot start '" + printable(words[0]) + "': " + std::strerror(failed));
  }
  input_ = input.take(input.writing);
  output_ = output.take(output.reading);
  log_ = log.take(log.reading);
}

Child::~Child() {
  if (pid_ > 0) {
    ::kill(-pid_, SIGKILL);
    reap();
  }
  close_and_forget(input_);
  close_and_forget(output_);
  close_and_forget(log_);
}

void Child::send(std::string_view line) {
  if (input_ < 0) return;
  unsent_.erase(0, sent_);
  sent_ = 0;
  unsent_ += line;
  unsent_ += '\n';
  write_some();
}

void Child::write_some() {
  if (input_ < 0) return;
  const WithoutSigpipe guard;
  while (has_unsent()) {
    const ssize_t written = ::write(input_, unsent_.data() + sent_, unsent_.size() - sent_);
    if (written > 0) sent_ += static_cast<std::size_t>(written);
    if (written < 0 && errno != EINTR) break;  // full, or broken: seen below
  }
  // Also when there is nothing to write: whoever reads no more will not answer for long.
  pollfd state{.fd = input_, .events = 0, .revents = 0};
  if (::poll(&state, 1, 0) > 0 && (state.revents & POLLERR)) {
    close_and_forget(input_);
    input_broken_ = true;
  }
}

void Child::close_input() {
  close_and_forget(input_);
}

void Child::read_output() {
  if (output_ >= 0 && !read_once(output_, [&](std::string_view bytes) { lines_.add(bytes); }))
    close_and_forget(output_);
}

void Child::read_log() {
  const auto keep_tail = [&](std::string_view bytes) {
    log_tail_ += bytes;
    if (log_tail_.size() > kLogTail) log_tail_.erase(0, log_tail_.size() - kLogTail);
  };
  if (log_ >= 0 && !read_once(log_, keep_tail)) close_and_forget(log_);
}

bool Child::output_ended() {
  if (output_ < 0) return true;
  if (!has_exited()) return false;
  // A grandchild may hold the pipe open for ever: what the program itself wrote is there already.
  pollfd ready{.fd = output_, .events = POLLIN, .revents = 0};
  return ::poll(&ready, 1, 0) == 0;
}

bool Child::has_exited() const {
  if (pid_ < 0) return true;
  siginfo_t info{};
  // WNOWAIT leaves the zombie, which keeps the number of the group from being given to others.
  return ::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
         info.si_pid == pid_;
}

void Child::reap() {
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFSIGNALED(status))
    fate_ = "was killed by signal " + std::to_string(WTERMSIG(status)) + " (" +
            strsignal(WTERMSIG(status)) + ")";
  else
    fate_ = "exited with status " + std::to_string(WEXITSTATUS(status));
  pid_ = -1;
}

// A program that cannot write does not end.
void Child::drain() {
  std::array<pollfd, 2> ready{pollfd{.fd = output_, .events = POLLIN, .revents = 0},
                              pollfd{.fd = log_, .events = POLLIN, .revents = 0}};
  ::poll(ready.data(), ready.size(), 5);
  if (ready[0].revents != 0 && !read_once(output_, [](std::string_view) {}))
    close_and_forget(output_);
  if (ready[1].revents != 0) read_log();
}

bool Child::wait_for_exit(std::chrono::milliseconds limit) {
  const auto deadline = Clock::now() + limit;
  while (!has_exited()) {
    if (Clock::now() >= deadline) return false;
    drain();
  }
  return true;
}

void Child::end(std::chrono::milliseconds grace, bool at_once) {
  if (pid_ < 0) return;
  close_input();
  const pid_t group = pid_;
  if (at_once || !wait_for_exit(grace)) {
    ::kill(-group, SIGTERM);
    if (!wait_for_exit(grace)) {
      ::kill(-group, SIGKILL);
      wait_for_exit(60s);
    }
  }
  // What it wrote to its log just before the end is the best explanation there is.
  for (int i = 0; i < 16 && log_ >= 0; ++i) read_log();

  // What it left running: asked, then killed. While the zombie is there the number is ours.
  ::kill(-group, SIGTERM);
  reap();
  const auto deadline = Clock::now() + grace;
  while (::kill(-group, 0) == 0 && Clock::now() < deadline) ::poll(nullptr, 0, 2);
  if (::kill(-group, 0) == 0) ::kill(-group, SIGKILL);
}

}  // namespace looktwice::adapters
