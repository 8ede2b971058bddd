// Arrays out of a .safetensors fixture: 8 bytes header length, JSON, data. For tests only: it
// trusts the file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <map>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

namespace looktwice::test {

struct Tensor {
  std::string type = {};  // "U8", "F32", "I32" ...
  std::vector<std::int64_t> shape = {};
  std::span<const std::byte> bytes = {};

  template <class Number>
  std::vector<Number> as() const {
    if (bytes.size() % sizeof(Number) != 0)
      throw std::runtime_error("tensor of " + type + " read as another type");
    std::vector<Number> values(bytes.size() / sizeof(Number));
    if (!values.empty()) std::memcpy(values.data(), bytes.data(), bytes.size());
    return values;
  }
};

class Safetensors {
 public:
  explicit Safetensors(const std::filesystem::path& path);
  Safetensors(const Safetensors&) = delete;
  Safetensors& operator=(const Safetensors&) = delete;
  const Tensor& operator[](const std::string& name) const;  // throws for an unknown name
  const std::map<std::string, Tensor>& all() const { return tensors_; }

 private:
  std::vector<std::byte> file_;
  std::map<std::string, Tensor> tensors_;
};

}  // namespace looktwice::test
