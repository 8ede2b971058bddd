// The two JSON lists of VisA-D&R, and lists written in the same way. Read strictly: a record that
// is wrong is named by file, index, line and field. Not here: which records count, the questions of
// detection, marking.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "harness/core/json_value.h"

namespace looktwice::suites {

struct DrRecord {
  std::size_t index = 0;  // in the list, from 0
  Place place = {};
  std::string image = {};  // as written
  // The field "class" where it is there, else the second part of `image` ("VisA/<class>/...").
  std::string category = {};
  std::optional<bool> anomaly = {};
  bool is_doubtful = false;  // anomalous by the rule, though `anomaly` says "false", "0", "normal"
  std::vector<std::string> questions = {}, references = {};  // of the same length
};

// "visa_dr.json: record 7 (line 12): field 'questions': why". Kind::data.
[[noreturn]] void refuse_record(const std::string& file, const DrRecord& record,
                                const std::string& field, const std::string& why);

// test_data.json: {"image", "anomaly"}. anomaly: any value, true or false as Python takes it:
// normal are false, 0, null, "", [] and {}; all others, even "false" and "0", are anomalous.
std::vector<DrRecord> detection_records(std::string_view json, const std::string& file);

// visa_dr.json: {"image", "questions", answers}, and perhaps "anomaly". The reference answers stand
// under answers, answer, gt, responses_gt (a list as long as the questions; of a single question
// also a text) or conversations (LLaVA style, pairs of "from": human and gpt, which also give the
// questions where there is no field of that name).
std::vector<DrRecord> reasoning_records(std::string_view json, const std::string& file);

}  // namespace looktwice::suites
