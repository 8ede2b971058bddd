// Data URLs of the pictures used last: the turns of a dialogue and the references of a category ask
// for the same ones again, and encoding is most of the work.
#pragma once

#include <list>
#include <memory>
#include <string>
#include <unordered_map>

#include "adapters/openai/data_url.h"

namespace looktwice::openai {

class PictureShelf {
 public:
  explicit PictureShelf(std::size_t bytes = std::size_t{64} << 20) : most_(bytes) {}
  // As data_url(). Pictures without a name are never the same.
  std::shared_ptr<const std::string> data_url_of(const Picture& picture, const PictureForm& form);

 private:
  struct Entry {
    std::string name = {};
    std::shared_ptr<const std::string> url = {};
  };
  std::size_t most_, held_ = 0;
  std::list<Entry> entries_;  // used last in front
  std::unordered_map<std::string, std::list<Entry>::iterator> by_name_;
};

}  // namespace looktwice::openai
