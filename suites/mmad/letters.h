// The option letter in a free reply, as MMAD's scripts read it and as a sound rule does
// (protocols.md 3.5). Any bytes may come in. Not here: whether the letter is right.
#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>

#include "harness/core/sample.h"

namespace looktwice::suites {

// Which of several letters the script takes, and what it does when there is none.
struct OfficialReading {
  enum class Take { first, last };
  Take take = Take::last;
  // The option whose text is most like the reply (Python's difflib), so there is always one. The
  // GPT-4o scripts pass no options and crash: no letter.
  bool fallback = true;
};

// All matches of \b([A-E])\b in the order of the reply, with Python's word characters (letters,
// numerals and '_' of any script): the article of "A crack" is one.
std::string standing_letters(std::string_view reply);

// Empty: none.
std::string official_letter(std::string_view reply, std::span<const Option> options,
                            OfficialReading reading);

// The first of these rules that finds a letter of `options`:
//   1. what stands in the last <answer>..</answer> is the reply for the other rules;
//   2. "Answer: X" or "answer is X", the last one;
//   3. a reply that is one letter in punctuation: "(b)", "**C**.";
//   4. the one letter A-E that stands alone, the article left out;
//   5. the one option text that the reply holds as whole words, in any case; a text within another
//      that is held too does not count.
// <think> blocks are taken out before. Empty: none, the answer is invalid. A single A is taken for
// the article when blanks and a word follow it, unless the word before says that it is an option
// ("option A looks") or the word behind does ("A is"). A letter beside a script that puts no blanks
// between words stands alone, too ("答案是B。"), and full-width letters are letters.
std::string corrected_letter(std::string_view reply, std::span<const Option> options);

// The letter of `options` with the largest likelihood; of equal ones the first. Empty: none of them
// has one.
std::string likeliest_letter(const std::map<std::string, double>& likelihoods,
                             std::span<const Option> options);

}  // namespace looktwice::suites
