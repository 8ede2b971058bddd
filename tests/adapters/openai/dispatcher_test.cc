// The dispatcher against a server made of arithmetic: time passes only where it waits, so that
// every wait, limit and sum of money is known beforehand.
#include <gtest/gtest.h>

#include <deque>
#include <map>
#include <nlohmann/json.hpp>
#include <thread>

#include "adapters/openai/dispatcher.h"
#include "harness/core/error.h"
#include "tests/support/pictures.h"
#include "tests/support/queues.h"
#include "tests/support/refusal.h"
#include "tests/support/web_server.h"

namespace looktwice::openai {
namespace {

using namespace std::chrono_literals;
using looktwice::testing::completion;
using looktwice::testing::ListDesk;
using looktwice::testing::names_all;
using looktwice::testing::refusal;
using looktwice::testing::TemporaryFolder;

Exchange said(int status, const std::string& body, const std::string& retry_after = {}) {
  return {.status = status,
          .body = body,
          .content_type = "application/json",
          .retry_after = retry_after,
          .sent = true,
          .framed = true};
}

Exchange broken(const std::string& why) {
  return {.fault = Fault::passing, .why = why};
}

// Each call takes `latency`; what comes back is what the script says.
class FakeTransport final : public Transport {
 public:
  using Script = std::function<Exchange(const Call& call, int number)>;
  explicit FakeTransport(Script script, std::chrono::milliseconds latency = 50ms)
      : script_(std::move(script)), latency_(latency) {}

  void start(Call call) override {
    starts.push_back(now_);
    bodies.push_back(*call.body);
    urls.push_back(call.url);
    under_way_.push_back({now_ + latency_, now_, std::move(call), next_++});
    most_at_once = std::max(most_at_once, under_way_.size());
  }

  std::vector<Exchange> wait(std::chrono::milliseconds longest) override {
    const Time until = now_ + std::max(longest, 1ms);
    Time end = until;
    for (const auto& each : under_way_) end = std::min(end, each.due);
    now_ = std::max(now_, end);
    std::vector<Exchange> ended;
    std::deque<UnderWay> rest;
    for (auto& each : under_way_) {
      if (each.due > now_) {
        rest.push_back(std::move(each));
        continue;
      }
      Exchange exchange = script_(each.call, each.number);
      exchange.id = each.call.id;
      exchange.started = each.started;
      exchange.first_byte = exchange.ended = now_;
      ended.push_back(std::move(exchange));
    }
    under_way_.swap(rest);
    return ended;
  }

  void drop_all() override { under_way_.clear(); }
  Time now() const override { return now_; }
  std::chrono::milliseconds elapsed() const {
    return std::chrono::duration_cast<std::chrono::milliseconds>(now_ - kStart);
  }

  std::vector<Time> starts;
  std::vector<std::string> bodies, urls;
  std::size_t most_at_once = 0;

 private:
  struct UnderWay {
    Time due, started;
    Call call;
    int number;
  };
  static constexpr Time kStart = Time{} + 1000s;
  Script script_;
  const std::chrono::milliseconds latency_;
  std::deque<UnderWay> under_way_;
  int next_ = 0;
  Time now_ = kStart;
};

class DispatcherTest : public ::testing::Test {
 protected:
  DispatcherTest() {
    manner_.endpoint = endpoint_of("http://localhost:1", "test-model", "");
    manner_.body.model = "test-model";
    manner_.wall_clock = [] { return std::time_t{784111777}; };
    manner_.connections = 8;
  }

  std::vector<Request> requests(int count) {
    std::vector<Request> made;
    for (int i = 0; i < count; ++i) {
      Request request{.key = "key-" + std::to_string(i)};
      request.image = Picture(
          "p.ppm", {.path = looktwice::testing::ramp_picture(folder_, "p.ppm", 8, 8, 0)}, codec_);
      request.question.text = "Question " + std::to_string(i);
      request.question.wanted.text = true;
      made.push_back(std::move(request));
    }
    return made;
  }

  std::map<std::string, Prediction> answers(FakeTransport& transport, std::vector<Request> asked) {
    ListDesk desk(std::move(asked));
    Dispatcher dispatcher(manner_, key_, transport, purse_, store_.get(), true, tally_);
    dispatcher.run(desk, desk);
    return desk.by_key();
  }

  // What it ends with, and what was answered before.
  std::string end_of(Kind kind, FakeTransport& transport, std::vector<Request> asked,
                     std::map<std::string, Prediction>& kept) {
    ListDesk desk(std::move(asked));
    Dispatcher dispatcher(manner_, key_, transport, purse_, store_.get(), true, tally_);
    const std::string why = refusal(kind, [&] { dispatcher.run(desk, desk); });
    kept = desk.by_key();
    return why;
  }

  TemporaryFolder folder_;
  std::shared_ptr<const ImageCodec> codec_ = std::make_shared<looktwice::testing::NetpbmCodec>();
  Manner manner_;
  Key key_{"sk-canary-0123456789"};
  Purse purse_{{}, 0};
  std::unique_ptr<AnswerStore> store_;
  Tally tally_;
};

TEST_F(DispatcherTest, KeepsAsManyInFlightAsAllowed) {
  FakeTransport server([](const Call&, int) { return said(200, completion("Yes")); });
  const auto got = answers(server, requests(64));
  ASSERT_EQ(got.size(), 64u);
  EXPECT_EQ(server.most_at_once, 8u);
  EXPECT_GE(server.elapsed(), 64 / 8 * 50ms);
  const Prediction& one = got.at("key-3");
  EXPECT_EQ(one.text, "Yes");
  EXPECT_EQ(one.status, Status::answered);
  EXPECT_EQ(one.usage.input_tokens, 10);
  EXPECT_EQ(one.facts.at("model"), "test-model");
  EXPECT_EQ(one.facts.at("fingerprint"), "fp_1");
  int synced = 0;
  for (const auto& [key, prediction] : got) synced += prediction.paid;
  EXPECT_GE(synced, 1);
  EXPECT_LE(synced, 64 / 8) << "one sync for what ends in the same instant";
}

TEST_F(DispatcherTest, WaitsAsLongAsTheServerAsksAndNobodyElseStartsBefore) {
  manner_.connections = 4;
  FakeTransport server([](const Call&, int number) {
    return number == 0 ? said(429, "{}", "7") : said(200, completion("Yes"));
  });
  const auto got = answers(server, requests(12));
  for (const auto& [key, prediction] : got) EXPECT_EQ(prediction.status, Status::answered) << key;
  ASSERT_EQ(server.starts.size(), 13u);
  const Time refused = server.starts[0] + 50ms;
  for (std::size_t i = 4; i < server.starts.size(); ++i)
    EXPECT_GE(server.starts[i], refused + 7s) << i;
  EXPECT_EQ(tally_.tries_again, 1);
}

TEST_F(DispatcherTest, CapsWhatTheServerAsksFor) {
  manner_.longest_wait = 60s;
  FakeTransport server([](const Call&, int number) {
    return number == 0 ? said(429, "{}", "86400") : said(200, completion("Yes"));
  });
  EXPECT_EQ(answers(server, requests(1)).at("key-0").status, Status::answered);
  EXPECT_GE(server.elapsed(), 60s);
  EXPECT_LE(server.elapsed(), 62s);
}

TEST_F(DispatcherTest, ARequestThatExhaustsItsTriesHasFailedAndTheRestGoesOn) {
  manner_.tries = 4;
  FakeTransport server([](const Call& call, int) {
    return call.body->find("Question 5\"") != std::string::npos ? said(503, "overloaded")
                                                                : said(200, completion("No"));
  });
  const auto got = answers(server, requests(20));
  ASSERT_EQ(got.size(), 20u);
  EXPECT_EQ(got.at("key-5").status, Status::failed);
  EXPECT_TRUE(names_all(got.at("key-5").error, {"503", "overloaded", "4 tries"}))
      << got.at("key-5").error;
  EXPECT_TRUE(got.at("key-5").text.empty());
  EXPECT_EQ(tally_.failed, 1);
  EXPECT_EQ(tally_.answered, 19);
}

TEST_F(DispatcherTest, FaultsOfTheLineAreTriedAgain) {
  FakeTransport server([](const Call&, int number) {
    return number < 3 ? broken("network: connection reset") : said(200, completion("Yes"));
  });
  const Prediction one = answers(server, requests(1)).at("key-0");
  EXPECT_EQ(one.status, Status::answered);
  EXPECT_EQ(one.facts.at("tries"), "4");
}

TEST_F(DispatcherTest, AWrongKeyEndsTheRunAndFailsNothing) {
  FakeTransport server([](const Call&, int number) {
    return number < 3
               ? said(200, completion("Yes"))
               : said(401, R"({"error":{"message":"Incorrect API key: sk-canary-0123456789"}})");
  });
  manner_.connections = 2;
  std::map<std::string, Prediction> kept;
  const std::string why = end_of(Kind::model, server, requests(20), kept);
  EXPECT_TRUE(names_all(why, {"401", "OPENAI_API_KEY", "[key]"})) << why;
  EXPECT_EQ(why.find("sk-canary"), std::string::npos) << why;
  EXPECT_EQ(kept.size(), 3u);
  for (const auto& [key, prediction] : kept) EXPECT_EQ(prediction.status, Status::answered) << key;
}

TEST_F(DispatcherTest, QuotaEndsTheRunWithoutAnotherTry) {
  FakeTransport server([](const Call&, int) {
    return said(429, R"({"error":{"message":"You exceeded","code":"insufficient_quota"}})");
  });
  manner_.connections = 1;
  std::map<std::string, Prediction> kept;
  EXPECT_NE(end_of(Kind::model, server, requests(20), kept), "");
  EXPECT_TRUE(kept.empty());
  EXPECT_EQ(server.starts.size(), 1u);
}

TEST_F(DispatcherTest, GivesUpWhenAllFailInARow) {
  manner_.give_up = 5;
  manner_.connections = 1;
  FakeTransport server(
      [](const Call&, int) { return said(400, R"({"error":"no such parameter"})"); });
  std::map<std::string, Prediction> kept;
  const std::string why = end_of(Kind::model, server, requests(20), kept);
  EXPECT_TRUE(names_all(why, {"5 requests in a row", "no such parameter"})) << why;
  EXPECT_EQ(kept.size(), 5u);
}

TEST_F(DispatcherTest, OverloadHalvesTheRequestsInFlight) {
  manner_.connections = 8;
  FakeTransport server([](const Call&, int number) {
    return number < 8 ? said(429, "{}", "1") : said(200, completion("Yes"));
  });
  const auto got = answers(server, requests(8));
  EXPECT_EQ(got.size(), 8u);
  // After the eight refusals at most four start in one instant.
  std::map<Time, int> together;
  for (std::size_t i = 8; i < server.starts.size(); ++i) ++together[server.starts[i]];
  for (const auto& [time, count] : together) EXPECT_LE(count, 4);
}

TEST_F(DispatcherTest, StopsBeforeTheBoundOfMoneyIsPassed) {
  // A try may cost up to (text + 100 tokens of answer); an answer costs 10 in, 5 out.
  // 10 in + 5 out = $0.06
  const Price price{.input = 1000, .output = 10'000, .picture_tokens = 0};
  std::vector<Request> asked = requests(1000);
  for (Request& request : asked) request.question.decoding.max_new_tokens = 20;
  const double most = most_for(asked[0], price);
  for (const double bound : {1.0, 2.5}) {
    purse_ = Purse(price, bound);
    FakeTransport server([](const Call&, int) { return said(200, completion("Yes")); });
    std::map<std::string, Prediction> kept;
    const std::string why = end_of(Kind::incomplete, server, asked, kept);
    EXPECT_TRUE(names_all(why, {"--max_cost"})) << why;
    EXPECT_LE(purse_.spent(), bound);
    EXPECT_GT(purse_.spent() + most, bound) << "one more would have fitted";
    EXPECT_NEAR(purse_.spent(), 0.06 * static_cast<double>(kept.size()), 1e-9);
    EXPECT_FALSE(kept.empty());
  }
}

TEST_F(DispatcherTest, SendsTheUsersDecodingWhereTheQuestionHasNone) {
  FakeTransport server([](const Call&, int) { return said(200, completion("Yes")); });
  manner_.decoding = {.temperature = 0.7, .top_p = 0.9, .seed = 5};
  manner_.body.seed = 3;
  std::vector<Request> asked = requests(2);
  asked[1].question.decoding = {.temperature = 0.25, .top_p = 0.5, .seed = 2};
  answers(server, asked);
  const auto first = nlohmann::json::parse(server.bodies.at(0));
  EXPECT_EQ(first.at("temperature"), 0.7);
  EXPECT_EQ(first.at("top_p"), 0.9);
  EXPECT_EQ(first.at("seed"), 5);
  const auto second = nlohmann::json::parse(server.bodies.at(1));
  EXPECT_EQ(second.at("temperature"), 0.25);
  EXPECT_EQ(second.at("top_p"), 0.5);
  EXPECT_EQ(second.at("seed"), 7);
  manner_.decoding = {};
  answers(server, requests(1));
  const auto third = nlohmann::json::parse(server.bodies.at(2));
  EXPECT_EQ(third.at("temperature"), 0);
  EXPECT_FALSE(third.contains("top_p"));
  EXPECT_EQ(third.at("seed"), 3);
}

TEST_F(DispatcherTest, RefusalsAreNoErrors) {
  FakeTransport server([](const Call&, int) {
    return said(
        200,
        R"({"model":"test-model","choices":[{"message":{"content":null,"refusal":"I cannot assist."},"finish_reason":"stop"}]})");
  });
  const Prediction one = answers(server, requests(1)).at("key-0");
  EXPECT_EQ(one.status, Status::refused);
  EXPECT_NE(one.error.find("I cannot assist"), std::string::npos);
  EXPECT_EQ(server.starts.size(), 1u);
}

TEST_F(DispatcherTest, AnAnswerCutOffByLengthSaysSo) {
  FakeTransport server([](const Call&, int) {
    return said(
        200,
        R"({"model":"test-model","choices":[{"message":{"content":"Yes, bec"},"finish_reason":"length"}]})");
  });
  const Prediction one = answers(server, requests(1)).at("key-0");
  EXPECT_EQ(one.status, Status::answered);
  EXPECT_EQ(one.facts.at("finish"), "length");
  EXPECT_EQ(tally_.truncated, 1);
}

TEST_F(DispatcherTest, AnotherModelIsNotedOrHasFailed) {
  const auto script = [](const Call&, int) { return said(200, completion("Yes", "cheap-model")); };
  FakeTransport server(script), strict(script);
  EXPECT_EQ(answers(server, requests(1)).at("key-0").facts.at("asked_model"), "test-model");
  EXPECT_EQ(tally_.other_model, 1);
  manner_.same_model = true;
  const Prediction one = answers(strict, requests(1)).at("key-0");
  EXPECT_EQ(one.status, Status::failed);
  EXPECT_TRUE(names_all(one.error, {"cheap-model", "test-model"})) << one.error;
}

TEST_F(DispatcherTest, ADatedNameOfTheSameModelIsTheSameModel) {
  FakeTransport server(
      [](const Call&, int) { return said(200, completion("Yes", "test-model-2024-08-06")); });
  EXPECT_FALSE(answers(server, requests(1)).at("key-0").facts.contains("asked_model"));
}

TEST_F(DispatcherTest, ThrowsAwayAnswersThatTheProtocolThrowsAway) {
  manner_.ask_again_on = {"sorry", "cannot assist"};
  FakeTransport server([](const Call& call, int number) {
    const bool first = call.body->find("Question 0\"") != std::string::npos;
    return said(200, completion(first && number == 0 ? "I'm SORRY." : first ? "B." : "So sorry"));
  });
  manner_.connections = 1;
  const auto got = answers(server, requests(2));
  EXPECT_EQ(got.at("key-0").text, "B.");
  EXPECT_EQ(got.at("key-0").usage.output_tokens, 10) << "both answers were paid";
  EXPECT_EQ(got.at("key-1").status, Status::refused);
  EXPECT_EQ(server.starts.size(), 2u + 5u);
}

TEST_F(DispatcherTest, RedirectsOnTheSameHostAreFollowedAFewTimes) {
  FakeTransport server([](const Call&, int number) {
    Exchange moved = said(308, "");
    moved.location = "/v1/there";
    return number == 0 ? moved : said(200, completion("Yes"));
  });
  EXPECT_EQ(answers(server, requests(1)).at("key-0").text, "Yes");
  EXPECT_EQ(server.urls.at(1), "http://localhost:1/v1/there");
  FakeTransport loop([](const Call&, int) {
    Exchange moved = said(308, "");
    moved.location = "/v1/there";
    return moved;
  });
  EXPECT_EQ(answers(loop, requests(1)).at("key-0").status, Status::failed);
  EXPECT_EQ(loop.starts.size(), 4u);
}

TEST_F(DispatcherTest, TheKeyIsBlottedOutOfWhatComesBack) {
  FakeTransport server([](const Call&, int number) {
    return number == 0 ? said(200, completion("You sent sk-canary-0123456789."))
                       : said(400, "bad: Bearer sk-canary-0123456789");
  });
  manner_.connections = 1;
  const auto got = answers(server, requests(2));
  EXPECT_EQ(got.at("key-0").text, "You sent [key].");
  EXPECT_EQ(got.at("key-1").error.find("sk-canary"), std::string::npos) << got.at("key-1").error;
}

TEST_F(DispatcherTest, AnswersComeFromTheStoreTheSecondTime) {
  store_ =
      std::make_unique<AnswerStore>(folder_.path() / "answers.sqlite", AnswerStore::Access::write);
  FakeTransport first([](const Call&, int) { return said(200, completion("Yes")); });
  const auto before = answers(first, requests(5));
  FakeTransport second([](const Call&, int) { return said(500, ""); });
  const auto after = answers(second, requests(5));
  EXPECT_TRUE(second.starts.empty());
  EXPECT_EQ(tally_.from_cache, 5);
  for (const auto& [key, prediction] : before) {
    EXPECT_EQ(after.at(key).text, prediction.text);
    EXPECT_EQ(after.at(key).facts, prediction.facts);
    EXPECT_EQ(after.at(key).usage.input_tokens, prediction.usage.input_tokens);
    EXPECT_FALSE(after.at(key).paid);
  }
  EXPECT_DOUBLE_EQ(purse_.spent(), 0);
}

TEST_F(DispatcherTest, OnlyWholeAnswersAreStored) {
  const char* choices[] = {
      R"({"message":{"content":"cut"},"finish_reason":"length"})",
      R"({"message":{"content":""},"finish_reason":"stop"})",
      R"({"message":{"content":null,"refusal":"no"},"finish_reason":"stop"})",
      R"({"message":{"content":"x"},"finish_reason":"content_filter"})",
      R"({"message":{"content":"who knows"}})",
      R"({"message":{"content":null,"tool_calls":[{}]},"finish_reason":"tool_calls"})"};
  store_ =
      std::make_unique<AnswerStore>(folder_.path() / "answers.sqlite", AnswerStore::Access::write);
  manner_.tries = 1;
  for (const char* choice : choices) {
    FakeTransport server([&](const Call&, int) {
      return said(200, std::string(R"({"model":"test-model","choices":[)") + choice + "]}");
    });
    answers(server, requests(1));
    EXPECT_EQ(store_->size(), 0) << choice;
  }
  FakeTransport wrong([](const Call&, int) { return said(200, completion("Yes", "other")); });
  answers(wrong, requests(1));
  FakeTransport failing([](const Call&, int) { return said(500, completion("Yes")); });
  answers(failing, requests(1));
  EXPECT_EQ(store_->size(), 0);
  FakeTransport good([](const Call&, int) { return said(200, completion("Yes")); });
  answers(good, requests(1));
  EXPECT_EQ(store_->size(), 1);
}

// What would be sent, and looked up, for one request.
std::string key_for_request(const Request& request, const Manner& manner,
                            const std::vector<std::string>& urls) {
  const std::vector<std::string_view> views(urls.begin(), urls.end());
  return cache_key(manner.endpoint, manner.headers, chat_body(request, views, manner.body),
                   request.question, manner.body.seed);
}

TEST(CacheKey, MissesWhenAnyOneFieldIsAnother) {
  const auto base_request = [] {
    Request request{.key = "k"};
    request.dialogue = {{"q1", "a1"}};
    request.question = {.system = "s", .text = "t", .wanted = {.score = true, .text = true}};
    request.question.decoding = {
        .max_new_tokens = 10, .temperature = 0.5, .top_p = 0.9, .seed = 1, .stop = {"x"}};
    return request;
  };
  const auto base_manner = [] {
    Manner manner;
    manner.endpoint = endpoint_of("https://host", "m", "");
    manner.body = {.model = "m", .top_logprobs = 5, .seed = 4};
    manner.headers = "OpenAI-Organization: a\n";
    return manner;
  };
  using Change = std::function<void(Request&, Manner&, std::vector<std::string>&)>;
  const std::vector<std::pair<const char*, Change>> changes = {
      {"model", [](Request&, Manner& m, auto&) { m.body.model = "n"; }},
      {"host",
       [](Request&, Manner& m, auto&) { m.endpoint = endpoint_of("https://other", "m", ""); }},
      {"port",
       [](Request&, Manner& m, auto&) { m.endpoint = endpoint_of("https://host:8443", "m", ""); }},
      {"api version",
       [](Request&, Manner& m, auto&) { m.endpoint = endpoint_of("https://host/v1", "m", "2"); }},
      {"organization", [](Request&, Manner& m, auto&) { m.headers = "OpenAI-Organization: b\n"; }},
      {"system", [](Request& r, Manner&, auto&) { r.question.system = "S"; }},
      {"text", [](Request& r, Manner&, auto&) { r.question.text = "t "; }},
      {"earlier question", [](Request& r, Manner&, auto&) { r.dialogue[0].question = "q2"; }},
      {"earlier answer", [](Request& r, Manner&, auto&) { r.dialogue[0].answer = "a2"; }},
      {"parts of an earlier turn",
       [](Request& r, Manner&, auto&) {
         r.dialogue[0].parts = {{.text = "q1"}, {.kind = QuestionPart::Kind::image}};
       }},
      {"parts",
       [](Request& r, Manner&, auto&) {
         r.question.parts = {{.kind = QuestionPart::Kind::image}, {.text = "t"}};
       }},
      {"order of parts",
       [](Request& r, Manner&, auto&) {
         r.question.parts = {{.text = "t"}, {.kind = QuestionPart::Kind::image}};
       }},
      {"another picture in parts",
       [](Request& r, Manner&, auto&) {
         r.question.parts = {{.text = "t"}, {.kind = QuestionPart::Kind::reference}};
       }},
      {"one turn less", [](Request& r, Manner&, auto&) { r.dialogue.clear(); }},
      {"image bytes", [](Request&, Manner&, auto& urls) { urls.back().back() = 'x'; }},
      {"reference", [](Request&, Manner&, auto& urls) { urls.front() += "x"; }},
      {"order of pictures", [](Request&, Manner&, auto& urls) { std::swap(urls[0], urls[1]); }},
      {"one picture less", [](Request&, Manner&, auto& urls) { urls.erase(urls.begin()); }},
      {"detail", [](Request& r, Manner&, auto&) { r.question.sent.detail = "high"; }},
      {"length", [](Request& r, Manner&, auto&) { r.question.decoding.max_new_tokens = 11; }},
      {"temperature", [](Request& r, Manner&, auto&) { r.question.decoding.temperature = 0.25; }},
      {"top_p", [](Request& r, Manner&, auto&) { r.question.decoding.top_p = 0.8; }},
      {"seed", [](Request& r, Manner&, auto&) { r.question.decoding.seed = 2; }},
      {"seed of the run", [](Request&, Manner& m, auto&) { m.body.seed = 5; }},
      {"seed that is not sent",
       [](Request& r, Manner& m, auto&) {
         m.body.omit = {"seed"};
         r.question.decoding.seed = 2;
       }},
      {"stop", [](Request& r, Manner&, auto&) { r.question.decoding.stop = {"y"}; }},
      {"two stops", [](Request& r, Manner&, auto&) { r.question.decoding.stop = {"x", "y"}; }},
      {"score wanted", [](Request& r, Manner&, auto&) { r.question.wanted.score = false; }},
      {"alternatives", [](Request&, Manner& m, auto&) { m.body.top_logprobs = 6; }},
      {"stream", [](Request&, Manner& m, auto&) { m.body.stream = true; }},
      {"name of the length",
       [](Request&, Manner& m, auto&) { m.body.length_field = "max_completion_tokens"; }},
      {"member left out", [](Request&, Manner& m, auto&) { m.body.omit = {"temperature"}; }},
      {"member of the user", [](Request&, Manner& m, auto&) { m.body.extra = "\"n\":1"; }}};
  ASSERT_GE(changes.size(), 20u);
  std::map<std::string, const char*> keys;
  const std::vector<std::string> urls = {"data:one", "data:two"};
  keys[key_for_request(base_request(), base_manner(), urls)] = "nothing";
  EXPECT_EQ(key_for_request(base_request(), base_manner(), urls),
            key_for_request(base_request(), base_manner(), urls));
  for (const auto& [what, change] : changes) {
    Request request = base_request();
    Manner manner = base_manner();
    std::vector<std::string> pictures = urls;
    change(request, manner, pictures);
    const auto [at, is_new] = keys.emplace(key_for_request(request, manner, pictures), what);
    EXPECT_TRUE(is_new) << what << " has the key of " << at->second;
  }
  Request other_key = base_request();
  other_key.key = "another";
  other_key.category = "bottle";
  EXPECT_EQ(key_for_request(other_key, base_manner(), urls),
            key_for_request(base_request(), base_manner(), urls))
      << "names of the run do not go out";
}

TEST_F(DispatcherTest, StopsAtOnceWhenTheRunIsStopped) {
  FakeTransport server([](const Call&, int) { return said(200, completion("Yes")); });
  manner_.connections = 4;
  ListDesk desk(requests(100));
  desk.stop_after(10);
  Dispatcher dispatcher(manner_, key_, server, purse_, nullptr, false, tally_);
  dispatcher.run(desk, desk);
  EXPECT_GE(desk.kept().size(), 10u);
  EXPECT_LT(desk.kept().size(), 30u) << "what was paid is kept, no more is asked";
  EXPECT_EQ(static_cast<std::size_t>(tally_.answered), desk.kept().size());
}

// An outbox whose disk is slow: each sync takes a while, and takes all that was pushed before.
class SlowDesk final : public Inbox, public Outbox {
 public:
  SlowDesk(std::vector<Request> requests, std::chrono::milliseconds sync)
      : list_(std::move(requests)), sync_(sync) {}
  std::vector<Request> take(int most) override { return list_.take(most); }
  std::vector<Request> try_take(int most) override { return list_.try_take(most); }
  bool over() const override { return list_.over(); }
  void push(Prediction prediction) override {
    if (prediction.paid) {
      std::this_thread::sleep_for(sync_);
      ++syncs;
    }
    if (fails_at && list_.kept().size() == *fails_at) throw Error(Kind::disk, "no space left");
    list_.push(std::move(prediction));
  }
  const std::vector<Prediction>& kept() const { return list_.kept(); }

  int syncs = 0;
  std::optional<std::size_t> fails_at = {};

 private:
  ListDesk list_;
  const std::chrono::milliseconds sync_;
};

TEST_F(DispatcherTest, ASlowDiskSyncsManyAnswersAtOnceAndLosesFew) {
  manner_.connections = 8;
  FakeTransport server([](const Call&, int) { return said(200, completion("Yes")); });
  SlowDesk desk(requests(200), 5ms);
  Dispatcher dispatcher(manner_, key_, server, purse_, nullptr, false, tally_);
  dispatcher.run(desk, desk);
  EXPECT_EQ(desk.kept().size(), 200u);
  EXPECT_LT(desk.syncs, 100) << "answers of one group are synced once";
  // What could be lost, paid but not yet in the journal, stays within twice the connections and
  // what they carry: so many more must have been waited for.
  EXPECT_GE(desk.syncs, 200 / (3 * 8));
}

TEST_F(DispatcherTest, AnOutboxThatFailsEndsTheRunWithItsReason) {
  FakeTransport server([](const Call&, int) { return said(200, completion("Yes")); });
  SlowDesk desk(requests(50), 0ms);
  desk.fails_at = 7;
  Dispatcher dispatcher(manner_, key_, server, purse_, nullptr, false, tally_);
  const std::string why = refusal(Kind::disk, [&] { dispatcher.run(desk, desk); });
  EXPECT_NE(why.find("no space"), std::string::npos) << why;
  EXPECT_EQ(desk.kept().size(), 7u);
}

TEST_F(DispatcherTest, AsksTheScoreAndTheLettersOfTheTokens) {
  const std::string body =
      R"({"model":"test-model","choices":[{"message":{"content":"Yes"},"finish_reason":"stop","logprobs":{"content":[{"token":"Yes","logprob":-0.2231435513142097,"top_logprobs":[{"token":"Yes","logprob":-0.2231435513142097},{"token":"No","logprob":-1.6094379124341003}]}]}}]})";
  std::vector<Request> asked = requests(1);
  asked[0].question.wanted.score = true;
  manner_.body.top_logprobs = 5;
  FakeTransport server([&](const Call&, int) { return said(200, body); });
  EXPECT_NEAR(*answers(server, asked).at("key-0").score, 0.8, 1e-9);
  EXPECT_EQ(nlohmann::json::parse(server.bodies.at(0)).at("logprobs"), true);
  manner_.log_odds = true;
  FakeTransport again([&](const Call&, int) { return said(200, body); });
  EXPECT_NEAR(*answers(again, asked).at("key-0").score, std::log(4), 1e-9);
}

}  // namespace
}  // namespace looktwice::openai
