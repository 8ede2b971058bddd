// The append-only journal of predictions. One write per line; synced by group, so that a crash of
// the machine loses at most a second; the last record of a key wins. Not here: what a record means
// (core/codec.h).
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "harness/store/frame.h"

namespace looktwice::store {

class Journal {
 public:
  // Opens or creates. `show` sees every good record that is there; damaged and foreign ones are cut
  // out of the file before the first append and counted. Throws Kind::data for another run's file,
  // Kind::disk when it cannot be written.
  Journal(std::filesystem::path file, std::string kind, std::string run,
          const std::function<void(std::string_view object)>& show);
  ~Journal();
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;

  // Thread-safe. Returns when the line is with the system; a failed write or sync (also of an
  // earlier group) is Kind::disk. files: written before the record and synced with it (maps). now:
  // sync before returning (paid answers).
  void append(std::string_view object, const std::vector<std::filesystem::path>& files = {},
              bool now = false);
  // All that was appended is on the disk.
  void sync();
  // Sorts by key (the last record of a key stays) and replaces the file at once. key_of reads the
  // key out of a record.
  void compact(const std::function<std::string(std::string_view object)>& key_of);

  const FrameCounts& recovered() const { return recovered_; }

 private:
  void open_for_append();
  void sync_in_background(const std::stop_token& stop);
  void sync_pending();

  const std::filesystem::path file_;
  const std::string kind_, run_;
  FrameCounts recovered_;
  int descriptor_ = -1;
  std::mutex writing_;        // one line at a time
  std::mutex syncing_;        // one group at a time; held while descriptor_ changes
  std::mutex pending_mutex_;  // guards what follows
  std::condition_variable_any pending_there_;
  bool dirty_ = false;
  std::vector<std::filesystem::path> unsynced_files_;
  std::exception_ptr failure_;
  std::jthread syncer_;
};

}  // namespace looktwice::store
