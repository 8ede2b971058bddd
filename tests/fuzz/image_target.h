// What every fuzz target of a picture format does: read the header, decode, and hold the reader to
// its promises.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "adapters/imaging/raster.h"
#include "harness/core/error.h"

namespace looktwice::imaging {

// info(file, limits) -> ImageInfo, decode(file, limits) -> Raster. The only exception allowed is
// Error{Kind::data}.
template <class Info, class Decode>
int fuzz_reader(const std::uint8_t* data, std::size_t size, Info&& info, Decode&& decode) {
  const auto broken = [](const char* promise) {
    std::fprintf(stderr, "broken promise: %s\n", promise);
    std::abort();
  };
  const auto refused = [&](auto&& call) {
    try {
      call();
      return false;
    } catch (const Error& error) {
      if (error.kind() != Kind::data) broken("errors are of kind data");
      return true;
    }
  };
  const Limits limits{.max_pixels = 1 << 18};
  const Bytes file(data, size);
  ImageInfo header;
  Raster raster;
  const bool no_header = refused([&] { header = info(file, limits); });
  if (refused([&] { raster = decode(file, limits); })) return 0;
  if (no_header) broken("what is decoded has a header");
  if (raster.width != header.width || raster.height != header.height)
    broken("the header tells the size");
  if (raster.pixels.size() !=
      std::size_t(raster.width) * std::size_t(raster.height) * std::size_t(raster.channels))
    broken("there are as many pixels as the size says");
  const Image image = rgb_of(std::move(raster));
  if (image.channels != 3) broken("a picture is RGB");
  return 0;
}

}  // namespace looktwice::imaging
