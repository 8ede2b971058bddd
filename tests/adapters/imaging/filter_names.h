// Filters by the names that Pillow has for them.
#pragma once

#include <stdexcept>
#include <string>

#include "adapters/imaging/resize.h"

namespace looktwice::imaging {

inline Filter filter_named(const std::string& name) {
  if (name == "nearest") return Filter::nearest;
  if (name == "box") return Filter::box;
  if (name == "bilinear") return Filter::bilinear;
  if (name == "hamming") return Filter::hamming;
  if (name == "bicubic") return Filter::bicubic;
  if (name == "lanczos") return Filter::lanczos;
  throw std::runtime_error("no filter is called " + name);
}

}  // namespace looktwice::imaging
