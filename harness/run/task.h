// One task of a run: its protocol and its samples, loaded.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "harness/core/fingerprint.h"
#include "harness/core/suite.h"

namespace looktwice::run {

struct Task {
  std::string name = {};     // "zsad.elpv"
  std::string variant = {};  // as asked; empty: the default
  std::unique_ptr<Suite> suite = {};
  std::filesystem::path root = {};
  std::vector<Sample> samples = {};
  std::vector<std::string> warnings = {};
  Fingerprint fingerprint = {};
  std::int64_t samples_in_set = 0;  // before --limit

  std::string full_name() const { return variant.empty() ? name : name + ":" + variant; }
};

// The key of the question number `turn` about a sample: the task, a hash of the id and of what the
// sample itself asks, the turn. Tells
// nothing about the sample.
std::string request_key(const Task& task, const Sample& sample, std::size_t turn);

// The name under which a picture leaves: a hash of where it lies in the data set and of what is
// done to it, and its suffix. Empty for no file. change: PictureChange::name(), empty: none.
std::string neutral_name(const std::filesystem::path& root, const ImageFile& file,
                         const PictureRule& rule, const std::string& change = {});

}  // namespace looktwice::run
