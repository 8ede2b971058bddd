// What comes in: completions, streams, states of HTTP, and when to try again.
#include <gtest/gtest.h>

#include <cmath>

#include "adapters/openai/attempt.h"
#include "adapters/openai/pace.h"
#include "adapters/openai/reply.h"
#include "adapters/openai/stream.h"
#include "tests/support/refusal.h"
#include "tests/support/web_server.h"

namespace looktwice::openai {
namespace {

using namespace std::chrono_literals;
using looktwice::testing::completion;
using looktwice::testing::names_all;
using looktwice::testing::refusal;

TEST(Reply, ReadsACompletion) {
  const Reply reply = reply_of(completion("Yes, a crack."));
  EXPECT_EQ(reply.text, "Yes, a crack.");
  EXPECT_EQ(reply.finish, "stop");
  EXPECT_EQ(reply.model, "test-model");
  EXPECT_EQ(reply.fingerprint, "fp_1");
  ASSERT_TRUE(reply.usage);
  EXPECT_EQ(reply.usage->input_tokens, 10);
  EXPECT_EQ(reply.usage->output_tokens, 5);
}

TEST(Reply, ReadsPartsRefusalsAndTools) {
  EXPECT_EQ(
      reply_of(R"({"choices":[{"message":{"content":[{"type":"text","text":"a"},{"text":"b"}]}}]})")
          .text,
      "ab");
  EXPECT_EQ(reply_of(R"({"choices":[{"message":{"content":null,"refusal":"No."}}]})").refusal,
            "No.");
  EXPECT_TRUE(reply_of(R"({"choices":[{"message":{"content":null,"tool_calls":[{"id":"1"}]}}]})")
                  .tool_call);
  EXPECT_EQ(reply_of(R"({"choices":[{"message":{}}],"usage":{"prompt_tokens":-1}})").usage,
            std::nullopt);
}

TEST(Reply, RefusesWhatIsNone) {
  const struct {
    const char *body, *word;
  } cases[] = {{"", "JSON"},
               {"<html>Sign in</html>", "JSON"},
               {"[]", "JSON"},
               {"{", "JSON"},
               {"{}", "choices"},
               {R"({"error":{"message":"x"}})", "error"},
               {R"({"choices":[]})", "choices"},
               {R"({"choices":{}})", "choices"},
               {R"({"choices":null})", "choices"},
               {R"({"choices":[{}]})", "message"},
               {R"({"choices":[{"message":"text"}]})", "message"},
               {R"({"choices":[{"text":"an old completion"}]})", "message"},
               {R"({"choices":[{"message":{"content":5}}]})", "content"},
               {R"({"choices":["x"]})", "message"}};
  for (const auto& each : cases) {
    const std::string why = refusal(Kind::data, [&] { (void)reply_of(each.body); });
    EXPECT_NE(why.find(each.word), std::string::npos) << each.body << " -> " << why;
  }
}

TEST(Reply, DepthHasABound) {
  const std::string deep(5'000'000, '[');
  EXPECT_NE(refusal(Kind::data, [&] { (void)reply_of(R"({"choices":)" + deep); }), "");
  EXPECT_NE(refusal(Kind::data, [&] { (void)streamed(R"(data: {"choices":)" + deep + "\n\n"); }),
            "");
  EXPECT_TRUE(is_too_deep(deep));
  EXPECT_FALSE(is_too_deep("\"" + deep + "\""));
  EXPECT_FALSE(is_too_deep(R"({"a":"\"[[","b":[[]]})"));
}

TEST(Reply, ComesBackFromTheCacheAsItWas) {
  Reply reply = reply_of(completion("Ja \xc3\xa9 \"q\""));
  reply.tokens = {{{"Yes", -0.25}, {{"Yes", -0.25}, {"No", -1.5}}}};
  const Reply again = reply_of(json_of(reply));
  EXPECT_EQ(again.text, reply.text);
  EXPECT_EQ(again.fingerprint, reply.fingerprint);
  EXPECT_EQ(again.usage->output_tokens, 5);
  ASSERT_EQ(again.tokens.size(), 1u);
  EXPECT_EQ(again.tokens[0].likeliest[1].token, "No");
  EXPECT_EQ(again.tokens[0].likeliest[1].logprob, -1.5);
}

Token token(const std::string& text, std::vector<std::pair<std::string, double>> likeliest) {
  Token made{.chosen = {text, 0}};
  for (const auto& [other, p] : likeliest) {
    made.likeliest.push_back({other, std::log(p)});
    if (other == text) made.chosen.logprob = std::log(p);
  }
  return made;
}

TEST(YesShare, AddsTheWaysToWriteAWord) {
  const std::vector<Token> tokens = {
      token(" Yes", {{" Yes", 0.5}, {"yes", 0.1}, {"No", 0.2}, {"**No", 0.1}, {"The", 0.1}})};
  EXPECT_NEAR(*yes_share(tokens), 0.6 / 0.9, 1e-12);
}

TEST(YesShare, LooksWhereTheAnswerSaysIt) {
  const std::vector<Token> tokens = {token("\n", {{"\n", 0.9}, {"Yes", 0.05}}),
                                     token("**", {{"**", 0.8}}),
                                     token("no", {{"no", 0.75}, {"Yes", 0.25}})};
  EXPECT_NEAR(*yes_share(tokens), 0.25, 1e-12);
}

TEST(YesShare, GivesTheUnlistedWordTheMostItCanHave) {
  // Listed: 0.9 + 0.05 = 0.95; the least is 0.05, what is left is 0.05.
  EXPECT_NEAR(*yes_share(std::vector{token("Yes", {{"Yes", 0.9}, {"It", 0.05}})}), 0.9 / 0.95,
              1e-12);
  // The least listed (0.01) is less than what is left (0.09).
  EXPECT_NEAR(*yes_share(std::vector{token("No", {{"No", 0.9}, {"It", 0.01}})}), 0.01 / 0.91,
              1e-12);
  EXPECT_EQ(yes_share(std::vector{token("It", {{"It", 0.9}, {"A", 0.01}})}), std::nullopt);
  EXPECT_EQ(yes_share(std::vector<Token>{}), std::nullopt);
}

TEST(LetterLikelihoods, AreSharesAmongTheOptions) {
  const std::vector<Option> options = {{"A", "yes"}, {"B", "no"}, {"C", "?"}};
  const auto found =
      letter_likelihoods(std::vector{token("The", {{"The", 0.9}}),
                                     token(" B", {{" B", 0.6}, {"(A", 0.2}, {"E", 0.2}})},
                         options);
  EXPECT_NEAR(found.at("B"), 0.75, 1e-12);
  EXPECT_NEAR(found.at("A"), 0.25, 1e-12);
  EXPECT_EQ(found.at("C"), 0);
  EXPECT_TRUE(letter_likelihoods(std::vector{token("The", {{"The", 1}})}, options).empty());
}

TEST(Reply, ReadsLogprobsOfBothShapes) {
  const std::string chat =
      R"({"choices":[{"message":{"content":"Yes"},"logprobs":{"content":[{"token":"Yes","logprob":-0.1,"top_logprobs":[{"token":"Yes","logprob":-0.1},{"token":"No","logprob":-2.5}]}]}}]})";
  const std::string old =
      R"({"choices":[{"message":{"content":"Yes"},"logprobs":{"tokens":["Yes"],"token_logprobs":[-0.1],"top_logprobs":[{"Yes":-0.1,"No":-2.5}]}}]})";
  const double expected = 1 / (1 + std::exp(-2.4));
  EXPECT_NEAR(*yes_share(reply_of(chat).tokens), expected, 1e-12);
  EXPECT_NEAR(*yes_share(reply_of(old).tokens), expected, 1e-12);
  EXPECT_TRUE(
      reply_of(
          R"({"choices":[{"message":{"content":"Yes"},"logprobs":{"content":[{"token":"Yes","logprob":null}]}}]})")
          .tokens.empty());
}

TEST(Events, FollowTheStandard) {
  const auto all = [](std::string_view stream) {
    Events events(stream);
    std::vector<std::string> found;
    while (const auto data = events.next()) found.push_back(*data);
    return found;
  };
  using List = std::vector<std::string>;
  EXPECT_EQ(all("data: a\n\ndata:b\n\n"), (List{"a", "b"}));
  EXPECT_EQ(all("data: a\r\n\r\ndata: b\r\rdata: c\n\n"), (List{"a", "b", "c"}));
  EXPECT_EQ(all(": comment\nevent: x\nid: 3\ndata: a\ndata: b\n\n"), (List{"a\nb"}));
  EXPECT_EQ(all("\xef\xbb\xbf"
                "data: a\n\n"),
            (List{"a"}));
  EXPECT_EQ(all("data\n\n"), (List{""}));
  EXPECT_EQ(all("database: x\n\ndata: y\n\n"), (List{"y"}));
  EXPECT_EQ(all("data: a\n\ndata: cut"), (List{"a"}));
  EXPECT_EQ(all("data: a\n\ndata: cut\n"), (List{"a"}));
  EXPECT_EQ(all("data:  two blanks\n\n"), (List{" two blanks"}));
}

std::string stream_of(const std::string& line_end) {
  std::string text = ": keep-alive" + line_end + line_end;
  const auto event = [&](const std::string& data) {
    text += "data: " + data + line_end + line_end;
  };
  event(
      R"({"model":"m-1","system_fingerprint":"fp","choices":[{"delta":{"role":"assistant","content":""}}]})");
  event(
      R"({"model":"m-1","choices":[{"delta":{"content":"Ja, "},"logprobs":{"content":[{"token":"Ja","logprob":-0.5,"top_logprobs":[]}]}}]})");
  event(
      "{\"model\":\"m-1\",\"choices\":[{\"delta\":{\"content\":\"ein Ri\xc3\x9f "
      "\xf0\x9f\x94\x8d.\"}}]}");
  event(R"({"model":"m-1","choices":[{"delta":{},"finish_reason":"stop"}]})");
  event(R"({"model":"m-1","choices":[],"usage":{"prompt_tokens":7,"completion_tokens":3}})");
  event("[DONE]");
  return text;
}

TEST(Stream, IsPutTogether) {
  for (const char* end : {"\n", "\r\n", "\r"}) {
    const std::string text = stream_of(end);
    const Streamed found = streamed(text);
    EXPECT_EQ(found.reply.text, "Ja, ein Ri\xc3\x9f \xf0\x9f\x94\x8d.");
    EXPECT_EQ(found.reply.finish, "stop");
    EXPECT_EQ(found.reply.fingerprint, "fp");
    EXPECT_EQ(found.reply.usage->output_tokens, 3);
    EXPECT_EQ(found.reply.tokens.size(), 1u);
    EXPECT_TRUE(found.done);
    EXPECT_NE(text.substr(0, found.first_piece).find("Ja, "), std::string::npos);
    EXPECT_EQ(text.substr(0, found.first_piece).find("ein Ri"), std::string::npos);
  }
}

TEST(Stream, CutAnywhereIsWholeOrAnErrorNeverAPart) {
  int whole = 0, errors = 0;
  for (const char* end : {"\n", "\r\n"}) {
    const std::string text = stream_of(end);
    for (std::size_t cut = 0; cut <= text.size(); ++cut) {
      try {
        const Streamed found = streamed(std::string_view(text).substr(0, cut));
        EXPECT_EQ(found.reply.text, "Ja, ein Ri\xc3\x9f \xf0\x9f\x94\x8d.") << "cut at " << cut;
        EXPECT_EQ(found.reply.finish, "stop");
        ++whole;
      } catch (const Error& error) {
        EXPECT_EQ(error.kind(), Kind::data);
        ++errors;
      }
    }
  }
  EXPECT_GE(whole + errors, 300);
  EXPECT_GT(whole, 10);
}

TEST(Stream, TellsAnErrorWithinAndWhatIsNoChunk) {
  EXPECT_NE(refusal(Kind::data,
                    [] { (void)streamed("data: {\"error\":{\"message\":\"overloaded\"}}\n\n"); })
                .find("overloaded"),
            std::string::npos);
  EXPECT_NE(refusal(Kind::data, [] { (void)streamed("data: <html>\n\n"); }), "");
  EXPECT_NE(
      refusal(Kind::data,
              [] { (void)streamed("data: {\"choices\":[{\"delta\":{\"content\":5}}]}\n\n"); }),
      "");
  EXPECT_NE(refusal(Kind::data, [] { (void)streamed("data: {\"choices\":7}\n\n"); }), "");
  EXPECT_NE(refusal(Kind::data, [] { (void)streamed("data: [DONE]\n\n"); }), "")
      << "no finish_reason";
}

Exchange exchange(int status, const std::string& body) {
  return {.status = status, .body = body, .content_type = "application/json", .framed = true};
}

constexpr const char* kUrl = "https://host/v1/chat/completions";

Verdict verdict(int status, const std::string& body = "{}") {
  return judged(exchange(status, body), kUrl, 0).verdict;
}

TEST(Attempt, PassingStatesAreTriedAgainAndNoOthers) {
  for (const int status : {408, 409, 425, 429, 500, 502, 503, 504, 529, 599})
    EXPECT_EQ(verdict(status), Verdict::again) << status;
  for (const int status : {400, 403, 406, 410, 413, 415, 422, 451, 201, 204})
    EXPECT_EQ(verdict(status), Verdict::failed) << status;
  for (const int status : {401, 402, 404, 405})
    EXPECT_EQ(verdict(status), Verdict::hopeless) << status;
}

TEST(Attempt, QuotaIsNoRateLimit) {
  EXPECT_EQ(
      verdict(
          429,
          R"({"error":{"message":"You exceeded","type":"insufficient_quota","code":"insufficient_quota"}})"),
      Verdict::hopeless);
  EXPECT_EQ(
      verdict(
          429,
          R"({"error":{"message":"slow down","type":"requests","code":"rate_limit_exceeded"}})"),
      Verdict::again);
}

TEST(Attempt, StatesOfAnAnswerAreToldApart) {
  const auto of = [](const std::string& choice) {
    return judged(exchange(200, R"({"choices":[)" + choice + "]}"), kUrl, 0);
  };
  EXPECT_EQ(of(R"({"message":{"content":"x"},"finish_reason":"stop"})").verdict, Verdict::answered);
  EXPECT_EQ(of(R"({"message":{"content":"x"},"finish_reason":"length"})").verdict,
            Verdict::answered);
  EXPECT_EQ(of(R"({"message":{"content":""},"finish_reason":"stop"})").verdict, Verdict::answered);
  EXPECT_EQ(of(R"({"message":{"content":null},"finish_reason":"length"})").verdict,
            Verdict::answered);
  EXPECT_EQ(
      of(R"({"message":{"content":null,"refusal":"I can't"},"finish_reason":"stop"})").verdict,
      Verdict::refused);
  EXPECT_EQ(of(R"({"message":{"content":"par"},"finish_reason":"content_filter"})").verdict,
            Verdict::refused);
  EXPECT_EQ(
      of(R"({"message":{"content":null,"tool_calls":[{}]},"finish_reason":"tool_calls"})").verdict,
      Verdict::failed);
  EXPECT_EQ(verdict(400, R"({"error":{"code":"content_filter","message":"filtered"}})"),
            Verdict::refused);
  EXPECT_EQ(verdict(200, "<html>"), Verdict::failed);
  EXPECT_EQ(verdict(200, R"({"choices":[]})"), Verdict::failed);
}

TEST(Attempt, MessagesOfServersComeThroughMadePrintable) {
  const auto error = [](const std::string& body) {
    return judged(exchange(400, body), kUrl, 0).error;
  };
  EXPECT_NE(
      error(R"({"error":{"message":"bad \u001b[31m picture"}})").find("bad \\x1B[31m picture"),
      std::string::npos)
      << error(R"({"error":{"message":"bad \u001b[31m picture"}})");
  EXPECT_NE(error(R"({"error":"plain"})").find("plain"), std::string::npos);
  EXPECT_NE(error(R"({"detail":"of FastAPI"})").find("of FastAPI"), std::string::npos);
  EXPECT_NE(error(R"({"message":"of TGI"})").find("of TGI"), std::string::npos);
  EXPECT_LT(error(std::string(100'000, 'x')).size(), 500u);
}

TEST(Attempt, RedirectsStayOnTheHost) {
  Exchange moved = exchange(307, "");
  moved.location = "/v2/chat/completions";
  EXPECT_EQ(judged(moved, kUrl, 0).verdict, Verdict::redirect);
  EXPECT_EQ(judged(moved, kUrl, 0).target, "https://host/v2/chat/completions");
  for (const char* target : {"https://evil/v1", "http://host/v1/chat/completions", ""}) {
    moved.location = target;
    EXPECT_EQ(judged(moved, kUrl, 0).verdict, Verdict::hopeless) << target;
  }
  moved.location = "/x";
  moved.status = 302;  // would become a GET
  EXPECT_EQ(judged(moved, kUrl, 0).verdict, Verdict::hopeless);
}

TEST(Attempt, AStreamThatWasHeldOpenBehindItsEndIsWhole) {
  Exchange held = exchange(200, stream_of("\n"));
  held.content_type = "text/event-stream; charset=utf-8";
  held.fault = Fault::passing;
  held.why = "the answer stopped";
  EXPECT_EQ(judged(held, kUrl, 0).verdict, Verdict::answered);
  held.body = held.body.substr(0, held.body.find("[DONE]"));
  EXPECT_EQ(judged(held, kUrl, 0).verdict, Verdict::again) << "the line broke before the end";
  held.fault = Fault::none;
  EXPECT_EQ(judged(held, kUrl, 0).verdict, Verdict::answered) << "ended in good order";
}

TEST(RetryAfter, ReadsSecondsDatesAndMilliseconds) {
  constexpr std::time_t kNow = 784111777;  // Sun, 06 Nov 1994 08:49:37 GMT
  EXPECT_EQ(retry_after("5", "", kNow), 5s);
  EXPECT_EQ(retry_after("0.5", "", kNow), 500ms);
  EXPECT_EQ(retry_after("5", "20", kNow), 20ms);
  EXPECT_EQ(retry_after("-3", "", kNow), 0ms);
  EXPECT_EQ(retry_after("Sun, 06 Nov 1994 08:49:57 GMT", "", kNow), 20s);
  EXPECT_EQ(retry_after("Sunday, 06-Nov-94 08:49:47 GMT", "", kNow), 10s);
  EXPECT_EQ(retry_after("Sun Nov  6 08:49:47 1994", "", kNow), 10s);
  EXPECT_EQ(retry_after("Sun, 06 Nov 1994 08:00:00 GMT", "", kNow), 0s);
  for (const char* nonsense : {"", "soon", "nan", "inf", "1e400", "5 apples"})
    EXPECT_EQ(retry_after(nonsense, "", kNow), std::nullopt) << nonsense;
  EXPECT_EQ(retry_after("999999999999", "", kNow), 7 * 24h);
}

TEST(Backoff, IsFullJitterBelowADoublingBound) {
  Backoff backoff(500ms, 60s, 1);
  std::chrono::milliseconds largest[8] = {};
  for (int round = 0; round < 2000; ++round)
    for (int failures = 1; failures <= 8; ++failures) {
      const auto wait = backoff.wait(failures, {});
      ASSERT_LE(wait, std::min<std::chrono::milliseconds>(60s, 500ms * (1 << (failures - 1))));
      largest[failures - 1] = std::max(largest[failures - 1], wait);
    }
  EXPECT_GT(largest[0], 450ms);
  EXPECT_GT(largest[7], 50s);
  EXPECT_LE(backoff.wait(1000, {}), 60s);
}

TEST(Backoff, ObeysTheServerUpToItsBound) {
  Backoff backoff(500ms, 60s, 2);
  for (int i = 0; i < 100; ++i) {
    const auto wait = backoff.wait(1, 10s);
    EXPECT_GE(wait, 10s);
    EXPECT_LE(wait, 10500ms);
    const auto huge = backoff.wait(1, 24h);
    EXPECT_GE(huge, 60s);
    EXPECT_LE(huge, 60500ms);
    EXPECT_EQ(backoff.wait(1, 0ms), 0ms);
  }
}

TEST(Limit, HalvesOncePerOverloadAndGrowsByAnswers) {
  Limit limit(64);
  const Time start = Time{} + 1s;
  limit.overloaded(start, start + 1s);
  EXPECT_EQ(limit.value(), 32);
  limit.overloaded(start, start + 2s);  // was under way when the limit fell
  EXPECT_EQ(limit.value(), 32);
  limit.overloaded(start + 1s, start + 3s);
  EXPECT_EQ(limit.value(), 16);
  for (int i = 0; i < 16; ++i) limit.answered();
  EXPECT_EQ(limit.value(), 17);
  for (int i = 0; i < 10'000; ++i) limit.answered();
  EXPECT_EQ(limit.value(), 64);
  for (int i = 0; i < 20; ++i) limit.overloaded(start + 10s * (i + 1), start + 10s * (i + 1));
  EXPECT_EQ(limit.value(), 1);
  EXPECT_EQ(limit.least(), 1);
}

}  // namespace
}  // namespace looktwice::openai
