#include "harness/run/map_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "harness/core/error.h"
#include "harness/core/hash.h"
#include "harness/core/npy.h"
#include "harness/store/disk.h"

namespace looktwice::run {
namespace {

std::string_view text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// Nothing unless the file holds exactly what was journalled.
std::optional<std::vector<std::byte>> intact_bytes(const store::RunFolder& folder,
                                                   const StoredMap& stored) {
  try {
    std::vector<std::byte> bytes = file_bytes(folder.path() / stored.file);
    if (crc32c(text_of(bytes)) != stored.crc) return {};
    return bytes;
  } catch (const Error& error) {
    if (error.kind() == Kind::disk) throw;
    return {};
  }
}

}  // namespace

StoredMap write_map(const store::RunFolder& folder, const std::string& key, const AnomalyMap& map,
                    bool half) {
  StoredMap stored{.file = "maps/" + sha256(key).substr(0, 16) + ".npy"};
  const std::string bytes = npy_of(map, half ? Precision::float16 : Precision::float32);
  stored.crc = crc32c(bytes);
  const std::filesystem::path file = folder.path() / stored.file;
  const int descriptor = store::opened(file, O_WRONLY | O_CREAT | O_TRUNC);
  if (descriptor < 0) store::disk_failure(file, "create", errno);
  try {
    store::write_all(descriptor, bytes, file);
  } catch (...) {
    ::close(descriptor);
    throw;
  }
  if (::close(descriptor) != 0 && errno != EINTR) store::disk_failure(file, "close", errno);
  return stored;
}

std::optional<AnomalyMap> read_map(const store::RunFolder& folder, const StoredMap& stored) {
  const auto bytes = intact_bytes(folder, stored);
  if (!bytes) return {};
  return anomaly_map(npy_array(*bytes));
}

bool map_is_intact(const store::RunFolder& folder, const StoredMap& stored) {
  return stored.file.empty() || intact_bytes(folder, stored).has_value();
}

}  // namespace looktwice::run
