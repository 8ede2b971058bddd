// The folder of one run: what stages hand over. Holds the lock, names the files, writes whole files
// durably. Not here: what the lines mean (core/codec.h), the journal (journal.h).
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace looktwice::store {

class RunFolder {
 public:
  // For a stage that writes. Creates the folder, takes its flock; a folder in use is Kind::usage
  // and names the holder's process; a file system that refuses is Kind::disk.
  static RunFolder locked(const std::filesystem::path& path);
  // For a reader; Kind::data when there is no run.json.
  static RunFolder existing(const std::filesystem::path& path);

  RunFolder(RunFolder&&) noexcept;
  RunFolder& operator=(RunFolder&&) = delete;
  ~RunFolder();

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path manifest() const { return path_ / "run.json"; }
  std::filesystem::path predictions() const { return journal("predictions"); }
  std::filesystem::path timing() const { return timing("predictions"); }
  // Of stages that ask somebody: "predictions", "judgements", "embeddings".
  std::filesystem::path journal(const std::string& name) const { return path_ / (name + ".jsonl"); }
  std::filesystem::path timing(const std::string& name) const {
    return path_ / (name == "predictions" ? "timing.jsonl" : "timing_of_" + name + ".jsonl");
  }
  std::filesystem::path outcomes() const { return path_ / "outcomes.jsonl"; }
  std::filesystem::path summary() const { return path_ / "summary.json"; }
  std::filesystem::path replicates() const { return path_ / "replicates.jsonl"; }
  std::filesystem::path maps() const { return path_ / "maps"; }

 private:
  RunFolder(std::filesystem::path path, int lock) : path_(std::move(path)), lock_(lock) {}
  std::filesystem::path path_;
  int lock_ = -1;
};

// Replaces the file at once or not at all: temporary beside it, write, fsync, rename, fsync of the
// directory. Kind::disk.
void write_whole(const std::filesystem::path& file, std::string_view bytes);
void sync_directory(const std::filesystem::path& directory);
std::string read_text(const std::filesystem::path& file);  // Kind::data

}  // namespace looktwice::store
