#include "metrics/text/porter.h"

#include <array>
#include <cstddef>
#include <utility>

namespace looktwice::metrics {
namespace {

// A letter is a consonant unless it is a vowel; y is one at the start and behind a vowel. Digits
// count as consonants.
bool is_consonant(std::string_view word, std::size_t at) {
  switch (word[at]) {
    case 'a':
    case 'e':
    case 'i':
    case 'o':
    case 'u':
      return false;
    case 'y': {
      // Each y of a run turns the answer of the one before.
      std::size_t first = at;
      while (first > 0 && word[first] == 'y') --first;
      const bool before = word[first] == 'y' || is_consonant(word, first);
      return (at - first) % 2 == 0 ? before : !before;
    }
    default:
      return true;
  }
}

// The number of times that a consonant follows a vowel: [C](VC)^m[V].
int measure(std::string_view stem) {
  int count = 0;
  bool vowel = false;
  for (std::size_t i = 0; i < stem.size(); ++i) {
    const bool consonant = is_consonant(stem, i);
    count += vowel && consonant;
    vowel = !consonant;
  }
  return count;
}

bool has_vowel(std::string_view stem) {
  for (std::size_t i = 0; i < stem.size(); ++i)
    if (!is_consonant(stem, i)) return true;
  return false;
}

bool ends_with_double_consonant(std::string_view word) {
  const std::size_t n = word.size();
  return n >= 2 && word[n - 1] == word[n - 2] && is_consonant(word, n - 1);
}

// Consonant, vowel, consonant other than w, x, y; NLTK: or just vowel and consonant.
bool ends_short(std::string_view word) {
  const std::size_t n = word.size();
  if (n == 2) return !is_consonant(word, 0) && is_consonant(word, 1);
  return n >= 3 && is_consonant(word, n - 3) && !is_consonant(word, n - 2) &&
         is_consonant(word, n - 1) && word[n - 1] != 'w' && word[n - 1] != 'x' &&
         word[n - 1] != 'y';
}

bool positive(std::string_view stem) {
  return measure(stem) > 0;
}
bool above_one(std::string_view stem) {
  return measure(stem) > 1;
}

std::string_view without(const std::string& word, std::size_t letters) {
  return std::string_view(word).substr(0, word.size() - letters);
}

struct Rule {
  std::string_view suffix, replacement;
};

// The first suffix that fits decides: its stem either satisfies `condition` or the word stays.
template <std::size_t N, class Condition>
void apply(std::string& word, const std::array<Rule, N>& rules, Condition condition) {
  for (const Rule& rule : rules)
    if (word.ends_with(rule.suffix)) {
      if (condition(without(word, rule.suffix.size())))
        word.replace(word.size() - rule.suffix.size(), rule.suffix.size(), rule.replacement);
      return;
    }
}

// Words whose stem NLTK lists; the second is the stem.
constexpr std::array<std::pair<std::string_view, std::string_view>, 16> kIrregular = {
    {{"sky", "sky"},
     {"skies", "sky"},
     {"dying", "die"},
     {"lying", "lie"},
     {"tying", "tie"},
     {"news", "news"},
     {"innings", "inning"},
     {"inning", "inning"},
     {"outings", "outing"},
     {"outing", "outing"},
     {"cannings", "canning"},
     {"canning", "canning"},
     {"howe", "howe"},
     {"proceed", "proceed"},
     {"exceed", "exceed"},
     {"succeed", "succeed"}}};

// Plurals.
void step_1a(std::string& word) {
  static constexpr std::array<Rule, 4> kRules = {
      {{"sses", "ss"}, {"ies", "i"}, {"ss", "ss"}, {"s", ""}}};
  if (word.size() == 4 && word.ends_with("ies"))
    word.pop_back();  // NLTK: "dies" gives "die"
  else
    apply(word, kRules, [](std::string_view) { return true; });
}

// -ed and -ing.
void step_1b(std::string& word) {
  if (word.ends_with("ied")) {  // NLTK: "died" gives "die", "spied" gives "spi"
    word.resize(word.size() - (word.size() == 4 ? 1 : 2));
    return;
  }
  if (word.ends_with("eed")) {
    if (positive(without(word, 3))) word.pop_back();
    return;
  }
  const std::size_t suffix = word.ends_with("ed") ? 2 : word.ends_with("ing") ? 3 : 0;
  if (suffix == 0 || !has_vowel(without(word, suffix))) return;
  word.resize(word.size() - suffix);
  if (word.ends_with("at") || word.ends_with("bl") || word.ends_with("iz")) {
    word += 'e';
  } else if (ends_with_double_consonant(word)) {
    const char last = word.back();
    if (last != 'l' && last != 's' && last != 'z') word.pop_back();
  } else if (measure(word) == 1 && ends_short(word)) {
    word += 'e';
  }
}

void step_1c(std::string& word) {
  // NLTK: behind a consonant that is not the first letter, not just behind any vowel.
  if (word.ends_with('y') && word.size() > 2 && is_consonant(word, word.size() - 2))
    word.back() = 'i';
}

void step_2(std::string& word) {
  static constexpr std::array<Rule, 21> kRules = {
      {{"ational", "ate"}, {"tional", "tion"}, {"enci", "ence"},   {"anci", "ance"},
       {"izer", "ize"},    {"bli", "ble"},     {"alli", "al"},     {"entli", "ent"},
       {"eli", "e"},       {"ousli", "ous"},   {"ization", "ize"}, {"ation", "ate"},
       {"ator", "ate"},    {"alism", "al"},    {"iveness", "ive"}, {"fulness", "ful"},
       {"ousness", "ous"}, {"aliti", "al"},    {"iviti", "ive"},   {"biliti", "ble"},
       {"fulli", "ful"}}};
  // NLTK: what is left of -alli goes through this step once more.
  if (word.ends_with("alli") && positive(without(word, 4))) {
    word.resize(word.size() - 2);
    step_2(word);
    return;
  }
  if (word.ends_with("logi")) {  // NLTK: measured with the l
    if (positive(without(word, 3))) word.pop_back();
    return;
  }
  apply(word, kRules, positive);
}

void step_3(std::string& word) {
  static constexpr std::array<Rule, 7> kRules = {{{"icate", "ic"},
                                                  {"ative", ""},
                                                  {"alize", "al"},
                                                  {"iciti", "ic"},
                                                  {"ical", "ic"},
                                                  {"ful", ""},
                                                  {"ness", ""}}};
  apply(word, kRules, positive);
}

void step_4(std::string& word) {
  static constexpr std::array<Rule, 18> kRules = {{{"al", ""},
                                                   {"ance", ""},
                                                   {"ence", ""},
                                                   {"er", ""},
                                                   {"ic", ""},
                                                   {"able", ""},
                                                   {"ible", ""},
                                                   {"ant", ""},
                                                   {"ement", ""},
                                                   {"ment", ""},
                                                   {"ent", ""},
                                                   {"ou", ""},
                                                   {"ism", ""},
                                                   {"ate", ""},
                                                   {"iti", ""},
                                                   {"ous", ""},
                                                   {"ive", ""},
                                                   {"ize", ""}}};
  if (word.ends_with("ion")) {
    const std::string_view stem = without(word, 3);
    if (above_one(stem) && (stem.back() == 's' || stem.back() == 't')) word.resize(word.size() - 3);
    return;
  }
  apply(word, kRules, above_one);
}

void step_5(std::string& word) {
  if (word.ends_with('e')) {
    const std::string_view stem = without(word, 1);
    const int m = measure(stem);
    if (m > 1 || (m == 1 && !ends_short(stem))) word.pop_back();
  }
  if (word.ends_with("ll") && above_one(without(word, 1))) word.pop_back();
}

}  // namespace

void porter_stem_in_place(std::string& word) {
  if (word.size() <= 2) return;
  for (const auto& [form, stem] : kIrregular)
    if (word == form) {
      word = stem;
      return;
    }
  step_1a(word);
  step_1b(word);
  step_1c(word);
  step_2(word);
  step_3(word);
  step_4(word);
  step_5(word);
}

std::string porter_stem(std::string_view word) {
  std::string stem(word);
  porter_stem_in_place(stem);
  return stem;
}

}  // namespace looktwice::metrics
