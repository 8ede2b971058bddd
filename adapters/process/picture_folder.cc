#include "adapters/process/picture_folder.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>

#include "adapters/imaging/codec.h"
#include "harness/core/error.h"
#include "harness/core/hash.h"
#include "harness/core/text.h"

namespace looktwice::adapters {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kKept = 64;  // files that nobody uses at the moment

// Letters, digits and one suffix: nothing that a program could trip over.
std::string plain_name(const std::string& name) {
  const bool plain = !name.empty() && name.size() <= 100 && name[0] != '.' && name[0] != '-' &&
                     std::ranges::all_of(name, [](char c) {
                       return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                              (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_';
                     });
  return plain ? name : sha256(name).substr(0, 16);
}

void write_file(const fs::path& file, std::span<const std::byte> bytes) {
  std::ofstream out(file, std::ios::binary | std::ios::trunc);
  out.write(reinterpret_cast<const char*>(bytes.data()),
            static_cast<std::streamsize>(bytes.size()));
  out.close();
  if (!out)
    throw Error(Kind::disk, file.string() + ": cannot be written (" + std::strerror(errno) +
                                "); TMPDIR names another place for temporary files");
}

}  // namespace

PictureFolder::PictureFolder() {
  std::error_code failed;
  const fs::path parent = fs::temp_directory_path(failed);
  std::string pattern = ((failed ? fs::path("/tmp") : parent) / "looktwice_XXXXXX").string();
  if (!::mkdtemp(pattern.data()))
    throw Error(Kind::disk, printable(pattern) + ": cannot be made (" + std::strerror(errno) + ")");
  path_ = fs::canonical(pattern);
}

PictureFolder::~PictureFolder() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

std::string PictureFolder::file(const Picture& picture, const std::vector<std::string>& accepts) {
  std::string name = plain_name(picture.name());
  const std::string suffix = lower_ascii(fs::path(name).extension().string());
  const bool as_it_is = accepts.empty() || std::ranges::find(accepts, suffix) != accepts.end();
  if (!as_it_is) name = fs::path(name).replace_extension(".as.png").string();
  std::string file = (path_ / name).string();

  auto found = entries_.find(file);
  if (found == entries_.end()) {
    write_file(file,
               as_it_is ? picture.bytes() : imaging::make_codec()->encode_png(picture.decode()));
    found = entries_.emplace(file, Entry{}).first;
  }
  ++found->second.users;
  found->second.last_use = ++uses_;
  return file;
}

void PictureFolder::release(const std::string& file) {
  const auto found = entries_.find(file);
  if (found == entries_.end()) return;
  --found->second.users;
  forget_old();
}

void PictureFolder::forget_old() {
  std::vector<std::map<std::string, Entry>::iterator> idle;
  for (auto at = entries_.begin(); at != entries_.end(); ++at)
    if (at->second.users == 0) idle.push_back(at);
  if (idle.size() <= kKept) return;
  const auto oldest =
      std::ranges::min_element(idle, {}, [](const auto& at) { return at->second.last_use; });
  std::error_code ignored;
  fs::remove((*oldest)->first, ignored);
  entries_.erase(*oldest);
}

fs::path PictureFolder::left_by_program(const std::string& name) const {
  if (name.find('\0') != std::string::npos) throw Error(Kind::data, "a file name with a NUL byte");
  std::error_code failed;
  fs::path real = fs::canonical(path_ / name, failed);  // an absolute name replaces path_
  if (failed) throw Error(Kind::data, "'" + printable(name) + "': " + failed.message());
  if (std::mismatch(path_.begin(), path_.end(), real.begin(), real.end()).first != path_.end())
    throw Error(Kind::data,
                "'" + printable(name) + "' does not lie in the folder of the handshake");
  if (!fs::is_regular_file(real))
    throw Error(Kind::data, "'" + printable(name) + "' is no regular file");
  return real;
}

}  // namespace looktwice::adapters
