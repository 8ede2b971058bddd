// What native models do alike around their writer: failures, lengths, stop strings.
#include "adapters/nn/answering.h"

#include <gtest/gtest.h>

#include <new>
#include <stdexcept>

#include "tests/support/queues.h"

namespace looktwice::nn {
namespace {

TEST(Answering, AFailureIsAnAnswerWithItsReason) {
  Prediction reply{.key = "a"};
  EXPECT_TRUE(attempted(reply, [] {}));
  EXPECT_EQ(reply.status, Status::answered);
  EXPECT_FALSE(attempted(reply, [] { throw std::runtime_error("no such picture"); }));
  EXPECT_EQ(reply.status, Status::failed);
  EXPECT_EQ(reply.error, "no such picture");
  EXPECT_FALSE(attempted(reply, [] { throw std::bad_alloc(); }));
  EXPECT_EQ(reply.error, "out of memory");
}

std::vector<Request> requests(int count) {
  std::vector<Request> all;
  for (int i = 0; i < count; ++i) all.push_back({.key = std::to_string(i)});
  return all;
}

TEST(Answering, RequestsWithoutWordsAreTakenSeveralAtOnceAndTheRestOneByOne) {
  testing::ListDesk desk(requests(8));
  std::vector<std::size_t> taken_at_once;
  std::vector<std::string> alone;
  serve_texts(desk, desk,
              {.writer = [] { return static_cast<Writer*>(nullptr); },
               .begin =
                   [&](const Request& request) {
                     alone.push_back(request.key);
                     return Prediction{.key = request.key, .text = "alone"};
                   },
               .together =
                   [&](std::vector<Request>& taken) {
                     taken_at_once.push_back(taken.size());
                     std::vector<Prediction> replies;
                     std::vector<Request> left;
                     for (Request& request : taken) {
                       if (std::stoi(request.key) % 3 == 0)
                         left.push_back(std::move(request));
                       else
                         replies.push_back({.key = request.key, .text = "together"});
                     }
                     taken = std::move(left);
                     return replies;
                   },
               .most = 3});
  EXPECT_EQ(taken_at_once, (std::vector<std::size_t>{3, 3, 2}));
  EXPECT_EQ(alone, (std::vector<std::string>{"0", "3", "6"}));
  const auto replies = desk.by_key();
  ASSERT_EQ(replies.size(), 8u);
  for (const auto& [key, reply] : replies)
    EXPECT_EQ(reply.text, std::stoi(key) % 3 == 0 ? "alone" : "together") << key;
}

TEST(Answering, ARequestAloneIsBegun) {
  testing::ListDesk desk(requests(2));
  serve_texts(desk, desk,
              {.writer = [] { return static_cast<Writer*>(nullptr); },
               .begin = [](const Request& request) { return Prediction{.key = request.key}; },
               .together =
                   [](std::vector<Request>&) {
                     ADD_FAILURE() << "asked about one request";
                     return std::vector<Prediction>{};
                   }});
  EXPECT_EQ(desk.kept().size(), 2u);
}

TEST(Answering, TheShorterLengthCountsAndOneTokenIsLeast) {
  Request request{.key = "a"};
  const auto most = [&](int asked, int allowed) {
    request.question.decoding.max_new_tokens = asked;
    return writing_task(request, 1, {.max_new_tokens = allowed}).most_tokens;
  };
  EXPECT_EQ(most(128, 0), 128);
  EXPECT_EQ(most(128, 32), 32);
  EXPECT_EQ(most(16, 32), 16);
  EXPECT_EQ(most(0, 0), 1);
}

TEST(Answering, TheUsersDecodingCountsWhereTheQuestionHasNone) {
  const Manner manner{.decoding = {.temperature = 0.5, .top_p = 0.25, .seed = 4}, .run_seed = 9};
  const Sampling drawn = writing_task({.key = "a"}, 1, manner).sampling;
  EXPECT_EQ(drawn.temperature, 0.5F);
  EXPECT_EQ(drawn.top_p, 0.25F);
  EXPECT_EQ(drawn.seed, 4u);
  Request judged{.key = "a"};
  judged.question.decoding = {.temperature = 1};
  EXPECT_EQ(writing_task(judged, 1, manner).sampling.temperature, 1);
  const Sampling greedy = writing_task({.key = "a"}, 1, {.run_seed = 9}).sampling;
  EXPECT_EQ(greedy.temperature, 0);
  EXPECT_EQ(greedy.top_p, 1);
  EXPECT_EQ(greedy.seed, 9u);
}

TEST(Answering, DrawsHangOnTheRequestAlone) {
  const auto stream = [](const char* key, std::uint64_t tag) {
    return writing_task({.key = key}, tag, {}).stream;
  };
  EXPECT_EQ(stream("a", 1), stream("a", 2));
  EXPECT_NE(stream("a", 1), stream("b", 1));
}

TEST(Answering, ATextEndsBeforeTheFirstStopString) {
  const auto told = [](std::vector<std::string> stops, bool stopped) {
    return reply_of({.key = "a", .decoding = {.stop = std::move(stops)}},
                    {.ids = {1, 2, 3}, .stopped = stopped, .prompt_tokens = 7},
                    [](std::span<const std::int32_t>) { return "one\ntwo END"; });
  };
  EXPECT_EQ(told({}, true).text, "one\ntwo END");
  EXPECT_EQ(told({"END", "\n", ""}, true).text, "one");
  EXPECT_EQ(told({}, true).usage.output_tokens, 3);
  EXPECT_TRUE(told({}, true).facts.empty());
  EXPECT_EQ(told({}, false).facts.at("finish"), "length");
}

TEST(Answering, WhatCouldNotBeWrittenKeepsItsSpans) {
  const Prediction reply =
      reply_of({.key = "a", .spans = {{.name = "vision"}}}, {.error = "out of memory"},
               [](std::span<const std::int32_t>) { return "text"; });
  EXPECT_EQ(reply.status, Status::failed);
  EXPECT_EQ(reply.error, "out of memory");
  EXPECT_EQ(reply.text, "");
  EXPECT_EQ(reply.spans.size(), 1u);
}

}  // namespace
}  // namespace looktwice::nn
