#include "adapters/tokenizers/unicode_words.h"

#include <unicode/brkiter.h>
#include <unicode/normalizer2.h>
#include <unicode/unistr.h>

#include "harness/core/error.h"

namespace looktwice::tokenizers {

struct UnicodeWords::Parts {
  std::unique_ptr<icu::BreakIterator> breaks = {};
  const icu::Normalizer2* folded = nullptr;  // ICU's own
};

UnicodeWords::UnicodeWords() : parts_(std::make_shared<Parts>()) {
  UErrorCode status = U_ZERO_ERROR;
  parts_->breaks.reset(icu::BreakIterator::createWordInstance(icu::Locale::getRoot(), status));
  parts_->folded = icu::Normalizer2::getNFKCCasefoldInstance(status);
  if (U_FAILURE(status))
    throw Error(Kind::internal, std::string("ICU has no word boundaries: ") + u_errorName(status));
}

void UnicodeWords::operator()(std::string_view text, std::vector<std::string>& words) const {
  UErrorCode status = U_ZERO_ERROR;
  // Folded before it is cut, so that full-width letters and signs within words are the usual ones.
  const icu::UnicodeString whole = parts_->folded->normalize(
      icu::UnicodeString::fromUTF8({text.data(), static_cast<std::int32_t>(text.size())}), status);
  if (U_FAILURE(status))
    throw Error(Kind::internal, std::string("ICU cannot fold a text: ") + u_errorName(status));
  icu::BreakIterator& breaks = *parts_->breaks;
  breaks.setText(whole);
  std::int32_t start = breaks.first();
  for (std::int32_t end = breaks.next(); end != icu::BreakIterator::DONE;
       start = end, end = breaks.next()) {
    if (breaks.getRuleStatus() < UBRK_WORD_NONE_LIMIT) continue;
    words.emplace_back();
    whole.tempSubStringBetween(start, end).toUTF8String(words.back());
  }
}

}  // namespace looktwice::tokenizers
