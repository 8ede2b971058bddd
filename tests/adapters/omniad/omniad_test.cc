// The adapter through its door: official answers one by one and all at once, pictures seen once,
// likelihoods, masks that are always well-formed, mistakes named.
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "adapters/catalogue.h"
#include "harness/core/error.h"
#include "suites/mmad/mmad_prompts.h"
#include "suites/text_mask.h"
#include "tests/adapters/omniad/cases.h"
#include "tests/support/pictures.h"
#include "tests/support/queues.h"
#include "tests/support/qwen_vocabulary.h"
#include "tests/support/refusal.h"

namespace looktwice::omniad {
namespace {

using looktwice::testing::names_all;
using looktwice::testing::refusal;
using looktwice::testing::served;

std::unique_ptr<Adapter> made(Arguments arguments, int batch_size = 0) {
  const auto catalogue = adapters::adapter_catalogue();
  const auto found = std::ranges::find(catalogue, "omniad", &AdapterEntry::name);
  arguments.try_emplace("checkpoint", test::data_path("omniad_other/checkpoint").string());
  return found->make(arguments, {.batch_size = batch_size, .threads = 1});
}

Picture picture(const std::string& name) {
  return Picture(name + ".png", {.path = test::data_path("omniad_other/images") / (name + ".png")},
                 imaging::make_codec());
}

Request question(const std::string& key, const std::string& shown, const std::string& text) {
  Request asked{.key = key, .image = picture(shown)};
  asked.question = {.text = text, .wanted = {.text = true}, .decoding = {.max_new_tokens = 4}};
  asked.question.alone = true;
  return asked;
}

bool saw(const Prediction& reply) {
  return std::ranges::any_of(reply.spans, [](const Span& span) { return span.name == "vision"; });
}

// The cases of a fixture whose greedy answers are sure, with the arguments that ask as it did.
struct Case {
  std::string resize = {};
  bool numbered = false;
  Request request = {};
  std::string text = {};
  std::string tokens = {};
};
std::vector<Case> sure_cases(const std::filesystem::path& folder) {
  std::vector<Case> found;
  const JsonValue manifest = manifest_of(folder);
  for (const auto& [name, one] : manifest.find("cases")->members) {
    const bool sure = std::ranges::all_of(one.find("greedy_margins")->items, [](const auto& item) {
      return std::stod(item.text) >= 2e-3;
    });
    if (!sure) continue;
    Case made{.numbered = one.find("add_vision_id")->text == "true",
              .request = request_of(folder, name, one),
              .text = one.find("greedy_text")->text,
              .tokens = one.find("sequence_length")->text};
    const auto& images = one.find("images")->items;
    if (!images.empty()) made.resize = images[0].find("resize")->text;
    made.request.question.decoding.max_new_tokens =
        static_cast<int>(one.find("greedy_ids")->items.size());
    found.push_back(std::move(made));
  }
  return found;
}

Arguments arguments_of(const Case& one, const std::filesystem::path& checkpoint) {
  // Bounds far apart: the fixture's own are told by its preprocessor file, which plain mode
  // replaces by those of MMAD's script.
  return {{"checkpoint", checkpoint.string()},
          {"mode", "omniad"},
          {"image", resize_of(one.resize).framing},
          {"side", std::to_string(resize_of(one.resize).side)},
          {"resize_twice", "false"},
          {"add_vision_id", one.numbered ? "true" : "false"}};
}

TEST(OmniAdAdapter, GivesTheOfficialAnswersOneByOneAndTogether) {
  int asked = 0;
  for (const auto& folder : case_folders()) {
    const test::WithTokenizer checkpoint(folder / "checkpoint");
    std::map<std::string, std::pair<Arguments, std::vector<Case>>> alike;
    for (Case& one : sure_cases(folder)) {
      const Arguments arguments = arguments_of(one, checkpoint.path());
      auto& group = alike[one.resize + (one.numbered ? "#" : "")];
      group.first = arguments;
      group.second.push_back(std::move(one));
    }
    // Qwen2's whole tokenizer takes a second to read: that one is asked together only.
    const bool is_small = folder == test::data_path("omniad_other");
    for (const auto& [name, group] : alike)
      for (const int batch : is_small ? std::vector<int>{1, 3} : std::vector<int>{3}) {
        const auto adapter = made(group.first, batch);
        std::vector<Request> requests;
        for (const Case& one : group.second) requests.push_back(one.request);
        const auto replies = served(*adapter, requests);
        ASSERT_EQ(replies.size(), requests.size());
        for (const Prediction& reply : replies) {
          const auto one = std::ranges::find(group.second, reply.key,
                                             [](const Case& held) { return held.request.key; });
          ASSERT_EQ(reply.status, Status::answered) << reply.error;
          EXPECT_EQ(reply.text, one->text) << folder << " " << reply.key << " by " << batch;
          EXPECT_EQ(std::to_string(reply.usage.input_tokens), one->tokens) << reply.key;
          ++asked;
        }
      }
  }
  EXPECT_GE(asked, 4);
}

TEST(OmniAdAdapter, QuestionsAboutOnePictureSeeItOnce) {
  for (const int batch : {1, 5}) {
    const auto adapter = made({}, batch);
    std::vector<Request> requests;
    for (int i = 0; i < 5; ++i) {
      Request asked = question("q" + std::to_string(i), "tall", "Question " + std::to_string(i));
      asked.references = {picture("strip")};
      requests.push_back(asked);
    }
    std::vector<Prediction> alone;
    for (const Request& asked : requests) alone.push_back(served(*made({}, 1), {asked}).at(0));
    const auto replies = served(*adapter, requests);
    EXPECT_EQ(std::ranges::count_if(replies, saw), 1);
    for (const Prediction& reply : replies)
      EXPECT_EQ(reply.text, std::ranges::find(alone, reply.key, &Prediction::key)->text);
    const auto facts = adapter->facts();
    EXPECT_EQ(facts.at("pictures"), "10 shown, 2 encoded");
    EXPECT_NE(facts.at("prompt tokens").find("from memory"), std::string::npos);
    EXPECT_EQ(facts.at("prompt tokens").find(" 0 from memory"), std::string::npos);
  }
}

TEST(OmniAdAdapter, TurnsOfADialogueGoOnFromEachOther) {
  const auto adapter = made({{"mode", "omniad"}}, 1);
  Request asked = question("0", "dot", "Is it whole?");
  asked.question.alone = false;
  std::vector<Turn> dialogue;
  for (int turn = 0; turn < 3; ++turn) {
    asked.key = std::to_string(turn);
    asked.dialogue = dialogue;
    const Prediction reply = served(*adapter, {asked}).at(0);
    ASSERT_EQ(reply.status, Status::answered) << reply.error;
    EXPECT_EQ(saw(reply), turn == 0);
    EXPECT_EQ(reply.text, served(*made({{"mode", "omniad"}}, 1), {asked}).at(0).text) << turn;
    dialogue.push_back({.question = asked.question.text, .answer = reply.text});
    asked.question.text = "And why?";
  }
}

TEST(OmniAdAdapter, LettersHaveLikelihoodsAndYesAScore) {
  Request letters = question("letters", "tall", "Which?");
  letters.question.options = {{"A", "Hole"}, {"B", "None"}};
  Request yes = question("yes", "tall", "Is there a defect?");
  yes.question.wanted.score = true;
  const auto replies = served(*made({}, 2), {letters, yes});
  for (const Prediction& reply : replies) {
    ASSERT_EQ(reply.status, Status::answered) << reply.error;
    if (reply.key == "yes") {
      ASSERT_TRUE(reply.score);
      EXPECT_GT(*reply.score, 0);
      EXPECT_LT(*reply.score, 1);
      EXPECT_TRUE(reply.likelihoods.empty());
    } else {
      ASSERT_EQ(reply.likelihoods.size(), 2u);
      EXPECT_NEAR(reply.likelihoods.at("A") + reply.likelihoods.at("B"), 1, 1e-9);
      EXPECT_FALSE(reply.score);
    }
  }
}

TEST(OmniAdAdapter, ConstrainedAnswersAreWellFormedHoweverTheyAreDrawn) {
  const auto adapter = made({{"constrained", "true"}}, 4);
  EXPECT_EQ(adapter->facts().count("decoding"), 1u);
  EXPECT_EQ(made({})->facts().count("decoding"), 0u);
  std::vector<Request> requests;
  for (int i = 0; i < 12; ++i) {
    Request asked = question(std::to_string(i), i % 2 ? "tall" : "strip", "Is there a defect?");
    asked.question.system = suites::mmad_system_text(suites::MmadPrompt::omniad);
    asked.question.options = {{"A", "Yes."}, {"B", "No."}};
    asked.question.wanted.score = true;
    asked.question.decoding = {.max_new_tokens = 150,
                               .temperature = i < 2 ? 0.0 : 1.0,
                               .seed = static_cast<std::uint64_t>(i)};
    requests.push_back(asked);
  }
  for (const Prediction& reply : served(*adapter, requests)) {
    ASSERT_EQ(reply.status, Status::answered) << reply.error;
    const suites::SegReply read = suites::seg_reply(reply.text);
    EXPECT_TRUE(read.formatted) << reply.text;
    EXPECT_EQ(read.malformed, 0) << reply.text;
    EXPECT_TRUE(read.answer == "A" || read.answer == "B") << reply.text;
    EXPECT_EQ(reply.likelihoods.size(), 2u);
    EXPECT_TRUE(reply.score);
  }
  // A question that is not asked for <seg> is answered freely.
  const auto free = served(*adapter, {question("free", "dot", "Hello?")}).at(0);
  EXPECT_EQ(free.status, Status::answered);
  EXPECT_FALSE(free.text.starts_with("<seg>"));
}

TEST(OmniAdAdapter, DrawnAnswersAreThoseOfTheirSeedOneByOneAndTogether) {
  std::vector<Request> requests;
  for (const char* key : {"a", "b", "c"}) {
    requests.push_back(question(key, "dot", "Why?"));
    requests.back().question.decoding.max_new_tokens = 12;
  }
  const auto texts = [&](Arguments arguments, int batch_size) {
    std::vector<std::string> all;
    for (const Prediction& reply : served(*made(std::move(arguments), batch_size), requests)) {
      EXPECT_EQ(reply.status, Status::answered) << reply.error;
      all.push_back(reply.key + ": " + reply.text);
    }
    std::ranges::sort(all);
    return all;
  };
  const auto greedy = texts({}, 1);
  EXPECT_EQ(texts({{"seed", "5"}}, 1), greedy) << "a seed alone draws nothing";
  EXPECT_EQ(texts({{"temperature", "1"}, {"top_p", "1e-9"}}, 1), greedy)
      << "of the likeliest token alone";
  const auto five = texts({{"temperature", "1"}, {"seed", "5"}}, 1);
  EXPECT_NE(five, greedy);
  EXPECT_EQ(texts({{"temperature", "1"}, {"seed", "5"}}, 3), five);
  EXPECT_NE(texts({{"temperature", "1"}, {"seed", "6"}}, 1), five);
}

TEST(OmniAdAdapter, ModeAndPixelsChangeWhatIsSeen) {
  const auto tokens = [](const Arguments& arguments, const std::string& system = "") {
    Request asked = question("q", "tall", "Why?");
    asked.question.system = system;
    const Prediction reply = served(*made(arguments, 1), {asked}).at(0);
    EXPECT_EQ(reply.status, Status::answered) << reply.error;
    return reply.usage.input_tokens;
  };
  // 131 x 318: stretched to the checkpoint's most, 200 tokens; kept at its aspect in plain mode.
  const auto plain = tokens({});
  EXPECT_NE(tokens({{"mode", "omniad"}}), plain);
  EXPECT_NE(tokens({}, "First <seg>."), tokens({{"mode", "plain"}}, "First <seg>."));
  EXPECT_EQ(tokens({{"mode", "plain"}}), plain);
  EXPECT_GT(tokens({{"min_pixels", "200000"}}), plain);
  EXPECT_LT(tokens({{"min_pixels", "1"}, {"max_pixels", "20000"}}), plain);
  EXPECT_GT(tokens({{"add_vision_id", "true"}}), plain);
  EXPECT_LT(tokens({{"mode", "omniad"}, {"side", "112"}}), tokens({{"mode", "omniad"}}));
}

TEST(OmniAdAdapter, NarrowNumbersAnswerToo) {
  for (const char* dtype : {"bf16", "fp16"}) {
    const auto reply = served(*made({{"dtype", dtype}}, 1), {question("q", "dot", "Why?")}).at(0);
    EXPECT_EQ(reply.status, Status::answered) << reply.error;
  }
}

TEST(OmniAdAdapter, APictureThatIsNoneIsALineAndTheNextIsAnswered) {
  const auto replies =
      served(*made({}, 2), {question("gone", "gone", "?"), question("dot", "dot", "?")});
  ASSERT_EQ(replies.size(), 2u);
  EXPECT_EQ(replies[0].status, Status::failed);
  EXPECT_NE(replies[0].error, "");
  EXPECT_EQ(replies[1].status, Status::answered);
}

TEST(OmniAdAdapter, ASideBelowATokenIsRefusedUnlessTheScriptsResizeFirst) {
  const looktwice::testing::TemporaryFolder folder;
  Image speck{.width = 40, .height = 20, .channels = 3};
  speck.pixels.assign(40 * 20 * 3, 9);
  const auto png = imaging::make_codec()->encode_png(speck);
  const auto path =
      folder.file("speck.png", {reinterpret_cast<const char*>(png.data()), png.size()});
  Request asked = question("q", "dot", "?");
  asked.image = Picture("speck.png", {.path = path}, imaging::make_codec());
  const Prediction refused = served(*made({{"resize_twice", "false"}}, 1), {asked}).at(0);
  EXPECT_EQ(refused.status, Status::failed);
  EXPECT_TRUE(names_all(refused.error, {"40x20", "28"})) << refused.error;
  EXPECT_EQ(served(*made({}, 1), {asked}).at(0).status, Status::answered);
  EXPECT_EQ(served(*made({{"mode", "omniad"}}, 1), {asked}).at(0).status, Status::answered);
}

TEST(OmniAdAdapter, WrongOptionsAreNamed) {
  for (const auto& [name, value] : std::map<std::string, std::string>{{"mode", "both"},
                                                                      {"image", "square"},
                                                                      {"side", "3"},
                                                                      {"add_vision_id", "perhaps"},
                                                                      {"min_pixels", "-1"},
                                                                      {"temperature", "2.1"},
                                                                      {"top_p", "0"},
                                                                      {"seed", "-1"},
                                                                      {"index_base", "2"}})
    EXPECT_TRUE(names_all(refusal(Kind::usage, [&] { made({{name, value}}); }), {name})) << name;
  EXPECT_TRUE(names_all(refusal(Kind::usage,
                                [&] {
                                  made({{"min_pixels", "9000"}, {"max_pixels", "8000"}});
                                }),
                        {"min_pixels", "max_pixels"}));
  EXPECT_TRUE(names_all(refusal(Kind::usage,
                                [&] {
                                  made({{"checkpoint", ""}});
                                }),
                        {"checkpoint=DIR"}));
}

}  // namespace
}  // namespace looktwice::omniad
