// Durable writes on POSIX, each failure one Error{Kind::disk} that names the path and what the
// system said.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace looktwice::store {

// open(2) with O_CLOEXEC that goes on after EINTR; -1 and errno as open.
int opened(const std::filesystem::path& path, int flags);

// Writes all bytes; goes on after short writes and EINTR.
void write_all(int descriptor, std::string_view bytes, const std::filesystem::path& name);
void sync_file(int descriptor, const std::filesystem::path& name);
[[noreturn]] void disk_failure(const std::filesystem::path& name, const char* doing,
                               int error_number);

// A file written from front to back and put in place at the end: temporary beside it, write, fsync,
// rename, fsync of the directory. Not committed: the temporary is removed and the old file stays.
class WholeFile {
 public:
  explicit WholeFile(std::filesystem::path target);
  ~WholeFile();
  WholeFile(const WholeFile&) = delete;
  WholeFile& operator=(const WholeFile&) = delete;
  void write(std::string_view bytes);  // buffered
  void commit();

 private:
  std::filesystem::path target_, temporary_;
  std::string buffer_;
  int descriptor_ = -1;
};

}  // namespace looktwice::store
