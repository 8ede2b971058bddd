#include "adapters/nn/weights/config.h"

#include <gtest/gtest.h>

#include <fstream>

#include "tests/support/pictures.h"
#include "tests/support/refusal.h"

namespace looktwice::weights {
namespace {

class ConfigTest : public ::testing::Test {
 protected:
  Config config(const std::string& text) {
    std::ofstream(folder_.path() / "config.json") << text;
    return Config::of_file(folder_.path() / "config.json");
  }
  template <class Call>
  static std::string refusal(Call&& call) {
    const std::string what = testing::refusal(Kind::model, call);
    return what.substr(std::min(what.size(), what.find("config.json")));
  }
  testing::TemporaryFolder folder_;
};

TEST_F(ConfigTest, ReadsTypedFields) {
  const Config c = config(
      R"({"size": 30522, "eps": 1e-12, "tied": true, "act": "gelu", "vision": {"blocks": [7, 15.0]},
          "none": null})");
  EXPECT_EQ(c.integer("size", 1, 100000), 30522);
  EXPECT_EQ(c.number("eps"), 1e-12);
  EXPECT_TRUE(c.boolean("tied"));
  EXPECT_EQ(c.text("act"), "gelu");
  EXPECT_EQ(c.integers("vision.blocks", 0, 31), (std::vector<std::int64_t>{7, 15}));
  EXPECT_FALSE(c.has("none"));
  EXPECT_FALSE(c.has("vision.depth"));
  EXPECT_EQ(c.integer("none", 1, 2, 9), 9);
  EXPECT_EQ(c.text("none", "x"), "x");
}

TEST_F(ConfigTest, NamesTheFileTheFieldAndWhatWasExpected) {
  const Config c = config(R"({"size": 0, "half": 1.5, "act": 3, "list": [1, "x"], "big": 1e300})");
  const auto integer = [&](const char* name) { return refusal([&] { c.integer(name, 1, 9); }); };
  EXPECT_EQ(integer("size"), "config.json: field 'size' is 0, expected a whole number from 1 to 9");
  EXPECT_EQ(integer("half"),
            "config.json: field 'half' is 1.5, expected a whole number from 1 to 9");
  EXPECT_EQ(integer("big"),
            "config.json: field 'big' is 1e300, expected a whole number from 1 to 9");
  EXPECT_EQ(integer("depth"),
            "config.json: field 'depth' is missing, expected a whole number from 1 to 9");
  EXPECT_EQ(refusal([&] { c.text("act"); }), "config.json: field 'act' is 3, expected a text");
  EXPECT_EQ(refusal([&] { c.integers("list", 0, 5); }),
            "config.json: field 'list' is an array, expected a whole number from 0 to 5");
}

TEST_F(ConfigTest, RefusesWhatIsNoObject) {
  EXPECT_EQ(refusal([&] { config("[]"); }), "config.json: expected a JSON object");
  EXPECT_NE(refusal([&] { config("{"); }), "");
  EXPECT_NE(refusal([&] { Config::of_file(folder_.path() / "none" / "config.json"); }), "");
}

}  // namespace
}  // namespace looktwice::weights
