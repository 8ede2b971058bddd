// det.* from folder to report, on small copies of all four sets in their published layouts
// (scripts/detection_miniatures): text masks and maps, 0- and 1-shot, by one who knows and by one
// who guesses.
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <set>
#include <sstream>

#include "adapters/imaging/codec.h"
#include "harness/store/manifest.h"
#include "harness/store/run_folder.h"
#include "harness/store/summary.h"
#include "tests/harness/cli/unit.h"

namespace looktwice {
namespace {

using namespace looktwice::testing;

const std::vector<std::string> kSets = {"mvtec", "visa", "loco", "goodsad"};
constexpr int kImages = 5, kCategories = 2;

class DetectionSets : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    folder_ = std::make_unique<TemporaryFolder>();
    const Finished made =
        finished({.arguments = {"python3", LOOKTWICE_SOURCE_DIR "/scripts/detection_miniatures",
                                folder_->path().string(), "--images", std::to_string(kImages)}});
    made_ = made.code == 0;
    why_ = made.err;
    no_python_ = made.code == 127;
  }
  static void TearDownTestSuite() { folder_.reset(); }
  void SetUp() override {
    if (no_python_) GTEST_SKIP() << "no python3";
    ASSERT_TRUE(made_) << why_;
  }

  static std::filesystem::path answers(const std::string& set, const std::string& name) {
    return folder_->path() / "answers" / set / name;
  }
  static std::filesystem::path run_folder() { return folder_->path() / "run"; }
  static Finished run(const std::string& task, const std::string& model_args,
                      const std::vector<std::string>& more = {}) {
    std::filesystem::remove_all(run_folder());
    std::vector<std::string> words = {"run",
                                      "--model",
                                      "predictions",
                                      "--model_args",
                                      model_args,
                                      "--tasks",
                                      task,
                                      "--data_root",
                                      folder_->path().string(),
                                      "--output_path",
                                      run_folder().string(),
                                      "--quiet",
                                      "--resamples",
                                      "0",
                                      "--threads",
                                      "2"};
    words.insert(words.end(), more.begin(), more.end());
    return finished(looktwice(words));
  }
  static std::map<std::string, double> values(const std::string& scorer = "corrected",
                                              const std::string& group = "macro") {
    std::map<std::string, double> values;
    for (const store::Row& row : store::read_summary(run_folder() / "summary.json").rows)
      if (row.scorer == scorer && row.group == group && row.value) values[row.metric] = *row.value;
    return values;
  }
  static int anomalous(const std::string& set) { return set == "loco" ? 2 * kImages : kImages; }

  static std::unique_ptr<TemporaryFolder> folder_;
  static bool made_, no_python_;
  static std::string why_;
};
std::unique_ptr<TemporaryFolder> DetectionSets::folder_;
bool DetectionSets::made_ = false, DetectionSets::no_python_ = false;
std::string DetectionSets::why_;

TEST_F(DetectionSets, TextMasksThatAreRightScoreHundred) {
  for (const std::string& set : kSets)
    for (const auto& [variant, shots] :
         {std::pair("", "0"), {":original", "1"}, {":answer+original", "0"}}) {
      const Finished done =
          run("det." + set + variant, "path=" + answers(set, "oracle.jsonl").string(),
              {"--num_fewshot", shots});
      ASSERT_EQ(done.code, 0) << set << done.err;
      const auto found = values();
      for (const char* metric : {"generated_pixel_f1", "generated_pixel_accuracy",
                                 "generated_image_f1", "generated_image_accuracy", "accuracy", "f1",
                                 "auroc", "detection.reward_format", "detection.reward_answer"}) {
        ASSERT_TRUE(found.contains(metric)) << set << " " << metric;
        EXPECT_EQ(found.at(metric), 1.0) << set << variant << " " << metric;
      }
      EXPECT_EQ(found.at("detection.invalid"), 0.0);
      // R_fmt + R_ans + R_acc: 3 on a normal picture, 4 on an anomalous one.
      const double n = kImages, a = anomalous(set);
      EXPECT_NEAR(found.at("detection.reward"), (3 * n + 4 * a) / (n + a), 1e-12) << set;
      EXPECT_NEAR(found.at("reward_mask"), (n + 2 * a) / (n + a), 1e-12) << set;
      // The closed forms.
      const auto yes = values("all_anomalous"), no = values("all_normal");
      EXPECT_NEAR(yes.at("f1"), 2 * a / (2 * a + n), 1e-12);
      EXPECT_NEAR(yes.at("accuracy"), a / (a + n), 1e-12);
      EXPECT_EQ(no.at("f1"), 0.0);
      EXPECT_NEAR(no.at("accuracy"), n / (a + n), 1e-12);
      EXPECT_EQ(found.contains("au_spro_0.05"), set == "loco");
      if (set == "loco") {
        for (const char* metric : {"au_spro_0.05", "au_spro_0.05_structural", "au_spro_0.3_logical",
                                   "auroc_structural", "auroc_logical", "auroc_of_kinds"})
          EXPECT_NEAR(found.at(metric), 1, 1e-12) << metric;
      }
    }
}

TEST_F(DetectionSets, MapsThatAreRightScoreHundredAtEveryKindOfThreshold) {
  for (const std::string& set : kSets) {
    const Finished done = run("det." + set + ":original",
                              "maps=" + answers(set, "oracle.npz").string() + ",map_score=max");
    ASSERT_EQ(done.code, 0) << set << done.err;
    for (const char* how : {"joint", "joint_exact", "anomalib", "joint_pooled"}) {
      ASSERT_EQ(finished(looktwice({"score", run_folder().string(), "--quiet", "--resamples", "0",
                                    "--pixel_threshold", how}))
                    .code,
                0);
      const auto found = values();
      for (const char* metric : {"joint_pixel_f1", "joint_pixel_accuracy", "joint_image_f1",
                                 "joint_image_accuracy", "generated_pixel_f1", "auroc"})
        EXPECT_EQ(found.at(metric), 1.0) << set << " " << how << " " << metric;
    }
    if (set == "loco") {
      EXPECT_NEAR(values().at("au_spro_0.05_logical"), 1, 1e-12);
    }
  }
}

TEST_F(DetectionSets, WhoGuessesScoresChance) {
  for (const std::string& set : kSets) {
    const std::string task = "det." + set + ":original";
    ASSERT_EQ(run(task, "path=" + answers(set, "random.jsonl").string()).code, 0);
    const auto text = values("corrected", "pooled");
    EXPECT_NEAR(text.at("accuracy"), 0.5, 0.25) << set;
    EXPECT_NEAR(text.at("auroc"), 0.5, 0.25) << set;
    EXPECT_LT(text.at("generated_pixel_f1"), 0.3) << set;
    ASSERT_EQ(run(task, "maps=" + answers(set, "random.npz").string() + ",map_score=mean").code, 0);
    const auto maps = values("corrected", "pooled");
    EXPECT_NEAR(maps.at("auroc"), 0.5, 0.25) << set;
    // Noise at its best threshold calls nearly every picture anomalous.
    const double n = kImages, a = anomalous(set);
    EXPECT_NEAR(maps.at("joint_image_f1"), 2 * a / (2 * a + n), 0.15) << set;
    EXPECT_LT(maps.at("joint_pixel_f1"), 0.3) << set;
  }
}

TEST_F(DetectionSets, LayoutsAreReadAsPublished) {
  for (const std::string& set : kSets) {
    const Finished data = finished(looktwice(
        {"data", "verify", set, "--data_root", folder_->path().string(), "--json", "--quiet"}));
    // Most categories are not there, which is told; nothing else is wrong.
    EXPECT_TRUE(data.code == 0 || data.code == 4) << set << data.err;
    const std::size_t error = data.out.find("\"level\": \"error\"");
    if (error != std::string::npos) {
      EXPECT_NE(data.out.find("classes without a test image", error), std::string::npos)
          << data.out;
      EXPECT_EQ(data.out.find("\"level\": \"error\"", error + 1), std::string::npos) << data.out;
    }
    // LOCO: one or two files per anomalous picture of each kind.
    const int masks = kCategories * (set == "loco" ? 2 * (kImages + kImages / 2) : kImages);
    EXPECT_NE(data.out.find("\"masks\": " + std::to_string(masks)), std::string::npos) << data.out;
  }
}

// R_acc of each picture stands in outcomes.jsonl, and so does the sum of the three.
TEST_F(DetectionSets, RewardsAreKeptForEverySample) {
  ASSERT_EQ(run("det.mvtec:original", "path=" + answers("mvtec", "random.jsonl").string()).code, 0);
  const std::string outcomes = store::read_text(run_folder() / "outcomes.jsonl");
  int masks = 0, sums = 0;
  for (std::size_t at = 0; (at = outcomes.find("\"reward_mask\"", at)) != std::string::npos; ++at)
    ++masks;
  for (std::size_t at = 0; (at = outcomes.find("\"reward\"", at)) != std::string::npos; ++at)
    ++sums;
  EXPECT_GE(masks, 2 * kCategories * kImages);
  EXPECT_GE(sums, 2 * kCategories * kImages);
  const double mean = values("corrected", "pooled").at("detection.reward");
  EXPECT_GT(mean, 0.1);
  EXPECT_LT(mean, 4);
}

TEST_F(DetectionSets, MarksOfTheTruthAreFlaggedEverywhere) {
  const Finished done = run("det.visa:original", "path=" + answers("visa", "oracle.jsonl").string(),
                            {"--marks", "bbox", "--marks_from", "truth", "--label", "told"});
  ASSERT_EQ(done.code, 0) << done.err;
  const std::string flag = "ground truth shown to the model: bbox of the truth";
  EXPECT_NE(done.out.find(flag), std::string::npos) << done.out;
  EXPECT_EQ(store::read_manifest(run_folder() / "run.json").flags, std::vector<std::string>{flag});
  EXPECT_EQ(store::read_summary(run_folder() / "summary.json").flags,
            std::vector<std::string>{flag});
  ASSERT_EQ(finished(looktwice({"score", run_folder().string(), "--quiet"})).code, 0);
  EXPECT_EQ(store::read_summary(run_folder() / "summary.json").flags,
            std::vector<std::string>{flag});
  for (const char* format : {"terminal", "markdown", "csv", "json", "html", "latex"}) {
    const Finished board = finished(
        looktwice({"leaderboard", run_folder().string(), "--format", format, "--no_published"}));
    EXPECT_EQ(board.code, 0) << format;
    EXPECT_NE(board.out.find("ground truth shown"), std::string::npos) << format << board.out;
  }
  const Finished board =
      finished(looktwice({"leaderboard", run_folder().string(), "--json", "--no_published"}));
  EXPECT_NE(board.out.find("\"rank\": null"), std::string::npos) << board.out;
  const Finished report =
      finished(looktwice({"report", run_folder().string(), "--format", "html"}));
  EXPECT_NE(report.out.find("FLAG: ground truth"), std::string::npos);
}

TEST_F(DetectionSets, MarksMakeAnotherRun) {
  const std::string oracle = "path=" + answers("visa", "oracle.jsonl").string();
  std::map<std::string, std::string> ids;
  const auto id_of = [&](const std::vector<std::string>& more) {
    EXPECT_EQ(run("det.visa:original", oracle, more).code, 0);
    return store::read_manifest(run_folder() / "run.json").run;
  };
  const std::string maps = answers("visa", "oracle.npz").string(),
                    noise = answers("visa", "random.npz").string();
  const std::string plain = id_of({}), boxes = id_of({"--marks", "bbox", "--marks_from", maps}),
                    others = id_of({"--marks", "bbox", "--marks_from", noise}),
                    heat = id_of({"--marks", "heatmap", "--marks_from", maps}),
                    strict = id_of(
                        {"--marks", "bbox", "--marks_from", noise, "--marks_threshold", "0.9"});
  EXPECT_EQ((std::set<std::string>{plain, boxes, others, heat, strict}).size(), 5u);
  EXPECT_EQ(id_of({"--marks", "bbox", "--marks_from", maps}), boxes);
  const store::Manifest manifest = store::read_manifest(run_folder() / "run.json");
  EXPECT_EQ(manifest.options_used.at("marks_from"), "maps");
  EXPECT_EQ(manifest.options_used.at("marks_source").size(), 64u);
  EXPECT_EQ(manifest.flags.at(0), "pictures are marked: bbox of recorded maps");
}

TEST_F(DetectionSets, MarksMayComeFromAnotherRun) {
  ASSERT_EQ(
      run("zsad.mvtec", "maps=" + answers("mvtec", "oracle.npz").string() + ",map_score=max").code,
      0);
  const std::filesystem::path expert = folder_->path() / "expert";
  std::filesystem::rename(run_folder(), expert);
  const std::string oracle = "path=" + answers("mvtec", "oracle.jsonl").string();
  Finished done =
      run("det.mvtec:original", oracle, {"--marks", "contour", "--marks_from", expert.string()});
  EXPECT_EQ(done.code, 0) << done.err;
  std::filesystem::remove_all(expert);
  // And from one that wrote its masks.
  ASSERT_EQ(run("det.mvtec:original", oracle).code, 0);
  std::filesystem::rename(run_folder(), expert);
  done = run("det.mvtec:original", oracle, {"--marks", "mask", "--marks_from", expert.string()});
  EXPECT_EQ(done.code, 0) << done.err;
  EXPECT_EQ(store::read_manifest(run_folder() / "run.json").options_used.at("marks_place"),
            "beside");
  // Of another data set there is nothing to draw.
  done = run("det.visa:original", "path=" + answers("visa", "oracle.jsonl").string(),
             {"--marks", "mask", "--marks_from", expert.string()});
  EXPECT_EQ(done.code, 4);
  EXPECT_NE(done.err.find("has nothing for any of the"), std::string::npos) << done.err;
}

TEST_F(DetectionSets, WrongMarksAreRefusedBeforeAnyWork) {
  const std::string oracle = "path=" + answers("visa", "oracle.jsonl").string();
  for (const auto& [words, why] : {
           std::pair<std::vector<std::string>, const char*>{
               {"--marks", "bbx", "--marks_from", "truth"}, "did you mean 'bbox'"},
           {{"--marks", "bbox"}, "needs --marks_from"},
           {{"--marks_from", "truth"}, "needs --marks"},
           {{"--marks", "bbox", "--marks_from", "truth", "--marks_place", "under"}, "on, beside"},
           {{"--marks", "bbox", "--marks_from", "truth", "--marks_threshold", "nan"}, "finite"},
       }) {
    const Finished done = run("det.visa:original", oracle, words);
    EXPECT_EQ(done.code, 2) << done.err;
    EXPECT_NE(done.err.find(why), std::string::npos) << done.err;
  }
  const Finished done =
      run("det.visa:original", oracle, {"--marks", "bbox", "--marks_from", "/no/such/folder"});
  EXPECT_EQ(done.code, 4) << done.err;
}

TEST_F(DetectionSets, TrainingIsSaidBesideTheValue) {
  const std::string oracle = "path=" + answers("visa", "oracle.jsonl").string();
  ASSERT_EQ(run("det.visa:original", oracle, {"--trained_on", "mmad,my set"}).code, 0);
  const Finished board = finished(
      looktwice({"leaderboard", run_folder().string(), "--no_published", "--format", "csv"}));
  EXPECT_NE(board.out.find("Trained on MMAD (which shares pictures of VisA)."), std::string::npos)
      << board.out;
  ASSERT_EQ(run("det.visa:original", oracle, {"--trained_on", "goodsad"}).code, 0);
  const Finished other = finished(
      looktwice({"leaderboard", run_folder().string(), "--no_published", "--format", "csv"}));
  EXPECT_EQ(other.out.find("Trained on"), std::string::npos) << other.out;
}

// The truth in 24 x 24 patches is as good as the truth where its regions end at patches.
TEST_F(DetectionSets, MasksAsTextAreTheAnswersThatAreRight) {
  const std::string text = (folder_->path() / "text.jsonl").string();
  for (const std::string& set : kSets)
    for (const auto& [rule, base] : {std::pair("any", "0"), {"majority", "1"}}) {
      const Finished written = finished(
          looktwice({"data", "masks", set, "--data_root", folder_->path().string(), "--output",
                     text, "--patches", rule, "--index_base", base, "--quiet", "--threads", "2"}));
      ASSERT_EQ(written.code, 0) << set << written.err;
      EXPECT_EQ(written.err, "");
      const std::string variant = base == std::string("1") ? ":original+base1" : ":original";
      ASSERT_EQ(run("det." + set + variant, "path=" + text).code, 0) << set;
      const auto found = values();
      for (const char* metric : {"generated_pixel_f1", "generated_image_f1", "accuracy",
                                 "detection.reward_format", "detection.reward_answer"})
        EXPECT_EQ(found.at(metric), 1.0) << set << " " << metric;
    }
}

// A model that counts from 1 and writes its runs backwards is found out by two rows.
TEST_F(DetectionSets, MendedRunsAndIndicesOf24AreRows) {
  std::string lines;
  std::istringstream in(store::read_text(answers("mvtec", "oracle.jsonl")));
  int n = 0;
  for (std::string line; std::getline(in, line); ++n)
    lines += line.substr(0, line.find("\"text\"")) +
             (n % 2 == 0 ? R"("text": "<seg>(3, 9)-(3, 2), (24, 24) und 坐标</seg>"})"
                         : R"("text": "<seg>(3, 2)-(3, 9)</seg>"})") +
             "\n";
  const auto file = folder_->file("mended.jsonl", lines);
  ASSERT_EQ(run("det.mvtec", "path=" + file.string()).code, 0);
  const auto found = values("corrected", "pooled");
  EXPECT_NEAR(found.at("detection.malformed"), 0.5, 1e-12);
  EXPECT_NEAR(found.at("detection.index_24"), 0.5, 1e-12);
  // Swapped ends, a patch beyond the last one, words.
  EXPECT_NE(store::read_text(run_folder() / "outcomes.jsonl").find("\"malformed_runs\":3"),
            std::string::npos);
  ASSERT_EQ(run("det.mvtec:base1", "path=" + file.string()).code, 0);
  EXPECT_NEAR(values("corrected", "pooled").at("detection.malformed"), 0.5, 1e-12);
  EXPECT_FALSE(values("corrected", "pooled").contains("detection.index_24"));
}

TEST(MasksAsText, APixelIsEnoughOrMoreThanHalfMustBe) {
  const TemporaryFolder folder;
  const auto put = [&](const std::string& name, const Image& image) {
    const auto bytes = imaging::make_codec()->encode_png(image);
    folder.file("mvtec/bottle/" + name,
                {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  };
  Image picture{.width = 48, .height = 48, .channels = 1};
  picture.pixels.assign(48 * 48, 0);
  for (const char* name :
       {"train/good/0.png", "test/good/0.png", "test/odd/0.png", "test/odd/1.png"})
    put(name, picture);
  Image mask = picture;  // patches are 2 x 2: one pixel, three pixels, a half
  for (const int at : {0, 46, 47, 48 + 46, 47 * 48, 47 * 48 + 1})
    mask.pixels[static_cast<std::size_t>(at)] = 255;
  put("ground_truth/odd/0_mask.png", mask);
  mask = picture;
  mask.pixels[0] = 1;
  put("ground_truth/odd/1_mask.png", mask);
  const std::string text = (folder.path() / "text.jsonl").string();
  const auto masks = [&](const std::vector<std::string>& more) {
    std::vector<std::string> words = {
        "data",     "masks", "mvtec",  "--data_root", folder.path().string(),
        "--output", text,    "--quiet"};
    words.insert(words.end(), more.begin(), more.end());
    return finished(looktwice(words));
  };
  const std::string end = "</seg><think></think><answer>";
  ASSERT_EQ(masks({}).code, 0);
  EXPECT_EQ(store::read_text(text),
            R"({"sample":"bottle/test/good/0.png","text":"<seg>)" + end + "B</answer>\"}\n" +
                R"({"sample":"bottle/test/odd/0.png","text":"<seg>(0, 0), (0, 23), (23, 0))" + end +
                "A</answer>\"}\n" + R"({"sample":"bottle/test/odd/1.png","text":"<seg>(0, 0))" +
                end + "A</answer>\"}\n");
  const Finished most = masks({"--patches", "majority", "--index_base", "1"});
  ASSERT_EQ(most.code, 0);
  EXPECT_NE(most.err.find("1 masks have no patch"), std::string::npos) << most.err;
  const std::string lines = store::read_text(text);
  EXPECT_NE(lines.find("<seg>(1, 24)</seg>"), std::string::npos) << lines;
  EXPECT_NE(lines.find("odd/1.png\",\"text\":\"<seg></seg>"), std::string::npos) << lines;
  // What cannot be asked, and a mask that does not fit: the file of before stays.
  EXPECT_EQ(masks({"--patches", "half"}).code, 2);
  EXPECT_EQ(masks({"--index_base", "2"}).code, 2);
  put("ground_truth/odd/1_mask.png",
      {.width = 2, .height = 2, .channels = 1, .pixels = {1, 0, 0, 0}});
  const Finished wrong = masks({});
  EXPECT_EQ(wrong.code, 4);
  EXPECT_NE(wrong.err.find("1_mask.png"), std::string::npos) << wrong.err;
  EXPECT_EQ(store::read_text(text), lines);
  std::filesystem::remove_all(folder.path() / "mvtec/bottle/ground_truth");
  std::filesystem::remove_all(folder.path() / "mvtec/bottle/test/good");
  EXPECT_EQ(masks({}).code, 4);
}

}  // namespace
}  // namespace looktwice
