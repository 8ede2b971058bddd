// config.json of a checkpoint, and files like it: typed fields, and one clear error for each that
// is missing, of another type or out of range. Not here: what the fields mean.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "harness/core/json_value.h"

namespace looktwice::weights {

class Config {
 public:
  // Throws Kind::model when the file cannot be read or is no JSON object.
  static Config of_file(const std::filesystem::path& file);

  // Names are paths, "vision_config.hidden_size". Fields that are null count as missing. All throw
  // Kind::model: "FILE: field 'hidden_size' is 0, expected a whole number from 1 to 65536".
  std::int64_t integer(const std::string& name, std::int64_t least, std::int64_t most) const;
  double number(const std::string& name) const;
  bool boolean(const std::string& name) const;
  std::string text(const std::string& name) const;
  std::vector<std::int64_t> integers(const std::string& name, std::int64_t least,
                                     std::int64_t most) const;
  // The same with a value for a field that is missing.
  std::int64_t integer(const std::string& name, std::int64_t least, std::int64_t most,
                       std::int64_t otherwise) const;
  double number(const std::string& name, double otherwise) const;
  bool boolean(const std::string& name, bool otherwise) const;
  std::string text(const std::string& name, const std::string& otherwise) const;

  bool has(const std::string& name) const { return find(name) != nullptr; }
  const JsonValue* find(const std::string& name) const;  // nullptr: missing or null
  // For a value that fits no checkpoint this program can run.
  [[noreturn]] void refuse(const std::string& name, const std::string& expected) const;
  const std::filesystem::path& file() const { return file_; }

 private:
  const JsonValue& needed(const std::string& name, JsonValue::Type type,
                          const std::string& expected) const;
  std::int64_t integer_of(const JsonValue& value, const std::string& name, std::int64_t least,
                          std::int64_t most) const;

  std::filesystem::path file_ = {};
  std::shared_ptr<const JsonValue> whole_ = {};
};

}  // namespace looktwice::weights
