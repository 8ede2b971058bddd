#include "adapters/tokenizers/text_of_file.h"

#include <cstddef>
#include <vector>

#include "harness/core/error.h"
#include "harness/core/image.h"

namespace looktwice::tokenizers {

std::string text_of_file(const std::filesystem::path& path) try {
  constexpr std::uintmax_t kMostBytes = std::uintmax_t{256} << 20;
  const std::vector<std::byte> bytes = file_bytes(path, kMostBytes);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
} catch (const Error& error) {  // a checkpoint's file, not a data set's
  throw Error(Kind::model, error.what());
}

}  // namespace looktwice::tokenizers
