#include "adapters/imaging/map_file.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "adapters/imaging/npz.h"
#include "adapters/imaging/values.h"
#include "harness/core/error.h"
#include "harness/core/image.h"
#include "harness/core/npy.h"
#include "harness/core/text.h"

namespace looktwice::imaging {
namespace {

bool starts_with(std::span<const std::byte> file, std::string_view magic) {
  return file.size() >= magic.size() &&
         std::equal(magic.begin(), magic.end(), reinterpret_cast<const char*>(file.data()));
}

// The only array of an archive, or the one with a usual name.
NumberArray one_array(const NpzFile& archive) {
  const std::vector<std::string>& names = archive.names();
  if (names.size() == 1) return archive.array(0);
  for (const char* usual : {"anomaly_map", "map", "arr_0"})
    for (std::size_t i = 0; i < names.size(); ++i)
      if (names[i] == usual) return archive.array(i);
  throw Error(Kind::data, names.empty()
                              ? "npz: holds no array"
                              : "npz: holds " + std::to_string(names.size()) +
                                    " arrays and none is named anomaly_map, map or arr_0");
}

}  // namespace

AnomalyMap map_of_file(const std::filesystem::path& file) {
  const std::vector<std::byte> bytes = file_bytes(file);
  try {
    if (starts_with(bytes, "\x93NUMPY")) return anomaly_map(npy_array(bytes));
    if (starts_with(bytes, "PK\x03\x04") || starts_with(bytes, "PK\x05\x06"))
      return anomaly_map(one_array(NpzFile(bytes)));
    return anomaly_map(grey_values(bytes));
  } catch (const Error& error) {
    throw Error(error.kind(), printable(file.string()) + ": " + error.what());
  }
}

}  // namespace looktwice::imaging
