#include "harness/core/npy.h"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>
#include <optional>

#include "harness/core/error.h"
#include "harness/core/text.h"

namespace looktwice {
namespace {

constexpr std::size_t kMaxHeader = 64 * 1024;
constexpr std::size_t kMaxAxes = 32;  // as NumPy before 2.0

[[noreturn]] void refuse(const std::string& why) {
  throw Error(Kind::data, "npy: " + why);
}

struct Header {
  std::string type = {};  // "<f4"
  bool fortran_order = false;
  std::vector<std::size_t> shape = {};
};

// Reads the one Python literal that a header is: {'descr': '<f4', 'fortran_order': False, 'shape':
// (3, 4), }
class HeaderReader {
 public:
  explicit HeaderReader(std::string_view text) : text_(text) {}

  Header header() {
    std::optional<std::string> type;
    std::optional<bool> fortran_order;
    std::optional<std::vector<std::size_t>> shape;
    expect('{');
    while (!accept('}')) {
      const std::string key = quoted();
      expect(':');
      if (key == "descr" && !type) {
        if (peek() == '[') refuse("a structured array; expected plain numbers");
        type = quoted();
      } else if (key == "fortran_order" && !fortran_order) {
        fortran_order = boolean();
      } else if (key == "shape" && !shape) {
        shape = tuple();
      } else {
        refuse("header: unexpected or repeated key '" + printable(key) + "'");
      }
      if (accept(',')) continue;
      expect('}');
      break;
    }
    if (peek() != '\0' || at_ < text_.size()) refuse("header: text after the closing brace");
    if (!type || !fortran_order || !shape)
      refuse("header: descr, fortran_order or shape is missing");
    return {std::move(*type), *fortran_order, std::move(*shape)};
  }

 private:
  char peek() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n')) ++at_;
    return at_ < text_.size() ? text_[at_] : '\0';
  }

  bool accept(char c) {
    if (peek() != c || at_ >= text_.size()) return false;
    ++at_;
    return true;
  }

  void expect(char c) {
    if (!accept(c)) refuse(std::string("header: expected '") + c + "' at " + std::to_string(at_));
  }

  std::string quoted() {
    const char quote = peek();
    if (quote != '\'' && quote != '"')
      refuse("header: expected a quoted word at " + std::to_string(at_));
    const std::size_t close = text_.find(quote, at_ + 1);
    if (close == std::string_view::npos) refuse("header: a quote is not closed");
    std::string word(text_.substr(at_ + 1, close - at_ - 1));
    at_ = close + 1;
    return word;
  }

  bool boolean() {
    peek();
    for (const std::string_view word : {"True", "False"})
      if (text_.substr(at_, word.size()) == word) {
        at_ += word.size();
        return word == "True";
      }
    refuse("header: fortran_order is neither True nor False");
  }

  std::vector<std::size_t> tuple() {
    std::vector<std::size_t> axes;
    expect('(');
    while (!accept(')')) {
      peek();
      std::size_t length = 0;
      const auto [end, error] =
          std::from_chars(text_.data() + at_, text_.data() + text_.size(), length);
      if (error != std::errc{}) refuse("header: shape holds something that is no length");
      at_ = static_cast<std::size_t>(end - text_.data());
      accept('L');  // Python 2 wrote 3L
      if (axes.size() == kMaxAxes) refuse("header: more than 32 axes");
      axes.push_back(length);
      if (accept(',')) continue;
      expect(')');
      break;
    }
    return axes;
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

std::size_t product(const std::vector<std::size_t>& shape) {
  // A zero axis must not hide an overflow of the others.
  std::size_t count = 1;
  for (const std::size_t length : shape) {
    if (length != 0 && count > std::numeric_limits<std::size_t>::max() / 16 / length)
      refuse("the shape's product is too large");
    count *= std::max<std::size_t>(length, 1);
  }
  return std::ranges::find(shape, std::size_t{0}) == shape.end() ? count : 0;
}

template <class Number>
Number number_at(const std::byte* bytes, bool swapped) {
  std::array<std::byte, sizeof(Number)> raw;
  std::memcpy(raw.data(), bytes, raw.size());
  if (swapped) std::ranges::reverse(raw);
  return std::bit_cast<Number>(raw);
}

float narrowed(double value) {
  const auto narrow = static_cast<float>(value);
  if (std::isinf(narrow) && std::isfinite(value))
    refuse("a float64 value that no float32 can hold");
  return narrow;
}

template <class Number>
void convert(const std::byte* from, std::vector<float>& to, bool swapped) {
  if constexpr (std::is_same_v<Number, float>)
    if (!swapped) {
      if (!to.empty()) std::memcpy(to.data(), from, to.size() * sizeof(float));
      return;
    }
  for (float& value : to) {
    const Number number = number_at<Number>(from, swapped);
    if constexpr (std::is_same_v<Number, double>)
      value = narrowed(number);
    else
      value = static_cast<float>(number);
    from += sizeof(Number);
  }
}

void convert_half(const std::byte* from, std::vector<float>& to, bool swapped) {
  for (float& value : to) {
    value = float_of_half(number_at<std::uint16_t>(from, swapped));
    from += 2;
  }
}

void convert_bool(const std::byte* from, std::vector<float>& to) {
  for (float& value : to) value = *from++ == std::byte{0} ? 0.0f : 1.0f;
}

std::size_t item_size(const std::string& type) {
  static constexpr std::string_view kTypes[] = {"b1", "i1", "u1", "i2", "u2", "f2",
                                                "i4", "u4", "f4", "i8", "u8", "f8"};
  if (type.size() >= 2 && type[1] == 'O') refuse("holds Python objects, which are never loaded");
  const bool known =
      type.size() == 3 && std::string_view("<>=|").find(type[0]) != std::string::npos &&
      std::ranges::find(kTypes, std::string_view(type).substr(1)) != std::end(kTypes);
  if (!known) refuse("type '" + printable(type) + "'; expected bool, (u)int8..64 or float16..64");
  return static_cast<std::size_t>(type[2] - '0');
}

void fill(const std::string& type, const std::byte* from, std::vector<float>& to) {
  const bool big = type[0] == '>' || (type[0] == '=' && std::endian::native == std::endian::big);
  const bool swapped = big != (std::endian::native == std::endian::big);
  const std::string_view kind = std::string_view(type).substr(1);
  if (kind == "b1") return convert_bool(from, to);
  if (kind == "i1") return convert<std::int8_t>(from, to, swapped);
  if (kind == "u1") return convert<std::uint8_t>(from, to, swapped);
  if (kind == "i2") return convert<std::int16_t>(from, to, swapped);
  if (kind == "u2") return convert<std::uint16_t>(from, to, swapped);
  if (kind == "i4") return convert<std::int32_t>(from, to, swapped);
  if (kind == "u4") return convert<std::uint32_t>(from, to, swapped);
  if (kind == "i8") return convert<std::int64_t>(from, to, swapped);
  if (kind == "u8") return convert<std::uint64_t>(from, to, swapped);
  if (kind == "f2") return convert_half(from, to, swapped);
  if (kind == "f4") return convert<float>(from, to, swapped);
  convert<double>(from, to, swapped);
}

std::string shape_text(const std::vector<std::size_t>& shape) {
  std::string text = "(";
  for (const std::size_t length : shape) {
    if (text.size() > 1) text += ',';
    text += std::to_string(length);
  }
  return text + ")";
}

std::vector<float> in_c_order(const std::vector<float>& values,
                              const std::vector<std::size_t>& shape) {
  std::vector<std::size_t> step(shape.size()), index(shape.size());
  for (std::size_t axis = 0, stride = 1; axis < shape.size(); stride *= shape[axis++])
    step[axis] = stride;
  std::vector<float> out(values.size());
  std::size_t from = 0;
  for (float& value : out) {
    value = values[from];
    for (std::size_t axis = shape.size(); axis-- > 0;) {
      from += step[axis];
      if (++index[axis] < shape[axis]) break;
      from -= step[axis] * shape[axis];
      index[axis] = 0;
    }
  }
  return out;
}

}  // namespace

NumberArray npy_array(std::span<const std::byte> file) {
  const auto byte = [&](std::size_t i) { return static_cast<std::size_t>(file[i]); };
  constexpr std::string_view kMagic = "\x93NUMPY";
  if (file.size() < 10 || std::memcmp(file.data(), kMagic.data(), kMagic.size()) != 0)
    refuse("the file does not start as one");
  const std::size_t version = byte(6);
  if (version < 1 || version > 3)
    refuse("version " + std::to_string(version) + "; expected 1 to 3");
  const std::size_t start = version == 1 ? 10 : 12;
  if (file.size() < start) refuse("ends within the header");
  std::size_t length = byte(8) | byte(9) << 8;
  if (version > 1) length |= byte(10) << 16 | byte(11) << 24;
  if (length > kMaxHeader) refuse("a header of " + std::to_string(length) + " bytes");
  if (file.size() - start < length) refuse("ends within the header");

  const Header header =
      HeaderReader({reinterpret_cast<const char*>(file.data()) + start, length}).header();
  const std::size_t size = item_size(header.type);
  const std::size_t count = product(header.shape);
  const auto data = file.subspan(start + length);
  if (data.size() / size != count || data.size() % size != 0)
    refuse("holds " + std::to_string(data.size()) + " bytes of data, its shape needs " +
           std::to_string(count * size));
  NumberArray array{.shape = header.shape, .values = std::vector<float>(count)};
  fill(header.type, data.data(), array.values);
  if (header.fortran_order && header.shape.size() > 1)
    array.values = in_c_order(array.values, header.shape);
  return array;
}

AnomalyMap anomaly_map(NumberArray array) {
  const auto& shape = array.shape;
  std::size_t first = 0, last = shape.size();
  while (last - first > 2 && shape[first] == 1) ++first;
  if (last - first == 3 && shape[last - 1] == 1) --last;
  if (last - first != 2 || shape.size() > 4)
    refuse("shape " + shape_text(shape) + "; expected a map (height,width)");
  const std::size_t height = shape[first], width = shape[first + 1];
  constexpr auto kMost = static_cast<std::size_t>(std::numeric_limits<int>::max());
  if (height == 0 || width == 0 || height > kMost || width > kMost)
    refuse("a map of " + std::to_string(height) + "x" + std::to_string(width));
  for (std::size_t i = 0; i < array.values.size(); ++i)
    if (!std::isfinite(array.values[i]))
      refuse((std::isnan(array.values[i]) ? "NaN" : "an infinite value") +
             std::string(" in the map at row ") + std::to_string(i / width) + ", column " +
             std::to_string(i % width));
  return {.width = static_cast<int>(width),
          .height = static_cast<int>(height),
          .values = std::move(array.values)};
}

std::string npy_of(const AnomalyMap& map, Precision precision) {
  LOOKTWICE_CHECK(map.values.size() == static_cast<std::size_t>(map.width) * map.height);
  const bool half = precision == Precision::float16 &&
                    std::ranges::all_of(map.values, [](float v) { return std::abs(v) < 65520.0f; });
  std::string out("\x93NUMPY\x01\x00\x00\x00", 10);
  out += std::string("{'descr': '") + (half ? "<f2" : "<f4") +
         "', 'fortran_order': False, 'shape': (" + std::to_string(map.height) + ", " +
         std::to_string(map.width) + "), }";
  out.resize((out.size() + 1 + 63) / 64 * 64 - 1, ' ');  // the data starts at a multiple of 64
  out += '\n';
  const std::size_t header = out.size() - 10;
  out[8] = static_cast<char>(header & 0xFF);
  out[9] = static_cast<char>(header >> 8);
  std::size_t at = out.size();
  const auto put = [&](auto bits) {
    for (std::size_t i = 0; i < sizeof bits; ++i)
      out[at++] = static_cast<char>(bits >> (8 * i) & 0xFF);
  };
  out.resize(at + map.values.size() * (half ? 2 : 4));
  for (const float value : map.values)
    half ? put(half_of(value)) : put(std::bit_cast<std::uint32_t>(value));
  return out;
}

std::uint16_t half_of(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const auto sign = static_cast<std::uint16_t>(bits >> 16 & 0x8000u);
  const std::uint32_t size = bits & 0x7FFFFFFFu;
  if (size > 0x7F800000u)  // NaN: keep the top of its payload, never become infinity
    return static_cast<std::uint16_t>(sign | 0x7E00u | (size >> 13 & 0x3FFu));
  if (size >= 0x477FF000u) return static_cast<std::uint16_t>(sign | 0x7C00u);  // 65520 and above
  std::uint32_t rounded = 0;
  if (size < 0x38800000u) {  // below 2^-14: a multiple of 2^-24
    // Adding 0.5 lets the float unit round to that multiple, ties to even.
    rounded = std::bit_cast<std::uint32_t>(std::bit_cast<float>(size) + 0.5f) - 0x3F000000u;
  } else {
    rounded = (size - 0x38000000u + 0xFFFu + (size >> 13 & 1u)) >> 13;
  }
  return static_cast<std::uint16_t>(sign | rounded);
}

float float_of_half(std::uint16_t half) {
  const std::uint32_t sign = static_cast<std::uint32_t>(half & 0x8000u) << 16;
  const std::uint32_t exponent = half >> 10 & 0x1Fu, fraction = half & 0x3FFu;
  if (exponent == 0x1F) return std::bit_cast<float>(sign | 0x7F800000u | fraction << 13);
  if (exponent != 0) return std::bit_cast<float>(sign | (exponent + 112) << 23 | fraction << 13);
  const float small = static_cast<float>(fraction) * 0x1p-24f;
  return sign ? -small : small;
}

}  // namespace looktwice
