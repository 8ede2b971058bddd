#include <gtest/gtest.h>

#include "adapters/catalogue.h"
#include "harness/core/error.h"
#include "tests/support/queues.h"

namespace looktwice::adapters {
namespace {

AdapterEntry named(const std::string& name) {
  for (const AdapterEntry& entry : adapter_catalogue())
    if (entry.name == name) return entry;
  throw std::runtime_error("no adapter " + name);
}

TEST(Echo, RepeatsItsReplyToEveryRequest) {
  const auto echo = named("echo").make({{"reply", "No, it is fine."}}, {});
  const auto replies = looktwice::testing::served(*echo, {{.key = "a"}, {.key = "b"}});
  ASSERT_EQ(replies.size(), 2u);
  EXPECT_EQ(replies[0].key, "a");
  EXPECT_EQ(replies[1].key, "b");
  for (const Prediction& reply : replies) {
    EXPECT_EQ(reply.status, Status::answered);
    EXPECT_EQ(reply.text, "No, it is fine.");
    EXPECT_FALSE(reply.score);
  }
}

TEST(Null, GivesTheSameScoreToAllAndNothingElse) {
  const auto null = named("null").make({{"score", "0.25"}}, {});
  const auto replies = looktwice::testing::served(*null, {{.key = "a"}, {.key = "b"}});
  ASSERT_EQ(replies.size(), 2u);
  for (const Prediction& reply : replies) {
    EXPECT_EQ(reply.score, 0.25);
    EXPECT_EQ(reply.text, "");
    EXPECT_FALSE(reply.map);
  }
}

TEST(Null, RefusesAScoreThatIsNoNumber) {
  for (const char* text : {"", "high", "nan", "inf", "0,5", "1e999"}) {
    try {
      named("null").make({{"score", text}}, {});
      FAIL() << text;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), Kind::usage) << text;
    }
  }
}

}  // namespace
}  // namespace looktwice::adapters
