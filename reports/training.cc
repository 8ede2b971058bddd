#include "reports/training.h"

#include <nlohmann/json.hpp>
#include <set>

#include "harness/core/error.h"
#include "harness/core/text.h"
#include "reports/embedded.h"

namespace looktwice::reports {
namespace {

using Json = nlohmann::ordered_json;

const Json& facts() {
  static const Json parsed = [] {
    for (const EmbeddedFile& file : published_files())
      if (file.name == "training.json") return Json::parse(file.bytes);
    throw Error(Kind::internal, "published: no file training.json");
  }();
  return parsed;
}

// "mvtec", "MVTec AD" and "MVTec-AD" are one; a name that is not known stays as it is.
std::string title_of(std::string_view name) {
  std::string key;
  for (const char c : lower_ascii(name))
    if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '&') key += c;
  const Json& names = facts().at("names");
  return names.contains(key) ? names.at(key).get<std::string>() : std::string(name);
}

// A set and those whose pictures it is made of.
std::set<std::string> parts_of(const std::string& title) {
  std::set<std::string> parts = {title};
  const Json& holds = facts().at("holds");
  if (holds.contains(title))
    for (const Json& part : holds.at(title)) parts.insert(part.get<std::string>());
  return parts;
}

// Pictures of the one may be in the other; the sets that both are made of, "VisA".
std::string shared_parts(const std::string& a, const std::string& b) {
  const std::set<std::string> ours = parts_of(a), theirs = parts_of(b);
  if (theirs.contains(a)) return a;
  if (ours.contains(b)) return b;
  std::string shared;
  for (const std::string& part : ours)
    if (theirs.contains(part)) shared += (shared.empty() ? "" : ", ") + part;
  return shared;
}

std::string note_of_facts(const char* who, std::string_view name, const char* text,
                          std::string_view dataset, bool by_start) {
  const std::string title = title_of(dataset);
  std::string note;
  for (const Json& fact : facts().at("facts")) {
    const auto known = fact.at(who).get<std::string>();
    const bool fits = by_start ? name.starts_with(known) : name == known;
    const auto sentence = fact.at(text).get<std::string>();
    if (!fits || sentence.empty() ||
        shared_parts(fact.at("dataset").get<std::string>(), title).empty())
      continue;
    note += (note.empty() ? "" : " ") + sentence;
  }
  return note;
}

}  // namespace

std::string training_note_of_paper(std::string_view method, std::string_view dataset) {
  return note_of_facts("method", method, "paper", dataset, true);
}

std::string training_note(const store::Manifest& manifest, std::string_view dataset) {
  if (manifest.trained_on.empty())
    return note_of_facts("model", manifest.model, "ours", dataset, false);
  const std::string title = title_of(dataset);
  std::string note;
  for (const std::string& name : manifest.trained_on) {
    const std::string seen = title_of(name), shared = shared_parts(seen, title);
    if (shared.empty()) continue;
    note += (note.empty() ? "Trained on " : ", ") + seen;
    if (seen != title) note += " (which shares pictures of " + shared + ")";
  }
  return note.empty() ? note : note + ".";
}

}  // namespace looktwice::reports
