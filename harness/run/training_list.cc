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
constexpr int kDeepest = 16;        // of a line
constexpr int kDeepestRecord = 64;  // of an item of a JSON file
constexpr const char* kKind = "training";

// A file read in pieces of 64 KiB.
class Pieces {
 public:
  explicit Pieces(const std::filesystem::path& file) : name_(printable(file.string())) {
    do file_ = ::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY);
    while (file_ < 0 && errno == EINTR);
    if (file_ < 0) throw Error(Kind::data, name_ + ": " + std::strerror(errno));
  }
  ~Pieces() { ::close(file_); }
  Pieces(const Pieces&) = delete;
  Pieces& operator=(const Pieces&) = delete;

  const std::string& name() const { return name_; }
  // What of the piece has not been taken; empty at the end of the file alone.
  std::string_view rest() {
    if (at_ == end_) fill();
    return {buffer_.data() + at_, end_ - at_};
  }
  void take(std::size_t bytes) { at_ += bytes; }

 private:
  void fill() {
    ssize_t got = 0;
    do got = ::read(file_, buffer_.data(), buffer_.size());
    while (got < 0 && errno == EINTR);
    if (got < 0) throw Error(Kind::data, name_ + ": " + std::strerror(errno));
    at_ = 0;
    end_ = static_cast<std::size_t>(got);
  }

  std::string name_;
  int file_ = -1;
  std::array<char, 1 << 16> buffer_ = {};
  std::size_t at_ = 0, end_ = 0;
};

// Lines of a file, one at a time.
class Lines {
 public:
  explicit Lines(const std::filesystem::path& file) : pieces_(file) {}

  // False: the file is at its end.
  bool next(std::string& line) {
    line.clear();
    ++number_;
    for (;;) {
      const std::string_view rest = pieces_.rest();
      if (rest.empty()) return !line.empty();
      const std::size_t stop = rest.find('\n');
      line.append(rest.substr(0, stop));
      if (line.size() > kLongestLine)
        refuse_at(name(), {number_, 0}, "longer than 64 MiB; expected one thing a line");
      pieces_.take(stop == std::string_view::npos ? rest.size() : stop + 1);
      if (stop != std::string_view::npos) return true;
    }
  }
  std::int64_t number() const { return number_; }
  const std::string& name() const { return pieces_.name(); }

 private:
  Pieces pieces_;
  std::int64_t number_ = 0;
};

// The items of a JSON array, or the members of an object, one at a time.
class Records {
 public:
  explicit Records(const std::filesystem::path& file) : pieces_(file) {}

  void read(const std::function<void(const JsonValue&)>& show) {
    refuse_utf16(pieces_.rest(), pieces_.name());
    if (pieces_.rest().starts_with("\xEF\xBB\xBF")) pieces_.take(3);
    skip_blanks();
    const char open = peek();
    if (open != '[' && open != '{') {  // no list: one value, or none
      (void)parsed(taken(false), {});
      return;
    }
    take();
    skip_blanks();
    for (bool first = true; !(first && peek() == closing(open)); first = false) {
      const std::string text = taken(true);
      if (text.empty()) refuse_at(pieces_.name(), place_, "expected a value");
      if (open == '[') {
        show(parsed(text, {}));
      } else {
        const JsonValue member = parsed(text, "{}");
        show(member.members.at(0).second);
      }
      if (peek() != ',') break;
      take();
      skip_blanks();
    }
    if (peek() != closing(open))
      refuse_at(pieces_.name(), place_, std::string("expected ',' or '") + closing(open) + "'");
    take();
    skip_blanks();
    if (!at_end()) refuse_at(pieces_.name(), place_, "text behind the end of the value");
  }

 private:
  static char closing(char open) { return open == '[' ? ']' : '}'; }
  bool at_end() { return pieces_.rest().empty(); }
  char peek() { return at_end() ? '\0' : pieces_.rest().front(); }
  char take() {
    const char c = peek();
    if (c == '\n') place_ = {place_.line + 1, 0};
    ++place_.column;
    pieces_.take(at_end() ? 0 : 1);
    return c;
  }
  void skip_blanks() {
    for (char c = peek(); c == ' ' || c == '\t' || c == '\r' || c == '\n'; c = peek()) take();
  }

  // Up to the comma or bracket that ends an item, both outside of texts and of brackets opened
  // here; else up to the end of the file. Nothing is judged: that is the parser's.
  std::string taken(bool an_item) {
    start_ = place_;
    std::string text;
    int depth = 0;
    for (bool in_text = false, escaped = false; !at_end();) {
      const char c = peek();
      const bool opens = c == '[' || c == '{', closes = c == ']' || c == '}';
      if (an_item && !in_text && depth == 0 && (c == ',' || closes)) break;
      if (in_text) {
        in_text = escaped || c != '"';
        escaped = !escaped && c == '\\';
      } else {
        in_text = c == '"';
        depth += opens ? 1 : closes ? -1 : 0;
      }
      text += take();
      if (text.size() > kLongestLine)
        refuse_at(pieces_.name(), start_, "a value longer than 64 MiB; expected a list of records");
    }
    return text;
  }

  // around: what stands before and behind it. Columns of messages are those of the file for all
  // that begins in its first 4,096; elsewhere they count from the record.
  JsonValue parsed(const std::string& text, std::string_view around) const {
    constexpr std::int64_t kWidest = 4096;
    const auto width = static_cast<std::int64_t>(around.size() / 2);
    const std::int64_t before = start_.column - 1 - width;
    std::string padded(before > 0 && before < kWidest ? static_cast<std::size_t>(before) : 0, ' ');
    padded += around.substr(0, around.size() / 2);
    padded += text;
    padded += around.substr(around.size() / 2);
    return parsed_json(padded, pieces_.name(), kDeepestRecord, start_.line);
  }

  Pieces pieces_;
  Place place_ = {1, 1}, start_ = {1, 1};
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

void for_each_record(const std::filesystem::path& file,
                     const std::function<void(const JsonValue&)>& show) {
  Records(file).read(show);
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
