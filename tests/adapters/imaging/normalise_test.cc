// Preparing in one go against doing it step by step; parity with transformers is in
// image_parity_test.cc.
#include "adapters/imaging/normalise.h"

#include <gtest/gtest.h>

#include "adapters/imaging/codec.h"
#include "tests/support/files.h"

namespace looktwice::imaging {
namespace {

using test::bytes_of;
using test::data_path;

TEST(Normalise, GreyAndIndexedFilesGiveTheSameAsTheirRgb) {
  const auto codec = make_codec();
  for (const char* name : {"files/gray.png", "files/palette.png", "files/gray.jpg",
                           "files/gray16.png", "files/cmyk.jpg"}) {
    const auto file = bytes_of(data_path(std::string("fixtures/image/") + name));
    std::vector<float> values(3 * 40 * 30), stepwise(values.size());
    prepare(file, {.width = 40, .height = 30, .normalisation = kClip}, values);
    normalise(resized(codec->decode(file), 40, 30, Filter::bicubic), value_table(kClip), stepwise);
    EXPECT_EQ(values, stepwise) << name;
  }
}

}  // namespace
}  // namespace looktwice::imaging
