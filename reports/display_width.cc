#include "reports/display_width.h"

#include <unicode/uchar.h>
#include <unicode/unistr.h>

#include <cstdint>

namespace looktwice::reports {
namespace {

int width_of(UChar32 c) {
  if (c >= 0x20 && c < 0x7F) return 1;
  if (c < 0) return 1;  // no UTF-8: one replacement character
  switch (u_charType(c)) {
    case U_NON_SPACING_MARK:
    case U_ENCLOSING_MARK:
    case U_FORMAT_CHAR:
    case U_CONTROL_CHAR:
      return 0;
    default:
      break;
  }
  if (c >= 0x1160 && c <= 0x11FF) return 0;  // Hangul vowels and finals join the syllable before
  const int east_asian = u_getIntPropertyValue(c, UCHAR_EAST_ASIAN_WIDTH);
  return east_asian == U_EA_WIDE || east_asian == U_EA_FULLWIDTH ? 2 : 1;
}

}  // namespace

int display_width(std::string_view text) {
  const icu::UnicodeString unicode = icu::UnicodeString::fromUTF8(text);
  int width = 0;
  for (std::int32_t at = 0; at < unicode.length(); at = unicode.moveIndex32(at, 1))
    width += width_of(unicode.char32At(at));
  return width;
}

std::string shortened(std::string_view text, int width, std::string_view ellipsis) {
  if (display_width(text) <= width) return std::string(text);
  const icu::UnicodeString unicode = icu::UnicodeString::fromUTF8(text);
  const int room = width - display_width(ellipsis);
  int used = 0;
  std::int32_t kept = 0;
  for (std::int32_t at = 0; at < unicode.length();) {
    used += width_of(unicode.char32At(at));
    if (used > room) break;
    at = unicode.moveIndex32(at, 1);
    kept = at;
  }
  while (kept > 0 && unicode[kept - 1] == u' ') --kept;
  std::string out;
  unicode.tempSubString(0, kept).toUTF8String(out);
  return out.append(ellipsis);
}

}  // namespace looktwice::reports
