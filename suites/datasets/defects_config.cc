#include "suites/datasets/defects_config.h"

#include <charconv>
#include <cmath>
#include <string>

#include "harness/core/image.h"
#include "harness/core/json_value.h"

namespace looktwice::datasets {
namespace {

const JsonValue& field(const JsonValue& defect, const char* name, JsonValue::Type type,
                       const std::string& file) {
  const JsonValue* value = defect.find(name);
  if (!value) refuse_at(file, defect.place, std::string("'") + name + "' missing");
  if (value->type != type)
    refuse_at(file, value->place, std::string("'") + name + "': expected " + name_of(type));
  return *value;
}

double number(const JsonValue& defect, const char* name, const std::string& file) {
  const std::string& text = field(defect, name, JsonValue::Type::number, file).text;
  double value = 0;  // the JSON reader has checked that it is one
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

}  // namespace

SaturationTable read_defects_config(const std::filesystem::path& path) {
  const std::string file = path.string();
  const auto bytes = file_bytes(path);
  const JsonValue list =
      parsed_json({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, file);
  if (list.type != JsonValue::Type::array)
    refuse_at(file, list.place, "expected a list of defects");
  std::map<int, Saturation> table;
  for (const JsonValue& defect : list.items) {
    const double value = number(defect, "pixel_value", file);
    if (!(value >= 1 && value <= 255 && value == std::floor(value)))
      refuse_at(file, defect.place, "'pixel_value': expected a whole number from 1 to 255");
    const double threshold = number(defect, "saturation_threshold", file);
    const bool relative =
        field(defect, "relative_saturation", JsonValue::Type::boolean, file).text == "true";
    if (!(threshold >= 0) || (relative ? threshold > 1 : threshold != std::floor(threshold)))
      refuse_at(file, defect.place,
                relative ? "'saturation_threshold': expected 0 to 1, a share of the area"
                         : "'saturation_threshold': expected a whole number of pixels");
    if (!table.emplace(static_cast<int>(value), Saturation{threshold, relative}).second)
      refuse_at(file, defect.place, "'pixel_value': two defects have the same");
  }
  return std::make_shared<const std::map<int, Saturation>>(std::move(table));
}

}  // namespace looktwice::datasets
