#include "tests/harness/cli/unit.h"

#include "adapters/imaging/codec.h"
#include "harness/core/npy.h"
#include "harness/store/run_folder.h"

namespace looktwice::testing {
namespace {

std::string text_of(const std::vector<std::byte>& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

Unit::Unit() {
  const auto codec = imaging::make_codec();
  std::string scores = "image,score\n";
  for (int i = 0; i < 40; ++i) {
    const bool broken = i % 2 == 1;
    const std::string number = std::to_string(100 + i);
    const std::string name =
        std::string("bottle/test/") + (broken ? "broken" : "good") + "/" + number + ".png";
    Image picture{.width = 8, .height = 6, .channels = 3};
    for (int p = 0; p < 8 * 6 * 3; ++p)
      picture.pixels.push_back(static_cast<std::uint8_t>((i * 37 + p * 11) % 256));
    folder_.file("data/" + name, text_of(codec->encode_png(picture)));
    if (broken) {
      Image mask{.width = 8, .height = 6, .channels = 1};
      mask.pixels.resize(48);
      mask.pixels[static_cast<std::size_t>(i)] = mask.pixels[static_cast<std::size_t>(i + 1)] = 255;
      folder_.file("data/bottle/ground_truth/broken/" + number + "_mask.png",
                   text_of(codec->encode_png(mask)));
    }
    AnomalyMap map{.width = 4, .height = 3};
    for (int p = 0; p < 12; ++p) map.values.push_back(static_cast<float>((i * 5 + p * 7) % 13));
    folder_.file("answers/maps/" + std::filesystem::path(name).replace_extension(".npy").string(),
                 npy_of(map));
    scores += name + "," + std::to_string((i * 7 % 11) + (broken ? 4 : 0)) + "\n";
  }
  folder_.file("answers/scores.csv", scores);
}

Command looktwice(std::vector<std::string> words) {
  words.insert(words.begin(), LOOKTWICE_PROGRAM);
  return {.arguments = std::move(words)};
}

Command Unit::command(const std::string& name, const std::vector<std::string>& more) const {
  std::vector<std::string> words{"run",
                                 "--model",
                                 "predictions",
                                 "--model_args",
                                 "path=" + (root() / "answers/scores.csv").string() +
                                     ",maps=" + (root() / "answers/maps").string(),
                                 "--tasks",
                                 "zsad.folder",
                                 "--data_root",
                                 (root() / "data").string(),
                                 "--output_path",
                                 run(name).string(),
                                 "--threads",
                                 "1",
                                 "--quiet",
                                 "--resamples",
                                 "20"};
  words.insert(words.end(), more.begin(), more.end());
  return looktwice(std::move(words));
}

Unit::Results Unit::results(const std::string& name) const {
  return {store::read_text(run(name) / "predictions.jsonl"),
          store::read_text(run(name) / "outcomes.jsonl"),
          store::read_text(run(name) / "summary.json")};
}

}  // namespace looktwice::testing
