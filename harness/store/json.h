// Reading fields of a JSON file with one clear error each. Private to store's .cc files.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "harness/core/error.h"
#include "harness/core/text.h"

namespace looktwice::store {

using Json = nlohmann::ordered_json;

// A JSON object together with the place it came from, for messages.
class Fields {
 public:
  Fields(const Json& json, std::string place) : json_(json), place_(std::move(place)) {
    if (!json_.is_object()) throw Error(Kind::data, place_ + ": expected a JSON object");
  }

  template <class Type>
  void read(const char* name, Type& value) const {
    const auto found = json_.find(name);
    if (found == json_.end()) throw Error(Kind::data, place_ + ": field '" + name + "' is missing");
    try {
      value = found->get<Type>();
    } catch (const nlohmann::json::exception&) {
      throw Error(Kind::data, place_ + ": field '" + name + "' has the wrong type");
    }
  }

  template <class Type>
  void read(const char* name, std::optional<Type>& value) const {
    value.reset();
    if (!json_.contains(name) || json_.at(name).is_null()) return;
    read(name, value.emplace());
  }

  // The objects of a list.
  template <class Visit>
  void each(const char* name, Visit visit) const {
    const auto found = json_.find(name);
    if (found == json_.end() || !found->is_array())
      throw Error(Kind::data, place_ + ": field '" + name + "': expected a list");
    for (std::size_t i = 0; i < found->size(); ++i)
      visit(Fields((*found)[i], place_ + ": " + name + "[" + std::to_string(i) + "]"));
  }

  Fields object(const char* name) const {
    const auto found = json_.find(name);
    if (found == json_.end()) throw Error(Kind::data, place_ + ": field '" + name + "' is missing");
    return Fields(*found, place_ + ": " + name);
  }

  bool has(const char* name) const { return json_.contains(name) && !json_.at(name).is_null(); }

 private:
  const Json& json_;
  std::string place_;
};

// Parses a file of this schema: {"schema":1,"kind":KIND,...}.
Json read_json_file(const std::filesystem::path& file, const char* kind);
std::string pretty(const Json& json);

}  // namespace looktwice::store
