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

// Fields are set apart by bytes that ids do not hold, so no two lists give the same text.
std::string line_of(const Sample& sample, const std::filesystem::path& root,
                    const Contents& contents) {
  std::string line = sample.id;
  const auto field = [&](const std::string& text) {
    line += '\0';
    line += text;
  };
  const auto content = [&](const std::filesystem::path& path) {
    field(path.lexically_relative(root).generic_string());
    field(contents.of(path));
  };
  const auto picture = [&](const ImageFile& file) {
    content(file.path);
    if (!file.region) return field("whole");
    const Region& part = *file.region;
    field(std::to_string(part.x) + "," + std::to_string(part.y) + "," + std::to_string(part.width) +
          "," + std::to_string(part.height));
  };
  field(sample.category);
  field(!sample.truth.anomalous ? "?" : *sample.truth.anomalous ? "1" : "0");
  field(sample.truth.has_mask ? "mask" : "no mask");
  picture(sample.image);
  field(std::to_string(sample.truth.masks.size()));
  for (const auto& mask : sample.truth.masks) content(mask);
  for (const ImageFile& reference : sample.references) picture(reference);
  line += '\n';
  return line;
}

}  // namespace

std::string fingerprint(std::span<const Sample> samples, const std::filesystem::path& root,
                        int threads) {
  Contents contents;
  std::vector<const Sample*> ordered;
  for (const Sample& sample : samples) {
    ordered.push_back(&sample);
    contents.add(sample.image.path);
    for (const auto& mask : sample.truth.masks) contents.add(mask);
    for (const ImageFile& reference : sample.references) contents.add(reference.path);
  }
  std::sort(ordered.begin(), ordered.end(),
            [](const Sample* a, const Sample* b) { return a->id < b->id; });
  contents.read(threads);
  Sha256 sum;
  for (const Sample* sample : ordered) sum.add(line_of(*sample, root, contents));
  return sum.hex();
}

}  // namespace looktwice
