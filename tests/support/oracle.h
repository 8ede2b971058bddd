// The adapter that knows the truth, for tests only: every suite must give its answers full marks.
// It is no catalogue entry and lives outside the library, so that no run can ever use it.
#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "harness/core/adapter.h"
#include "harness/core/error.h"

namespace looktwice::testing {

// Answers with the option letter, else the reference text of that turn, else "Yes" or "No"
// (anomalous or not); scores 1 or 0; with a codec, maps that are 1 where a mask is set.
class Oracle final : public Adapter {
 public:
  Oracle(const std::vector<Sample>& samples,
         std::function<std::string(const std::string& key)> sample_of,
         std::shared_ptr<const ImageCodec> codec = {})
      : sample_of_(std::move(sample_of)), codec_(std::move(codec)) {
    for (const Sample& sample : samples) samples_[sample.id] = sample;
  }

  std::vector<Prediction> answer(std::span<const Request> batch) override {
    std::vector<Prediction> replies;
    for (const Request& request : batch) {
      const Sample& sample = samples_.at(sample_of_(request.key));
      Prediction reply{.key = request.key, .text = text_of(sample.truth, request)};
      if (sample.truth.anomalous) reply.score = *sample.truth.anomalous ? 1 : 0;
      if (request.question.wanted.map && codec_ && sample.truth.has_mask)
        reply.map = map_of(sample);
      replies.push_back(std::move(reply));
    }
    return replies;
  }

 private:
  static std::string text_of(const Truth& truth, const Request& request) {
    const std::size_t turn = turn_of(request.key);
    if (turn < truth.answers.size()) return truth.answers[turn];
    if (turn < truth.references.size() && !truth.references[turn].empty())
      return truth.references[turn];
    return truth.anomalous.value_or(false) ? "Yes" : "No";
  }

  // Keys end in the number of the question.
  static std::size_t turn_of(const std::string& key) {
    return std::stoul(key.substr(key.rfind('/') + 1));
  }

  AnomalyMap map_of(const Sample& sample) const {
    AnomalyMap map;
    if (sample.truth.masks.empty()) {
      const ImageInfo info = codec_->info(file_bytes(sample.image.path));
      map = {.width = info.width, .height = info.height};
      map.values.resize(static_cast<std::size_t>(info.width) * info.height);
      return map;
    }
    for (const auto& path : sample.truth.masks) {
      const Image mask = codec_->decode_mask(file_bytes(path));
      if (map.values.empty()) {
        map = {.width = mask.width, .height = mask.height};
        map.values.resize(mask.pixels.size());
      }
      LOOKTWICE_CHECK(mask.width == map.width && mask.height == map.height);
      for (std::size_t i = 0; i < mask.pixels.size(); ++i)
        if (mask.pixels[i] != 0) map.values[i] = 1;
    }
    return map;
  }

  std::map<std::string, Sample> samples_;
  std::function<std::string(const std::string& key)> sample_of_;
  std::shared_ptr<const ImageCodec> codec_;
};

}  // namespace looktwice::testing
