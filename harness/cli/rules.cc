#include "harness/cli/rules.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <set>
#include <sstream>

#include "harness/core/error.h"
#include "harness/core/image.h"
#include "harness/core/options.h"
#include "harness/core/text.h"

namespace looktwice::cli {
namespace {

using reports::GateRule;
using reports::GateRules;

constexpr std::uintmax_t kMaxBytes = 1 << 20;

const std::vector<std::string> kTopKeys = {"level", "rules"};
const std::vector<std::string> kRuleKeys = {"task",   "class",    "metric", "scorer",    "floor",
                                            "margin", "coverage", "of",     "undefined", "ceiling"};

// Gathers the rules from the parser's events. Building a node tree would expand aliases and lose
// duplicate keys.
class Reader final : public YAML::EventHandler {
 public:
  explicit Reader(std::string file) : file_(std::move(file)) { rules.file = file_; }

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
    if (level_ != Level::top || key_ != "rules") refuse(mark, "expected one value, not a list");
    level_ = Level::list;
  }
  void OnSequenceEnd() override {
    level_ = Level::top;
    key_.clear();
  }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    plain(mark, tag, anchor);
    if (level_ == Level::outside) {
      level_ = Level::top;
    } else if (level_ == Level::list) {
      level_ = Level::rule;
      key_.clear();
      seen_.clear();
      rules.rules.push_back({.line = mark.line + 1});
      rule_mark_ = mark;
    } else {
      refuse(mark, key_ == "rules" ? "expected a list: '- metric: auroc'" : "expected one value");
    }
  }
  void OnMapEnd() override {
    if (level_ == Level::rule) {
      finish_rule();
      level_ = Level::list;
    } else {
      level_ = Level::outside;
    }
  }

  GateRules rules;

 private:
  enum class Level { outside, top, list, rule };

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
    if (level_ == Level::outside) refuse(mark, "expected 'rules:' and a list");
    if (level_ == Level::list) refuse(mark, "expected a rule: 'metric: auroc, floor: 75'");
    if (key_.empty()) {
      take_key(mark, value);
      return;
    }
    if (level_ == Level::top)
      set_top(mark, value);
    else
      set_rule(mark, value);
    key_.clear();
  }

  void take_key(const YAML::Mark& mark, const std::string& name) {
    const auto& known = level_ == Level::top ? kTopKeys : kRuleKeys;
    if (std::ranges::find(known, name) == known.end()) {
      const std::string near = nearest(name, known);
      std::string all;
      for (const std::string& one : known) all += (all.empty() ? "" : ", ") + one;
      refuse(mark, "no key '" + printable(name, 40) + "'; " +
                       (near.empty() ? "there is " + all : "did you mean '" + near + "'?"));
    }
    if (!(level_ == Level::top ? seen_at_top_ : seen_).insert(name).second)
      refuse(mark, "'" + name + "' is given twice");
    key_ = name;
  }

  double number(const YAML::Mark& mark, const std::string& value, double low, double high) const {
    double parsed = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), parsed);
    if (error != std::errc{} || end != value.data() + value.size() || !(parsed >= low) ||
        !(parsed <= high)) {
      std::ostringstream range;
      range << low << " to " << high;
      refuse(mark, key_ + ": expected a number from " + range.str() + ", not '" +
                       printable(value, 40) + "'");
    }
    return parsed;
  }

  std::string choice(const YAML::Mark& mark, const std::string& value, const std::string& one,
                     const std::string& other) const {
    if (value == one || value == other) return value;
    refuse(mark,
           key_ + ": expected " + one + " or " + other + ", not '" + printable(value, 40) + "'");
  }

  std::string text(const YAML::Mark& mark, const std::string& value) const {
    if (value.empty()) refuse(mark, key_ + ": expected a name or a glob");
    return value;
  }

  void set_top(const YAML::Mark& mark, const std::string& value) {
    if (key_ == "rules") refuse(mark, "rules: expected a list: '- metric: auroc'");
    rules.level = number(mark, value, 0.5, 1);
    if (rules.level <= 0.5 || rules.level >= 1) refuse(mark, "level: expected such as 0.95");
  }

  void set_rule(const YAML::Mark& mark, const std::string& value) {
    GateRule& rule = rules.rules.back();
    if (key_ == "task") rule.task = text(mark, value);
    if (key_ == "class") rule.group = text(mark, value);
    if (key_ == "metric") rule.metric = text(mark, value);
    if (key_ == "scorer") rule.scorer = choice(mark, value, "official", "corrected");
    if (key_ == "floor") rule.floor = number(mark, value, -1e6, 1e6);
    if (key_ == "ceiling") rule.ceiling = number(mark, value, -1e6, 1e6);
    if (key_ == "margin") rule.margin = number(mark, value, 0, 1e6);
    if (key_ == "coverage") rule.coverage = number(mark, value, 0, 100);
    if (key_ == "of") rule.of_interval = choice(mark, value, "value", "interval") == "interval";
    if (key_ == "undefined") rule.skip_undefined = choice(mark, value, "fail", "skip") == "skip";
  }

  void finish_rule() const {
    const GateRule& rule = rules.rules.back();
    const bool of_metric = rule.floor || rule.ceiling || rule.margin;
    if (!of_metric && !rule.coverage)
      refuse(rule_mark_, "a rule needs one of floor, ceiling, margin, coverage");
    if (of_metric && rule.metric.empty()) refuse(rule_mark_, "a rule needs 'metric'");
    if (!of_metric && !rule.metric.empty())
      refuse(rule_mark_, "coverage is of samples, not of a metric; leave 'metric' out");
    if (rule.of_interval && !rule.floor && !rule.ceiling)
      refuse(rule_mark_, "'of' goes with floor or ceiling");
  }

  const std::string file_;
  Level level_ = Level::outside;
  std::string key_;
  std::set<std::string> seen_at_top_, seen_;
  YAML::Mark rule_mark_;
};

}  // namespace

GateRules rules_of(const std::filesystem::path& file) {
  const std::string name = printable(file.string());
  std::vector<std::byte> bytes;
  try {
    bytes = file_bytes(file, kMaxBytes);
  } catch (const Error& error) {
    throw Error(Kind::usage, error.what());
  }
  std::istringstream in(std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
  Reader reader(name);
  try {
    YAML::Parser parser(in);
    parser.HandleNextDocument(reader);
    Reader second(name);
    if (parser.HandleNextDocument(second))
      throw Error(Kind::usage, name + ": holds several documents, expected one");
  } catch (const YAML::Exception& error) {
    throw Error(Kind::usage, name + ": line " + std::to_string(error.mark.line + 1) + ", column " +
                                 std::to_string(error.mark.column + 1) + ": " +
                                 printable(error.msg));
  }
  if (reader.rules.rules.empty()) throw Error(Kind::usage, name + ": holds no rules");
  return reader.rules;
}

}  // namespace looktwice::cli
