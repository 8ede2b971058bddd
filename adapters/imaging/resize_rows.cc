#include "adapters/imaging/resize_rows.h"

#include <algorithm>
#include <cstring>

#include "adapters/imaging/resize_taps.h"

#ifdef LOOKTWICE_X86
#include <immintrin.h>
#endif

namespace looktwice::imaging {
namespace {

void weighted_rows_plain(const std::uint8_t* rows, std::size_t stride, std::size_t size,
                         const TapPair* pairs, int count, std::uint8_t* out) {
  constexpr std::size_t kBlock = 64;  // sums stay in registers or the nearest cache
  for (std::size_t begin = 0; begin < size; begin += kBlock) {
    const std::size_t width = std::min(kBlock, size - begin);
    std::uint32_t sums[kBlock];
    std::fill_n(sums, width, std::uint32_t{1} << (kTapBits - 1));
    for (int j = 0; j < count; ++j) {
      const std::uint8_t* row = rows + std::size_t(j) * stride + begin;
      const TapPair& pair = pairs[j / 2];
      const auto factor =
          static_cast<std::uint32_t>(pair.high[j % 2] * (1 << kLowBits) + pair.low[j % 2]);
      for (std::size_t x = 0; x < width; ++x) sums[x] += factor * row[x];
    }
    for (std::size_t x = 0; x < width; ++x) {
      const std::int32_t value = static_cast<std::int32_t>(sums[x]) >> kTapBits;
      out[begin + x] = static_cast<std::uint8_t>(std::clamp(value, 0, 255));
    }
  }
}

void transpose_plain(const std::uint8_t* from, std::size_t from_stride, int width, int height,
                     int channels, std::uint8_t* to, std::size_t to_stride) {
  const std::size_t bytes = std::size_t(channels);
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x)
      std::memcpy(to + std::size_t(x) * to_stride + std::size_t(y) * bytes,
                  from + std::size_t(y) * from_stride + std::size_t(x) * bytes, bytes);
}

#ifdef LOOKTWICE_X86
// Two 16-bit numbers as one lane of the multiplier wants them.
int bits_of(const std::int16_t (&numbers)[2]) {
  int bits = 0;
  std::memcpy(&bits, numbers, sizeof bits);
  return bits;
}

// 32 columns: four groups of eight sums, in the order in which unpacking leaves them.
LOOKTWICE_AVX2 void weighted_block_avx2(const std::uint8_t* rows, std::size_t stride,
                                        const TapPair* pairs, int count, std::uint8_t* out) {
  const __m256i zero = _mm256_setzero_si256();
  __m256i high[4] = {zero, zero, zero, zero}, low[4] = {zero, zero, zero, zero};
  for (int j = 0; j < count; j += 2) {
    const bool alone = j + 1 == count;
    const std::uint8_t* row = rows + std::size_t(j) * stride;
    const __m256i a = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(row));
    const __m256i b =
        alone ? zero : _mm256_loadu_si256(reinterpret_cast<const __m256i*>(row + stride));
    const __m256i by_high = _mm256_set1_epi32(bits_of(pairs[j / 2].high));
    const __m256i by_low = _mm256_set1_epi32(bits_of(pairs[j / 2].low));
    const __m256i front = _mm256_unpacklo_epi8(a, b), back = _mm256_unpackhi_epi8(a, b);
    const __m256i words[4] = {_mm256_unpacklo_epi8(front, zero), _mm256_unpackhi_epi8(front, zero),
                              _mm256_unpacklo_epi8(back, zero), _mm256_unpackhi_epi8(back, zero)};
    for (int g = 0; g < 4; ++g) {
      high[g] = _mm256_add_epi32(high[g], _mm256_madd_epi16(words[g], by_high));
      low[g] = _mm256_add_epi32(low[g], _mm256_madd_epi16(words[g], by_low));
    }
  }
  const __m256i half = _mm256_set1_epi32(1 << (kTapBits - 1));
  __m256i value[4];
  for (int g = 0; g < 4; ++g) {
    const __m256i sum = _mm256_add_epi32(_mm256_slli_epi32(high[g], kLowBits), low[g]);
    value[g] = _mm256_srai_epi32(_mm256_add_epi32(sum, half), kTapBits);
  }
  // unpack and pack work within the same 128-bit lanes, so the columns come out in order.
  const __m256i words_front = _mm256_packs_epi32(value[0], value[1]);
  const __m256i words_back = _mm256_packs_epi32(value[2], value[3]);
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(out),
                      _mm256_packus_epi16(words_front, words_back));
}

// The same for 16 columns.
LOOKTWICE_SSE4 void weighted_block_sse4(const std::uint8_t* rows, std::size_t stride,
                                        const TapPair* pairs, int count, std::uint8_t* out) {
  const __m128i zero = _mm_setzero_si128();
  __m128i high[4] = {zero, zero, zero, zero}, low[4] = {zero, zero, zero, zero};
  for (int j = 0; j < count; j += 2) {
    const bool alone = j + 1 == count;
    const std::uint8_t* row = rows + std::size_t(j) * stride;
    const __m128i a = _mm_loadu_si128(reinterpret_cast<const __m128i*>(row));
    const __m128i b =
        alone ? zero : _mm_loadu_si128(reinterpret_cast<const __m128i*>(row + stride));
    const __m128i by_high = _mm_set1_epi32(bits_of(pairs[j / 2].high));
    const __m128i by_low = _mm_set1_epi32(bits_of(pairs[j / 2].low));
    const __m128i front = _mm_unpacklo_epi8(a, b), back = _mm_unpackhi_epi8(a, b);
    const __m128i words[4] = {_mm_unpacklo_epi8(front, zero), _mm_unpackhi_epi8(front, zero),
                              _mm_unpacklo_epi8(back, zero), _mm_unpackhi_epi8(back, zero)};
    for (int g = 0; g < 4; ++g) {
      high[g] = _mm_add_epi32(high[g], _mm_madd_epi16(words[g], by_high));
      low[g] = _mm_add_epi32(low[g], _mm_madd_epi16(words[g], by_low));
    }
  }
  const __m128i half = _mm_set1_epi32(1 << (kTapBits - 1));
  __m128i value[4];
  for (int g = 0; g < 4; ++g) {
    const __m128i sum = _mm_add_epi32(_mm_slli_epi32(high[g], kLowBits), low[g]);
    value[g] = _mm_srai_epi32(_mm_add_epi32(sum, half), kTapBits);
  }
  _mm_storeu_si128(
      reinterpret_cast<__m128i*>(out),
      _mm_packus_epi16(_mm_packs_epi32(value[0], value[1]), _mm_packs_epi32(value[2], value[3])));
}

template <std::size_t kWidth, class Block>
void weighted_blocks(const std::uint8_t* rows, std::size_t stride, std::size_t size,
                     const TapPair* pairs, int count, std::uint8_t* out, Block block) {
  for (std::size_t x = 0; x + kWidth <= size; x += kWidth)
    block(rows + x, stride, pairs, count, out + x);
  // The last block overlaps the one before, so that 518 columns need no loop for a rest of 6.
  if (size % kWidth != 0) block(rows + size - kWidth, stride, pairs, count, out + size - kWidth);
}

// 16 x 16 bytes in four rounds of unpacking.
void transpose_16x16(const std::uint8_t* from, std::size_t from_stride, std::uint8_t* to,
                     std::size_t to_stride) {
  __m128i a[16], b[16];
  for (std::size_t i = 0; i < 16; ++i)
    a[i] = _mm_loadu_si128(reinterpret_cast<const __m128i*>(from + i * from_stride));
  for (int round = 0; round < 4; ++round) {
    for (int i = 0; i < 8; ++i) {
      b[2 * i] = _mm_unpacklo_epi8(a[i], a[i + 8]);
      b[2 * i + 1] = _mm_unpackhi_epi8(a[i], a[i + 8]);
    }
    std::copy_n(b, 16, a);
  }
  for (std::size_t i = 0; i < 16; ++i)
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to + i * to_stride), a[i]);
}

// Four pixels of 3 bytes: of all 16 bytes written the last 4 are rubbish, which is welcome where
// the next four pixels are written later (`more`).
LOOKTWICE_SSE4 inline void store_pixels(std::uint8_t* to, __m128i pixels, bool more) {
  if (more) return _mm_storeu_si128(reinterpret_cast<__m128i*>(to), pixels);
  const int last = _mm_extract_epi32(pixels, 2);
  _mm_storel_epi64(reinterpret_cast<__m128i*>(to), pixels);
  std::memcpy(to + 8, &last, 4);
}

// 4 x 4 pixels of 3 bytes. Reads 16 bytes of each row where 12 are meant.
LOOKTWICE_SSE4 void transpose_4x4_rgb(const std::uint8_t* from, std::size_t from_stride,
                                      std::uint8_t* to, std::size_t to_stride, bool more) {
  const __m128i widen = _mm_setr_epi8(0, 1, 2, -1, 3, 4, 5, -1, 6, 7, 8, -1, 9, 10, 11, -1);
  const __m128i narrow = _mm_setr_epi8(0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, -1, -1, -1, -1);
  __m128i row[4];
  for (std::size_t i = 0; i < 4; ++i)
    row[i] = _mm_shuffle_epi8(
        _mm_loadu_si128(reinterpret_cast<const __m128i*>(from + i * from_stride)), widen);
  const __m128i a = _mm_unpacklo_epi32(row[0], row[1]), b = _mm_unpackhi_epi32(row[0], row[1]);
  const __m128i c = _mm_unpacklo_epi32(row[2], row[3]), d = _mm_unpackhi_epi32(row[2], row[3]);
  const __m128i column[4] = {_mm_unpacklo_epi64(a, c), _mm_unpackhi_epi64(a, c),
                             _mm_unpacklo_epi64(b, d), _mm_unpackhi_epi64(b, d)};
  for (std::size_t i = 0; i < 4; ++i)
    store_pixels(to + i * to_stride, _mm_shuffle_epi8(column[i], narrow), more);
}

// Two of them side by side: 8 pixels of 4 rows.
LOOKTWICE_AVX2 void transpose_8x4_rgb(const std::uint8_t* from, std::size_t from_stride,
                                      std::uint8_t* to, std::size_t to_stride, bool more) {
  const __m256i widen = _mm256_broadcastsi128_si256(
      _mm_setr_epi8(0, 1, 2, -1, 3, 4, 5, -1, 6, 7, 8, -1, 9, 10, 11, -1));
  const __m256i narrow = _mm256_broadcastsi128_si256(
      _mm_setr_epi8(0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, -1, -1, -1, -1));
  __m256i row[4];
  for (std::size_t i = 0; i < 4; ++i)
    row[i] = _mm256_shuffle_epi8(
        _mm256_loadu2_m128i(reinterpret_cast<const __m128i*>(from + i * from_stride + 12),
                            reinterpret_cast<const __m128i*>(from + i * from_stride)),
        widen);
  const __m256i a = _mm256_unpacklo_epi32(row[0], row[1]),
                b = _mm256_unpackhi_epi32(row[0], row[1]);
  const __m256i c = _mm256_unpacklo_epi32(row[2], row[3]),
                d = _mm256_unpackhi_epi32(row[2], row[3]);
  const __m256i column[4] = {_mm256_unpacklo_epi64(a, c), _mm256_unpackhi_epi64(a, c),
                             _mm256_unpacklo_epi64(b, d), _mm256_unpackhi_epi64(b, d)};
  for (std::size_t i = 0; i < 4; ++i) {
    const __m256i pixels = _mm256_shuffle_epi8(column[i], narrow);
    store_pixels(to + i * to_stride, _mm256_castsi256_si128(pixels), more);
    store_pixels(to + (i + 4) * to_stride, _mm256_extracti128_si256(pixels, 1), more);
  }
}

void transpose_rgb(const std::uint8_t* from, std::size_t from_stride, int width, int height,
                   std::uint8_t* to, std::size_t to_stride) {
  const int tiled_width = width / 4 * 4, tiled_height = height / 4 * 4;
  const auto in = [&](int x, int y) {
    return from + std::size_t(y) * from_stride + 3 * std::size_t(x);
  };
  const auto out = [&](int x, int y) {
    return to + std::size_t(x) * to_stride + 3 * std::size_t(y);
  };
  const auto plain = [&](int x, int y, int columns, int rows) {
    transpose_plain(in(x, y), from_stride, columns, rows, 3, out(x, y), to_stride);
  };
  const bool wide = best_isa() == Isa::avx2;
  for (int x = 0; x < tiled_width;) {
    const int columns =
        wide && x + 12 <= tiled_width ? 8 : 4;  // the last 4 on their own, see below
    for (int y = 0; y < tiled_height; y += 4) {
      const bool more = y + 4 < tiled_height;
      for (int i = 0; i < 4; ++i) __builtin_prefetch(in(x, y + i) + 256);
      if (columns == 8) {
        transpose_8x4_rgb(in(x, y), from_stride, out(x, y), to_stride, more);
      } else if (x + 4 < tiled_width || more) {
        transpose_4x4_rgb(in(x, y), from_stride, out(x, y), to_stride, more);
      } else {
        plain(x, y, 4, 4);  // nothing may lie behind it that could be read
      }
    }
    x += columns;
  }
  plain(0, tiled_height, width, height - tiled_height);
  plain(tiled_width, 0, width - tiled_width, tiled_height);
}

void transpose_bytes(const std::uint8_t* from, std::size_t from_stride, int width, int height,
                     std::uint8_t* to, std::size_t to_stride) {
  const int tiled_width = width / 16 * 16, tiled_height = height / 16 * 16;
  for (int y = 0; y < tiled_height; y += 16)
    for (int x = 0; x < tiled_width; x += 16)
      transpose_16x16(from + std::size_t(y) * from_stride + std::size_t(x), from_stride,
                      to + std::size_t(x) * to_stride + std::size_t(y), to_stride);
  transpose_plain(from + std::size_t(tiled_height) * from_stride, from_stride, width,
                  height - tiled_height, 1, to + tiled_height, to_stride);
  transpose_plain(from + tiled_width, from_stride, width - tiled_width, tiled_height, 1,
                  to + std::size_t(tiled_width) * to_stride, to_stride);
}
#endif

}  // namespace

void weighted_rows(Isa isa, const std::uint8_t* rows, std::size_t stride, std::size_t size,
                   const TapPair* pairs, int count, std::uint8_t* out) {
#ifdef LOOKTWICE_X86
  if (isa == Isa::avx2 && size >= 32)
    return weighted_blocks<32>(rows, stride, size, pairs, count, out, weighted_block_avx2);
  if (isa != Isa::plain && size >= 16)
    return weighted_blocks<16>(rows, stride, size, pairs, count, out, weighted_block_sse4);
#endif
  static_cast<void>(isa);
  weighted_rows_plain(rows, stride, size, pairs, count, out);
}

void transpose(const std::uint8_t* from, std::size_t from_stride, int width, int height,
               int channels, std::uint8_t* to, std::size_t to_stride) {
#ifdef LOOKTWICE_X86
  if (channels == 1) return transpose_bytes(from, from_stride, width, height, to, to_stride);
  if (channels == 3 && best_isa() != Isa::plain)
    return transpose_rgb(from, from_stride, width, height, to, to_stride);
#endif
  transpose_plain(from, from_stride, width, height, channels, to, to_stride);
}

}  // namespace looktwice::imaging
