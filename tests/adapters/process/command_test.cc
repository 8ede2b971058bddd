#include "adapters/process/command.h"

#include <gtest/gtest.h>

#include "tests/support/refusal.h"

namespace looktwice::adapters {
namespace {

using Words = std::vector<std::string>;
using looktwice::testing::names_all;

std::string refusal(const std::string& command) {
  return looktwice::testing::refusal(Kind::usage, [&] { command_words(command); });
}

TEST(CommandWords, SplitsAsAShellWould) {
  EXPECT_EQ(command_words("python3 my_model.py"), (Words{"python3", "my_model.py"}));
  EXPECT_EQ(command_words("  a \t b\n"), (Words{"a", "b"}));
  EXPECT_EQ(command_words("a 'b c' \"d e\" f\\ g"), (Words{"a", "b c", "d e", "f g"}));
  EXPECT_EQ(command_words("a '' \"\" b"), (Words{"a", "", "", "b"}));
  EXPECT_EQ(command_words("--x='1 2'3\"4\""), (Words{"--x=1 234"}));
  EXPECT_EQ(command_words(R"(a "q\"\\\n" '\"')"), (Words{"a", R"(q"\\n)", R"(\")"}));
}

TEST(CommandWords, ExpandsNothing) {
  EXPECT_EQ(command_words("a $HOME ~ *.py ${x} '$(rm)' '; rm' \"| rm\""),
            (Words{"a", "$HOME", "~", "*.py", "${x}", "$(rm)", "; rm", "| rm"}));
}

TEST(CommandWords, RefusesWhatOnlyAShellCouldDo) {
  for (const char* command : {"a | b", "a > b", "a;b", "a && b", "a < b", "a `b`", "a $(b)", "a &"})
    EXPECT_TRUE(names_all(refusal(command), {"shell", "sh -c"})) << command;
}

TEST(CommandWords, RefusesWhatIsNoCommand) {
  for (const char* command : {"", "   ", "'open", "\"open", "a \\", "'' a"})
    EXPECT_NE(refusal(command), "") << command;
  EXPECT_NE(refusal(std::string("a\0b", 3)), "");
}

TEST(NamesIn, SplitsAtCommasAndBlanks) {
  EXPECT_EQ(names_in("A,B C ,, D"), (Words{"A", "B", "C", "D"}));
  EXPECT_TRUE(names_in(" , ").empty());
}

TEST(Environment, KeepsSecretsFromTheProgram) {
  for (const char* name :
       {"OPENAI_API_KEY", "HF_TOKEN", "GITHUB_TOKEN", "MY_SECRET_THING", "AWS_SECRET_ACCESS_KEY",
        "AWS_ACCESS_KEY", "DB_PASSWORD", "GOOGLE_APPLICATION_CREDENTIALS", "API_KEY", "TOKEN",
        "openai_api_key", "SSH_PRIVATE_KEY_FILE", "DASHSCOPE_APIKEY"})
    EXPECT_TRUE(looks_secret(name)) << name;
  for (const char* name :
       {"PATH", "HOME", "CUDA_VISIBLE_DEVICES", "TOKENIZERS_PARALLELISM", "LANG", "KEYBOARD", ""})
    EXPECT_FALSE(looks_secret(name)) << name;
}

TEST(Environment, PassesWhatIsNamedAndUnbuffersPython) {
  const char* const given[] = {"PATH=/bin", "A_TOKEN=1", "B_TOKEN=2", "ODD", nullptr};
  EXPECT_EQ(environment_for_child(given, {}), (Words{"PATH=/bin", "ODD", "PYTHONUNBUFFERED=1"}));
  EXPECT_EQ(environment_for_child(given, {"B_TOKEN"}),
            (Words{"PATH=/bin", "B_TOKEN=2", "ODD", "PYTHONUNBUFFERED=1"}));
  const char* const buffered[] = {"PYTHONUNBUFFERED=", nullptr};
  EXPECT_EQ(environment_for_child(buffered, {}), (Words{"PYTHONUNBUFFERED="}));
}

}  // namespace
}  // namespace looktwice::adapters
