// A small copy of every data set in the catalogue, for tests that walk all tasks.
#pragma once

#include <stdexcept>
#include <string>

#include "tests/suites/datasets/miniature.h"

namespace looktwice::testing {

// A tree of two classes with 8 normal and 8 anomalous images each, half of those beside a mask of
// the left edge.
inline void add_tree(Miniature& mini, const std::vector<std::string>& classes,
                     const std::string& good, const std::string& bad, const std::string& suffix,
                     const std::string& mask_suffix) {
  for (const std::string& name : classes) {
    mini.pictures(name + "/train/" + good + "/", 0, 3, suffix);
    mini.pictures(name + "/test/" + good + "/", 0, 5, suffix);
    mini.pictures(name + "/test/" + bad + "/", 0, 5, suffix);
    for (int i = 0; i < 5; ++i)
      mini.mask(name + "/ground_truth/" + bad + "/" + Miniature::padded(i, 3) + mask_suffix, 255);
  }
}

inline void add_list(Miniature& mini, bool as_meta) {
  mini.pictures("images/", 0, 10, ".png");
  std::string rows, records;
  for (int i = 0; i < 10; ++i) {
    const std::string name = "images/" + Miniature::padded(i, 3) + ".png",
                      label = std::to_string(i % 2);
    rows += name + "," + label + "\n";
    records += std::string(i > 0 ? "," : "") + R"({"img_path": ")" + name +
               R"(", "mask_path": "", "cls_name": "c", "specie_name": "", "anomaly": )" + label +
               "}";
  }
  if (as_meta)
    mini.text("meta.json", R"({"train": {"c": []}, "test": {"c": [)" + records + "]}}");
  else
    mini.text("list.csv", "path,label\n" + rows);
}

// The data set `name` in a layout that it is published in; NetpbmCodec reads the pictures.
inline void add_dataset(Miniature& mini, const std::string& name) {
  if (name == "mvtec")
    return add_tree(mini, {"bottle", "wood"}, "good", "hole", ".png", "_mask.png");
  if (name == "visa") return add_tree(mini, {"fryum", "pipe_fryum"}, "good", "bad", ".JPG", ".png");
  if (name == "mpdd")
    return add_tree(mini, {"tubes", "connector"}, "good", "bend", ".png", "_mask.png");
  if (name == "btad") return add_tree(mini, {"01", "03"}, "ok", "ko", ".bmp", ".png");
  if (name == "goodsad") return add_tree(mini, {"food_box"}, "good", "opened", ".jpg", ".png");
  if (name == "folder") return add_tree(mini, {"left", "right"}, "good", "odd", ".png", ".png");
  if (name == "loco")
    return add_tree(mini, {"pushpins"}, "good", "logical_anomalies", ".png", "/000.png");
  if (name == "meta" || name == "list") return add_list(mini, name == "meta");
  if (name == "brainmri" || name == "br35h") {
    mini.pictures("yes/", 0, 9, ".jpg");
    return mini.pictures("no/", 0, 9, ".jpg");
  }
  if (name == "headct" || name == "elpv") {
    std::string labels = name == "headct" ? "id, hemorrhage\n" : "";
    const char* kThirds[] = {"0.0", "0.3333333333333333", "0.6666666666666666", "1.0"};
    for (int i = 0; i < 20; ++i) {
      const std::string image = "images/cell" + Miniature::padded(i, 4) + ".png";
      if (name == "headct")
        labels += std::to_string(i) + "," + std::to_string(i % 2) + "\n";
      else
        labels += image + "  " + kThirds[i % 4] + "   " + (i % 3 == 0 ? "mono" : "poly") + "\n";
      mini.picture(name == "headct" ? "head_ct/" + Miniature::padded(i, 3) + ".png" : image);
    }
    return mini.text("labels.csv", labels);
  }
  if (name == "aitex") {
    for (int i = 0; i < 4; ++i) {
      const std::string strip = Miniature::padded(i, 4) + "_002_00";
      mini.picture("NODefect_images/1/" + Miniature::padded(i, 4) + "_000_00.png", 1024, 256);
      mini.picture("Defect_images/" + strip + ".png", 1024, 256);
      mini.mask("Mask_images/" + strip + "_mask.png", 255, {250, 0, 12, 1}, 1024, 256);
    }
    return;
  }
  throw std::runtime_error("no miniature of " + name + "; add one here");
}

}  // namespace looktwice::testing
