// The miniature of VisA-D&R: lists of tests/data/visa_dr, pictures made from them; and the cells
// that elpv_dr asks about.
#pragma once

#include <filesystem>
#include <string>

#include "harness/core/json_value.h"
#include "harness/core/table.h"
#include "tests/suites/datasets/miniature.h"
#include "tests/support/files.h"

namespace looktwice::testing {

inline void add_visa_dr(Miniature& mini) {
  for (const char* list : {"test_data.json", "visa_dr.json"}) {
    const std::string text = text_of_file(test::data_path(std::string("visa_dr/") + list));
    mini.text(std::string("VisA/") + list, text);
    for (const JsonValue& record : parsed_json(text, list).items) {
      const std::string& image = record.find("image")->text;
      if (!std::filesystem::exists(mini.path(image))) mini.picture(image, 9, 7);
    }
  }
}

inline void add_elpv_dr(Miniature& mini) {
  const std::filesystem::path list =
      std::filesystem::path(LOOKTWICE_SOURCE_DIR) / "suites/visa_dr/elpv_dr.json";
  std::string labels;
  for (const JsonValue& record : parsed_json(text_of_file(list), list.string()).items) {
    const std::string& image = record.find("image")->text;
    mini.picture(image);
    labels += image + "  1.0   " + record.find("class")->text + "\n";
  }
  mini.text("labels.csv", labels);
}

}  // namespace looktwice::testing
