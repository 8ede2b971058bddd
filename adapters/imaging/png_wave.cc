#include "adapters/imaging/png_wave.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "adapters/imaging/isa.h"
#include "adapters/imaging/resize_rows.h"

#ifdef LOOKTWICE_X86
#include <immintrin.h>
#endif

namespace looktwice::imaging {
#ifdef LOOKTWICE_X86
namespace {

// What each row's filter may choose from, in 16-bit lanes: 0x7fff puts a neighbour out of the race
// for the nearest.
struct Choice {
  alignas(32) std::int16_t not_left[16] = {}, not_up[16] = {},
                           not_corner[16] = {}, average[16] = {}, any[16] = {};
};

Choice choice_of(const std::uint8_t* packed, std::size_t packed_stride, int rows) {
  Choice choice;
  const int lanes = 16 / rows;
  for (int lane = 0; lane < 16; ++lane) {
    const int filter = packed[packed_stride * std::size_t(lane / lanes)];
    constexpr std::int16_t kFar = 0x7fff;
    choice.not_left[lane] = filter == 0 || filter == 2 ? kFar : std::int16_t{0};
    choice.not_up[lane] = filter == 0 || filter == 1 ? kFar : std::int16_t{0};
    choice.not_corner[lane] = filter <= 2 ? kFar : std::int16_t{0};
    choice.average[lane] = filter == 3 ? std::int16_t{-1} : std::int16_t{0};
    choice.any[lane] = filter != 0 ? std::int16_t{0xff} : std::int16_t{0};
  }
  return choice;
}

// The state of a diagonal: lane by lane the pixel to the left, and the row above at the step
// before.
struct Wave {
  __m256i left, corner;
  __m256i not_left, not_up, not_corner, average, any;
};

LOOKTWICE_AVX2 inline __m256i load_lanes(const std::int16_t (&lanes)[16]) {
  return _mm256_load_si256(reinterpret_cast<const __m256i*>(lanes));
}

LOOKTWICE_AVX2 inline Wave wave_of(const Choice& choice) {
  const __m256i zero = _mm256_setzero_si256();
  return {zero,
          zero,
          load_lanes(choice.not_left),
          load_lanes(choice.not_up),
          load_lanes(choice.not_corner),
          load_lanes(choice.average),
          load_lanes(choice.any)};
}

// One pixel of every row; gives them unfiltered, 0..255 in each lane.
LOOKTWICE_AVX2 inline __m256i step(Wave& wave, __m256i up, __m256i packed) {
  const __m256i left = wave.left, corner = wave.corner;
  const __m256i by_left = _mm256_sub_epi16(up, corner), by_up = _mm256_sub_epi16(left, corner);
  const __m256i to_left = _mm256_or_si256(_mm256_abs_epi16(by_left), wave.not_left);
  const __m256i to_up = _mm256_or_si256(_mm256_abs_epi16(by_up), wave.not_up);
  const __m256i to_corner =
      _mm256_or_si256(_mm256_abs_epi16(_mm256_add_epi16(by_left, by_up)), wave.not_corner);
  const __m256i least = _mm256_min_epi16(to_left, _mm256_min_epi16(to_up, to_corner));
  __m256i nearest = _mm256_blendv_epi8(corner, up, _mm256_cmpeq_epi16(least, to_up));
  nearest = _mm256_blendv_epi8(nearest, left, _mm256_cmpeq_epi16(least, to_left));
  const __m256i mean = _mm256_srli_epi16(_mm256_add_epi16(left, up), 1);
  const __m256i guess = _mm256_and_si256(_mm256_blendv_epi8(nearest, mean, wave.average), wave.any);
  wave.left = _mm256_and_si256(_mm256_add_epi16(guess, packed), _mm256_set1_epi16(0xff));
  wave.corner = up;
  return wave.left;
}

// Rows with room on both sides: zeros before them, where later rows of the diagonal start, and
// anything behind.
class Strip {
 public:
  Strip(int rows, std::size_t size)
      : stride_(kRoom + size + kRoom), bytes_(stride_ * std::size_t(rows) + kRoom) {}
  std::uint8_t* row(int y) { return bytes_.data() + kRoom + stride_ * std::size_t(y); }
  std::size_t stride() const { return stride_; }

 private:
  static constexpr std::size_t kRoom = 64;
  std::size_t stride_;
  std::vector<std::uint8_t> bytes_;
};

LOOKTWICE_AVX2 inline int load_pixel(const std::uint8_t* from) {
  int pixel = 0;
  std::memcpy(&pixel, from, 4);
  return pixel;
}

// Four rows of pixels of 3 or 4 bytes, 4 lanes a pixel. Of 3 bytes the fourth lane is rubbish,
// written over at once.
template <int kBytes>
LOOKTWICE_AVX2 void unfilter_four(Strip& in, Strip& above, Strip& out, const Choice& choice,
                                  int width) {
  Wave wave = wave_of(choice);
  const std::uint8_t* packed[4] = {in.row(0), in.row(1) - kBytes, in.row(2) - 2 * kBytes,
                                   in.row(3) - 3 * kBytes};
  std::uint8_t* to[4] = {out.row(0), out.row(1) - kBytes, out.row(2) - 2 * kBytes,
                         out.row(3) - 3 * kBytes};
  const std::uint8_t* over = above.row(0);
  __m256i pixels = _mm256_setzero_si256();
  for (std::ptrdiff_t at = 0; at < std::ptrdiff_t{kBytes} * (width + 3); at += kBytes) {
    const __m128i bytes = _mm_setr_epi32(load_pixel(packed[0] + at), load_pixel(packed[1] + at),
                                         load_pixel(packed[2] + at), load_pixel(packed[3] + at));
    const __m256i first =
        _mm256_castsi128_si256(_mm_cvtepu8_epi16(_mm_cvtsi32_si128(load_pixel(over + at))));
    const __m256i up =
        _mm256_blend_epi32(_mm256_permute4x64_epi64(pixels, _MM_SHUFFLE(2, 1, 0, 0)), first, 3);
    pixels = step(wave, up, _mm256_cvtepu8_epi16(bytes));
    const __m128i done =
        _mm_packus_epi16(_mm256_castsi256_si128(pixels), _mm256_extracti128_si256(pixels, 1));
    const int value[4] = {_mm_cvtsi128_si32(done), _mm_extract_epi32(done, 1),
                          _mm_extract_epi32(done, 2), _mm_extract_epi32(done, 3)};
    for (int r = 0; r < 4; ++r) std::memcpy(to[r] + at, &value[r], 4);
  }
}

// Sixteen rows of bytes. The diagonals become rows by a transposition whose source rows each start
// one byte earlier.
LOOKTWICE_AVX2 void unfilter_sixteen(Strip& in, Strip& above, Strip& out, const Choice& choice,
                                     int width, std::vector<std::uint8_t>& diagonals) {
  const int steps = (width + 15 + 15) / 16 * 16;
  diagonals.resize(std::size_t(steps) * 16);
  transpose(in.row(0), in.stride() - 1, steps, 16, 1, diagonals.data(), 16);
  Wave wave = wave_of(choice);
  const std::uint8_t* over = above.row(0);
  __m256i pixels = _mm256_setzero_si256();
  for (int t = 0; t < steps; ++t) {
    __m128i* diagonal = reinterpret_cast<__m128i*>(&diagonals[std::size_t(t) * 16]);
    const __m256i first = _mm256_set1_epi16(over[t]);
    // One lane up, with the row above in the lowest.
    const __m256i up =
        _mm256_alignr_epi8(pixels, _mm256_permute2x128_si256(first, pixels, 0x20), 14);
    pixels = step(wave, up, _mm256_cvtepu8_epi16(_mm_loadu_si128(diagonal)));
    _mm_storeu_si128(diagonal, _mm_packus_epi16(_mm256_castsi256_si128(pixels),
                                                _mm256_extracti128_si256(pixels, 1)));
  }
  transpose(diagonals.data(), 16, 16, steps, 1, out.row(0), out.stride() - 1);
}

}  // namespace

int unfilter_wave(const std::uint8_t* packed, int height, std::size_t size, std::size_t pixel_bytes,
                  std::uint8_t* out) {
  const bool grey = pixel_bytes == 1;
  if (best_isa() != Isa::avx2 || (!grey && pixel_bytes != 3 && pixel_bytes != 4)) return 0;
  const int rows = grey ? 16 : 4, width = static_cast<int>(size / pixel_bytes);
  if (height < rows || size % pixel_bytes != 0) return 0;

  Strip in(rows, size), above(1, size), unfiltered(rows, size);
  std::vector<std::uint8_t> diagonals;
  int y = 0;
  for (; y + rows <= height; y += rows) {
    const std::uint8_t* first = packed + std::size_t(y) * (size + 1);
    for (int r = 0; r < rows; ++r)
      std::copy_n(first + std::size_t(r) * (size + 1) + 1, size, in.row(r));
    const Choice choice = choice_of(first, size + 1, rows);
    if (grey) {
      unfilter_sixteen(in, above, unfiltered, choice, width, diagonals);
    } else if (pixel_bytes == 3) {
      unfilter_four<3>(in, above, unfiltered, choice, width);
    } else {
      unfilter_four<4>(in, above, unfiltered, choice, width);
    }
    for (int r = 0; r < rows; ++r)
      std::copy_n(unfiltered.row(r), size, out + std::size_t(y + r) * size);
    std::copy_n(unfiltered.row(rows - 1), size, above.row(0));
  }
  return y;
}
#else
int unfilter_wave(const std::uint8_t*, int, std::size_t, std::size_t, std::uint8_t*) {
  return 0;
}
#endif

}  // namespace looktwice::imaging
