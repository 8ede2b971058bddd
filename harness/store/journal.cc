#include "harness/store/journal.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <map>
#include <utility>

#include "harness/core/error.h"
#include "harness/store/disk.h"
#include "harness/store/run_folder.h"

namespace looktwice::store {
namespace {

namespace fs = std::filesystem;

constexpr auto kGroup = std::chrono::milliseconds(500);  // well under the promised second

std::string record_at(std::ifstream& in, const fs::path& file, std::uint64_t offset,
                      std::uint64_t bytes) {
  std::string line(bytes, '\0');
  in.clear();
  in.seekg(static_cast<std::streamoff>(offset));
  in.read(line.data(), static_cast<std::streamsize>(bytes));
  // It was read a moment ago: only the disk can have changed its mind.
  if (in.gcount() != static_cast<std::streamsize>(bytes)) disk_failure(file, "read", EIO);
  return line;
}

}  // namespace

Journal::Journal(fs::path file, std::string kind, std::string run,
                 const std::function<void(std::string_view)>& show)
    : file_(std::move(file)), kind_(std::move(kind)), run_(std::move(run)) {
  const std::string header = file_header(kind_, run_) + "\n";
  if (!fs::exists(file_)) {
    write_whole(file_, header);
  } else {
    std::vector<std::pair<std::uint64_t, std::uint64_t>> good;
    recovered_ =
        for_each_record(file_, kind_, run_,
                        [&](std::string_view object, std::uint64_t offset, std::uint64_t bytes) {
                          show(object);
                          good.emplace_back(offset, bytes);
                        });
    std::uint64_t expected = header.size();
    for (const auto& [offset, bytes] : good) expected += bytes;
    if (fs::file_size(file_) != expected) {
      // Rewritten, not truncated: damage can sit in the middle too, and the good records behind it
      // stay.
      std::ifstream in(file_, std::ios::binary);
      WholeFile whole(file_);
      whole.write(header);
      for (const auto& [offset, bytes] : good) whole.write(record_at(in, file_, offset, bytes));
      whole.commit();
    }
  }
  open_for_append();
  syncer_ = std::jthread([this](const std::stop_token& stop) { sync_in_background(stop); });
}

Journal::~Journal() {
  syncer_.request_stop();
  if (syncer_.joinable()) syncer_.join();
  if (descriptor_ >= 0) ::close(descriptor_);
}

void Journal::open_for_append() {
  descriptor_ = opened(file_, O_WRONLY | O_APPEND);
  if (descriptor_ < 0) disk_failure(file_, "open", errno);
}

void Journal::append(std::string_view object, const std::vector<fs::path>& files, bool now) {
  const std::string line = framed(object, run_) + "\n";
  {
    const std::lock_guard hold(writing_);
    {
      const std::lock_guard look(pending_mutex_);
      if (failure_) std::rethrow_exception(failure_);
    }
    write_all(descriptor_, line, file_);
  }
  bool wake = false;
  {
    const std::lock_guard hold(pending_mutex_);
    wake = !std::exchange(dirty_, true);
    unsynced_files_.insert(unsynced_files_.end(), files.begin(), files.end());
  }
  if (now)
    sync_pending();
  else if (wake)
    pending_there_.notify_one();
}

void Journal::sync_pending() {
  const std::lock_guard one_group(syncing_);
  std::vector<fs::path> files;
  {
    const std::lock_guard hold(pending_mutex_);
    if (failure_) std::rethrow_exception(failure_);
    if (!dirty_) return;
    files.swap(unsynced_files_);
    dirty_ = false;
  }
  try {
    for (const fs::path& file : files) {
      const int descriptor = opened(file, O_RDONLY);
      if (descriptor < 0) disk_failure(file, "open", errno);
      int status = 0;
      do status = ::fsync(descriptor);
      while (status != 0 && errno == EINTR);
      const int reason = errno;
      ::close(descriptor);
      if (status != 0) disk_failure(file, "sync", reason);
    }
    if (!files.empty()) sync_directory(files.front().parent_path());
    sync_file(descriptor_, file_);
  } catch (...) {
    // After a failed sync the system may have dropped the pages: nothing later can be trusted to be
    // there.
    const std::lock_guard hold(pending_mutex_);
    failure_ = std::current_exception();
    throw;
  }
}

void Journal::sync() {
  sync_pending();
}

void Journal::sync_in_background(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    std::unique_lock hold(pending_mutex_);
    if (!pending_there_.wait(hold, stop, [&] { return dirty_; })) return;
    // Gather a group; a stop ends the wait early.
    std::condition_variable_any never;
    never.wait_for(hold, stop, kGroup, [] { return false; });
    hold.unlock();
    if (stop.stop_requested()) return;
    try {
      sync_pending();
    } catch (...) {
      return;  // kept in failure_, thrown by the next append or sync
    }
  }
}

void Journal::compact(const std::function<std::string(std::string_view)>& key_of) {
  sync();
  struct Place {
    std::uint64_t offset = 0, bytes = 0;
  };
  std::map<std::string, Place> last;
  for_each_record(file_, kind_, run_,
                  [&](std::string_view object, std::uint64_t offset, std::uint64_t bytes) {
                    last[key_of(object)] = {offset, bytes};
                  });
  std::ifstream in(file_, std::ios::binary);
  WholeFile whole(file_);
  whole.write(file_header(kind_, run_) + "\n");
  for (const auto& [key, place] : last)
    whole.write(record_at(in, file_, place.offset, place.bytes));
  whole.commit();
  const std::scoped_lock hold(writing_, syncing_);
  ::close(descriptor_);
  open_for_append();
}

}  // namespace looktwice::store
