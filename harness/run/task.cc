#include "harness/run/task.h"

#include "harness/core/hash.h"
#include "harness/core/text.h"

namespace looktwice::run {

std::string request_key(const Task& task, const Sample& sample, std::size_t turn) {
  std::string identity = sample.id;
  for (const SetQuestion& question : sample.questions) identity += '\0' + question.text;
  return task.full_name() + "/" + sha256(identity).substr(0, 16) + "/" + std::to_string(turn);
}

std::string neutral_name(const std::filesystem::path& root, const ImageFile& file,
                         const PictureRule& rule, const std::string& change) {
  if (file.path.empty()) return {};
  std::string place = file.path.lexically_relative(root).generic_string();
  std::string suffix = lower_ascii(file.path.extension().string());
  if (file.region) {
    place += "#" + std::to_string(file.region->x) + "," + std::to_string(file.region->y) + "," +
             std::to_string(file.region->width) + "," + std::to_string(file.region->height);
    suffix = ".png";
  }
  if (rule.longest_side > 0) {
    place += "#longest=" + std::to_string(rule.longest_side);
    suffix = ".png";
  }
  if (!change.empty()) {
    place += "#" + change;
    suffix = ".png";
  }
  return sha256("picture " + place).substr(0, 16) + suffix;
}

}  // namespace looktwice::run
