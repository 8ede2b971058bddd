// Appends lines that may be lost in a crash (timings): buffered, not synced, never read back by a
// stage.
#pragma once

#include <filesystem>
#include <mutex>
#include <string>
#include <string_view>

namespace looktwice::store {

class LineLog {
 public:
  // Writes `header` when the file is new.
  LineLog(std::filesystem::path file, std::string_view header);
  ~LineLog();
  LineLog(const LineLog&) = delete;
  LineLog& operator=(const LineLog&) = delete;
  void append(std::string_view line);  // thread-safe
  void flush();                        // Kind::disk

 private:
  void write_buffer();
  const std::filesystem::path file_;
  std::mutex mutex_;
  std::string buffer_;
  int descriptor_ = -1;
};

}  // namespace looktwice::store
