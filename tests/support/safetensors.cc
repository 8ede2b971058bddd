#include "tests/support/safetensors.h"

#include <fstream>
#include <iterator>

#include <nlohmann/json.hpp>

namespace looktwice::test {

Safetensors::Safetensors(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) throw std::runtime_error("cannot open " + path.string());
  const std::vector<char> read{std::istreambuf_iterator<char>(in), {}};
  const auto* first = reinterpret_cast<const std::byte*>(read.data());
  file_.assign(first, first + read.size());
  std::uint64_t length = 0;
  std::memcpy(&length, file_.data(), sizeof length);
  const auto header = nlohmann::json::parse(read.begin() + 8,
                                            read.begin() + 8 + static_cast<std::ptrdiff_t>(length));
  const std::span<const std::byte> data = std::span<const std::byte>(file_).subspan(8 + length);
  for (const auto& [name, entry] : header.items()) {
    if (name == "__metadata__") continue;
    const std::size_t begin = entry.at("data_offsets").at(0), end = entry.at("data_offsets").at(1);
    tensors_[name] = {.type = entry.at("dtype"),
                      .shape = entry.at("shape"),
                      .bytes = data.subspan(begin, end - begin)};
  }
}

const Tensor& Safetensors::operator[](const std::string& name) const {
  const auto found = tensors_.find(name);
  if (found == tensors_.end()) throw std::runtime_error("no tensor " + name);
  return found->second;
}

}  // namespace looktwice::test
