// The cases of a fixture as requests: what a suite would have asked to get each prompt.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "adapters/imaging/codec.h"
#include "harness/core/json_value.h"
#include "harness/core/sample.h"
#include "tests/support/files.h"

namespace looktwice::omniad {

inline JsonValue manifest_of(const std::filesystem::path& folder) {
  const auto bytes = test::bytes_of(folder / "manifest.json");
  return parsed_json({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, "manifest.json");
}

// The official fixture, and a second checkpoint of other sizes (scripts/golden/omniad_golden.py).
inline std::vector<std::filesystem::path> case_folders() {
  std::vector<std::filesystem::path> found;
  for (const auto& folder : {test::fixture_path("omniad"), test::data_path("omniad_other")})
    if (std::filesystem::exists(folder / "checkpoint/config.json")) found.push_back(folder);
  return found;
}

inline std::vector<std::int32_t> ids_of(const JsonValue& list) {
  std::vector<std::int32_t> ids;
  for (const JsonValue& item : list.items) ids.push_back(std::atoi(item.text.c_str()));
  return ids;
}

// "square512", "fit512", "none" and the number in it.
struct Resize {
  std::string framing = {};  // the adapter's word for it
  int side = 512;
};
inline Resize resize_of(const std::string& name) {
  Resize made{.framing = name.starts_with("square") ? "stretch"
                         : name.starts_with("fit")  ? "fit"
                                                    : "native"};
  const std::size_t digits = name.find_first_of("0123456789");
  if (digits != std::string::npos) made.side = std::atoi(name.c_str() + digits);
  return made;
}

// As the model saw them, placeholders of pictures included.
inline std::vector<std::int32_t> input_ids(const JsonValue& one) {
  std::vector<std::int32_t> ids;
  for (const JsonValue& run : one.find("input_ids_run_length")->items)
    ids.insert(ids.end(), std::stoul(run.items[1].text), std::atoi(run.items[0].text.c_str()));
  return ids;
}

// The prompt taken apart: system text, earlier turns, the last turn in parts. Pictures of an
// earlier turn stand at its beginning.
inline Request request_of(const std::filesystem::path& folder, const std::string& name,
                          const JsonValue& one) {
  Request made{.key = name};
  made.question.wanted = {.text = true};
  std::string prompt = one.find("prompt")->text;
  const bool numbered = one.find("add_vision_id")->text == "true";
  int pictures = 0;
  const auto last = static_cast<int>(one.find("images")->items.size()) - 1;
  for (const JsonValue& told : one.find("images")->items) {
    const std::string& file = told.find("image")->text;
    Picture picture(file, {.path = folder / file}, imaging::make_codec());
    if (pictures++ < last)
      made.references.push_back(std::move(picture));
    else
      made.image = std::move(picture);
  }
  pictures = 0;
  const std::string begin = "<|im_start|>", end = "<|im_end|>\n",
                    shown = "<|vision_start|><|image_pad|><|vision_end|>";
  std::string asked;
  for (std::size_t at = 0; (at = prompt.find(begin, at)) != std::string::npos;) {
    at += begin.size();
    const std::size_t line = prompt.find('\n', at), stop = prompt.find(end, line);
    const std::string role = prompt.substr(at, line - at);
    if (stop == std::string::npos) break;  // the reply to come
    std::string text = prompt.substr(line + 1, stop - line - 1);
    at = stop;
    const bool final_turn = prompt.find(begin + "user\n", at) == std::string::npos;
    if (role == "system") {
      made.question.system = text;
    } else if (role == "assistant") {
      made.dialogue.push_back({.question = asked, .answer = text});
    } else if (!final_turn) {
      for (std::size_t found; (found = text.find(shown)) != std::string::npos; ++pictures)
        text.erase(0, found + shown.size());
      asked = text;
    } else {
      for (std::size_t found; (found = text.find(shown)) != std::string::npos; ++pictures) {
        std::string before = text.substr(0, found);
        const std::string number = "Picture " + std::to_string(pictures + 1) + ": ";
        if (numbered && before.ends_with(number)) before.resize(before.size() - number.size());
        if (!before.empty()) made.question.parts.push_back({.text = before});
        if (pictures < last)
          made.question.parts.push_back(
              {.kind = QuestionPart::Kind::reference, .reference = pictures});
        else
          made.question.parts.push_back({.kind = QuestionPart::Kind::image});
        text.erase(0, found + shown.size());
      }
      if (!text.empty()) made.question.parts.push_back({.text = text});
    }
  }
  return made;
}

}  // namespace looktwice::omniad
