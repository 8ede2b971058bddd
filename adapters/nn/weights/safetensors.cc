#include "adapters/nn/weights/safetensors.h"

#include <algorithm>
#include <charconv>
#include <cstring>

#include "harness/core/error.h"
#include "harness/core/json_value.h"
#include "harness/core/text.h"

namespace looktwice::weights {
namespace {

constexpr std::uint64_t kMostHeader = std::uint64_t{16} << 20;
constexpr int kDepth = 4;  // header, tensor, shape, number
constexpr std::size_t kMostAxes = 16;

struct Range {
  std::uint64_t begin = 0, end = 0;
  std::string tensor = {};
};

class Header {
 public:
  Header(std::span<const std::byte> file, const std::string& name) : file_(file), name_(name) {}

  Tensors tensors() {
    const JsonValue header = parsed();
    for (const auto& [tensor, entry] : header.members) {
      if (tensor == "__metadata__")
        check_metadata(entry);
      else
        add(tensor, entry);
    }
    check_ranges();
    return std::move(tensors_);
  }

 private:
  [[noreturn]] void refuse(const std::string& why) const {
    throw Error(Kind::model, name_ + ": " + why);
  }
  [[noreturn]] void refuse(const std::string& tensor, const std::string& why) const {
    refuse("tensor '" + printable(tensor) + "': " + why);
  }

  JsonValue parsed() {
    std::uint64_t length = 0;
    if (file_.size() < sizeof length) refuse("shorter than a safetensors header");
    std::memcpy(&length, file_.data(), sizeof length);
    if (length > kMostHeader)
      refuse("a header of " + std::to_string(length) + " bytes, more than the limit of " +
             std::to_string(kMostHeader) + "; is this a safetensors file?");
    if (length > file_.size() - sizeof length)
      refuse("a header of " + std::to_string(length) + " bytes in a file of " +
             std::to_string(file_.size()) + "; was the download cut short?");
    const auto* text = reinterpret_cast<const char*>(file_.data()) + sizeof length;
    data_ = file_.subspan(sizeof length + length);
    if (length == 0 || *text != '{') refuse("the header is no JSON object");
    try {
      JsonValue header = parsed_json({text, length}, name_ + ": header", kDepth);
      if (header.type != JsonValue::Type::object) refuse("the header is no JSON object");
      return header;
    } catch (const Error& error) {
      throw Error(Kind::model, error.what());
    }
  }

  void check_metadata(const JsonValue& entry) const {
    const bool good = entry.type == JsonValue::Type::object &&
                      std::ranges::all_of(entry.members, [](const auto& member) {
                        return member.second.type == JsonValue::Type::text;
                      });
    if (!good) refuse("__metadata__ must map texts to texts");
  }

  void add(const std::string& tensor, const JsonValue& entry) {
    const JsonValue* type = entry.find("dtype");
    const JsonValue* shape = entry.find("shape");
    const JsonValue* offsets = entry.find("data_offsets");
    if (!type || type->type != JsonValue::Type::text || !shape ||
        shape->type != JsonValue::Type::array || !offsets ||
        offsets->type != JsonValue::Type::array || offsets->items.size() != 2 ||
        entry.members.size() != 3)
      refuse(tensor, "expected dtype, shape and two data_offsets");
    const auto known = number_type(type->text);
    if (!known)
      refuse(tensor, "numbers of type '" + printable(type->text) + "' are not known here");
    if (shape->items.size() > kMostAxes)
      refuse(tensor, std::to_string(shape->items.size()) + " axes");
    TensorBytes read{.type = *known};
    for (const JsonValue& size : shape->items)
      read.shape.push_back(static_cast<std::int64_t>(whole(tensor, size, INT64_MAX)));
    const std::uint64_t begin = whole(tensor, offsets->items[0], UINT64_MAX);
    const std::uint64_t end = whole(tensor, offsets->items[1], UINT64_MAX);
    const auto bytes = bytes_of(read.type, read.shape);
    const std::string range = std::to_string(begin) + " to " + std::to_string(end);
    if (begin > end || end > data_.size())
      refuse(tensor, "bytes " + range + " of " + std::to_string(data_.size()) +
                         "; was the download cut short?");
    if (!bytes || *bytes != end - begin)
      refuse(tensor,
             "bytes " + range + " are not those of " + type->text + " " + text_of(read.shape));
    // Numbers are used where they lie in the file, so they must lie as their type wants it. Current
    // writers see to that; a file by one of before 2023 is written anew by
    // safetensors.torch.save_file(load_file(...)).
    const auto place = static_cast<std::uint64_t>(data_.data() - file_.data()) + begin;
    if (const std::size_t size = bytes_of(read.type); begin < end && place % size != 0)
      refuse(tensor, "misaligned: " + type->text + " at byte " + std::to_string(place) +
                         " of the file, no multiple of " + std::to_string(size) +
                         "; load and save it with a current safetensors");
    read.bytes = data_.subspan(begin, end - begin);
    ranges_.push_back({begin, end, tensor});
    tensors_.emplace(tensor, std::move(read));
  }

  // "1e3" and "-0" are numbers, but no sizes.
  std::uint64_t whole(const std::string& tensor, const JsonValue& value, std::uint64_t most) const {
    std::uint64_t number = 0;
    const char* end = value.text.data() + value.text.size();
    const auto [stop, error] = std::from_chars(value.text.data(), end, number);
    if (value.type != JsonValue::Type::number || error != std::errc() || stop != end ||
        number > most)
      refuse(tensor, "'" + printable(value.text) + "' is no size");
    return number;
  }

  void check_ranges() {
    std::ranges::sort(ranges_, {}, [](const Range& r) { return std::pair(r.begin, r.end); });
    std::uint64_t reached = 0;
    for (const Range& range : ranges_) {
      if (range.begin < reached) refuse(range.tensor, "shares bytes with another tensor");
      if (range.begin > reached)
        refuse(range.tensor, "begins at byte " + std::to_string(range.begin) +
                                 ", and nothing tells what is before it");
      reached = range.end;
    }
    if (reached != data_.size())
      refuse(std::to_string(data_.size() - reached) + " bytes behind the last tensor");
  }

  const std::span<const std::byte> file_;
  const std::string& name_;
  std::span<const std::byte> data_ = {};
  std::vector<Range> ranges_;
  Tensors tensors_;
};

}  // namespace

Tensors safetensors(std::span<const std::byte> file, const std::string& name) {
  return Header(file, name).tensors();
}

}  // namespace looktwice::weights
