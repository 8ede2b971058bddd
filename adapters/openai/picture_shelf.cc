#include "adapters/openai/picture_shelf.h"

namespace looktwice::openai {

std::shared_ptr<const std::string> PictureShelf::data_url_of(const Picture& picture,
                                                             const PictureForm& form) {
  if (picture.name().empty()) return std::make_shared<std::string>(data_url(picture, form));
  const std::string name = picture.name() + "|" + std::to_string(form.side) + "|" +
                           std::to_string(form.enlarge) + "|" +
                           std::to_string(static_cast<int>(form.scaling)) + "|" +
                           std::to_string(form.turn) + "|" + std::to_string(form.jpeg_quality);
  if (const auto found = by_name_.find(name); found != by_name_.end()) {
    entries_.splice(entries_.begin(), entries_, found->second);
    return found->second->url;
  }
  auto url = std::make_shared<const std::string>(data_url(picture, form));
  entries_.push_front({name, url});
  by_name_[name] = entries_.begin();
  held_ += url->size();
  while (held_ > most_ && !entries_.empty()) {
    held_ -= entries_.back().url->size();
    by_name_.erase(entries_.back().name);
    entries_.pop_back();
  }
  return url;
}

}  // namespace looktwice::openai
