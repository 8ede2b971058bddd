// A list of what a model was trained on, for `audit contamination`: JSON Lines, one thing a line,
// read and written one line at a time whatever its size. The first line says what it is:
//
//   {"schema":1,"kind":"training","about":"..."}
//   {"name":"bottle/train/good/000.png","sha256":"<64 hex>","phash":"<16 hex>"}
//   {"name":"chat.jsonl:12","text":"Is there any defect in the object? ..."}
//
// Every line but the first has a name (for messages) and one or more of sha256 (of the file),
// phash (imaging/phash.h) and text (any words the model was shown or taught). Other members are
// passed over. Not here: what overlaps (contamination.h), who makes a list.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace looktwice {
struct JsonValue;
}

namespace looktwice::run {

struct TrainingItem {
  std::string name = {};
  std::string sha256 = {};  // lower case; empty: none
  std::optional<std::uint64_t> phash = {};
  std::string text = {};
};

struct TrainingListSize {
  std::int64_t items = 0, hashes = 0, perceptual = 0, texts = 0;
};

// Shows every item. Kind::data with file and line: no such head, a line that is no object, over
// 64 MiB, without any of the three, or with one of another form.
TrainingListSize for_each_training_item(const std::filesystem::path& file,
                                        const std::function<void(const TrainingItem&)>& show);

// One line of a list that is not its head. file, number: for messages. The same refusals.
TrainingItem training_item(std::string_view line, const std::string& file, std::int64_t number);

// Lines of a text file without their ends, with their numbers from 1. Kind::data for one over 64
// MiB.
void for_each_line(const std::filesystem::path& file,
                   const std::function<void(std::string_view line, std::int64_t number)>& show);

// The items of the array, or the values of the object, that a JSON file is, one at a time whatever
// its size; none: it is another value. Strict as parsed_json, but that a name of that object may
// stand twice. Kind::data with file, line and column, also for an item over 64 MiB.
void for_each_record(const std::filesystem::path& file,
                     const std::function<void(const JsonValue& record)>& show);

std::string training_head(std::string_view about);  // without the line end
std::string line_of(const TrainingItem& item);
std::string phash_text(std::uint64_t hash);  // 16 hex digits

}  // namespace looktwice::run
