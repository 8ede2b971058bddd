#include "suites/datasets/verify.h"

#include <algorithm>
#include <atomic>
#include <bitset>
#include <set>
#include <thread>
#include <utility>

#include "harness/core/error.h"
#include "harness/core/fingerprint.h"
#include "harness/core/hash.h"
#include "harness/core/text.h"
#include "suites/datasets/layout.h"

namespace looktwice::datasets {
namespace {

using Level = Finding::Level;

// act(i) for i in [0, count), on that many threads; act must not throw.
template <class Act>
void in_parallel(std::size_t count, int threads, const Act& act) {
  std::atomic<std::size_t> next = 0;
  const auto work = [&] {
    for (std::size_t i = next++; i < count; i = next++) act(i);
  };
  std::vector<std::jthread> helpers;
  for (int i = 1; i < threads; ++i) helpers.emplace_back(work);
  work();
}

// What one picture file turned out to be.
struct Looked {
  std::string hash = {}, fault = {};
  int width = 0, height = 0, exif_orientation = 1;
  std::int64_t bytes = 0;
};

Looked looked_at(const std::filesystem::path& path, const ImageCodec& codec) {
  Looked looked;
  try {
    const std::vector<std::byte> bytes = file_bytes(path);
    looked.bytes = static_cast<std::int64_t>(bytes.size());
    looked.hash = sha256(bytes);
    looked.exif_orientation = codec.info(bytes).exif_orientation;
    const Image image = codec.decode(bytes);
    looked.width = image.width;
    looked.height = image.height;
  } catch (const std::exception& error) {
    looked.fault = error.what();
  }
  return looked;
}

// What the masks of one sample turned out to be.
struct MaskLook {
  std::vector<std::string> faults = {}, sizes = {};  // unreadable; other size than the picture
  bool any = false;                                  // a pixel of the sample is set
  std::vector<std::bitset<256>> values = {};         // per mask file
};

std::string size_text(int width, int height) {
  return std::to_string(width) + " x " + std::to_string(height);
}

class Verifier {
 public:
  Verifier(const DatasetEntry& entry, const Dataset& set, const std::string& variant)
      : entry_(entry), set_(set), variant_(variant) {
    for (const Sample& sample : set.test)
      test_files_[sample.image.path.native()].push_back(&sample);
    for (const auto& [category, images] : set.normal_train)
      for (const ImageFile& image : images) train_files_.insert(image.path.native());
    for (const auto& [path, samples] : test_files_) looks_.try_emplace(path);
    for (const std::string& path : train_files_) looks_.try_emplace(path);
  }

  Verification verified(const ImageCodec& codec, int threads,
                        const std::function<void(std::int64_t, std::int64_t)>& progress) {
    look_at_pictures(codec, threads, progress);
    look_at_masks(codec, threads, progress);
    compare_counts();
    find_copies();
    result_.fingerprint = fingerprint(set_.test, set_.root, threads).data;
    for (auto& [key, finding] : findings_) {
      std::sort(finding.where.begin(), finding.where.end());
      if (finding.where.size() > kMostExamples) finding.where.resize(kMostExamples);
      result_.findings.push_back(std::move(finding));
    }
    return std::move(result_);
  }

 private:
  void add(Level level, const std::string& what, const std::string& where = {}) {
    Finding& finding = findings_[{level, what}];
    finding.level = level;
    finding.what = what;
    ++finding.count;
    if (!where.empty()) finding.where.push_back(where);
  }

  std::string shown(const std::filesystem::path& path) const {
    return printable(path.lexically_relative(set_.root).native(), 1000);
  }

  std::int64_t total() const { return static_cast<std::int64_t>(looks_.size() + set_.test.size()); }

  void look_at_pictures(const ImageCodec& codec, int threads,
                        const std::function<void(std::int64_t, std::int64_t)>& progress) {
    std::vector<std::pair<const std::string, Looked>*> all;
    for (auto& item : looks_) all.push_back(&item);
    in_parallel(all.size(), threads, [&](std::size_t i) {
      all[i]->second = looked_at(all[i]->first, codec);
      if (progress) progress(++done_, total());
    });
    result_.files = static_cast<std::int64_t>(looks_.size());
    for (const auto& [path, looked] : looks_) {
      result_.bytes += looked.bytes;
      if (!looked.fault.empty())
        add(Level::error, "pictures that cannot be read", shown(path) + ": " + looked.fault);
      if (looked.exif_orientation != 1)
        add(Level::note, "EXIF says the picture is turned; noted, not applied", shown(path));
    }
  }

  MaskLook masks_of(const Sample& sample, const ImageCodec& codec) const {
    MaskLook look;
    const Looked& picture = looks_.at(sample.image.path.native());
    for (const auto& path : sample.truth.masks) {
      Image mask;
      try {
        mask = codec.decode_mask(file_bytes(path));
      } catch (const std::exception& error) {
        look.faults.push_back(shown(path) + ": " + error.what());
        continue;
      }
      if (picture.fault.empty() && (mask.width != picture.width || mask.height != picture.height))
        look.sizes.push_back(shown(path) + " is " + size_text(mask.width, mask.height) + ", " +
                             shown(sample.image.path) + " is " +
                             size_text(picture.width, picture.height));
      std::bitset<256> values;
      for (const std::uint8_t value : mask.pixels) values.set(value);
      look.values.push_back(values);
      if (sample.image.region) mask = crop(mask, *sample.image.region);
      look.any = look.any ||
                 std::any_of(mask.pixels.begin(), mask.pixels.end(), [](auto v) { return v != 0; });
    }
    return look;
  }

  void look_at_masks(const ImageCodec& codec, int threads,
                     const std::function<void(std::int64_t, std::int64_t)>& progress) {
    std::vector<MaskLook> looks(set_.test.size());
    in_parallel(set_.test.size(), threads, [&](std::size_t i) {
      looks[i] = masks_of(set_.test[i], codec);
      if (progress) progress(++done_, total());
    });
    std::set<std::string> seen;
    for (std::size_t i = 0; i < looks.size(); ++i) {
      const Sample& sample = set_.test[i];
      const MaskLook& look = looks[i];
      for (const std::string& fault : look.faults)
        add(Level::error, "masks that cannot be read", fault);
      for (const std::string& size : look.sizes)
        add(Level::error, "mask and picture differ in size", size);
      if (sample.truth.masks.empty()) continue;
      const bool anomalous = sample.truth.anomalous.value_or(false);
      if (anomalous && !look.any && look.faults.empty())
        add(Level::error, "anomalous images whose mask is all zero", sample.id);
      if (!anomalous && look.any)
        add(Level::error, "normal images whose mask is not all zero", sample.id);
      if (look.faults.empty())
        for (std::size_t m = 0; m < look.values.size(); ++m) {
          count_values(sample.truth.masks[m], look.values[m], seen);
          look_at_defect(sample, m, look.values[m]);
        }
    }
  }

  void count_values(const std::filesystem::path& mask, const std::bitset<256>& values,
                    std::set<std::string>& seen) {
    if (!seen.insert(mask.native()).second) return;
    ++result_.masks;
    for (int value = 0; value < 256; ++value)
      if (values.test(static_cast<std::size_t>(value))) ++result_.mask_values[value];
  }

  // Where a mask file is one defect, its value must be known.
  void look_at_defect(const Sample& sample, std::size_t m, const std::bitset<256>& values) {
    if (!sample.truth.saturation) return;
    const std::string mask = shown(sample.truth.masks[m]);
    int defects = 0;
    for (int value = 1; value < 256; ++value) {
      if (!values.test(static_cast<std::size_t>(value))) continue;
      ++defects;
      if (!sample.truth.saturation->contains(value))
        add(Level::error, "masks with a value that the list of defects lacks",
            mask + ": " + std::to_string(value));
    }
    if (defects > 1) add(Level::error, "mask files that hold several defects", mask);
  }

  void compare_counts() {
    const auto expected = entry_.expected(variant_);
    std::map<std::string, ClassCount> classes;
    for (const auto& [category, count] : expected) classes[category].expected = count;
    for (const Sample& sample : set_.test) {
      ExpectedCount& found = classes[sample.category].found;
      ++(sample.truth.anomalous.value_or(false) ? found.anomalous : found.normal);
    }
    for (const auto& [category, images] : set_.normal_train)
      classes[category].train = static_cast<std::int64_t>(images.size());
    result_.known_edition = !expected.empty();
    for (auto& [category, count] : classes) {
      count.category = category;
      const bool same = count.expected && count.expected->normal == count.found.normal &&
                        count.expected->anomalous == count.found.anomalous;
      result_.known_edition = result_.known_edition && same;
      if (count.found.normal == 0 && count.found.anomalous == 0)
        add(Level::error, "classes without a test image", category);
      else if (count.found.normal == 0 || count.found.anomalous == 0)
        add(Level::warning, "classes with one label only: AUROC has no value", category);
      result_.classes.push_back(std::move(count));
    }
  }

  void find_copies() {
    std::map<std::string, std::vector<std::string>> by_hash;
    for (const auto& [path, looked] : looks_)
      if (!looked.hash.empty() && looked.bytes > 0) by_hash[looked.hash].push_back(path);
    for (const auto& [hash, paths] : by_hash) {
      if (paths.size() < 2) continue;
      std::set<std::string> labels;  // of the test images, with their class
      bool tested = false, trained = false;
      std::string names;
      for (const std::string& path : paths) {
        names += (names.empty() ? "" : " = ") + shown(path);
        trained = trained || train_files_.contains(path);
        const auto found = test_files_.find(path);
        if (found == test_files_.end()) continue;
        tested = true;
        for (const Sample* sample : found->second)
          labels.insert(sample->truth.anomalous.value_or(false) ? "anomalous" : "normal");
      }
      if (labels.size() > 1)
        add(Level::error, "equal files with different labels", names);
      else if (trained && tested)
        add(Level::warning, "equal files in training and test part", names);
      else if (tested)
        add(Level::warning, "equal files within the test part", names);
      else
        add(Level::note, "equal files within the training part", names);
    }
  }

  const DatasetEntry& entry_;
  const Dataset& set_;
  const std::string variant_;
  std::map<std::string, std::vector<const Sample*>> test_files_;
  std::set<std::string> train_files_;
  std::map<std::string, Looked> looks_;
  std::map<std::pair<Level, std::string>, Finding> findings_;
  std::atomic<std::int64_t> done_ = 0;
  Verification result_;
};

}  // namespace

bool Verification::sound() const {
  return std::none_of(findings.begin(), findings.end(),
                      [](const Finding& finding) { return finding.level == Level::error; });
}

const char* name_of(Finding::Level level) {
  switch (level) {
    case Level::error:
      return "error";
    case Level::warning:
      return "warning";
    case Level::note:
      return "note";
  }
  return "note";
}

Verification verify(const DatasetEntry& entry, const Dataset& set, const std::string& variant,
                    const ImageCodec& codec, int threads,
                    const std::function<void(std::int64_t, std::int64_t)>& progress) {
  return Verifier(entry, set, chosen_variant(entry.name, entry.variants, variant))
      .verified(codec, threads, progress);
}

}  // namespace looktwice::datasets
