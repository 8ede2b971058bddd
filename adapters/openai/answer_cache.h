// Paid answers kept for the next run: one SQLite file for all runs and processes of a user. A row
// that does not carry its own SHA-256 is never an answer: it is set aside, counted and paid anew.
// One thread may look up while another puts: each has a connection of its own, so that a look-up
// does not wait for the disk. Not here: what makes two requests the same (the caller's key); which
// answers are worth keeping.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace looktwice::openai {

class AnswerStore {
 public:
  enum class Access { read, write };  // write reads, too

  // Made with its folder when it is not there (Access::read: nothing is found then). A file that is
  // no intact SQLite database is set aside as FILE.damaged-N. Throws Kind::disk: the folder cannot
  // be made or the file cannot be opened.
  AnswerStore(std::filesystem::path file, Access access);
  ~AnswerStore();
  AnswerStore(const AnswerStore&) = delete;
  AnswerStore& operator=(const AnswerStore&) = delete;

  // Empty: not there, or not intact.
  std::optional<std::string> find(const std::string& key);
  // All in one transaction, with the system when it returns: a killed process loses none. A row
  // that is there already stays. What cannot be written is counted in failures(), since the answers
  // themselves are in the journal.
  void put(const std::vector<std::pair<std::string, std::string>>& rows);

  std::int64_t size();                                 // rows
  std::int64_t damaged() const { return damaged_; }    // rows and files that were set aside
  std::int64_t failures() const { return failures_; }  // rows that could not be written
  const std::string& last_failure() const { return last_failure_; }

 private:
  struct Database;

  void open();  // the two connections, under both locks
  std::unique_ptr<Database> connected(bool putting, int& code) const;
  void close_and_set_aside();
  bool recovered(int code, std::int64_t generation);
  void set_aside(const std::string& key);

  std::filesystem::path file_;
  Access access_;
  std::mutex finding_, putting_;
  std::unique_ptr<Database> finder_, putter_;
  std::int64_t generation_ = 0;  // of the file; read under one of the locks, changed under both
  std::atomic<std::int64_t> damaged_ = 0, failures_ = 0;
  std::string last_failure_;
};

}  // namespace looktwice::openai
