// Marks on their way to an adapter: what it sees, what it cannot see, and what is missing.
#include "harness/run/marks.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "harness/core/codec.h"
#include "harness/core/error.h"
#include "harness/run/mark.h"
#include "harness/run/predict.h"
#include "tests/harness/run/fake_suite.h"
#include "tests/support/pictures.h"

namespace looktwice::run {
namespace {

using looktwice::testing::fake_task;
using looktwice::testing::netpbm_of;
using looktwice::testing::NetpbmCodec;
using looktwice::testing::TemporaryFolder;

const std::string kRun = "0123456789abcdef";

// Decodes what it is shown and keeps it.
class Onlooker final : public Adapter {
 public:
  std::vector<Prediction> answer(std::span<const Request> batch) override {
    std::vector<Prediction> replies;
    for (const Request& request : batch) {
      Prediction reply{.key = request.key, .text = "yes", .score = 1};
      names.push_back(request.image.name());
      pictures.push_back(request.image.decode());
      bytes.push_back(request.image.bytes());
      for (const Picture& reference : request.references) references.push_back(reference.decode());
      replies.push_back(std::move(reply));
    }
    return replies;
  }
  std::vector<std::string> names;
  std::vector<Image> pictures, references;
  std::vector<std::vector<std::byte>> bytes;
};

Image grey(int width, int height) {
  Image image{.width = width, .height = height, .channels = 3};
  image.pixels.assign(static_cast<std::size_t>(width) * height * 3, 100);
  return image;
}

class MarksTest : public ::testing::Test {
 protected:
  MarksTest() : task_(fake_task(4)) {
    task_.root = folder_.path();
    for (std::size_t i = 0; i < task_.samples.size(); ++i) {
      Sample& sample = task_.samples[i];
      sample.image.path =
          folder_.file("picture" + std::to_string(i) + ".ppm", netpbm_of(grey(8, 8)));
      sample.references = {{.path = folder_.file("normal.ppm", netpbm_of(grey(8, 8)))}};
      sample.truth.has_mask = true;
      if (!*sample.truth.anomalous) continue;
      Image mask{.width = 8, .height = 8, .channels = 1};
      mask.pixels.assign(64, 0);
      mask.pixels[27] = 1;  // row 3, column 3
      sample.truth.masks = {folder_.file("mask" + std::to_string(i) + ".pgm", netpbm_of(mask))};
    }
  }
  PredictResult predict_with(const Marks* marks, Onlooker& onlooker) {
    const store::RunFolder folder = store::RunFolder::locked(folder_.path() / "run");
    std::filesystem::create_directories(folder.maps());
    std::filesystem::remove(folder.predictions());
    return predict({&task_, 1}, onlooker, codec_, folder, kRun, {.batch_size = 1, .marks = marks});
  }
  TemporaryFolder folder_;
  Task task_;
  std::shared_ptr<const ImageCodec> codec_ = std::make_shared<NetpbmCodec>();
};

Image boxed() {
  Image image = grey(8, 8);
  std::vector<std::uint8_t> region(64);
  region[27] = 1;
  draw_boxes(image, region, 1);
  return image;
}

TEST_F(MarksTest, TheTruthIsDrawnOnThePictureAndOnNothingElse) {
  const Marks marks{.from_truth = true};
  Onlooker onlooker;
  predict_with(&marks, onlooker);
  ASSERT_EQ(onlooker.pictures.size(), 4u);
  for (std::size_t i = 0; i < 4; ++i)
    EXPECT_EQ(onlooker.pictures[i].pixels, (i % 2 == 1 ? boxed() : grey(8, 8)).pixels) << i;
  for (const Image& reference : onlooker.references) EXPECT_EQ(reference.pixels, grey(8, 8).pixels);
  // As files they are the same pictures, and their names tell neither truth nor label.
  EXPECT_EQ(codec_->decode(onlooker.bytes[1]).pixels, boxed().pixels);
  for (const std::string& name : onlooker.names) {
    EXPECT_EQ(name.find("truth"), std::string::npos);
    EXPECT_EQ(name.size(), onlooker.names[0].size());
  }
}

TEST_F(MarksTest, WithoutMarksNothingChanges) {
  Onlooker plain, marked;
  predict_with(nullptr, plain);
  const Marks marks{.from_truth = true};
  predict_with(&marks, marked);
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(plain.pictures[i].pixels, grey(8, 8).pixels);
    EXPECT_NE(plain.names[i], marked.names[i]);
    EXPECT_TRUE(marked.names[i].ends_with(".png"));
  }
}

TEST_F(MarksTest, RecordedMapsAreDrawnAndTheTruthIsNotLookedAt) {
  for (Sample& sample : task_.samples) sample.truth.masks = {"/no/such/mask.pgm"};
  Marks marks{.source = "a hash"};
  marks.maps = [](const Task&, const Sample& sample) -> std::optional<AnomalyMap> {
    if (sample.id.find("1000") != std::string::npos) return {};
    AnomalyMap map{.width = 8, .height = 8};
    map.values.assign(64, 0.25F);
    map.values[27] = 0.75F;
    return map;
  };
  Onlooker onlooker;
  const PredictResult result = predict_with(&marks, onlooker);
  ASSERT_EQ(onlooker.pictures.size(), 3u);
  for (const Image& picture : onlooker.pictures) EXPECT_EQ(picture.pixels, boxed().pixels);
  // The sample without a map failed, and says why.
  EXPECT_EQ(result.progress.failed, 1);
  const store::RunFolder folder = store::RunFolder::locked(folder_.path() / "run");
  const Answers answers = recorded_answers(folder, kRun);
  int failed = 0;
  for (const auto& [key, stored] : answers)
    if (stored.prediction.status == Status::failed) {
      EXPECT_NE(stored.prediction.error.find("no map to draw"), std::string::npos);
      ++failed;
    }
  EXPECT_EQ(failed, 1);
}

TEST_F(MarksTest, AnAnomalousPictureWithoutAMaskIsNotShownAsNormal) {
  for (Sample& sample : task_.samples) {
    sample.truth.masks.clear();
    sample.truth.has_mask = false;
  }
  const Marks marks{.from_truth = true};
  EXPECT_EQ(flaw_of(marks, task_, task_.samples[0]), "");
  EXPECT_NE(flaw_of(marks, task_, task_.samples[1]), "");
  Onlooker onlooker;
  EXPECT_EQ(predict_with(&marks, onlooker).progress.failed, 2);
}

TEST_F(MarksTest, NamesTellHowAPictureIsMarked) {
  std::vector<std::string> names;
  for (const MarkKind kind : {MarkKind::box, MarkKind::contour, MarkKind::mask})
    for (const bool beside : {false, true}) {
      const Marks marks{.style = {.kind = kind, .beside = beside}, .from_truth = true};
      names.push_back(marks.change_of(task_, task_.samples[0], codec_)->name());
    }
  std::ranges::sort(names);
  EXPECT_EQ(std::ranges::adjacent_find(names), names.end());
}

}  // namespace
}  // namespace looktwice::run
