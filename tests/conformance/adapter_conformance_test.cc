// What every adapter of the catalogue promises, whatever it is: keys come back, one by one equals
// all at once, a failure is a line, options print. A new adapter is tested here without a change,
// unless it cannot work without an option: see arguments_for.
#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "adapters/catalogue.h"
#include "harness/core/error.h"
#include "tests/support/pictures.h"
#include "tests/support/queues.h"
#include "tests/support/web_server.h"

namespace looktwice {

void PrintTo(const AdapterEntry& entry, std::ostream* out) {
  *out << entry.name;
}

}  // namespace looktwice

namespace looktwice::adapters {
namespace {

using looktwice::testing::TemporaryFolder;

constexpr int kPictures = 5;

std::string key_of(int i) {
  return "key-" + std::to_string(i);
}
std::string sample_of(int i) {
  return "bottle/test/broken/00" + std::to_string(i) + ".ppm";
}

// What an adapter needs at least to answer the requests of Pictures below.
Arguments arguments_for(const std::string& adapter, const TemporaryFolder& folder) {
  if (adapter == "predictions") {
    std::string rows = "id,score,text\n";
    for (int i = 0; i <= kPictures; ++i)
      rows += sample_of(i) + "," + std::to_string(i) + ".5,Yes\n";
    return {{"path", folder.file("scores.csv", rows).string()}};
  }
  if (adapter == "anomaly_ov")  // this small checkpoint has no tokenizer; words_test has one
    return {{"checkpoint", LOOKTWICE_TEST_DATA "/anomaly_ov_other/checkpoint"}, {"words", "false"}};
  if (adapter == "omniad") return {{"checkpoint", LOOKTWICE_TEST_DATA "/omniad_other/checkpoint"}};
  if (adapter == "minilm") return {{"path", LOOKTWICE_TEST_DATA "/tiny_mpnet"}};
  if (adapter == "process")
    return {
        {"command", "sh '" LOOKTWICE_SOURCE_DIR "/scripts/adapters/examples/shell_adapter.sh'"}};
  if (adapter == "openai") {
    static looktwice::testing::WebServer server([](const auto&, looktwice::testing::Line& line) {
      line.send(looktwice::testing::response(200, looktwice::testing::completion("Yes")));
    });
    return {{"model", "test-model"}, {"base_url", server.url()}};
  }
  return {};
}

// An encoder answers no questions.
Wanted wanted_of(const std::string& adapter) {
  if (adapter == "minilm") return {.embedding = true};
  return {.score = true, .map = true, .text = true};
}

struct Pictures {
  TemporaryFolder folder;
  std::vector<Request> requests;

  explicit Pictures(const Wanted& wanted) {
    const auto codec = std::make_shared<looktwice::testing::NetpbmCodec>();
    const auto request_of = [&](int i, const std::filesystem::path& path) {
      Request request{.key = key_of(i), .category = "bottle"};
      request.image = Picture("picture-" + std::to_string(i) + ".ppm", {.path = path}, codec);
      request.question = {
          .text = "Is there a defect?", .wanted = wanted, .decoding = {.max_new_tokens = 16}};
      return request;
    };
    for (int i = 0; i < kPictures; ++i)
      requests.push_back(request_of(
          i, looktwice::testing::ramp_picture(folder, std::to_string(i) + ".ppm", 40 + i, 32, i)));
    missing = request_of(kPictures, folder.path() / "gone.ppm");
  }

  Request missing;
};

Setting setting(int batch_size) {
  return {.batch_size = batch_size, .sample_of = [](const std::string& key) {
            return sample_of(std::stoi(key.substr(key.find('-') + 1)));
          }};
}

bool same(const Prediction& a, const Prediction& b) {
  const auto map_of = [](const Prediction& p) { return p.map ? *p.map : AnomalyMap{}; };
  return a.key == b.key && a.status == b.status && a.text == b.text && a.score == b.score &&
         a.error == b.error && map_of(a).width == map_of(b).width &&
         map_of(a).height == map_of(b).height && map_of(a).values == map_of(b).values;
}

class EveryAdapter : public ::testing::TestWithParam<AdapterEntry> {
 protected:
  std::unique_ptr<Adapter> made(int batch_size) {
    return GetParam().make(arguments_for(GetParam().name, pictures_.folder), setting(batch_size));
  }

  Pictures pictures_{wanted_of(GetParam().name)};
};

TEST_P(EveryAdapter, HasANameASummaryAndOptionsThatPrint) {
  const AdapterEntry& entry = GetParam();
  EXPECT_FALSE(entry.name.empty());
  EXPECT_FALSE(entry.summary.empty());
  EXPECT_EQ(entry.summary.find('\n'), std::string::npos);
  const Arguments used = entry.as_used(arguments_for(entry.name, pictures_.folder));
  std::set<std::string> names;
  for (const OptionInfo& option : entry.options) {
    EXPECT_TRUE(names.insert(option.name).second) << option.name << " is there twice";
    EXPECT_FALSE(option.help.empty()) << option.name;
    EXPECT_FALSE(option.type.empty()) << option.name;
    EXPECT_TRUE(used.contains(option.name)) << option.name << " is not in run.json";
  }
  EXPECT_EQ(used.size(), entry.options.size());
  EXPECT_EQ(entry.as_used(used), used) << "what was used can be asked for again";
}

TEST_P(EveryAdapter, RefusesAnUnknownOptionAsUsage) {
  try {
    Arguments arguments = arguments_for(GetParam().name, pictures_.folder);
    arguments["no_such_option"] = "1";
    GetParam().make(arguments, setting(0));
    FAIL() << "accepted";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), Kind::usage);
    EXPECT_NE(std::string(error.what()).find("no_such_option"), std::string::npos) << error.what();
  }
}

TEST_P(EveryAdapter, GivesEachKeyBackOnce) {
  const auto adapter = made(0);
  const auto replies = looktwice::testing::served(*adapter, pictures_.requests);
  std::multiset<std::string> keys, expected;
  for (const Prediction& reply : replies) keys.insert(reply.key);
  for (const Request& request : pictures_.requests) expected.insert(request.key);
  EXPECT_EQ(keys, expected);
  for (const Prediction& reply : replies) {
    EXPECT_EQ(reply.status, Status::answered) << reply.error;
    EXPECT_TRUE(std::isfinite(reply.score.value_or(0)));
    if (!reply.map) continue;
    EXPECT_EQ(reply.map->values.size(),
              static_cast<std::size_t>(reply.map->width) * reply.map->height);
    for (const float value : reply.map->values) ASSERT_TRUE(std::isfinite(value));
  }
}

TEST_P(EveryAdapter, AnswersTheSameOneByOneAndAllAtOnce) {
  const auto answers = [](Adapter& adapter, const std::vector<Request>& requests) {
    looktwice::testing::ListDesk desk(requests);
    adapter.serve(desk, desk);
    return desk.by_key();
  };
  const auto at_once = answers(*made(0), pictures_.requests);
  auto by_two = answers(*made(2), pictures_.requests);
  const auto alone = made(1);
  ASSERT_EQ(at_once.size(), pictures_.requests.size());
  for (auto at = pictures_.requests.rbegin(); at != pictures_.requests.rend(); ++at) {
    const Prediction& reply = at_once.at(at->key);
    EXPECT_TRUE(same(reply, by_two[at->key])) << at->key;
    EXPECT_TRUE(same(reply, answers(*alone, {*at})[at->key])) << at->key;
  }
}

TEST_P(EveryAdapter, WritesALineForAPictureThatCannotBeRead) {
  const auto adapter = made(0);
  std::vector<Request> requests = pictures_.requests;
  requests.insert(requests.begin() + 2, pictures_.missing);
  looktwice::testing::ListDesk desk(requests);
  adapter->serve(desk, desk);
  const auto replies = desk.by_key();
  ASSERT_EQ(replies.size(), requests.size());
  const Prediction& missing = replies.at(pictures_.missing.key);
  EXPECT_TRUE(missing.status == Status::answered || !missing.error.empty());
  for (const Request& request : pictures_.requests)
    EXPECT_EQ(replies.at(request.key).status, Status::answered) << replies.at(request.key).error;
}

TEST_P(EveryAdapter, StopsWhenTheInboxIsOver) {
  const auto adapter = made(0);
  EXPECT_TRUE(looktwice::testing::served(*adapter, {}).empty());
}

INSTANTIATE_TEST_SUITE_P(Catalogue, EveryAdapter, ::testing::ValuesIn(adapter_catalogue()),
                         [](const auto& each) { return each.param.name; });

TEST(AdapterCatalogue, NamesAreUnique) {
  std::set<std::string> names;
  for (const AdapterEntry& entry : adapter_catalogue())
    EXPECT_TRUE(names.insert(entry.name).second) << entry.name;
  EXPECT_TRUE(names.contains("echo") && names.contains("null"));
}

}  // namespace
}  // namespace looktwice::adapters
