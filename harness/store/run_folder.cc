#include "harness/store/run_folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <iterator>
#include <utility>

#include "harness/core/error.h"
#include "harness/core/text.h"
#include "harness/store/disk.h"

namespace looktwice::store {

namespace fs = std::filesystem;

RunFolder RunFolder::locked(const fs::path& path) {
  std::error_code failed;
  fs::create_directories(path, failed);
  if (failed) disk_failure(path, "create the folder", failed.value());
  const fs::path file = path / ".lock";
  const int lock = opened(file, O_RDWR | O_CREAT);
  if (lock < 0) disk_failure(file, "create", errno);
  RunFolder folder(path, lock);
  // The lock goes with the process, however it dies, so a stale one cannot exist.
  while (::flock(lock, LOCK_EX | LOCK_NB) != 0) {
    if (errno == EINTR) continue;
    if (errno != EWOULDBLOCK) disk_failure(file, "lock", errno);
    std::string holder(32, '\0');
    const ssize_t length = ::pread(lock, holder.data(), holder.size(), 0);
    holder.resize(length > 0 ? static_cast<std::size_t>(length) : 0);
    throw Error(Kind::usage, printable(path.string()) + ": in use by process " +
                                 (holder.empty() ? "unknown" : printable(holder)) +
                                 "; wait for it or choose another --output_path");
  }
  const std::string self = std::to_string(::getpid());
  if (::ftruncate(lock, 0) != 0) disk_failure(file, "write", errno);
  write_all(lock, self, file);
  return folder;
}

RunFolder RunFolder::existing(const fs::path& path) {
  RunFolder folder(path, -1);
  if (!fs::exists(folder.manifest()))
    throw Error(Kind::data, printable(path.string()) + ": no run.json; expected a run folder, as " +
                                "`looktwice run --output_path` writes it");
  return folder;
}

RunFolder::RunFolder(RunFolder&& other) noexcept
    : path_(std::move(other.path_)), lock_(std::exchange(other.lock_, -1)) {}

RunFolder::~RunFolder() {
  if (lock_ >= 0) ::close(lock_);
}

std::string read_text(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in) throw Error(Kind::data, printable(file.string()) + ": cannot be opened");
  try {
    return {std::istreambuf_iterator<char>(in), {}};
  } catch (const std::ios_base::failure&) {
    disk_failure(file, "read", EIO);
  }
}

}  // namespace looktwice::store
