// Small copies of published data-set layouts, made at test time: the names and folders are the
// published ones, the pictures are tiny netpbm files under the published suffixes (NetpbmCodec
// reads them).
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "harness/core/dataset.h"
#include "suites/datasets/catalogue.h"
#include "tests/support/pictures.h"

namespace looktwice::testing {

class Miniature {
 public:
  // A grey picture; different names give different pixels.
  void picture(const std::string& name, int width = 8, int height = 8) {
    Image image{.width = width, .height = height, .channels = 1};
    std::uint32_t state = 2166136261u;
    for (const char c : name) state = (state ^ static_cast<unsigned char>(c)) * 16777619u;
    for (int i = 0; i < width * height; ++i) {
      state = state * 1664525u + 1013904223u;
      image.pixels.push_back(static_cast<std::uint8_t>(state >> 24));
    }
    folder_.file(name, netpbm_of(image));
  }
  void pictures(const std::string& prefix, int first, int count, const std::string& suffix,
                int digits = 3) {
    for (int i = first; i < first + count; ++i) picture(prefix + padded(i, digits) + suffix);
  }
  // A mask of that size, `value` in the rectangle [x, x + w) x [y, y + h).
  void mask(const std::string& name, std::uint8_t value, Region set = {0, 0, 2, 2}, int width = 8,
            int height = 8, int channels = 1) {
    Image image{.width = width, .height = height, .channels = channels};
    image.pixels.assign(static_cast<std::size_t>(width) * height * channels, 0);
    for (int y = set.y; y < set.y + set.height; ++y)
      for (int x = set.x; x < set.x + set.width; ++x)
        for (int c = 0; c < channels; ++c)
          image.pixels[(static_cast<std::size_t>(y) * width + x) * channels + c] = value;
    folder_.file(name, netpbm_of(image));
  }
  // Empty files, many of them: hard links of one, since making thousands of files takes seconds on
  // a busy disk.
  void empty_files(const std::string& prefix, int first, std::int64_t count,
                   const std::string& suffix, int digits = 3) {
    if (!std::filesystem::exists(path(".empty"))) text(".empty", "");
    std::filesystem::create_directories(path(prefix + "x").parent_path());
    for (int i = first; i < first + count; ++i)
      std::filesystem::create_hard_link(path(".empty"), path(prefix + padded(i, digits) + suffix));
  }
  void text(const std::string& name, const std::string& content) { folder_.file(name, content); }
  // What every downloaded tree gathers sooner or later.
  void clutter(const std::string& folder) {
    text(folder + "/.DS_Store", "x");
    text(folder + "/._000.png", "x");
    text(folder + "/Thumbs.db", "x");
  }
  std::filesystem::path path(const std::string& name = {}) const {
    return name.empty() ? folder_.path() : folder_.path() / name;
  }

  static std::string padded(int number, int digits) {
    std::string text = std::to_string(number);
    return std::string(digits > static_cast<int>(text.size()) ? digits - text.size() : 0, '0') +
           text;
  }

 private:
  TemporaryFolder folder_;
};

inline DatasetEntry dataset_named(const std::string& name) {
  for (DatasetEntry& entry : datasets::dataset_catalogue())
    if (entry.name == name) return std::move(entry);
  throw std::runtime_error("no data set " + name);
}

inline Dataset loaded(const std::string& name, const std::filesystem::path& root,
                      const std::string& variant = {}) {
  return dataset_named(name).load(
      {.root = root, .variant = variant, .codec = std::make_shared<NetpbmCodec>()});
}

inline std::vector<std::string> ids_of(const Dataset& set) {
  std::vector<std::string> ids;
  for (const Sample& sample : set.test) ids.push_back(sample.id);
  return ids;
}

inline const Sample& sample_of(const Dataset& set, const std::string& id) {
  for (const Sample& sample : set.test)
    if (sample.id == id) return sample;
  throw std::runtime_error("no sample " + id);
}

// The masks of a sample, relative to the root.
inline std::vector<std::string> masks_of(const Dataset& set, const std::string& id) {
  std::vector<std::string> masks;
  for (const auto& mask : sample_of(set, id).truth.masks)
    masks.push_back(mask.lexically_relative(set.root).native());
  return masks;
}

inline bool warns(const Dataset& set, const std::string& part) {
  return std::any_of(set.warnings.begin(), set.warnings.end(),
                     [&](const std::string& text) { return text.find(part) != text.npos; });
}

inline std::pair<int, int> counts_of(const Dataset& set, const std::string& category = {}) {
  std::pair<int, int> counts;
  for (const Sample& sample : set.test)
    if (category.empty() || sample.category == category)
      ++(*sample.truth.anomalous ? counts.second : counts.first);
  return counts;
}

}  // namespace looktwice::testing
