// What a judge is asked and where its verdict stands. Prompts are data
// (prompts/judge_prompts.json), named with version and hash in every result. Answers are hostile:
// nothing in them can close their block or speak as somebody else. Not here: asking, averaging.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "harness/core/embedded.h"

namespace looktwice::run {

enum class VerdictForm {
  two_points,  // the first two numbers of the first line: of the first and of the second answer
  points,      // the last line "Rating: N": of the second answer; the first is the reference
  preference,  // the last line "Verdict: A", "B" or "tie"
};

struct JudgePrompt {
  std::string name = {};  // "llava"
  int version = 0;
  std::string source = {}, form_text = {};
  VerdictForm form = VerdictForm::two_points;
  int max_new_tokens = 0;
  std::string text = {};    // with {context}, {question}, {reference}, {first} and {second}
  std::string sha256 = {};  // of the text
};

std::vector<JudgePrompt> judge_prompts();
JudgePrompt judge_prompt_named(const std::string& name);  // Kind::usage with a suggestion

// What is put into a prompt. first and second: the two answers in the order of showing.
struct JudgedTexts {
  std::string_view context = {}, question = {}, reference = {}, first = {}, second = {};
};
// With every text made neutral().
std::string filled(const JudgePrompt& prompt, const JudgedTexts& texts);

// A text that holds no delimiter: square brackets become round ones, "<|", "<<" and "</" are taken
// apart, a role at the start of a line ("System:", "### Human:", "Assistant 2:") is quoted with "|
// ", control and invisible characters are dropped, bytes that are no UTF-8 replaced. A text without
// any of these stays as it is.
std::string neutral(std::string_view text);

// What a judge said. Points are within 1..10; a preference is 1 for the first, 0 for the second,
// 0.5 for neither, and stands in `first`.
struct Verdict {
  std::optional<double> first = {}, second = {};
};
// Nothing: no verdict where the prompt puts it, or off the scale. A leading <think> block and empty
// lines do not count.
std::optional<Verdict> verdict_in(std::string_view reply, VerdictForm form);

std::span<const EmbeddedFile> judge_prompt_files();

}  // namespace looktwice::run
