// mmad.json and domain_knowledge.json as published (protocols.md 3.1), every record checked: what
// is wrong with one is written beside it, the others go on. Not here: prompts, marking.
#pragma once

#include <array>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "harness/core/sample.h"

namespace looktwice::suites {

// The seven columns of the published tables, in their order; the raw types "Object Structure",
// "Object Details" and "Object Analysis" are one.
struct MmadSubtask {
  const char* name = "";   // "Defect Classification"
  const char* group = "";  // "defect_classification"
};
inline constexpr std::array<MmadSubtask, 7> kMmadSubtasks = {{
    {"Anomaly Detection", "anomaly_detection"},
    {"Defect Classification", "defect_classification"},
    {"Defect Localization", "defect_localization"},
    {"Defect Description", "defect_description"},
    {"Defect Analysis", "defect_analysis"},
    {"Object Classification", "object_classification"},
    {"Object Analysis", "object_analysis"},
}};
// The index of the subtask that a raw type belongs to; -1: unknown.
int mmad_subtask_of(std::string_view type);

inline constexpr std::array<const char*, 4> kMmadSources = {"DS-MVTec", "MVTec-LOCO", "VisA",
                                                            "GoodsAD"};

struct MmadQuestion {
  int subtask = -1;  // index into kMmadSubtasks
  std::string text = {};
  std::vector<Option> options = {};  // by letter
  std::string answer = {};           // a letter of the options
  std::string flaw = {};             // why it cannot be asked: "conversation[2].Answer: ..."
};

// One record. Paths are relative to the root, '/' separated, and stay below it.
struct MmadImage {
  std::string key = {};  // as the file has it
  std::string source = {}, category = {}, defect = {};
  bool normal = false;  // the key contains "good"
  std::string image = {};
  std::string mask = {};  // empty: none, or not found (then noted)
  std::vector<std::string> random_templates = {}, similar_templates = {};
  std::vector<MmadQuestion> questions = {};
  std::string flaw = {};           // of the whole record: none of its questions can be asked
  std::string template_flaw = {};  // its questions cannot be asked with a template
  int copy = 0;                    // of a key that stands in the file again: 1, 2, ...
};

struct MmadSet {
  std::filesystem::path root = {};
  std::vector<MmadImage> images = {};  // in the order of the file
  std::vector<std::string> notes = {};
};

// Reads ROOT/mmad.json, where ROOT is data_root or a usual folder below it. Checks that all named
// files are there. Kind::data when there is no such file or it is no JSON object.
MmadSet mmad_set(const std::filesystem::path& data_root);

// "source/category" -> the text that a model is given. Kind::data names what is wrong.
std::map<std::string, std::string> mmad_domain_knowledge(const std::filesystem::path& root);

}  // namespace looktwice::suites
