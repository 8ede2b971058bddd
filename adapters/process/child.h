// A program at the other end of three pipes, in a process group of its own, so that all it starts
// can be ended with it. Not here: what the lines mean (protocol.h), when it has to go (process.cc).
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace looktwice::adapters {

// Cuts a stream of bytes into lines.
class LineBuffer {
 public:
  explicit LineBuffer(std::size_t longest) : longest_(longest) {}
  void add(std::string_view bytes) { bytes_ += bytes; }
  // The next whole line without its end (LF or CRLF); nothing: it is not there yet.
  std::optional<std::string> next();
  // The unfinished line at the end of the stream.
  std::string_view rest() const { return std::string_view(bytes_).substr(start_); }
  // The line that comes next is longer than `longest`; nothing comes out any more.
  bool overlong() const { return overlong_; }

 private:
  std::size_t longest_;
  std::string bytes_;
  std::size_t start_ = 0, searched_ = 0;
  bool overlong_ = false;
};

// Not thread-safe. No call blocks but end().
class Child {
 public:
  // words: program (looked up in PATH) and arguments. Kind::model: it cannot be started.
  Child(const std::vector<std::string>& words, const std::vector<std::string>& environment,
        std::size_t longest_line);
  // Kills the whole group at once if it is still there.
  ~Child();
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  // Descriptors for poll(2); negative when closed.
  int input() const { return input_; }
  int output() const { return output_; }
  int log() const { return log_; }

  // Queues a line; it leaves as the program reads. Nothing happens when it closed its end.
  void send(std::string_view line);
  bool has_unsent() const { return input_ >= 0 && sent_ < unsent_.size(); }
  void write_some();
  // The program closed its standard input; write_some() finds out.
  bool input_broken() const { return input_broken_; }
  // Nothing more to say: most programs end then.
  void close_input();

  // Reads what is there. Lines come out of lines().next().
  void read_output();
  void read_log();
  LineBuffer& lines() { return lines_; }
  // No further output: closed, or the program is gone and all it wrote has been read.
  bool output_ended();

  // Closes its input and waits for it to go, then asks it (SIGTERM), then kills it (SIGKILL), each
  // after `grace`; with it all of its group. at_once: begins with SIGTERM.
  void end(std::chrono::milliseconds grace, bool at_once);
  // "exited with status 1", "was killed by signal 9 (Killed)"; empty while it runs.
  const std::string& fate() const { return fate_; }
  // The end of what it wrote to standard error.
  std::string log_tail() const { return log_tail_; }

 private:
  bool has_exited() const;  // it may be a zombie yet
  void reap();
  void drain();
  bool wait_for_exit(std::chrono::milliseconds limit);

  pid_t pid_ = -1;
  int input_ = -1, output_ = -1, log_ = -1;
  std::string unsent_;
  std::size_t sent_ = 0;
  bool input_broken_ = false;
  LineBuffer lines_;
  std::string log_tail_, fate_;
};

}  // namespace looktwice::adapters
