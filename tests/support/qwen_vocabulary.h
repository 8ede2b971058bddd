// Qwen2's tokenizer for tests. Its vocabulary follows from its merges: the 256 bytes, then what
// each merge makes; so tests/data keeps the merges alone, compressed
// (tests/data/text/qwen_merges.txt.gz).
#pragma once

#include <zlib.h>

#include <string>

#include "tests/support/files.h"

namespace looktwice::test {

inline std::string gunzipped(const std::filesystem::path& path) {
  const gzFile file = gzopen(path.c_str(), "rb");
  if (!file) throw std::runtime_error("cannot open " + path.string());
  std::string text;
  char buffer[1 << 16];
  for (int count; (count = gzread(file, buffer, sizeof buffer)) > 0;)
    text.append(buffer, static_cast<std::size_t>(count));
  gzclose(file);
  return text;
}

// GPT-2's spelling of each byte, in the order of their ids.
inline std::vector<std::string> spelled_bytes() {
  std::vector<int> shown, hidden;
  for (int byte = 0; byte < 256; ++byte) {
    const bool itself =
        (byte >= '!' && byte <= '~') || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
    (itself ? shown : hidden).push_back(byte);
  }
  std::vector<std::string> spelled;
  const auto put = [&](int code) {
    if (code < 0x80)
      spelled.push_back(std::string(1, static_cast<char>(code)));
    else
      spelled.push_back(
          {static_cast<char>(0xC0 | code >> 6), static_cast<char>(0x80 | (code & 0x3F))});
  };
  for (const int byte : shown) put(byte);
  for (std::size_t i = 0; i < hidden.size(); ++i) put(0x100 + static_cast<int>(i));
  return spelled;
}

// Writes vocab.json and merges.txt.
inline void write_qwen_vocabulary(const std::filesystem::path& folder) {
  const std::string merges = gunzipped(data_path("text/qwen_merges.txt.gz"));
  std::string vocabulary = "{";
  int id = 0;
  const auto add = [&](const std::string& token) {
    if (id > 0) vocabulary += ",";
    vocabulary += '"';
    for (const char c : token) {
      if (c == '"' || c == '\\') vocabulary += '\\';
      vocabulary += c;
    }
    vocabulary += "\":" + std::to_string(id++);
  };
  for (const std::string& token : spelled_bytes()) add(token);
  for (std::size_t at = merges.find('\n') + 1; at < merges.size();) {  // after "#version: 0.2"
    const std::size_t end = merges.find('\n', at), space = merges.find(' ', at);
    add(merges.substr(at, space - at) + merges.substr(space + 1, end - space - 1));
    at = end + 1;
  }
  std::ofstream(folder / "vocab.json", std::ios::binary) << vocabulary << '}';
  std::ofstream(folder / "merges.txt", std::ios::binary) << merges;
}

// A checkpoint folder, with a tokenizer: the one given where it has one, else a copy (links) with
// Qwen2's beside its files, removed with this object.
class WithTokenizer {
 public:
  explicit WithTokenizer(const std::filesystem::path& checkpoint) : path_(checkpoint) {
    namespace fs = std::filesystem;
    if (fs::exists(checkpoint / "tokenizer.json") || fs::exists(checkpoint / "vocab.json")) return;
    std::string made = (fs::temp_directory_path() / "looktwice_checkpoint_XXXXXX").string();
    if (!mkdtemp(made.data())) throw std::runtime_error("cannot make " + made);
    path_ = made_ = made;
    for (const auto& entry : fs::directory_iterator(checkpoint))
      fs::create_symlink(fs::absolute(entry.path()), path_ / entry.path().filename());
    write_qwen_vocabulary(path_);
  }
  ~WithTokenizer() {
    if (!made_.empty()) std::filesystem::remove_all(made_);
  }
  WithTokenizer(const WithTokenizer&) = delete;
  WithTokenizer& operator=(const WithTokenizer&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_, made_ = {};
};

}  // namespace looktwice::test
