#include "metrics/pixel/pixel_lanes.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "metrics/pixel/ordered_bits.h"

#if defined(__x86_64__)
#if defined(__GNUC__) && !defined(__clang__)  // GCC 12 warns of its own header (its bug 105593)
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#include <immintrin.h>
#endif

namespace looktwice::metrics {
namespace {

constexpr std::size_t kPixels = PixelTile::kPixels;

// For any processor; compiled again for one with AVX2, where the compiler does the rest.
[[gnu::always_inline]] inline void split(const float* scores, const std::uint8_t* mask,
                                         PixelTile& tile) {
  std::uint32_t not_finite = 0, uneven = 0;
  const std::uint32_t first = pixel_key(scores[0]);
  for (std::size_t i = 0; i < kPixels; ++i) {
    const std::uint32_t key = pixel_key(scores[i]);
    not_finite |= 0x7f7fffffU - (std::bit_cast<std::uint32_t>(scores[i]) & 0x7fffffffU);
    uneven |= key ^ first;
    tile.keys[i] = key;
  }
  std::uint64_t masked = 0;
  for (std::size_t i = 0; i < kPixels; i += sizeof masked) {
    std::uint64_t eight = 0;
    std::memcpy(&eight, mask + i, sizeof eight);
    masked |= eight;
  }
  tile.finite = not_finite >> 31 == 0;
  tile.even = uneven == 0 && masked == 0;
  tile.count = kPixels;
  if (masked == 0) return;
  std::size_t count = 0;
  for (std::size_t i = 0; i < kPixels; ++i) {
    tile.keys[count] = tile.keys[i];
    count += mask[i] == 0;
  }
  tile.count = count;
}

[[gnu::always_inline]] inline void rank(const PixelBits& bits, PixelRanks& ranks) {
  std::uint32_t below = 0;
  for (std::size_t i = 0; i < bits.size(); ++i) {
    const std::uint64_t own = bits[i];
    for (int part = 0; part < 4; ++part) {
      const auto here = static_cast<std::uint32_t>(own >> (16 * part) & 0xffff);
      ranks.words[4 * i + static_cast<std::size_t>(part)] = below << 16 | here;
      below += static_cast<std::uint32_t>(std::popcount(here));
    }
  }
}

[[gnu::always_inline]] inline void slots(const PixelRanks& ranks, const std::uint16_t* trailing,
                                         std::size_t count, std::uint32_t* slots) {
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint32_t word = ranks.words[trailing[i] >> 4];
    // The bit of the score itself comes to the top, those of smaller scores below it.
    const std::uint32_t up_to = word << (31 - (trailing[i] & 15U));
    const auto found = static_cast<std::uint32_t>(std::popcount(up_to));
    slots[i] = 2 * ((word >> 16) + found) - (up_to >> 31);
  }
}

void split_any(const float* scores, const std::uint8_t* mask, PixelTile& tile) {
  split(scores, mask, tile);
}
void rank_any(const PixelBits& bits, PixelRanks& ranks) {
  rank(bits, ranks);
}
void slots_any(const PixelRanks& ranks, const std::uint16_t* trailing, std::size_t count,
               std::uint32_t* out) {
  slots(ranks, trailing, count, out);
}

#if defined(__x86_64__)
#define LOOKTWICE_X86_AVX2 [[gnu::target("avx2,bmi,bmi2,popcnt")]]
#define LOOKTWICE_X86_AVX512 \
  [[gnu::target("avx512f,avx512bw,avx512vl,avx512vpopcntdq,bmi,bmi2,popcnt")]]

LOOKTWICE_X86_AVX2 void split_avx2(const float* scores, const std::uint8_t* mask, PixelTile& tile) {
  split(scores, mask, tile);
}
LOOKTWICE_X86_AVX2 void rank_avx2(const PixelBits& bits, PixelRanks& ranks) {
  rank(bits, ranks);
}
LOOKTWICE_X86_AVX2 void slots_avx2(const PixelRanks& ranks, const std::uint16_t* trailing,
                                   std::size_t count, std::uint32_t* out) {
  slots(ranks, trailing, count, out);
}

LOOKTWICE_X86_AVX512 void split_avx512(const float* scores, const std::uint8_t* mask,
                                       PixelTile& tile) {
  const __m512i sign = _mm512_set1_epi32(INT32_MIN);
  const __m512i first = _mm512_set1_epi32(static_cast<int>(pixel_key(scores[0])));
  __m512i largest = _mm512_setzero_si512(), uneven = _mm512_setzero_si512();
  std::uint32_t* to = tile.keys.data();
  for (std::size_t i = 0; i < kPixels; i += 64) {
    const __m512i masks = _mm512_loadu_si512(mask + i);
    const std::uint64_t open = _mm512_testn_epi8_mask(masks, masks);
    __m512i keys[4];
    for (int part = 0; part < 4; ++part) {
      const __m512 score = _mm512_loadu_ps(scores + i + 16 * part);
      const __m512i bits = _mm512_castps_si512(_mm512_add_ps(score, _mm512_setzero_ps()));
      largest = _mm512_max_epu32(largest, _mm512_andnot_si512(sign, bits));
      keys[part] = _mm512_xor_si512(bits, _mm512_or_si512(_mm512_srai_epi32(bits, 31), sign));
      uneven = _mm512_or_si512(uneven, _mm512_xor_si512(keys[part], first));
    }
    if (open == ~std::uint64_t{0}) {
      for (int part = 0; part < 4; ++part) _mm512_storeu_si512(to + 16 * part, keys[part]);
      to += 64;
      continue;
    }
    for (int part = 0; part < 4; ++part) {
      const auto own = static_cast<__mmask16>(open >> (16 * part));
      _mm512_storeu_si512(to, _mm512_maskz_compress_epi32(own, keys[part]));
      to += std::popcount(static_cast<std::uint32_t>(own));
    }
  }
  tile.count = static_cast<std::size_t>(to - tile.keys.data());
  tile.finite = _mm512_cmpgt_epu32_mask(largest, _mm512_set1_epi32(0x7f7fffff)) == 0;
  tile.even = tile.count == kPixels && _mm512_test_epi32_mask(uneven, uneven) == 0;
}

LOOKTWICE_X86_AVX512 void rank_avx512(const PixelBits& bits, PixelRanks& ranks) {
  const __m512i zero = _mm512_setzero_si512(), last = _mm512_set1_epi32(15);
  __m512i below = zero;  // in every lane
  const auto* from = reinterpret_cast<const char*>(bits.data());
  for (std::size_t word = 0; word < PixelRanks::kWords; word += 16) {
    const __m512i own = _mm512_cvtepu16_epi32(
        _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from + 2 * word)));
    __m512i sum = _mm512_popcnt_epi32(own);
    const __m512i single = sum;
    sum = _mm512_add_epi32(sum, _mm512_alignr_epi32(sum, zero, 15));
    sum = _mm512_add_epi32(sum, _mm512_alignr_epi32(sum, zero, 14));
    sum = _mm512_add_epi32(sum, _mm512_alignr_epi32(sum, zero, 12));
    sum = _mm512_add_epi32(sum, _mm512_alignr_epi32(sum, zero, 8));
    const __m512i before = _mm512_add_epi32(below, _mm512_sub_epi32(sum, single));
    _mm512_store_si512(ranks.words.data() + word,
                       _mm512_or_si512(_mm512_slli_epi32(before, 16), own));
    below = _mm512_add_epi32(below, _mm512_permutexvar_epi32(last, sum));
  }
}

LOOKTWICE_X86_AVX512 void slots_avx512(const PixelRanks& ranks, const std::uint16_t* trailing,
                                       std::size_t count, std::uint32_t* out) {
  const __m512i fifteen = _mm512_set1_epi32(15), top = _mm512_set1_epi32(31);
  for (std::size_t i = 0; i < count; i += 16) {
    const __m512i own =
        _mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(trailing + i)));
    const __m512i word = _mm512_i32gather_epi32(_mm512_srli_epi32(own, 4), ranks.words.data(), 4);
    const __m512i shift = _mm512_sub_epi32(top, _mm512_and_si512(own, fifteen));
    const __m512i up_to = _mm512_sllv_epi32(word, shift);
    const __m512i found = _mm512_add_epi32(_mm512_popcnt_epi32(up_to), _mm512_srli_epi32(word, 16));
    _mm512_storeu_si512(
        out + i, _mm512_sub_epi32(_mm512_add_epi32(found, found), _mm512_srli_epi32(up_to, 31)));
  }
}
#endif

std::vector<PixelLanes> found_lanes() {
  std::vector<PixelLanes> lanes = {{"plain", split_any, rank_any, slots_any}};
#if defined(__x86_64__)
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") &&
                    __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("popcnt");
  if (avx2) lanes.push_back({"avx2", split_avx2, rank_avx2, slots_avx2});
  if (avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512vpopcntdq"))
    lanes.push_back({"avx512", split_avx512, rank_avx512, slots_avx512});
#endif
  return lanes;
}

}  // namespace

std::span<const PixelLanes> pixel_lanes() {
  static const std::vector<PixelLanes> lanes = found_lanes();
  return lanes;
}

}  // namespace looktwice::metrics
