#include "adapters/tokenizers/normal_forms.h"

#include <unicode/bytestream.h>
#include <unicode/normalizer2.h>
#include <unicode/uchar.h>
#include <unicode/uniset.h>
#include <unicode/unistr.h>

#include <memory>
#include <unordered_map>

#include "harness/core/error.h"

namespace looktwice::tokenizers {
namespace {

std::unique_ptr<icu::UnicodeSet> characters_of_unicode_9() {
  auto set = std::make_unique<icu::UnicodeSet>();
  const auto add = [](const void* context, UChar32 start, UChar32 limit,
                      UCharCategory category) -> UBool {
    if (category == U_UNASSIGNED) return true;
    auto& made = *const_cast<icu::UnicodeSet*>(static_cast<const icu::UnicodeSet*>(context));
    UChar32 first = -1;
    for (UChar32 code = start; code <= limit; ++code) {
      bool old = false;
      if (code < limit) {
        UVersionInfo age;
        u_charAge(code, age);
        old = age[0] <= 9;
      }
      if (old && first < 0) first = code;
      if (!old && first >= 0) {
        made.add(first, code - 1);
        first = -1;
      }
    }
    return true;
  };
  u_enumCharTypes(add, set.get());
  set->freeze();
  return set;
}

class Form {
 public:
  explicit Form(const icu::Normalizer2* of_icu)
      : characters_(characters_of_unicode_9()), form_(*of_icu, *characters_) {}

  std::string operator()(std::string_view text) const {
    std::string out;
    out.reserve(text.size() + text.size() / 8);
    icu::StringByteSink<std::string> sink(&out);
    UErrorCode status = U_ZERO_ERROR;
    form_.normalizeUTF8(0, icu::StringPiece(text.data(), static_cast<std::int32_t>(text.size())),
                        sink, nullptr, status);
    LOOKTWICE_CHECK(U_SUCCESS(status));
    return out;
  }

 private:
  std::unique_ptr<icu::UnicodeSet> characters_;
  icu::FilteredNormalizer2 form_;
};

const icu::Normalizer2* checked(const icu::Normalizer2* form, UErrorCode status) {
  LOOKTWICE_CHECK(U_SUCCESS(status) && form);
  return form;
}

}  // namespace

std::string nfc(std::string_view text) {
  static const Form form = [] {
    UErrorCode status = U_ZERO_ERROR;
    const icu::Normalizer2* of_icu = icu::Normalizer2::getNFCInstance(status);
    return Form(checked(of_icu, status));
  }();
  return form(text);
}

std::string nfd(std::string_view text) {
  static const Form form = [] {
    UErrorCode status = U_ZERO_ERROR;
    const icu::Normalizer2* of_icu = icu::Normalizer2::getNFDInstance(status);
    return Form(checked(of_icu, status));
  }();
  return form(text);
}

std::u32string_view decomposition(char32_t code) {
  static const std::unordered_map<char32_t, std::u32string> known = [] {
    UErrorCode status = U_ZERO_ERROR;
    const icu::Normalizer2* form = checked(icu::Normalizer2::getNFDInstance(status), status);
    std::unordered_map<char32_t, std::u32string> made;
    const auto characters = characters_of_unicode_9();
    for (UChar32 at = 0xC0; at <= 0x2FA1D; ++at) {  // the last that decomposes in Unicode 9
      icu::UnicodeString parts;
      if (!form->getDecomposition(at, parts) || !characters->contains(at)) continue;
      std::u32string& into = made[static_cast<char32_t>(at)];
      for (std::int32_t i = 0; i < parts.length(); i = parts.moveIndex32(i, 1))
        into += static_cast<char32_t>(parts.char32At(i));
    }
    return made;
  }();
  const auto found = known.find(code);
  return found == known.end() ? std::u32string_view{} : found->second;
}

}  // namespace looktwice::tokenizers
