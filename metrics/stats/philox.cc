#include "metrics/stats/philox.h"

#if defined(__x86_64__)
#if defined(__GNUC__) && !defined(__clang__)  // GCC 12 warns of its own header (its bug 105593)
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
#include <immintrin.h>
#endif

namespace looktwice::metrics {
namespace {

constexpr std::uint32_t kMultiply0 = 0xD2511F53U, kMultiply1 = 0xCD9E8D57U;
constexpr std::uint32_t kWeyl0 = 0x9E3779B9U, kWeyl1 = 0xBB67AE85U;
constexpr std::uint32_t kRounds = 10;
constexpr std::size_t kLanes = 8;

// Blocks counter[0] .. counter[0] + 8 * groups - 1, written eight at a time as [word][lane].
void blocks_portable(std::array<std::uint32_t, 4> counter, std::array<std::uint32_t, 2> key,
                     std::size_t groups, std::uint32_t* words) {
  for (std::size_t g = 0; g < groups; ++g) {
    for (std::size_t i = 0; i < kLanes; ++i) {
      std::array<std::uint32_t, 4> x = counter;
      x[0] += static_cast<std::uint32_t>(g * kLanes + i);
      std::uint32_t k0 = key[0], k1 = key[1];
      for (std::uint32_t round = 0; round < kRounds; ++round, k0 += kWeyl0, k1 += kWeyl1) {
        const std::uint64_t a = std::uint64_t{x[0]} * kMultiply0;
        const std::uint64_t b = std::uint64_t{x[2]} * kMultiply1;
        x = {static_cast<std::uint32_t>(b >> 32) ^ x[1] ^ k0, static_cast<std::uint32_t>(b),
             static_cast<std::uint32_t>(a >> 32) ^ x[3] ^ k1, static_cast<std::uint32_t>(a)};
      }
      for (std::size_t word = 0; word < 4; ++word) words[(g * 4 + word) * kLanes + i] = x[word];
    }
  }
}

std::size_t small_numbers_portable(const std::uint32_t* words, std::size_t count, std::uint32_t n,
                                   std::uint16_t* numbers) {
  const std::uint32_t few = 65536U % n;
  std::size_t got = 0;
  for (std::size_t i = 0; i < count; ++i)
    for (const std::uint32_t half : {words[i] & 65535U, words[i] >> 16}) {
      numbers[got] = static_cast<std::uint16_t>((half * n) >> 16);
      got += ((half * n) & 65535U) >= few;
    }
  return got;
}

#if defined(__x86_64__)
// The same words. Four blocks to a vector, each word in the low half of 64 bits: the multiplication
// and the xor need no more, and the high halves may hold anything. One vector holds the even blocks
// and one the odd, so that a shift and a blend put them in order.
[[gnu::target("avx2")]] void blocks_avx2(std::array<std::uint32_t, 4> counter,
                                         std::array<std::uint32_t, 2> key, std::size_t groups,
                                         std::uint32_t* words) {
  const __m256i multiply0 = _mm256_set1_epi32(static_cast<int>(kMultiply0));
  const __m256i multiply1 = _mm256_set1_epi32(static_cast<int>(kMultiply1));
  __m256i key0[kRounds], key1[kRounds];
  for (std::uint32_t round = 0; round < kRounds; ++round) {
    key0[round] = _mm256_set1_epi32(static_cast<int>(key[0] + round * kWeyl0));
    key1[round] = _mm256_set1_epi32(static_cast<int>(key[1] + round * kWeyl1));
  }
  for (std::size_t g = 0; g < groups; ++g) {
    __m256i even[4], odd[4];
    const auto first = static_cast<int>(counter[0] + static_cast<std::uint32_t>(g * kLanes));
    even[0] = _mm256_add_epi32(_mm256_set1_epi32(first), _mm256_setr_epi64x(0, 2, 4, 6));
    odd[0] = _mm256_add_epi32(_mm256_set1_epi32(first), _mm256_setr_epi64x(1, 3, 5, 7));
    for (std::size_t word = 1; word < 4; ++word)
      even[word] = odd[word] = _mm256_set1_epi32(static_cast<int>(counter[word]));
#pragma GCC unroll 10
    for (std::size_t round = 0; round < kRounds; ++round)
      for (__m256i* const x : {even, odd}) {
        const __m256i a = _mm256_mul_epu32(x[0], multiply0), b = _mm256_mul_epu32(x[2], multiply1);
        x[0] = _mm256_xor_si256(_mm256_srli_epi64(b, 32), _mm256_xor_si256(x[1], key0[round]));
        x[2] = _mm256_xor_si256(_mm256_srli_epi64(a, 32), _mm256_xor_si256(x[3], key1[round]));
        x[1] = b;
        x[3] = a;
      }
    for (std::size_t word = 0; word < 4; ++word)
      _mm256_storeu_si256(
          reinterpret_cast<__m256i*>(words + (g * 4 + word) * kLanes),
          _mm256_blend_epi32(even[word], _mm256_slli_epi64(odd[word], 32), 0b10101010));
  }
}

// The same numbers, sixteen halves at a time; where one of them is rejected, one by one.
[[gnu::target("avx2")]] std::size_t small_numbers_avx2(const std::uint32_t* words,
                                                       std::size_t count, std::uint32_t n,
                                                       std::uint16_t* numbers) {
  const __m256i size = _mm256_set1_epi16(static_cast<short>(n));
  const __m256i few = _mm256_set1_epi16(static_cast<short>(65536U % n));
  std::size_t got = 0, i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    const __m256i halves = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(words + i));
    const __m256i rest = _mm256_mullo_epi16(halves, size);
    const __m256i kept = _mm256_cmpeq_epi16(_mm256_max_epu16(rest, few), rest);  // rest >= few
    if (_mm256_movemask_epi8(kept) == -1) {
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(numbers + got),
                          _mm256_mulhi_epu16(halves, size));
      got += 2 * kLanes;
    } else {
      got += small_numbers_portable(words + i, kLanes, n, numbers + got);
    }
  }
  return got + small_numbers_portable(words + i, count - i, n, numbers + got);
}

// The same again, eight blocks to a vector and thirty-two halves at a time; what is rejected is
// squeezed out in the register.
[[gnu::target("avx512f")]] void blocks_avx512(std::array<std::uint32_t, 4> counter,
                                              std::array<std::uint32_t, 2> key, std::size_t groups,
                                              std::uint32_t* words) {
  const __m512i multiply0 = _mm512_set1_epi32(static_cast<int>(kMultiply0));
  const __m512i multiply1 = _mm512_set1_epi32(static_cast<int>(kMultiply1));
  for (std::size_t g = 0; g < groups; g += 2) {
    // Two vectors, so that one multiplies while the other waits. Of an odd number of groups the
    // last is made twice.
    const std::size_t second = std::min(g + 1, groups - 1);
    __m512i x[2][4];
    for (std::size_t v = 0; v < 2; ++v) {
      const std::size_t group = v == 0 ? g : second;
      x[v][0] = _mm512_add_epi32(_mm512_set1_epi32(static_cast<int>(
                                     counter[0] + static_cast<std::uint32_t>(group * kLanes))),
                                 _mm512_setr_epi64(0, 1, 2, 3, 4, 5, 6, 7));
      for (std::size_t word = 1; word < 4; ++word)
        x[v][word] = _mm512_set1_epi32(static_cast<int>(counter[word]));
    }
    std::uint32_t k0 = key[0], k1 = key[1];
#pragma GCC unroll 10
    for (std::uint32_t round = 0; round < kRounds; ++round, k0 += kWeyl0, k1 += kWeyl1) {
      const __m512i key0 = _mm512_set1_epi32(static_cast<int>(k0));
      const __m512i key1 = _mm512_set1_epi32(static_cast<int>(k1));
      for (auto& y : x) {
        const __m512i a = _mm512_mul_epu32(y[0], multiply0), b = _mm512_mul_epu32(y[2], multiply1);
        constexpr int kXorOfThree = 0x96;
        y[0] = _mm512_ternarylogic_epi32(_mm512_srli_epi64(b, 32), y[1], key0, kXorOfThree);
        y[2] = _mm512_ternarylogic_epi32(_mm512_srli_epi64(a, 32), y[3], key1, kXorOfThree);
        y[1] = b;
        y[3] = a;
      }
    }
    for (std::size_t v = 0; v < 2; ++v)
      for (std::size_t word = 0; word < 4; ++word)
        _mm256_storeu_si256(
            reinterpret_cast<__m256i*>(words + ((v == 0 ? g : second) * 4 + word) * kLanes),
            _mm512_cvtepi64_epi32(x[v][word]));
  }
}

[[gnu::target("avx512f,avx512bw,avx512vbmi2")]] std::size_t small_numbers_avx512(
    const std::uint32_t* words, std::size_t count, std::uint32_t n, std::uint16_t* numbers) {
  const __m512i size = _mm512_set1_epi16(static_cast<short>(n));
  const __m512i few = _mm512_set1_epi16(static_cast<short>(65536U % n));
  std::size_t got = 0, i = 0;
  for (; i + 2 * kLanes <= count; i += 2 * kLanes) {
    const __m512i halves = _mm512_loadu_si512(words + i);
    const __mmask32 kept = _mm512_cmpge_epu16_mask(_mm512_mullo_epi16(halves, size), few);
    _mm512_storeu_si512(numbers + got,
                        _mm512_maskz_compress_epi16(kept, _mm512_mulhi_epu16(halves, size)));
    got += static_cast<std::size_t>(__builtin_popcount(kept));
  }
  return got + small_numbers_portable(words + i, count - i, n, numbers + got);
}

enum class Lanes { portable, avx2, avx512 };

Lanes fastest() {
  static const Lanes has =
      __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vbmi2") ? Lanes::avx512
      : __builtin_cpu_supports("avx2")                                            ? Lanes::avx2
                                                                                  : Lanes::portable;
  return has;
}
#endif

}  // namespace

std::array<std::uint32_t, 4> philox(std::array<std::uint32_t, 4> counter,
                                    std::array<std::uint32_t, 2> key) {
  std::uint32_t words[4 * kLanes];
  blocks_portable(counter, key, 1, words);
  return {words[0], words[kLanes], words[2 * kLanes], words[3 * kLanes]};
}

std::uint64_t stream_tag(std::string_view name) {
  std::uint64_t hash = 0xcbf29ce484222325U;
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
  // The last characters of FNV barely reach the high bits; the finaliser of MurmurHash3 spreads
  // them.
  hash = (hash ^ (hash >> 33)) * 0xff51afd7ed558ccdU;
  hash = (hash ^ (hash >> 33)) * 0xc4ceb9fe1a85ec53U;
  return hash ^ (hash >> 33);
}

RandomStream::RandomStream(StreamKey key, std::uint32_t replicate)
    : key_{static_cast<std::uint32_t>(key.seed), static_cast<std::uint32_t>(key.seed >> 32)},
      counter_{0, replicate, static_cast<std::uint32_t>(key.tag),
               static_cast<std::uint32_t>(key.tag >> 32)} {}

void RandomStream::fill() {
  constexpr std::size_t kGroups = kBuffer / (4 * kLanes);
#if defined(__x86_64__)
  if (fastest() == Lanes::avx512)
    blocks_avx512(counter_, key_, kGroups, words_.data());
  else if (fastest() == Lanes::avx2)
    blocks_avx2(counter_, key_, kGroups, words_.data());
  else
#endif
    blocks_portable(counter_, key_, kGroups, words_.data());
  counter_[0] += kBuffer / 4;
  position_ = 0;
}

std::size_t RandomStream::small_numbers(const std::uint32_t* words, std::size_t count,
                                        std::uint32_t n, std::uint16_t* numbers) {
#if defined(__x86_64__)
  if (fastest() == Lanes::avx512) return small_numbers_avx512(words, count, n, numbers);
  if (fastest() == Lanes::avx2) return small_numbers_avx2(words, count, n, numbers);
#endif
  return small_numbers_portable(words, count, n, numbers);
}

}  // namespace looktwice::metrics
