#include "adapters/imaging/png_filter.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "adapters/imaging/png_wave.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace looktwice::imaging {
namespace {

std::uint8_t byte(int value) {
  return static_cast<std::uint8_t>(value);
}

int paeth(int left, int up, int corner) {
  const int to_left = std::abs(up - corner), to_up = std::abs(left - corner);
  const int to_corner = std::abs(left + up - 2 * corner);
  if (to_left <= to_up && to_left <= to_corner) return left;
  return to_up <= to_corner ? up : corner;
}

}  // namespace

bool unfilter_plain(int filter, const std::uint8_t* packed, const std::uint8_t* above,
                    std::uint8_t* row, std::size_t size, std::size_t pixel_bytes) {
  const auto left = [&](std::size_t i) { return i < pixel_bytes ? 0 : int{row[i - pixel_bytes]}; };
  const auto corner = [&](std::size_t i) {
    return i < pixel_bytes ? 0 : int{above[i - pixel_bytes]};
  };
  switch (filter) {
    case 0:
      std::memmove(row, packed, size);
      return true;
    case 1:
      for (std::size_t i = 0; i < size; ++i) row[i] = byte(packed[i] + left(i));
      return true;
    case 2:
      for (std::size_t i = 0; i < size; ++i) row[i] = byte(packed[i] + above[i]);
      return true;
    case 3:
      for (std::size_t i = 0; i < size; ++i) row[i] = byte(packed[i] + (left(i) + above[i]) / 2);
      return true;
    case 4:
      for (std::size_t i = 0; i < size; ++i)
        row[i] = byte(packed[i] + paeth(left(i), above[i], corner(i)));
      return true;
    default:
      return false;
  }
}

#if defined(__SSE2__)
namespace {

// One pixel of 3 or 4 bytes in the low lane.
template <std::size_t kBytes>
__m128i load(const std::uint8_t* from) {
  int value = 0;
  std::memcpy(&value, from, kBytes);
  return _mm_cvtsi32_si128(value);
}

template <std::size_t kBytes>
void store(std::uint8_t* to, __m128i pixel) {
  const int value = _mm_cvtsi128_si32(pixel);
  std::memcpy(to, &value, kBytes);
}

template <std::size_t kBytes>
void sub_rows(const std::uint8_t* packed, std::uint8_t* row, std::size_t size) {
  __m128i left = _mm_setzero_si128();
  for (std::size_t i = 0; i < size; i += kBytes) {
    left = _mm_add_epi8(left, load<kBytes>(packed + i));
    store<kBytes>(row + i, left);
  }
}

template <std::size_t kBytes>
void average_rows(const std::uint8_t* packed, const std::uint8_t* above, std::uint8_t* row,
                  std::size_t size) {
  __m128i left = _mm_setzero_si128();
  const __m128i one = _mm_set1_epi8(1);
  for (std::size_t i = 0; i < size; i += kBytes) {
    const __m128i up = load<kBytes>(above + i);
    // _mm_avg_epu8 rounds up; PNG rounds down.
    const __m128i odd = _mm_and_si128(_mm_xor_si128(left, up), one);
    const __m128i mean = _mm_sub_epi8(_mm_avg_epu8(left, up), odd);
    left = _mm_add_epi8(mean, load<kBytes>(packed + i));
    store<kBytes>(row + i, left);
  }
}

__m128i absolute(__m128i x) {
  return _mm_max_epi16(x, _mm_sub_epi16(_mm_setzero_si128(), x));
}

__m128i either(__m128i mask, __m128i yes, __m128i no) {
  return _mm_or_si128(_mm_and_si128(mask, yes), _mm_andnot_si128(mask, no));
}

template <std::size_t kBytes>
void paeth_rows(const std::uint8_t* packed, const std::uint8_t* above, std::uint8_t* row,
                std::size_t size) {
  const __m128i zero = _mm_setzero_si128();
  __m128i left = zero, corner = zero;  // 16 bits a sample
  for (std::size_t i = 0; i < size; i += kBytes) {
    const __m128i up = _mm_unpacklo_epi8(load<kBytes>(above + i), zero);
    const __m128i by_left = _mm_sub_epi16(up, corner), by_up = _mm_sub_epi16(left, corner);
    const __m128i to_corner = absolute(_mm_add_epi16(by_left, by_up));
    const __m128i to_left = absolute(by_left), to_up = absolute(by_up);
    const __m128i least = _mm_min_epi16(to_corner, _mm_min_epi16(to_left, to_up));
    const __m128i nearest = either(_mm_cmpeq_epi16(least, to_left), left,
                                   either(_mm_cmpeq_epi16(least, to_up), up, corner));
    const __m128i pixel =
        _mm_add_epi8(_mm_packus_epi16(nearest, nearest), load<kBytes>(packed + i));
    store<kBytes>(row + i, pixel);
    left = _mm_unpacklo_epi8(pixel, zero);
    corner = up;
  }
}

void up_rows(const std::uint8_t* packed, const std::uint8_t* above, std::uint8_t* row,
             std::size_t size) {
  std::size_t i = 0;
  for (; i + 16 <= size; i += 16) {
    const __m128i sum = _mm_add_epi8(_mm_loadu_si128(reinterpret_cast<const __m128i*>(packed + i)),
                                     _mm_loadu_si128(reinterpret_cast<const __m128i*>(above + i)));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(row + i), sum);
  }
  for (; i < size; ++i) row[i] = byte(packed[i] + above[i]);
}

template <std::size_t kBytes>
bool unfilter_pixels(int filter, const std::uint8_t* packed, const std::uint8_t* above,
                     std::uint8_t* row, std::size_t size) {
  switch (filter) {
    case 1:
      sub_rows<kBytes>(packed, row, size);
      return true;
    case 3:
      average_rows<kBytes>(packed, above, row, size);
      return true;
    case 4:
      paeth_rows<kBytes>(packed, above, row, size);
      return true;
    default:
      return false;
  }
}

// Grey: each byte depends on the one before, so registers rather than lanes keep the chain short.
void paeth_bytes(const std::uint8_t* packed, const std::uint8_t* above, std::uint8_t* row,
                 std::size_t size) {
  int left = 0, corner = 0;
  for (std::size_t i = 0; i < size; ++i) {
    const int up = above[i];
    const int by_left = up - corner, by_up = left - corner;
    const int to_left = std::abs(by_left), to_up = std::abs(by_up),
              to_corner = std::abs(by_left + by_up);
    int nearest = to_up <= to_corner ? up : corner;
    nearest = to_left <= to_up && to_left <= to_corner ? left : nearest;
    left = byte(packed[i] + nearest);
    row[i] = byte(left);
    corner = up;
  }
}

void sub_bytes(const std::uint8_t* packed, std::uint8_t* row, std::size_t size) {
  __m128i before = _mm_setzero_si128();
  std::size_t i = 0;
  for (; i + 16 <= size; i += 16) {  // prefix sum in log steps
    __m128i sum = _mm_loadu_si128(reinterpret_cast<const __m128i*>(packed + i));
    sum = _mm_add_epi8(sum, _mm_slli_si128(sum, 1));
    sum = _mm_add_epi8(sum, _mm_slli_si128(sum, 2));
    sum = _mm_add_epi8(sum, _mm_slli_si128(sum, 4));
    sum = _mm_add_epi8(sum, _mm_slli_si128(sum, 8));
    sum = _mm_add_epi8(sum, before);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(row + i), sum);
    before = _mm_set1_epi8(static_cast<char>(row[i + 15]));
  }
  for (; i < size; ++i) row[i] = byte(packed[i] + (i > 0 ? row[i - 1] : 0));
}

}  // namespace

bool unfilter(int filter, const std::uint8_t* packed, const std::uint8_t* above, std::uint8_t* row,
              std::size_t size, std::size_t pixel_bytes) {
  if (filter == 2) {
    up_rows(packed, above, row, size);
    return true;
  }
  const bool chained = filter == 1 || filter == 3 || filter == 4;
  if (chained && pixel_bytes == 3 && size % 3 == 0)
    return unfilter_pixels<3>(filter, packed, above, row, size);
  if (chained && pixel_bytes == 4 && size % 4 == 0)
    return unfilter_pixels<4>(filter, packed, above, row, size);
  if (pixel_bytes == 1 && filter == 1) return sub_bytes(packed, row, size), true;
  if (pixel_bytes == 1 && filter == 4) return paeth_bytes(packed, above, row, size), true;
  return unfilter_plain(filter, packed, above, row, size, pixel_bytes);
}
#else
bool unfilter(int filter, const std::uint8_t* packed, const std::uint8_t* above, std::uint8_t* row,
              std::size_t size, std::size_t pixel_bytes) {
  return unfilter_plain(filter, packed, above, row, size, pixel_bytes);
}
#endif

bool unfilter_rows(const std::uint8_t* packed, int height, std::size_t size,
                   std::size_t pixel_bytes, std::uint8_t* out) {
  for (int y = 0; y < height; ++y)
    if (packed[std::size_t(y) * (size + 1)] > 4) return false;
  int done = unfilter_wave(packed, height, size, pixel_bytes, out);
  const std::vector<std::uint8_t> black(done == 0 ? size : 0);
  for (; done < height; ++done) {
    const std::uint8_t* row = packed + std::size_t(done) * (size + 1);
    std::uint8_t* to = out + std::size_t(done) * size;
    unfilter(row[0], row + 1, done == 0 ? black.data() : to - size, to, size, pixel_bytes);
  }
  return true;
}

}  // namespace looktwice::imaging
