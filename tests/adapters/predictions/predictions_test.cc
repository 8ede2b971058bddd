#include <gtest/gtest.h>

#include <limits>

#include "adapters/catalogue.h"
#include "harness/core/codec.h"
#include "harness/core/hash.h"
#include "harness/core/npy.h"
#include "tests/support/pictures.h"
#include "tests/support/queues.h"
#include "tests/support/refusal.h"

namespace looktwice::adapters {
namespace {

using looktwice::testing::names_all;
using looktwice::testing::TemporaryFolder;

AdapterEntry predictions() {
  for (const AdapterEntry& entry : adapter_catalogue())
    if (entry.name == "predictions") return entry;
  throw std::runtime_error("no such adapter");
}

class PredictionsTest : public ::testing::Test {
 protected:
  std::unique_ptr<Adapter> made(const Arguments& arguments) {
    return predictions().make(
        arguments, {.sample_of = [](const std::string& key) { return key; }, .samples = samples_});
  }
  std::string refusal(Kind kind, const Arguments& arguments) {
    return looktwice::testing::refusal(kind, [&] { made(arguments); });
  }
  // Replies to one request per sample; keys are the ids here.
  std::map<std::string, Prediction> replies(Adapter& adapter,
                                            Wanted wanted = {.score = true, .map = true}) {
    std::vector<Request> requests;
    for (const std::string& sample : samples_)
      requests.push_back({.key = sample, .question = {.text = "Is it broken?", .wanted = wanted}});
    std::map<std::string, Prediction> found;
    for (Prediction& reply : looktwice::testing::served(adapter, requests))
      found[reply.key] = reply;
    return found;
  }
  std::string file(const std::string& name, const std::string& text) {
    return folder_.file(name, text).string();
  }
  std::string map_file(const std::string& name, float value, int width = 3, int height = 2) {
    const AnomalyMap map{
        .width = width,
        .height = height,
        .values = std::vector<float>(static_cast<std::size_t>(width) * height, value)};
    return file(name, npy_of(map));
  }
  std::string path(const std::string& name) { return (folder_.path() / name).string(); }

  TemporaryFolder folder_;
  std::vector<std::string> samples_{"bottle/test/crack/000.png", "bottle/test/good/000.png"};
};

TEST_F(PredictionsTest, AnswersWithRecordedScoresAndMaps) {
  map_file("maps/bottle/test/crack/000.npy", 7);
  map_file("maps/bottle/test/good/000.npy", 1);
  const auto adapter = made(
      {{"path",
        file("s.csv", "path,score\nbottle/test/crack/000.png,0.9\nbottle/test/good/000.png,0.1\n")},
       {"maps", path("maps")}});
  const auto found = replies(*adapter);
  EXPECT_EQ(found.at(samples_[0]).score, 0.9);
  EXPECT_EQ(found.at(samples_[0]).map->values, std::vector<float>(6, 7.0f));
  EXPECT_EQ(found.at(samples_[0]).map->width, 3);
  EXPECT_EQ(found.at(samples_[1]).map->values[0], 1);
  EXPECT_EQ(adapter->facts().at("maps"), "2");
  EXPECT_EQ(adapter->facts().at("weights_sha256").size(), 64u);
}

TEST_F(PredictionsTest, LoadsNoMapThatIsNotWanted) {
  file("maps/bottle/test/crack/000.npy", "damaged");
  file("maps/bottle/test/good/000.npy", "damaged");
  const auto adapter =
      made({{"path", file("s.csv", "path,score\ncrack/000.png,0.9\ngood/000.png,0.1\n")},
            {"maps", path("maps")}});
  for (const auto& [sample, reply] : replies(*adapter, {.score = true}))
    EXPECT_EQ(reply.status, Status::answered);
  for (const auto& [sample, reply] : replies(*adapter)) EXPECT_EQ(reply.status, Status::failed);
}

TEST_F(PredictionsTest, MakesAMissingOrFlawedRecordAFailureAndKeepsTheRest) {
  samples_.push_back("bottle/test/good/001.png");
  const auto adapter = made(
      {{"path", file("s.csv", "path,score\ncrack/000.png,nan\ngood/000.png,0.1\nnobody.png,1\n")}});
  const auto found = replies(*adapter);
  EXPECT_EQ(found.at(samples_[0]).status, Status::failed);
  EXPECT_TRUE(names_all(found.at(samples_[0]).error, {"s.csv: line 2", "nan", samples_[0]}))
      << found.at(samples_[0]).error;
  EXPECT_EQ(found.at(samples_[1]).score, 0.1);
  EXPECT_EQ(found.at(samples_[2]).status, Status::failed);
  EXPECT_TRUE(names_all(found.at(samples_[2]).error, {"no record", samples_[2], "s.csv"}));
  EXPECT_EQ(adapter->facts().at("records_unused"), "1");
  EXPECT_EQ(adapter->facts().at("first_unused"), "nobody.png");
  EXPECT_EQ(adapter->facts().at("scores_not_finite"), "1");
}

TEST_F(PredictionsTest, RefusesAmbiguousNamesBeforeAnyAnswer) {
  const std::string why = refusal(Kind::data, {{"path", file("s.csv", "path,score\n000.png,1\n")}});
  EXPECT_TRUE(names_all(why, {"'000.png'", samples_[0], samples_[1]})) << why;
  map_file("maps/000.npy", 1);
  EXPECT_NE(refusal(Kind::data, {{"maps", path("maps")}}), "");
  map_file("two/bottle/test/crack/000.npy", 1);
  file("two/bottle/test/crack/000.tiff", "x");
  EXPECT_TRUE(names_all(refusal(Kind::data, {{"maps", path("two")}}), {"000.npy", "000.tiff"}));
}

TEST_F(PredictionsTest, MakesScoresOfMapsWhenAsked) {
  const AnomalyMap map{.width = 2, .height = 1, .values = {1, 4}};
  file("maps/crack/000.npy", npy_of(map));
  file("maps/good/000.npy", npy_of(map));
  for (const auto& [how, score] : std::map<std::string, double>{{"max", 4}, {"mean", 2.5}})
    for (const auto& [sample, reply] : replies(*made({{"maps", path("maps")}, {"map_score", how}})))
      EXPECT_EQ(reply.score, score) << how;
  for (const auto& [sample, reply] : replies(*made({{"maps", path("maps")}})))
    EXPECT_FALSE(reply.score);
  EXPECT_NE(refusal(Kind::usage, {{"maps", path("maps")}, {"map_score", "median"}}), "");
  EXPECT_NE(refusal(Kind::usage, {{"path", path("s.csv")}, {"map_score", "max"}}), "");
}

TEST_F(PredictionsTest, FailsASampleWhoseMapIsMissingDamagedOrNotFinite) {
  map_file("maps/crack/000.npy", std::numeric_limits<float>::quiet_NaN());
  const auto found = replies(*made({{"maps", path("maps")}}));
  EXPECT_TRUE(names_all(found.at(samples_[0]).error, {"crack/000.npy", "row 0, column 0"}))
      << found.at(samples_[0]).error;
  EXPECT_TRUE(names_all(found.at(samples_[1]).error, {"no map", samples_[1]}))
      << found.at(samples_[1]).error;
}

TEST_F(PredictionsTest, ReadsMapsOutOfOneArchive) {
  samples_ = {"bottle/test/crack/000.png", "bottle/test/crack/001.png"};
  const auto found =
      replies(*made({{"maps", std::string(LOOKTWICE_TEST_DATA) + "/predictions/stored.npz"}}));
  EXPECT_EQ(found.at(samples_[0]).map->values[11], 11);
  EXPECT_EQ(found.at(samples_[1]).map->values[11], 111);
}

TEST_F(PredictionsTest, AddsAnswersFromASecondFile) {
  const auto adapter = made(
      {{"path", file("s.csv", "path,score\ncrack/000.png,0.9\ngood/000.png,0.1\n")},
       {"answers",
        file("a.jsonl",
             "{\"id\":\"crack/000\",\"text\":\"Yes\"}\n{\"id\":\"good/000\",\"text\":\"No\"}\n")}});
  const auto found = replies(*adapter);
  EXPECT_EQ(found.at(samples_[0]).text, "Yes");
  EXPECT_EQ(found.at(samples_[0]).score, 0.9);
  EXPECT_EQ(found.at(samples_[1]).text, "No");
}

TEST_F(PredictionsTest, WalksPastDotFilesAndLinksThatLeaveTheFolder) {
  map_file("outside/secret.npy", 1);
  map_file("maps/crack/000.npy", 2);
  map_file("maps/.cache/crack/000.npy", 3);
  file("maps/notes.txt", "x");
  std::filesystem::create_directories(path("maps/good"));
  std::filesystem::create_symlink(path("outside/secret.npy"), path("maps/good/000.npy"));
  const auto adapter = made({{"maps", path("maps")}});
  const auto found = replies(*adapter);
  EXPECT_EQ(found.at(samples_[0]).map->values[0], 2);
  EXPECT_EQ(found.at(samples_[1]).status, Status::failed) << "the link leads out of the folder";
  EXPECT_EQ(adapter->facts().at("files_left_out"), "2");
}

TEST_F(PredictionsTest, SaysWhatIsMissing) {
  EXPECT_TRUE(names_all(refusal(Kind::usage, {}), {"path=", "maps="}));
  EXPECT_TRUE(names_all(refusal(Kind::data, {{"path", path("gone.csv")}}), {"gone.csv"}));
  EXPECT_TRUE(names_all(refusal(Kind::data, {{"maps", path("gone")}}), {"gone"}));
  std::filesystem::create_directories(path("empty"));
  EXPECT_TRUE(names_all(refusal(Kind::data, {{"maps", path("empty")}}), {"empty", "no maps"}));
}

class AnotherRun : public PredictionsTest {
 protected:
  // A run folder with one journalled record whose map is `stored`.
  Prediction reply_with(const StoredMap& stored) {
    const std::string run = "0123456789abcdef";
    const auto framed = [&](const std::string& object) {
      const std::string body = object.substr(0, object.size() - 1) + ",\"run\":\"" + run + "\"";
      char crc[9];
      std::snprintf(crc, sizeof crc, "%08x", crc32c(body));
      return body + ",\"crc\":\"" + crc + "\"}\n";
    };
    file("run/predictions.jsonl",
         framed(R"({"schema":1,"kind":"predictions"})") +
             framed(json_of(Prediction{.key = "k/0", .score = 0.5}, samples_[0], stored)));
    samples_.resize(1);
    return replies(*made({{"path", path("run")}})).at(samples_[0]);
  }
};

TEST_F(AnotherRun, GivesItsScoresAndMaps) {
  const std::string bytes = npy_of({.width = 2, .height = 1, .values = {1, 2}});
  file("run/maps/ab.npy", bytes);
  const Prediction reply = reply_with({"maps/ab.npy", crc32c(bytes)});
  EXPECT_EQ(reply.score, 0.5);
  ASSERT_TRUE(reply.map);
  EXPECT_EQ(reply.map->values, (std::vector<float>{1, 2}));
}

TEST_F(AnotherRun, RefusesMapsThatAreNotTheRecordedOnes) {
  const std::string bytes = npy_of({.width = 2, .height = 1, .values = {1, 2}});
  file("run/maps/ab.npy", bytes);
  EXPECT_TRUE(names_all(reply_with({"maps/ab.npy", crc32c(bytes) ^ 1}).error, {"checksum"}));
}

TEST_F(AnotherRun, OpensNothingOutsideItsMaps) {
  const std::string bytes = npy_of({.width = 1, .height = 1, .values = {1}});
  const std::uint32_t crc = crc32c(bytes);
  file("secret.npy", bytes);
  file("run/secret.npy", bytes);
  std::filesystem::create_directories(path("run/maps"));
  std::filesystem::create_symlink(path("secret.npy"), path("run/maps/link.npy"));
  for (const std::string& name :
       {std::string("../secret.npy"), std::string("maps/../../secret.npy"), path("secret.npy"),
        std::string("secret.npy"), std::string("maps/link.npy"), std::string("maps/.."),
        std::string("maps/"), std::string("maps//secret.npy"), std::string("./maps/ab.npy"),
        std::string("maps\\ab.npy"), std::string("file:///etc/passwd"),
        std::string("https://example.org/a.npy"), std::string("/proc/self/environ"),
        std::string("/dev/zero"), std::string("maps/sub/ab.npy")}) {
    const Prediction reply = reply_with({name, crc});
    EXPECT_EQ(reply.status, Status::failed) << name;
    EXPECT_FALSE(reply.map) << name;
  }
}

}  // namespace
}  // namespace looktwice::adapters
