// The miniature of MMAD (scripts/golden/mmad_miniature.py) as a folder, with files where pictures
// would be.
#pragma once

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "harness/core/table.h"

namespace looktwice::testing {

class MmadFolder {
 public:
  MmadFolder() {
    static int number = 0;
    root_ = std::filesystem::temp_directory_path() /
            ("looktwice_mmad_" + std::to_string(::getpid()) + "_" + std::to_string(number++));
    std::filesystem::create_directories(root_);
    for (const char* name : {"mmad.json", "domain_knowledge.json"})
      std::filesystem::copy_file(given() / name, root_ / name);
    const JsonValue records = parsed_json(text_of_file(root_ / "mmad.json"), "mmad.json");
    for (const auto& [key, record] : records.members) {
      write(key);
      for (const JsonValue& path : record.find("random_templates")->items) write(path.text);
      if (const JsonValue* mask = record.find("mask_path")) {
        const std::size_t second = key.find('/', key.find('/') + 1);
        write(key.substr(0, second + 1) + mask->text);
      }
    }
  }
  ~MmadFolder() { std::filesystem::remove_all(root_); }
  MmadFolder(const MmadFolder&) = delete;
  MmadFolder& operator=(const MmadFolder&) = delete;

  const std::filesystem::path& root() const { return root_; }
  static std::filesystem::path given() { return LOOKTWICE_TEST_DATA "/mmad/miniature"; }

  // The file with every `from` replaced.
  void edit(const std::string& from, const std::string& to, bool all = false) const {
    std::string text = text_of_file(root_ / "mmad.json");
    std::size_t at = 0;
    while ((at = text.find(from, at)) != std::string::npos) {
      text.replace(at, from.size(), to);
      at += to.size();
      if (!all) break;
    }
    std::ofstream(root_ / "mmad.json") << text;
  }
  void replace(const std::string& text) const { std::ofstream(root_ / "mmad.json") << text; }
  void write(const std::string& relative) const {
    std::filesystem::create_directories((root_ / relative).parent_path());
    std::ofstream(root_ / relative) << "picture " << relative;
  }

 private:
  std::filesystem::path root_;
};

}  // namespace looktwice::testing
