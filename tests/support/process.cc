#include "tests/support/process.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <stdexcept>
#include <utility>

extern char** environ;

namespace looktwice::testing {
namespace {
using Clock = std::chrono::steady_clock;

// A file without a name: the program can write as much as it likes and nobody has to read
// meanwhile.
int unnamed_file() {
  const int fd = memfd_create("looktwice-test", MFD_CLOEXEC);
  if (fd < 0) throw std::runtime_error(std::string("memfd_create: ") + std::strerror(errno));
  return fd;
}

std::string content(int fd) {
  std::string text;
  char bytes[1 << 16];
  off_t offset = 0;
  for (ssize_t n; (n = pread(fd, bytes, sizeof bytes, offset)) > 0; offset += n)
    text.append(bytes, static_cast<std::size_t>(n));
  return text;
}

std::vector<std::string> merged_environment(std::map<std::string, std::string> added) {
  std::vector<std::string> all;
  for (const auto& [name, value] : added) all.push_back(name + "=" + value);
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text = *entry;
    if (!added.contains(text.substr(0, text.find('=')))) all.push_back(text);
  }
  return all;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> result;
  for (std::string& text : texts) result.push_back(text.data());
  result.push_back(nullptr);
  return result;
}

// pidfd: waits for the end of one child without a SIGCHLD handler and without polling in steps.
bool ended_within(int pidfd, Clock::duration span) {
  const auto until = Clock::now() + span;
  for (;;) {
    const auto left = std::max(Clock::duration::zero(), until - Clock::now());
    const auto ns = std::chrono::duration_cast<std::chrono::nanoseconds>(left).count();
    const timespec wait{.tv_sec = ns / 1'000'000'000, .tv_nsec = ns % 1'000'000'000};
    pollfd watched{.fd = pidfd, .events = POLLIN, .revents = 0};
    const int ready = ppoll(&watched, 1, &wait, nullptr);
    if (ready > 0) return true;
    if (ready == 0) return false;
    if (errno != EINTR) throw std::runtime_error(std::string("ppoll: ") + std::strerror(errno));
  }
}
}  // namespace

Finished finished(const Command& command) {
  std::vector<std::string> arguments = command.arguments;
  std::vector<std::string> environment = merged_environment(command.environment);
  const std::vector<char*> argv = pointers(arguments);
  const std::vector<char*> envp = pointers(environment);
  const int in = unnamed_file();
  const int out = unnamed_file();
  const int err = unnamed_file();
  if (write(in, command.input.data(), command.input.size()) < 0 || lseek(in, 0, SEEK_SET) < 0)
    throw std::runtime_error(std::string("stdin: ") + std::strerror(errno));

  const pid_t child = fork();
  if (child < 0) throw std::runtime_error(std::string("fork: ") + std::strerror(errno));
  if (child == 0) {
    if (!command.folder.empty() && chdir(command.folder.c_str()) != 0) _exit(126);
    dup2(in, 0);
    dup2(out, 1);
    dup2(err, 2);
    execvpe(argv[0], argv.data(), envp.data());
    _exit(127);
  }
  const auto pidfd = static_cast<int>(syscall(SYS_pidfd_open, child, 0));
  if (pidfd < 0) throw std::runtime_error(std::string("pidfd_open: ") + std::strerror(errno));

  Finished result;
  bool ended = false;
  if (command.signal_after.count() > 0) {
    ended = ended_within(pidfd, command.signal_after);
    if (!ended) kill(child, command.signal);
  }
  if (!ended && !ended_within(pidfd, command.limit)) {
    result.late = true;
    kill(child, SIGKILL);
  }
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFEXITED(status)) result.code = WEXITSTATUS(status);
  if (WIFSIGNALED(status)) result.signal = WTERMSIG(status);
  result.out = content(out);
  result.err = content(err);
  for (const int fd : {in, out, err, pidfd}) close(fd);
  return result;
}

}  // namespace looktwice::testing
