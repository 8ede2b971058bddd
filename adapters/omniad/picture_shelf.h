// Pictures as the language model gets them, kept by what is in them, so that a picture which
// several questions show is seen once. Not here: prompts.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <list>
#include <string>
#include <unordered_map>
#include <vector>

#include "adapters/omniad/model.h"
#include "harness/core/sample.h"

namespace looktwice::omniad {

// What is done to a picture before the model's own resize.
enum class Framing {
  stretch,  // to side x side: OmniAD
  fit,      // the longer side becomes `side`, small pictures grow
  native,   // nothing
};

struct Viewing {
  Framing framing = Framing::stretch;
  int side = 512;
  std::int64_t min_pixels = 0, max_pixels = 0;  // of the model's own resize; 0: the checkpoint's
  // The reference scripts resize twice: before the processor once more, in qwen_vl_utils' bounds,
  // where sides below one token grow.
  bool resize_twice = false;
  bool operator==(const Viewing&) const = default;
};

// The picture after all resizing. Throws Kind::data where the model has no size for it.
Image sized(Image image, const Processor& processor, const Viewing& viewing);
// float [patches][values] of it.
at::Tensor patches(const Image& sized, const Processor& processor);

struct ShelvedPicture {
  std::int32_t id = 0;        // negative; the same for the same content and size, and for no other
  at::Tensor features = {};   // [tokens][hidden], in the decoder's type
  nn::PatchRows tokens = {};  // rows and columns of merged tokens
  std::int64_t length() const { return tokens.rows * tokens.columns; }
};

class PictureShelf {
 public:
  // most_tokens: of all features that are kept; those of the latest picture always are.
  PictureShelf(const Model& model, std::int64_t most_tokens)
      : model_(model), most_tokens_(most_tokens) {}

  // Adds "preprocess" and "vision" to the spans where these were needed. The tensor stays whole
  // however the shelf goes on.
  ShelvedPicture shown(const Picture& picture, const Viewing& viewing, std::vector<Span>& spans);
  // Tokens of a picture that was ever shown.
  std::int64_t length(std::int32_t id) const { return lengths_[static_cast<std::size_t>(-id - 1)]; }

  // Drops all features, which are computed again where they are needed; false: there were none.
  bool forget();

  std::int64_t times_shown() const { return shown_; }
  std::int64_t times_seen() const { return seen_; }

 private:
  ShelvedPicture on_shelf(std::list<ShelvedPicture>::iterator found);

  const Model& model_;
  std::int64_t most_tokens_ = 0, tokens_ = 0, shown_ = 0, seen_ = 0;
  std::list<ShelvedPicture> shelf_ = {};  // the latest first
  std::unordered_map<std::string, std::int32_t> by_name_ = {}, by_content_ = {};
  std::vector<std::int64_t> lengths_ = {};  // of id -1, -2, ...
};

}  // namespace looktwice::omniad
