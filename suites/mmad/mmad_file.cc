#include "suites/mmad/mmad_file.h"

#include <algorithm>
#include <set>
#include <unordered_map>
#include <utility>

#include "harness/core/error.h"
#include "harness/core/table.h"
#include "harness/core/text.h"
#include "suites/datasets/layout.h"

namespace looktwice::suites {
namespace {

using Type = JsonValue::Type;

// What is wrong with a record or a field, on its way to the record's flaw.
struct Flaw {
  std::string what = {};
};

[[noreturn]] void flawed(const std::string& field, const std::string& why) {
  throw Flaw{field + ": " + why};
}

const JsonValue& member(const JsonValue& object, const std::string& name,
                        const std::string& field) {
  const JsonValue* found = nullptr;
  for (const auto& [other, value] : object.members) {
    if (other != name) continue;
    if (found) flawed(field, "stands twice in its object");
    found = &value;
  }
  if (!found) flawed(field, "missing");
  return *found;
}

const std::string& text_member(const JsonValue& object, const std::string& name,
                               const std::string& field) {
  const JsonValue& value = member(object, name, field);
  if (value.type != Type::text)
    flawed(field, std::string("expected a text, found ") + name_of(value.type));
  if (value.text.find_first_not_of(" \t\r\n") == std::string::npos) flawed(field, "empty");
  return value.text;
}

std::string shown(const std::string& text) {
  return "'" + printable(text, 80) + "'";
}

std::vector<Option> options_of(const JsonValue& question, const std::string& field) {
  const JsonValue& object = member(question, "Options", field);
  if (object.type != Type::object)
    flawed(field, std::string("expected an object, found ") + name_of(object.type));
  if (object.members.empty()) flawed(field, "empty");
  std::vector<Option> options;
  for (const auto& [letter, value] : object.members) {
    const std::string place = field + "." + printable(letter, 20);
    if (letter.size() != 1 || letter[0] < 'A' || letter[0] > 'E')
      flawed(place, "expected a letter A to E");
    if (std::ranges::find(options, letter, &Option::letter) != options.end())
      flawed(place, "stands twice in its object");
    options.push_back({.letter = letter, .text = text_member(object, letter, place)});
  }
  if (options.size() < 2) flawed(field, "one option only");
  return options;
}

MmadQuestion question_of(const JsonValue& record, const std::string& place) {
  MmadQuestion question;
  try {
    if (record.type != Type::object)
      flawed(place, std::string("expected an object, found ") + name_of(record.type));
    const std::string& type = text_member(record, "type", place + ".type");
    question.subtask = mmad_subtask_of(type);
    if (question.subtask < 0) flawed(place + ".type", "unknown: " + shown(type));
    question.text = text_member(record, "Question", place + ".Question");
    question.options = options_of(record, place + ".Options");
    question.answer = text_member(record, "Answer", place + ".Answer");
    if (std::ranges::find(question.options, question.answer, &Option::letter) ==
        question.options.end())
      flawed(place + ".Answer", shown(question.answer) + " is no letter of the options");
  } catch (Flaw& flaw) {
    question.flaw = std::move(flaw.what);
  }
  return question;
}

class Reader {
 public:
  explicit Reader(const std::filesystem::path& root) : gathering_(root) { set_.root = root; }

  MmadSet read() {
    const std::filesystem::path path = set_.root / "mmad.json";
    const std::string file = path.string();
    const std::string text = text_of_file(path);
    refuse_utf16(text, file);
    const JsonValue records = parsed_json(text, file, 64, 1, NameTwice::kept);
    if (records.type != Type::object)
      refuse_at(
          file, records.place,
          std::string("expected an object of records by image, found ") + name_of(records.type));
    std::unordered_map<std::string, int> copies;
    for (const auto& [key, record] : records.members) {
      MmadImage image = image_of(key, record);
      image.copy = copies[key]++;
      if (image.copy > 0 && image.flaw.empty()) image.flaw = "the key stands in the file again";
      set_.images.push_back(std::move(image));
    }
    for (const auto& [note, seen] : notes_)
      set_.notes.push_back(note + " (" + std::to_string(seen.first) + "), first " + seen.second);
    return std::move(set_);
  }

 private:
  void note(const std::string& what, const std::string& where) {
    const auto [found, is_new] = notes_.try_emplace(what, 0, shown(where));
    ++found->second.first;
  }

  // A path of the file as a relative one below the root; it must be there.
  std::string checked_file(const std::string& path, const std::string& field) {
    const auto known = files_.find(path);
    if (known != files_.end()) {
      if (!known->second.second.empty()) flawed(field, known->second.second);
      return known->second.first;
    }
    auto& [relative, why] = files_[path];
    try {
      relative =
          gathering_.listed_file(path, [&](const std::string& refusal) { throw Flaw{refusal}; });
      if (!gathering_.has_file(relative)) why = "no such file: " + shown(path);
    } catch (Flaw& flaw) {
      why = std::move(flaw.what);
    }
    if (!why.empty()) flawed(field, why);
    return relative;
  }

  std::vector<std::string> templates_of(const JsonValue& record, const std::string& name) {
    const JsonValue& list = member(record, name, name);
    if (list.type != Type::array)
      flawed(name, std::string("expected a list, found ") + name_of(list.type));
    if (list.items.empty()) flawed(name, "empty");
    std::vector<std::string> files;
    for (std::size_t i = 0; i < list.items.size(); ++i) {
      const std::string field = name + "[" + std::to_string(i) + "]";
      if (list.items[i].type != Type::text)
        flawed(field, std::string("expected a text, found ") + name_of(list.items[i].type));
      files.push_back(checked_file(list.items[i].text, field));
    }
    return files;
  }

  // Relative to SOURCE/CATEGORY/; the benchmark's own exporter joins the first three parts of the
  // key instead.
  std::string mask_of(const MmadImage& image, const JsonValue& record) {
    const JsonValue* path = record.find("mask_path");
    if (!path || path->type == Type::null || path->text.empty()) return {};
    if (path->type != Type::text) {
      note("mask_path is no text", image.key);
      return {};
    }
    std::string third = image.key;
    std::size_t at = 0;
    for (int part = 0; part < 3 && at != std::string::npos; ++part)
      at = third.find('/', at == 0 && part == 0 ? 0 : at + 1);
    if (at != std::string::npos) third.resize(at);
    for (const std::string& folder : {image.source + "/" + image.category, third}) {
      std::string relative;
      try {
        relative = gathering_.listed_file(folder + "/" + path->text,
                                          [](const std::string& why) { throw Flaw{why}; });
      } catch (const Flaw&) {
        continue;
      }
      if (gathering_.has_file(relative)) return relative;
    }
    note("masks that are not there", image.key);
    return {};
  }

  MmadImage image_of(const std::string& key, const JsonValue& record) {
    MmadImage image{.key = key, .normal = key.find("good") != std::string::npos};
    const std::size_t first = key.find('/');
    const std::size_t second = first == std::string::npos ? first : key.find('/', first + 1);
    const std::size_t last = key.rfind('/');
    if (second != std::string::npos) {
      image.source = key.substr(0, first);
      image.category = key.substr(first + 1, second - first - 1);
      const std::size_t before = key.rfind('/', last - 1);
      image.defect = key.substr(before + 1, last - before - 1);
    }
    try {
      if (image.source.empty())
        flawed("key", "expected SOURCE/CATEGORY/.../IMAGE, found " + shown(key));
      if (std::ranges::find(kMmadSources, image.source) == kMmadSources.end())
        flawed("key", "unknown source " + shown(image.source));
      if (record.type != Type::object)
        flawed("record", std::string("expected an object, found ") + name_of(record.type));
      read_conversation(image, record);
      image.image = checked_file(key, "image");
      image.mask = mask_of(image, record);
    } catch (Flaw& flaw) {
      image.flaw = std::move(flaw.what);
    }
    if (record.type == Type::object) read_templates(image, record);
    return image;
  }

  static void read_conversation(MmadImage& image, const JsonValue& record) {
    const JsonValue& list = member(record, "conversation", "conversation");
    if (list.type != Type::array)
      flawed("conversation", std::string("expected a list, found ") + name_of(list.type));
    if (list.items.empty()) flawed("conversation", "empty");
    for (std::size_t i = 0; i < list.items.size(); ++i)
      image.questions.push_back(
          question_of(list.items[i], "conversation[" + std::to_string(i) + "]"));
  }

  void read_templates(MmadImage& image, const JsonValue& record) {
    try {
      image.random_templates = templates_of(record, "random_templates");
      image.similar_templates = templates_of(record, "similar_templates");
    } catch (Flaw& flaw) {
      image.template_flaw = std::move(flaw.what);
    }
  }

  datasets::Gathering gathering_;
  MmadSet set_;
  std::map<std::string, std::pair<std::int64_t, std::string>> notes_;
  // Path as listed -> relative path, or why not: most templates are listed often.
  std::unordered_map<std::string, std::pair<std::string, std::string>> files_;
};

}  // namespace

int mmad_subtask_of(std::string_view type) {
  if (type == "Object Structure" || type == "Object Details") type = "Object Analysis";
  for (std::size_t i = 0; i < kMmadSubtasks.size(); ++i)
    if (type == kMmadSubtasks[i].name) return static_cast<int>(i);
  return -1;
}

MmadSet mmad_set(const std::filesystem::path& data_root) {
  const std::filesystem::path root = datasets::found_root(
      data_root, {.title = "MMAD",
                  .usual_names = {"mmad"},
                  .layout = "mmad.json beside DS-MVTec, MVTec-AD, MVTec-LOCO, VisA and GoodsAD",
                  .fits = [](const std::filesystem::path& folder) {
                    std::error_code failed;
                    return std::filesystem::is_regular_file(folder / "mmad.json", failed);
                  }});
  return Reader(root).read();
}

std::map<std::string, std::string> mmad_domain_knowledge(const std::filesystem::path& root) {
  const std::filesystem::path path = root / "domain_knowledge.json";
  const std::string file = path.string();
  const JsonValue sources = parsed_json(text_of_file(path), file);
  const auto refuse = [&](const JsonValue& value, const char* expected) {
    refuse_at(file, value.place,
              std::string("expected ") + expected + ", found " + name_of(value.type));
  };
  if (sources.type != Type::object) refuse(sources, "an object of sources");
  std::map<std::string, std::string> knowledge;
  for (const auto& [source, categories] : sources.members) {
    if (categories.type != Type::object) refuse(categories, "an object of categories");
    for (const auto& [category, facts] : categories.members) {
      if (facts.type != Type::object) refuse(facts, "an object of texts");
      std::string text;
      for (const auto& [kind, fact] : facts.members) {
        if (fact.type != Type::text) refuse(fact, "a text");
        text += (text.empty() ? "" : "\n") + fact.text;
      }
      knowledge[(source == "MVTec" ? "DS-MVTec" : source) + "/" + category] = std::move(text);
    }
  }
  return knowledge;
}

}  // namespace looktwice::suites
