#include "harness/store/line_log.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "harness/store/disk.h"

namespace looktwice::store {

constexpr std::size_t kBuffer = std::size_t{1} << 16;

LineLog::LineLog(std::filesystem::path file, std::string_view header) : file_(std::move(file)) {
  descriptor_ = opened(file_, O_WRONLY | O_APPEND | O_CREAT);
  if (descriptor_ < 0) disk_failure(file_, "open", errno);
  if (::lseek(descriptor_, 0, SEEK_END) == 0) buffer_.append(header).append("\n");
}

LineLog::~LineLog() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

void LineLog::append(std::string_view line) {
  const std::lock_guard hold(mutex_);
  buffer_.append(line).append("\n");
  if (buffer_.size() >= kBuffer) write_buffer();
}

void LineLog::flush() {
  const std::lock_guard hold(mutex_);
  write_buffer();
}

void LineLog::write_buffer() {
  write_all(descriptor_, buffer_, file_);
  buffer_.clear();
}

}  // namespace looktwice::store
