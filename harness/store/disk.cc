#include "harness/store/disk.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "harness/core/error.h"
#include "harness/core/text.h"
#include "harness/store/run_folder.h"

namespace looktwice::store {

namespace fs = std::filesystem;

constexpr std::size_t kBuffer = std::size_t{1} << 16;

void disk_failure(const fs::path& name, const char* doing, int error_number) {
  throw Error(Kind::disk, printable(name.string()) + ": cannot " + doing + ": " +
                              std::strerror(error_number) +
                              "; free space or mend it, then run the same command again");
}

int opened(const fs::path& path, int flags) {
  int descriptor = -1;
  do descriptor = ::open(path.c_str(), flags | O_CLOEXEC, 0666);
  while (descriptor < 0 && errno == EINTR);
  return descriptor;
}

void write_all(int descriptor, std::string_view bytes, const fs::path& name) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(descriptor, bytes.data(), bytes.size());
    if (written < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (written < 0) disk_failure(name, "write", errno);
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
}

void sync_file(int descriptor, const fs::path& name) {
  while (::fsync(descriptor) != 0)
    if (errno != EINTR) disk_failure(name, "sync", errno);
}

void sync_directory(const fs::path& directory) {
  const int descriptor = opened(directory, O_RDONLY | O_DIRECTORY);
  if (descriptor < 0) disk_failure(directory, "open", errno);
  int status = 0;
  do status = ::fsync(descriptor);
  while (status != 0 && errno == EINTR);
  const int reason = errno;
  ::close(descriptor);
  // Some file systems know no fsync of directories; their renames are as durable as they get.
  if (status != 0 && reason != EINVAL) disk_failure(directory, "sync", reason);
}

WholeFile::WholeFile(fs::path target) : target_(std::move(target)), temporary_(target_) {
  temporary_ += ".part";
  descriptor_ = opened(temporary_, O_WRONLY | O_CREAT | O_TRUNC);
  if (descriptor_ < 0) disk_failure(temporary_, "create", errno);
}

WholeFile::~WholeFile() {
  if (descriptor_ < 0) return;
  ::close(descriptor_);
  ::unlink(temporary_.c_str());
}

void WholeFile::write(std::string_view bytes) {
  buffer_ += bytes;
  if (buffer_.size() < kBuffer) return;
  write_all(descriptor_, buffer_, temporary_);
  buffer_.clear();
}

void WholeFile::commit() {
  write_all(descriptor_, buffer_, temporary_);
  sync_file(descriptor_, temporary_);
  const int closing = descriptor_;
  descriptor_ = -1;
  if (::close(closing) != 0 && errno != EINTR) {
    const int reason = errno;
    ::unlink(temporary_.c_str());
    disk_failure(temporary_, "close", reason);
  }
  if (::rename(temporary_.c_str(), target_.c_str()) != 0) {
    const int reason = errno;
    ::unlink(temporary_.c_str());
    disk_failure(target_, "replace", reason);
  }
  sync_directory(target_.parent_path().empty() ? fs::path(".") : target_.parent_path());
}

void write_whole(const fs::path& file, std::string_view bytes) {
  WholeFile whole(file);
  whole.write(bytes);
  whole.commit();
}

}  // namespace looktwice::store
