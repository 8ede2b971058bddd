// What goes out: addresses, keys, pictures, bodies, and what it may cost.
#include <gtest/gtest.h>

#include <cstdlib>
#include <nlohmann/json.hpp>
#include <random>

#include "adapters/imaging/codec.h"
#include "adapters/imaging/jpeg_write.h"
#include "adapters/imaging/turn.h"
#include "adapters/openai/base64.h"
#include "adapters/openai/body.h"
#include "adapters/openai/data_url.h"
#include "adapters/openai/endpoint.h"
#include "adapters/openai/purse.h"
#include "tests/support/pictures.h"
#include "tests/support/refusal.h"

namespace looktwice::openai {
namespace {

using looktwice::testing::names_all;
using looktwice::testing::refusal;
using looktwice::testing::TemporaryFolder;

std::string coded(std::string_view text) {
  return base64(std::as_bytes(std::span(text)));
}

// One bit after another: nothing of the fast way in it.
std::string slow_base64(std::string_view text) {
  constexpr char kAlphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (std::size_t bit = 0; bit < text.size() * 8; bit += 6) {
    unsigned value = 0;
    for (std::size_t i = bit; i < bit + 6; ++i)
      value = value * 2 + (i / 8 < text.size()
                               ? (static_cast<unsigned char>(text[i / 8]) >> (7 - i % 8)) & 1u
                               : 0u);
    out += kAlphabet[value];
  }
  while (out.size() % 4 != 0) out += '=';
  return out;
}

TEST(Base64, GivesTheVectorsOfTheStandard) {
  EXPECT_EQ(coded(""), "");
  EXPECT_EQ(coded("f"), "Zg==");
  EXPECT_EQ(coded("fo"), "Zm8=");
  EXPECT_EQ(coded("foo"), "Zm9v");
  EXPECT_EQ(coded("foobar"), "Zm9vYmFy");
}

TEST(Base64, EqualsTheSlowWayOnRandomBytes) {
  std::mt19937 random(7);
  for (std::size_t size = 0; size < 200; ++size) {
    std::string bytes;
    for (std::size_t i = 0; i < size; ++i) bytes += static_cast<char>(random());
    ASSERT_EQ(coded(bytes), slow_base64(bytes)) << size << " bytes, seed 7";
  }
}

TEST(Endpoint, AddsV1OnlyWhereNoVersionStands) {
  const auto url = [](const char* base) { return endpoint_of(base, "m", "").url; };
  EXPECT_EQ(url("https://api.openai.com"), "https://api.openai.com/v1/chat/completions");
  EXPECT_EQ(url("https://api.openai.com/v1"), "https://api.openai.com/v1/chat/completions");
  EXPECT_EQ(url("https://api.openai.com/v1/"), "https://api.openai.com/v1/chat/completions");
  EXPECT_EQ(url("http://localhost:8000"), "http://localhost:8000/v1/chat/completions");
  EXPECT_EQ(url("http://localhost:8000/v1/chat/completions"),
            "http://localhost:8000/v1/chat/completions");
  EXPECT_EQ(url("https://openrouter.ai/api"), "https://openrouter.ai/api/v1/chat/completions");
  EXPECT_EQ(url("https://host/v1beta/openai/"), "https://host/v1beta/openai/chat/completions");
}

TEST(Endpoint, KnowsAzure) {
  const Endpoint one = endpoint_of("https://me.openai.azure.com", "gpt 4o", "2024-10-21");
  EXPECT_EQ(one.url,
            "https://me.openai.azure.com/openai/deployments/gpt%204o/chat/completions"
            "?api-version=2024-10-21");
  EXPECT_TRUE(one.azure);
  EXPECT_EQ(endpoint_of("https://me.openai.azure.com/openai/deployments/d", "m", "1").url,
            "https://me.openai.azure.com/openai/deployments/d/chat/completions?api-version=1");
  EXPECT_EQ(endpoint_of("https://me.openai.azure.com/openai/v1/", "m", "").url,
            "https://me.openai.azure.com/openai/v1/chat/completions");
  const std::string why =
      refusal(Kind::usage, [] { (void)endpoint_of("https://me.openai.azure.com", "m", ""); });
  EXPECT_TRUE(names_all(why, {"api_version"})) << why;
}

TEST(Endpoint, RefusesWhatIsNoPlaceOrHoldsASecret) {
  for (const char* base : {"ftp://host", "file:///etc/passwd", "", "http://",
                           "https://host/v1?key=1", "https://host/v1#x"})
    EXPECT_NE(refusal(Kind::usage, [&] { (void)endpoint_of(base, "m", ""); }), "") << base;
  const std::string why =
      refusal(Kind::usage, [] { (void)endpoint_of("https://me:canary123@host/v1", "m", ""); });
  EXPECT_TRUE(names_all(why, {"password", "key_env"})) << why;
  EXPECT_EQ(why.find("canary123"), std::string::npos) << why;
}

TEST(Endpoint, TellsTheSameOriginFromAnother) {
  const std::string from = "https://host/v1/chat/completions";
  EXPECT_EQ(same_origin_target(from, "/v2/x"), "https://host/v2/x");
  EXPECT_EQ(same_origin_target(from, "https://HOST:443/y"), "https://HOST:443/y");
  for (const char* other : {"http://host/v1", "https://host:444/v1", "https://host.evil/v1",
                            "//evil/v1", "https://u:p@host/v1", "https://evil@host/v1"})
    EXPECT_TRUE(same_origin_target(from, other).empty()) << other;
}

class KeyPlace : public ::testing::Test {
 protected:
  void SetUp() override { clear(); }
  void TearDown() override { clear(); }
  static void clear() {
    for (const char* name : {"OPENAI_API_KEY", "AZURE_OPENAI_API_KEY", "MY_TEST_KEY"})
      ::unsetenv(name);
  }
  TemporaryFolder folder_;
};

TEST_F(KeyPlace, TakesTheUsualVariableOnlyWhereTheWayIsSafe) {
  ::setenv("OPENAI_API_KEY", "sk-usual-one", 1);
  EXPECT_EQ(key_for(endpoint_of("https://host", "m", ""), {}).secret(), "sk-usual-one");
  EXPECT_EQ(key_for(endpoint_of("http://127.0.0.1:1", "m", ""), {}).secret(), "sk-usual-one");
  EXPECT_TRUE(key_for(endpoint_of("http://far.example:1", "m", ""), {}).empty());
  ::setenv("MY_TEST_KEY", "sk-mine-here", 1);
  EXPECT_EQ(
      key_for(endpoint_of("http://far.example:1", "m", ""), {.variable = "MY_TEST_KEY"}).secret(),
      "sk-mine-here");
}

TEST_F(KeyPlace, TakesTheFirstLineOfAFile) {
  const auto file = folder_.file("key", "sk-of-file\nmore\n");
  EXPECT_EQ(key_for(endpoint_of("https://host", "m", ""), {.file = file}).secret(), "sk-of-file");
  for (const char* content : {"", "\n", "with blank\n", "sk-\x01\n", "sk-\xc3\xa9\n"}) {
    const auto bad = folder_.file("bad", content);
    const std::string why = refusal(
        Kind::usage, [&] { (void)key_for(endpoint_of("https://host", "m", ""), {.file = bad}); });
    EXPECT_NE(why, "") << content;
  }
  EXPECT_NE(refusal(Kind::usage,
                    [&] {
                      (void)key_for(endpoint_of("https://host", "m", ""),
                                    {.variable = "MY_TEST_KEY"});
                    }),
            "");
}

TEST_F(KeyPlace, AzureHasItsOwnVariableFirst) {
  ::setenv("OPENAI_API_KEY", "sk-usual-one", 1);
  ::setenv("AZURE_OPENAI_API_KEY", "az-own-one", 1);
  EXPECT_EQ(key_for(endpoint_of("https://me.openai.azure.com", "m", "1"), {}).secret(),
            "az-own-one");
}

TEST(Key, IsBlottedOutInEveryForm) {
  const Key key("sk-canary/+0123456789=");
  const std::string secret = key.secret();
  EXPECT_EQ(key.without_key("bad key " + secret + "!"), "bad key [key]!");
  EXPECT_EQ(key.without_key("k=sk-canary%2F%2B0123456789%3D&"), "k=[key]&");
  for (const char* before : {"", "a", "ab", "abc", "Bearer ", "user:"}) {
    const std::string hidden = key.without_key(coded(before + secret + "tail"));
    EXPECT_NE(hidden.find("[key]"), std::string::npos) << before;
  }
  EXPECT_EQ(Key("short").without_key("a short text"), "a short text");
}

Request asked(const std::string& text) {
  Request request{.key = "k"};
  request.question = {.text = text, .wanted = {.score = true, .text = true}};
  return request;
}

TEST(Body, PutsPicturesBeforeTheFirstQuestionAndTurnsInOrder) {
  Request request = asked("And where?");
  request.question.system = "Be \"short\".";
  request.question.sent.detail = "low";
  request.question.decoding = {.max_new_tokens = 7, .temperature = 0, .seed = 3, .stop = {"\n"}};
  request.dialogue = {{"A defect?", "Yes"}};
  const std::vector<std::string_view> urls = {"data:a", "data:b"};
  const auto json =
      nlohmann::json::parse(chat_body(request, urls, {.model = "m", .top_logprobs = 5, .seed = 9}));
  const auto& messages = json.at("messages");
  ASSERT_EQ(messages.size(), 4u);
  EXPECT_EQ(messages[0].at("content"), "Be \"short\".");
  const auto& first = messages[1].at("content");
  EXPECT_EQ(first[0].at("image_url").at("url"), "data:a");
  EXPECT_EQ(first[1].at("image_url").at("detail"), "low");
  EXPECT_EQ(first[2].at("text"), "A defect?");
  EXPECT_EQ(messages[2].at("role"), "assistant");
  EXPECT_EQ(messages[3].at("content"), "And where?");
  EXPECT_EQ(json.at("max_tokens"), 7);
  EXPECT_EQ(json.at("temperature"), 0);
  EXPECT_EQ(json.at("seed"), 3);
  EXPECT_EQ(json.at("stop"), nlohmann::json::array({"\n"}));
  EXPECT_EQ(json.at("logprobs"), true);
  EXPECT_EQ(json.at("top_logprobs"), 5);
  EXPECT_FALSE(json.contains("stream"));
  EXPECT_FALSE(json.contains("top_p"));
}

// A user's turn as one text: pictures as "<URL>", a turn of one text as "text:...".
std::string shown(const nlohmann::json& message) {
  const auto& content = message.at("content");
  if (content.is_string()) return "text:" + content.get<std::string>();
  std::string text;
  for (const auto& part : content)
    text += part.at("type") == "text"
                ? "[" + part.at("text").get<std::string>() + "]"
                : "<" + part.at("image_url").at("url").get<std::string>() + ">";
  return text;
}

std::vector<std::string> shown_turns(const Request& request,
                                     const std::vector<std::string_view>& urls) {
  const auto json = nlohmann::json::parse(chat_body(request, urls, {.model = "m"}));
  std::vector<std::string> turns;
  for (const auto& message : json.at("messages"))
    if (message.at("role") == "user") turns.push_back(shown(message));
  return turns;
}

using Piece = QuestionPart::Kind;
using Turns = std::vector<std::string>;

TEST(Body, PartsGoOutInTheirExactOrder) {
  Request request = asked("unused");
  request.references.resize(2);
  request.question.parts = {{.text = "A \"normal\" one:\n"},
                            {.kind = Piece::reference, .reference = 1},
                            {.kind = Piece::reference, .reference = 0},
                            {.text = "and "},
                            {.text = "the one in question: "},
                            {.kind = Piece::image},
                            {.text = "\nWhich letter?\n"}};
  const std::vector<std::string_view> urls = {"data:r0", "data:r1", "data:image"};
  EXPECT_EQ(shown_turns(request, urls),
            (Turns{"[A \"normal\" one:\n]<data:r1><data:r0>[and ][the one in question: ]"
                   "<data:image>[\nWhich letter?\n]"}))
      << "also texts side by side stay apart";
  request.question.sent.detail = "low";
  const auto json = nlohmann::json::parse(chat_body(request, urls, {.model = "m"}));
  EXPECT_EQ(json.at("messages")[0].at("content")[5].at("image_url").at("detail"), "low");
}

TEST(Body, OnlyPartsSayWhereTheirTurnShowsPictures) {
  Request request = asked("last");
  const std::vector<std::string_view> urls = {"data:r", "data:i"};
  request.references.resize(1);
  // A first turn with parts that show nothing: nothing stands before it either.
  request.question.parts = {{.text = "words "}, {.text = "alone"}};
  EXPECT_EQ(shown_turns(request, urls), (Turns{"text:words alone"}));
  // A picture that only the second turn shows, and one that is shown again.
  request.dialogue = {{.question = "first", .answer = "yes", .parts = {{.text = "first"}}}};
  request.question.parts = {{.kind = Piece::image}, {.text = "last"}};
  EXPECT_EQ(shown_turns(request, urls), (Turns{"text:first", "<data:i>[last]"}));
  request.dialogue[0].parts.clear();
  EXPECT_EQ(shown_turns(request, urls), (Turns{"<data:r><data:i>[first]", "<data:i>[last]"}));
  request.dialogue[0].parts = {{.text = "first "}, {.kind = Piece::image}};
  request.question.parts.clear();
  EXPECT_EQ(shown_turns(request, urls), (Turns{"[first ]<data:i>", "text:last"}));
}

TEST(Body, WithoutPicturesPartsAreOneText) {
  Request request = asked("unused");
  request.question.parts = {
      {.text = "Look: "}, {.kind = Piece::reference}, {.kind = Piece::image}, {.text = "what?"}};
  EXPECT_EQ(shown_turns(request, {}), (Turns{"text:Look: what?"}));
}

TEST(Body, APartThatNamesNoPictureIsOurMistake) {
  Request request = asked("?");
  for (const int number : {-1, 1, 7}) {
    request.question.parts = {{.kind = Piece::reference, .reference = number}, {.text = "?"}};
    const std::vector<std::string_view> urls = {"data:r", "data:i"};
    EXPECT_NE(refusal(Kind::internal, [&] { (void)chat_body(request, urls, {.model = "m"}); }), "")
        << number;
  }
}

TEST(Body, LeavesOutWhatIsToBeLeftOutAndTakesTheUsersMembers) {
  const std::string extra = members_of(R"({"reasoning_effort":"low","n":1})", {}, "fields");
  const auto json = nlohmann::json::parse(chat_body(asked("?"), {},
                                                    {.model = "m",
                                                     .stream = true,
                                                     .length_field = "max_completion_tokens",
                                                     .omit = {"temperature", "seed"},
                                                     .extra = extra}));
  EXPECT_FALSE(json.contains("temperature") || json.contains("seed") ||
               json.contains("max_tokens"));
  EXPECT_EQ(json.at("max_completion_tokens"), 4096);
  EXPECT_EQ(json.at("reasoning_effort"), "low");
  EXPECT_EQ(json.at("stream_options").at("include_usage"), true);
  EXPECT_EQ(json.at("messages")[0].at("content"), "?") << "without pictures the content is a text";
  EXPECT_NE(refusal(Kind::usage, [] { (void)members_of("[1]", {}, "fields"); }), "");
  const std::string why =
      refusal(Kind::usage, [] { (void)members_of(R"({"seed":1})", {}, "fields"); });
  EXPECT_TRUE(names_all(why, {"seed", "omit"})) << why;
}

TEST(Body, RepairsTextThatIsNoUtf8) {
  const auto json = nlohmann::json::parse(chat_body(asked("a\xff\"\n"), {}, {.model = "m"}));
  EXPECT_EQ(json.at("messages")[0].at("content"), "a\xef\xbf\xbd\"\n");
}

// What a data URL holds.
std::vector<std::byte> bytes_in(const std::string& url) {
  std::vector<std::byte> bytes;
  unsigned bits = 0;
  int count = 0;
  for (const char c : url.substr(url.find(',') + 1)) {
    const std::string alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    if (c == '=') break;
    bits = bits << 6 | static_cast<unsigned>(alphabet.find(c));
    if ((count += 6) >= 8) bytes.push_back(static_cast<std::byte>(bits >> (count -= 8)));
  }
  return bytes;
}

class SentPicture : public ::testing::Test {
 protected:
  Picture picture(const std::string& name, const std::vector<std::byte>& bytes) {
    const auto path =
        folder_.file(name, {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
    return {name, {.path = path}, codec_};
  }
  static Image ramp(int width, int height) {
    Image image{.width = width, .height = height, .channels = 3};
    for (int i = 0; i < width * height * 3; ++i)
      image.pixels.push_back(static_cast<std::uint8_t>(i * 7 % 251));
    return image;
  }
  TemporaryFolder folder_;
  std::shared_ptr<const ImageCodec> codec_ = imaging::make_codec();
};

TEST_F(SentPicture, GoesOutByteForByteWhereItFits) {
  const auto png = codec_->encode_png(ramp(40, 30));
  const std::string url = data_url(picture("a.png", png), {});
  EXPECT_TRUE(url.starts_with("data:image/png;base64,"));
  EXPECT_EQ(bytes_in(url), png);
  const auto jpeg = imaging::jpeg_of(ramp(40, 30), 90);
  const std::string photo = data_url(picture("a.jpg", jpeg), {});
  EXPECT_TRUE(photo.starts_with("data:image/jpeg;base64,"));
  EXPECT_EQ(bytes_in(photo), jpeg);
}

TEST_F(SentPicture, IsScaledWhereItDoesNotFit) {
  const std::string url =
      data_url(picture("a.png", codec_->encode_png(ramp(64, 48))), {.side = 32});
  const Image sent = codec_->decode(bytes_in(url));
  EXPECT_EQ(sent.width, 32);
  EXPECT_EQ(sent.height, 24);
  const std::string any = data_url(picture("b.png", codec_->encode_png(ramp(64, 48))), {.side = 0});
  EXPECT_EQ(codec_->decode(bytes_in(any)).width, 64);
}

TEST_F(SentPicture, BecomesAJpegAsMmadSendsIt) {
  const PictureForm form{
      .side = 32, .enlarge = true, .scaling = PictureForm::Scaling::area, .jpeg_quality = 95};
  for (const int width : {64, 20}) {
    const std::string url = data_url(picture("a.png", codec_->encode_png(ramp(width, 10))), form);
    EXPECT_TRUE(url.starts_with("data:image/jpeg;base64,"));
    const Image sent = codec_->decode(bytes_in(url));
    EXPECT_EQ(sent.width, 32);
    EXPECT_EQ(sent.height, width == 64 ? 5 : 16);
  }
}

TEST_F(SentPicture, IsTurnedByItsExifTagWhereTheProtocolSaysSo) {
  const auto file = file_bytes(LOOKTWICE_TEST_DATA "/fixtures/image/files/exif_rotated.jpg");
  const int orientation = codec_->info(file).exif_orientation;
  ASSERT_NE(orientation, 1);
  const Image stored = codec_->decode(file);
  for (const bool turn : {false, true}) {
    const std::string url =
        data_url(picture("a.jpg", file), {.side = 0, .turn = turn, .jpeg_quality = 95});
    const Image seen = turn ? imaging::turned(stored, orientation) : stored;
    EXPECT_EQ(bytes_in(url), imaging::jpeg_of(seen, 95));
  }
}

TEST(SentSize, FollowsTheProtocols) {
  const auto size = [](int w, int h, PictureForm form) {
    const Size s = sent_size({w, h}, form);
    return std::pair(s.width, s.height);
  };
  EXPECT_EQ(size(1562, 960, {}), std::pair(1024, 629));  // int(1024 * 960 / 1562)
  EXPECT_EQ(size(960, 1562, {}), std::pair(629, 1024));
  EXPECT_EQ(size(2048, 2048, {}), std::pair(1024, 1024));
  EXPECT_EQ(size(1000, 900, {}), std::pair(1000, 900));
  EXPECT_EQ(size(5000, 1, {}), std::pair(1024, 1));
  const PictureForm mmad{.side = 512, .enlarge = true, .scaling = PictureForm::Scaling::area};
  EXPECT_EQ(size(1024, 768, mmad), std::pair(512, 384));
  EXPECT_EQ(size(256, 128, mmad), std::pair(512, 256));
}

TEST(Prices, TheFirstNameThatBeginsTheModelDecides) {
  const auto named = [](const char* model) {
    const auto price = price_of(known_prices(), "prices.csv", model);
    return price ? price->of : "";
  };
  EXPECT_EQ(named("gpt-4o-2024-08-06"), "gpt-4o");
  EXPECT_EQ(named("gpt-4o-mini"), "gpt-4o-mini");
  EXPECT_EQ(named("openai/GPT-4.1-nano"), "gpt-4.1-nano");
  EXPECT_EQ(named("Qwen/Qwen2.5-VL-7B-Instruct"), "");
  EXPECT_NEAR(cost_of({.input_tokens = 1000, .output_tokens = 100},
                      *price_of(known_prices(), "p", "gpt-4o")),
              0.0035, 1e-12);
  EXPECT_NE(refusal(Kind::data, [] { (void)price_of("model,input\ngpt,1\n", "p.csv", "gpt"); }),
            "");
}

TEST(Prices, EveryRowOfTheBuiltInTableSaysOfWhichDayAndWhereFrom) {
  const std::string table(known_prices());
  int rows = 0;
  for (std::size_t at = table.find('\n') + 1; at < table.size(); at = table.find('\n', at) + 1) {
    const std::string model = table.substr(at, table.find(',', at) - at);
    const auto price = price_of(table, "prices.csv", model);
    ASSERT_TRUE(price) << model;
    EXPECT_EQ(price->of, model) << "a shorter name stands before it";
    EXPECT_EQ(price->as_of.size(), 10u) << model;
    EXPECT_TRUE(names_all(price->text(), {model, price->as_of, "list price"})) << price->text();
    ++rows;
  }
  EXPECT_GT(rows, 10);
}

TEST(Prices, ATableOfOnesOwnNeedsThreeColumns) {
  const std::string mine = "model,input,output\nMy-Model,0.5,1\n,2,4\n";
  const auto price = price_of(mine, "mine.csv", "openai/my-model-7b");
  ASSERT_TRUE(price);
  EXPECT_EQ(price->input, 0.5);
  EXPECT_EQ(price->text(), "My-Model: $0.5 in, $1 out per million tokens");
  EXPECT_EQ(price_of(mine, "mine.csv", "whatever")->output, 4) << "an empty name is any model's";
  for (const char* bad : {"model,input,output\nm,-1,1\n", "model,input,output\nm,x,1\n",
                          "model,output\nm,1\n", "m,1,1\n"}) {
    const std::string why = refusal(Kind::data, [&] { (void)price_of(bad, "mine.csv", "m"); });
    EXPECT_NE(why.find("mine.csv"), std::string::npos) << bad << why;
  }
}

TEST(Purse, NeverLetsTheBoundBePassed) {
  Purse purse(Price{.input = 1, .output = 1}, 10);
  EXPECT_TRUE(purse.reserve(6));
  EXPECT_FALSE(purse.reserve(6)) << "6 + 6 > 10";
  EXPECT_TRUE(purse.reserve(4));
  purse.settle(6, Usage{1'000'000, 1'000'000}, false);  // $2
  EXPECT_DOUBLE_EQ(purse.spent(), 2);
  EXPECT_TRUE(purse.reserve(4));
  purse.settle(4, std::nullopt, /*perhaps_billed=*/true);
  EXPECT_DOUBLE_EQ(purse.spent(), 6) << "nobody knows, so all of it";
  purse.settle(4, std::nullopt, false);
  EXPECT_DOUBLE_EQ(purse.spent(), 6);
  EXPECT_TRUE(purse.nothing_reserved());
}

TEST(Purse, ATryCostsAtMostItsBytesAndItsLength) {
  Request request = asked(std::string(1000, 'x'));
  request.question.decoding.max_new_tokens = 100;
  const Price price{.input = 1, .output = 10, .picture_tokens = 500};
  const auto tokens = [&] { return most_for(request, price) * 1e6; };
  const auto around = [&](double pictures) {
    EXPECT_GE(tokens(), 1000 + 500 * pictures + 100 * 10);
    EXPECT_LT(tokens(), 1000 + 500 * pictures + 100 * 10 + 500);
  };
  around(0);  // a judge is shown none
  const Picture picture("a.png", {.path = "a.png"}, nullptr);
  request.image = picture;
  around(1);
  request.references = {picture, picture};
  around(3);
  request.question.parts = {{.kind = Piece::image}, {.kind = Piece::image}, {.text = "x"}};
  around(2);
  request.dialogue = {{.question = "q", .answer = "a"}};
  around(5);  // three before the first turn, two in the second
  request.dialogue[0].parts = {{.kind = Piece::reference}, {.text = "q"}};
  around(3);
}

}  // namespace
}  // namespace looktwice::openai
