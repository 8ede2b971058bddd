#include "harness/core/fingerprint.h"

#include <algorithm>
#include <atomic>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "harness/core/error.h"
#include "harness/core/hash.h"

namespace looktwice {
namespace {

std::string content_of(const std::filesystem::path& path) {
  try {
    return sha256(file_bytes(path));
  } catch (const Error&) {
    return "unreadable";
  }
}

// One file may serve many samples (patches, references), so each is read once.
class Contents {
 public:
  void add(const std::filesystem::path& path) { hashes_.try_emplace(path.native()); }

  void read(int threads) {
    std::vector<std::pair<const std::string, std::string>*> all;
    for (auto& item : hashes_) all.push_back(&item);
    std::atomic<std::size_t> next = 0;
    const auto work = [&] {
      for (std::size_t i = next++; i < all.size(); i = next++)
        all[i]->second = content_of(all[i]->first);
    };
    std::vector<std::jthread> helpers;
    for (int i = 1; i < threads; ++i) helpers.emplace_back(work);
    work();
  }

  const std::string& of(const std::filesystem::path& path) const {
    return hashes_.at(path.native());
  }

 private:
  std::map<std::string, std::string> hashes_;
};

// One sample's fields, set apart by bytes that ids do not hold, so no two lists give the same text.
class Line {
 public:
  Line(const Sample& sample, const std::filesystem::path& root, const Contents& contents)
      : root_(root), contents_(contents), text_(sample.id) {}

  void field(const std::string& text) {
    text_ += '\0';
    text_ += text;
  }
  void content(const std::filesystem::path& path) {
    field(path.lexically_relative(root_).generic_string());
    field(contents_.of(path));
  }
  void picture(const ImageFile& file) {
    content(file.path);
    if (!file.region) return field("whole");
    const Region& part = *file.region;
    field(std::to_string(part.x) + "," + std::to_string(part.y) + "," + std::to_string(part.width) +
          "," + std::to_string(part.height));
  }
  std::string text() const { return text_ + '\n'; }

 private:
  const std::filesystem::path& root_;
  const Contents& contents_;
  std::string text_;
};

std::string data_line(const Sample& sample, Line line) {
  line.field(sample.source.empty() ? sample.category : sample.source + "\n" + sample.category);
  line.field(!sample.truth.anomalous ? "?" : *sample.truth.anomalous ? "1" : "0");
  line.field(sample.truth.has_mask ? "mask" : "no mask");
  if (!sample.image.path.empty()) line.picture(sample.image);
  line.field(std::to_string(sample.truth.masks.size()));
  for (const auto& mask : sample.truth.masks) line.content(mask);
  if (sample.truth.saturation)
    for (const auto& [value, saturation] : *sample.truth.saturation)
      line.field(std::to_string(value) + (saturation.relative ? " relative " : " pixels ") +
                 std::to_string(saturation.threshold));
  for (const SetQuestion& question : sample.questions) {
    line.field("question " + question.group);
    line.field(question.text);
    for (const Option& option : question.options) line.field(option.letter + " " + option.text);
  }
  for (const std::string& answer : sample.truth.answers) line.field("answer " + answer);
  for (const std::string& reference : sample.truth.references) line.field("reference " + reference);
  return line.text();
}

std::string reference_line(const Sample& sample, Line line) {
  for (const ImageFile& reference : sample.references) line.picture(reference);
  return line.text();
}

}  // namespace

Fingerprint fingerprint(std::span<const Sample> samples, const std::filesystem::path& root,
                        int threads) {
  Contents contents;
  bool has_references = false;
  std::vector<const Sample*> ordered;
  for (const Sample& sample : samples) {
    ordered.push_back(&sample);
    if (!sample.image.path.empty()) contents.add(sample.image.path);
    for (const auto& mask : sample.truth.masks) contents.add(mask);
    for (const ImageFile& reference : sample.references) contents.add(reference.path);
    has_references = has_references || !sample.references.empty();
  }
  std::sort(ordered.begin(), ordered.end(),
            [](const Sample* a, const Sample* b) { return a->id < b->id; });
  contents.read(threads);
  Sha256 data, references;
  for (const Sample* sample : ordered) {
    data.add(data_line(*sample, {*sample, root, contents}));
    references.add(reference_line(*sample, {*sample, root, contents}));
  }
  return {.data = data.hex(), .references = has_references ? references.hex() : ""};
}

}  // namespace looktwice
