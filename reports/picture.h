// Pictures of a report: small, with the anomaly map laid over, as PNG data URLs.
// Not here: decoding and encoding (the ImageCodec that the caller brings).
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <utility>

#include "harness/core/image.h"
#include "harness/core/sample.h"

namespace looktwice::reports {

// Area average; the longer side becomes `side`; a smaller picture stays as it is.
Image downscaled(const Image& image, int side);
// Each cell of the smaller map is the largest value in its area, so that a small hot spot stays to
// be seen. Never enlarges.
AnomalyMap downscaled(const AnomalyMap& map, int side);
// The picture in grey under the map in colours of inferno, stretched bilinearly over it; low is
// dark, high bright, values beyond are clipped.
Image overlaid(const Image& picture, const AnomalyMap& map, float low, float high);
// Three equal channels become one.
Image without_needless_colour(const Image& image);

std::string data_url(const ImageCodec& codec, const Image& image);

// The file of that name below the folder; nothing when the name is absolute, climbs out, or is a
// link that leads out.
std::optional<std::filesystem::path> file_beneath(const std::filesystem::path& folder,
                                                  const std::string& name);

// A sample's picture as it goes on a page. problem: why a part is missing.
struct SamplePicture {
  std::optional<Image> picture = {};
  std::optional<AnomalyMap> map = {};
  float low = 0, high = 0;  // of the whole map
  std::string problem = {};
};
// root: folder of the data set; run: folder of the maps. Never throws for what it finds in files.
SamplePicture sample_picture(const Outcome& outcome, const std::filesystem::path& root,
                             const std::filesystem::path& run, const ImageCodec& codec, int side);

// The least and the largest value of a sample's map; nothing where it cannot be read.
std::optional<std::pair<float, float>> map_range(const Outcome& outcome,
                                                 const std::filesystem::path& run);

}  // namespace looktwice::reports
