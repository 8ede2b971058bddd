#include "harness/store/frame.h"

#include <array>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <fstream>

#include "harness/core/error.h"
#include "harness/core/hash.h"
#include "harness/core/text.h"
#include "harness/store/disk.h"

namespace looktwice::store {
namespace {

constexpr std::string_view kRunField = R"(,"run":")";
constexpr std::string_view kCrcField = R"(,"crc":")";
constexpr std::size_t kRunDigits = 16, kCrcDigits = 8;
// ,"run":"0123456789abcdef","crc":"01234567"}
constexpr std::size_t kCrcTail = kCrcField.size() + kCrcDigits + 2;
constexpr std::size_t kTail = kRunField.size() + kRunDigits + 1 + kCrcTail;

std::string crc_text(std::uint32_t crc) {
  std::array<char, 9> digits{};
  std::snprintf(digits.data(), digits.size(), "%08x", crc);
  return digits.data();
}

}  // namespace

std::string framed(std::string_view object, std::string_view run) {
  LOOKTWICE_CHECK(object.size() > 2 && object.front() == '{' && object.back() == '}');
  LOOKTWICE_CHECK(run.size() == kRunDigits && object.find('\n') == std::string_view::npos);
  std::string line;
  line.reserve(object.size() + kTail);
  line.append(object.substr(0, object.size() - 1)).append(kRunField).append(run).append("\"");
  const std::uint32_t crc = crc32c(line);
  line.append(kCrcField).append(crc_text(crc)).append("\"}");
  return line;
}

Unframed unframed(std::string_view line, std::string_view run) {
  if (line.size() <= kTail + 2 || line.front() != '{' || !line.ends_with("\"}")) return {};
  const std::string_view sealed = line.substr(0, line.size() - kCrcTail);
  const std::string_view seal = line.substr(sealed.size());
  if (!seal.starts_with(kCrcField) ||
      seal.substr(kCrcField.size(), kCrcDigits) != crc_text(crc32c(sealed)))
    return {};
  const std::string_view fields = line.substr(0, line.size() - kTail);
  const std::string_view tail = sealed.substr(fields.size());
  if (!tail.starts_with(kRunField)) return {};
  if (tail.substr(kRunField.size(), kRunDigits) != run) return {.state = FrameState::foreign};
  return {.state = FrameState::good, .object = std::string(fields) + "}"};
}

std::string file_header(std::string_view kind, std::string_view run) {
  return framed(R"({"schema":1,"kind":")" + std::string(kind) + "\"}", run);
}

FrameCounts for_each_record(
    const std::filesystem::path& file, std::string_view kind, std::string_view run,
    const std::function<void(std::string_view, std::uint64_t, std::uint64_t)>& show) {
  std::ifstream in(file, std::ios::binary);
  if (!in && errno == ENOENT) throw Error(Kind::data, printable(file.string()) + ": missing");
  if (!in) disk_failure(file, "open", errno);
  FrameCounts counts;
  std::string line;
  std::uint64_t offset = 0;
  for (bool first = true; std::getline(in, line); first = false) {
    const std::uint64_t start = offset;
    const bool ended = !in.eof();
    offset += line.size() + (ended ? 1 : 0);
    Unframed record = unframed(line, run);
    if (!ended) record.state = FrameState::damaged;  // the newline is part of the frame
    if (first && line == file_header(kind, run)) continue;
    if (first && record.state == FrameState::foreign)
      throw Error(Kind::data,
                  printable(file.string()) + ": line 1: the file belongs to another run");
    if (first && record.state == FrameState::good)
      throw Error(Kind::data, printable(file.string()) + ": line 1: expected " + std::string(kind) +
                                  " of schema 1, found " + printable(line, 80));
    switch (record.state) {
      case FrameState::good:
        ++counts.good;
        show(record.object, start, line.size() + 1);
        break;
      case FrameState::damaged:
        ++counts.damaged;
        break;
      case FrameState::foreign:
        ++counts.foreign;
        break;
    }
  }
  // A disk that cannot be read is no end of the file: taking it for one would cut good records.
  if (in.bad()) disk_failure(file, "read", EIO);
  return counts;
}

}  // namespace looktwice::store
