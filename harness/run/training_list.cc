#include "harness/run/training_list.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>

#include "harness/core/error.h"
#include "harness/core/json_value.h"
#include "harness/core/text.h"

namespace looktwice::run {
namespace {

constexpr std::size_t kLongestLine = std::size_t{64} << 20;
constexpr int kDeepest = 16;  // of a line
constexpr const char* kKind = "training";

// Lines of a file, one at a time.
class Lines {
 public:
  explicit Lines(const std::filesystem::path& file) : name_(printable(file.string())) {
    do file_ = ::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY);
    while (file_ < 0 && errno == EINTR);
    if (file_ < 0) throw Error(Kind::data, name_ + ": " + std::strerror(errno));
  }
  ~Lines() { ::close(file_); }
  Lines(const Lines&) = delete;
  Lines& operator=(const Lines&) = delete;

  // False: the file is at its end.
  bool next(std::string& line) {
    line.clear();
    ++number_;
    for (;;) {
      if (at_ == end_ && !fill()) return !line.empty();
      const char* const start = buffer_.data() + at_;
      const char* const stop =
          std::find(start, static_cast<const char*>(buffer_.data() + end_), '\n');
      line.append(start, stop);
      if (line.size() > kLongestLine)
        refuse_at(name_, {number_, 0}, "longer than 64 MiB; expected one thing a line");
      at_ = static_cast<std::size_t>(stop - buffer_.data());
      if (at_ == end_) continue;
      ++at_;
      return true;
    }
  }
  std::int64_t number() const { return number_; }
  const std::string& name() const { return name_; }

 private:
  bool fill() {
    ssize_t got = 0;
    do got = ::read(file_, buffer_.data(), buffer_.size());
    while (got < 0 && errno == EINTR);
    if (got < 0) throw Error(Kind::data, name_ + ": " + std::strerror(errno));
    at_ = 0;
    end_ = static_cast<std::size_t>(got);
    return got > 0;
  }

  std::string name_;
  int file_ = -1;
  std::int64_t number_ = 0;
  std::array<char, 1 << 16> buffer_ = {};
  std::size_t at_ = 0, end_ = 0;
};

const std::string& text_of(const JsonValue& value, const std::string& file, const char* field) {
  if (value.type != JsonValue::Type::text)
    refuse_at(file, value.place,
              std::string("'") + field + "': expected a text, found " + name_of(value.type));
  return value.text;
}

bool is_hex(std::string_view text, std::size_t digits) {
  return text.size() == digits &&
         text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

void check_head(const JsonValue& head, const Lines& lines) {
  const JsonValue* schema = head.find("schema");
  const JsonValue* kind = head.find("kind");
  if (!schema || schema->text != "1" || !kind || kind->text != kKind)
    refuse_at(lines.name(), {1, 0},
              "expected {\"schema\":1,\"kind\":\"training\"}; `looktwice audit manifest` makes "
              "such a list");
}

TrainingItem item_of(const JsonValue& object, const std::string& file, std::int64_t number) {
  if (object.type != JsonValue::Type::object)
    refuse_at(file, object.place, std::string("expected an object, found ") + name_of(object.type));
  TrainingItem item{.name = "line " + std::to_string(number)};
  if (const JsonValue* name = object.find("name")) item.name = text_of(*name, file, "name");
  if (const JsonValue* sum = object.find("sha256")) {
    item.sha256 = lower_ascii(text_of(*sum, file, "sha256"));
    if (!is_hex(item.sha256, 64)) refuse_at(file, sum->place, "'sha256': expected 64 hex digits");
  }
  if (const JsonValue* hash = object.find("phash")) {
    const std::string digits = lower_ascii(text_of(*hash, file, "phash"));
    if (!is_hex(digits, 16)) refuse_at(file, hash->place, "'phash': expected 16 hex digits");
    std::uint64_t value = 0;
    std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
    item.phash = value;
  }
  if (const JsonValue* text = object.find("text")) item.text = text_of(*text, file, "text");
  if (item.sha256.empty() && !item.phash && !object.find("text"))
    refuse_at(file, object.place, "expected one of sha256, phash and text");
  return item;
}

std::string json_text(std::string_view text) {
  std::string out = "\"";
  for (const char c : valid_utf8(text)) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      constexpr const char* kHex = "0123456789abcdef";
      out += "\\u00";
      out += kHex[static_cast<unsigned char>(c) >> 4];
      out += kHex[static_cast<unsigned char>(c) & 15];
    } else {
      out += c;
    }
  }
  return out + "\"";
}

}  // namespace

TrainingListSize for_each_training_item(const std::filesystem::path& file,
                                        const std::function<void(const TrainingItem&)>& show) {
  Lines lines(file);
  TrainingListSize size;
  bool has_head = false;
  for (std::string line; lines.next(line);) {
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    const JsonValue object = parsed_json(line, lines.name(), kDeepest, lines.number());
    if (!has_head) {
      check_head(object, lines);
      has_head = true;
      continue;
    }
    const TrainingItem item = item_of(object, lines.name(), lines.number());
    ++size.items;
    size.hashes += !item.sha256.empty();
    size.perceptual += item.phash.has_value();
    size.texts += !item.text.empty();
    show(item);
  }
  if (!has_head)
    throw Error(Kind::data, lines.name() + ": empty; expected a list of training data");
  return size;
}

TrainingItem training_item(std::string_view line, const std::string& file, std::int64_t number) {
  return item_of(parsed_json(line, file, kDeepest, number), file, number);
}

void for_each_line(const std::filesystem::path& file,
                   const std::function<void(std::string_view, std::int64_t)>& show) {
  Lines lines(file);
  for (std::string line; lines.next(line);) {
    if (line.ends_with('\r')) line.pop_back();
    show(line, lines.number());
  }
}

std::string training_head(std::string_view about) {
  return R"({"schema":1,"kind":"training","about":)" + json_text(about) + "}";
}

std::string line_of(const TrainingItem& item) {
  std::string line = "{\"name\":" + json_text(item.name);
  if (!item.sha256.empty()) line += ",\"sha256\":\"" + item.sha256 + "\"";
  if (item.phash) line += ",\"phash\":\"" + phash_text(*item.phash) + "\"";
  if (!item.text.empty()) line += ",\"text\":" + json_text(item.text);
  return line + "}";
}

std::string phash_text(std::uint64_t hash) {
  std::string text(16, '0');
  for (std::size_t i = 0; i < 16; ++i) text[15 - i] = "0123456789abcdef"[(hash >> (4 * i)) & 15];
  return text;
}

}  // namespace looktwice::run
