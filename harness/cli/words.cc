#include "harness/cli/words.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <optional>
#include <set>
#include <sstream>

#include "harness/core/error.h"
#include "harness/core/image.h"
#include "harness/core/text.h"

namespace looktwice::cli {
namespace {

constexpr std::uintmax_t kMaxConfigBytes = 1 << 20;

// Gathers a flat mapping from the parser's events. Building a node tree would expand aliases and
// lose duplicate keys.
class FlatMapping final : public YAML::EventHandler {
 public:
  explicit FlatMapping(std::string file) : file_(std::move(file)) {}

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    scalar(mark, "", anchor, "");
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    refuse(mark, "aliases are not allowed");
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    scalar(mark, tag, anchor, value);
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    plain(mark, tag, anchor);
    if (depth_ != 1 || !name_) refuse(mark, "expected 'name: value'");
    ++depth_, in_list_ = true;
  }
  void OnSequenceEnd() override { end_nested(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    plain(mark, tag, anchor);
    if (depth_ > 1 || (depth_ == 1 && !name_))
      refuse(mark, "nested too deep; expected 'name: value'");
    ++depth_;
  }
  void OnMapEnd() override {
    if (depth_ == 2)
      end_nested();
    else
      --depth_;
  }

  std::vector<std::pair<std::string, std::string>> pairs;

 private:
  [[noreturn]] void refuse(const YAML::Mark& mark, const std::string& why) const {
    throw Error(Kind::usage, file_ + ": line " + std::to_string(mark.line + 1) + ", column " +
                                 std::to_string(mark.column + 1) + ": " + why);
  }
  void plain(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor) const {
    if (anchor != 0) refuse(mark, "anchors are not allowed");
    if (!tag.empty() && tag != "?" && tag != "!")
      refuse(mark, "tags are not allowed: " + printable(tag, 40));
  }
  void scalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
              const std::string& value) {
    plain(mark, tag, anchor);
    if (depth_ == 0) refuse(mark, "expected 'name: value' lines");
    if (depth_ == 1 && !name_) {
      std::string name = value;
      std::ranges::replace(name, '-', '_');
      if (name.empty() || !seen_.insert(name).second)
        refuse(mark, "'" + printable(value, 40) + "' is given twice or empty");
      name_ = name;
    } else if (depth_ == 1) {
      pairs.emplace_back(*name_, value);
      name_.reset();
    } else if (in_list_) {
      nested_ += (nested_.empty() ? "" : ",") + value;
    } else if (!inner_) {
      inner_ = value;
    } else {
      const bool quote = value.find(',') != std::string::npos;
      nested_ += (nested_.empty() ? "" : ",") + *inner_ + "=" + (quote ? '"' + value + '"' : value);
      inner_.reset();
    }
  }
  void end_nested() {
    pairs.emplace_back(*name_, nested_);
    name_.reset(), nested_.clear();
    --depth_, in_list_ = false;
  }

  const std::string file_;
  int depth_ = 0;  // 1: the mapping of options, 2: a list or mapping as value
  bool in_list_ = false;
  std::optional<std::string> name_, inner_;
  std::string nested_;
  std::set<std::string> seen_;
};

}  // namespace

std::vector<std::string> normalised(const std::vector<std::string>& words) {
  std::vector<std::string> out = words;
  for (std::string& word : out) {
    if (word == "--") break;
    if (!word.starts_with("--")) continue;
    const auto end =
        word.begin() + static_cast<std::ptrdiff_t>(std::min(word.find('='), word.size()));
    std::replace(word.begin() + 2, end, '-', '_');
  }
  return out;
}

std::vector<std::pair<std::string, std::string>> config_options(const std::filesystem::path& file) {
  const std::string name = printable(file.string());
  std::vector<std::byte> bytes;
  try {
    bytes = file_bytes(file, kMaxConfigBytes);
  } catch (const Error& error) {
    throw Error(Kind::usage, error.what());
  }
  std::istringstream in(std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
  FlatMapping mapping(name);
  try {
    YAML::Parser parser(in);
    parser.HandleNextDocument(mapping);
    FlatMapping second(name);
    if (parser.HandleNextDocument(second))
      throw Error(Kind::usage, name + ": holds several documents, expected one");
  } catch (const YAML::Exception& error) {
    throw Error(Kind::usage, name + ": line " + std::to_string(error.mark.line + 1) + ", column " +
                                 std::to_string(error.mark.column + 1) + ": " +
                                 printable(error.msg));
  }
  return mapping.pairs;
}

std::vector<std::string> with_config(const std::vector<std::string>& words) {
  std::vector<std::string> rest;
  std::vector<std::string> spliced;
  for (std::size_t i = 0; i < words.size(); ++i) {
    std::string file;
    if (words[i] == "--config") {
      if (++i == words.size()) throw Error(Kind::usage, "--config: expected a file");
      file = words[i];
    } else if (words[i].starts_with("--config=")) {
      file = words[i].substr(9);
    } else {
      rest.push_back(words[i]);
      continue;
    }
    for (const auto& [name, value] : config_options(file))
      spliced.push_back("--" + name + "=" + value);
  }
  const auto first_option =
      std::ranges::find_if(rest, [](const std::string& w) { return w.starts_with("-"); });
  rest.insert(first_option, spliced.begin(), spliced.end());
  return rest;
}

}  // namespace looktwice::cli
