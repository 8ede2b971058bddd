// One record of a JSONL file that can be told from a torn, flipped or foreign one. A frame is the
// record's own JSON object with two last fields, so that any JSON reader still reads the line:
// {"key":...,"run":"<16 hex>","crc":"<8 hex>"} crc: CRC-32C of all bytes before `,"crc"`. A newline
// ends the frame.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

namespace looktwice::store {

// object: "{...}" on one line with at least one field. run: 16 hex digits.
std::string framed(std::string_view object, std::string_view run);

enum class FrameState { good, damaged, foreign };
struct Unframed {
  FrameState state = FrameState::damaged;
  std::string object = {};  // as given to framed(); empty unless good
};
Unframed unframed(std::string_view line, std::string_view run);

// The first line of each framed file.
std::string file_header(std::string_view kind, std::string_view run);

struct FrameCounts {
  std::int64_t good = 0, damaged = 0, foreign = 0;
};

// Shows each good record after the header, in file order, with its place in the file. A file that
// is not of this kind or schema is Kind::data; one whose header names another run is Kind::data
// too, unless it is damaged: then it counts as damaged. A file that cannot be read is Kind::disk.
FrameCounts for_each_record(const std::filesystem::path& file, std::string_view kind,
                            std::string_view run,
                            const std::function<void(std::string_view object, std::uint64_t offset,
                                                     std::uint64_t bytes)>& show);

}  // namespace looktwice::store
