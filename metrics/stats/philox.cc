#include "metrics/stats/philox.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace looktwice::metrics {
namespace {

constexpr std::uint32_t kMultiply0 = 0xD2511F53U, kMultiply1 = 0xCD9E8D57U;
constexpr std::uint32_t kWeyl0 = 0x9E3779B9U, kWeyl1 = 0xBB67AE85U;
constexpr int kRounds = 10;
constexpr std::size_t kLanes = 8;

// Blocks counter[0] .. counter[0] + 8 * groups - 1, written eight at a time as [word][lane].
void blocks_portable(std::array<std::uint32_t, 4> counter, std::array<std::uint32_t, 2> key,
                     std::size_t groups, std::uint32_t* words) {
  for (std::size_t g = 0; g < groups; ++g) {
    for (std::size_t i = 0; i < kLanes; ++i) {
      std::array<std::uint32_t, 4> x = counter;
      x[0] += static_cast<std::uint32_t>(g * kLanes + i);
      std::uint32_t k0 = key[0], k1 = key[1];
      for (int round = 0; round < kRounds; ++round, k0 += kWeyl0, k1 += kWeyl1) {
        const std::uint64_t a = std::uint64_t{x[0]} * kMultiply0;
        const std::uint64_t b = std::uint64_t{x[2]} * kMultiply1;
        x = {static_cast<std::uint32_t>(b >> 32) ^ x[1] ^ k0, static_cast<std::uint32_t>(b),
             static_cast<std::uint32_t>(a >> 32) ^ x[3] ^ k1, static_cast<std::uint32_t>(a)};
      }
      for (std::size_t word = 0; word < 4; ++word) words[(g * 4 + word) * kLanes + i] = x[word];
    }
  }
}

#if defined(__x86_64__)
// The same words. Four blocks to a vector, each word in the low half of 64 bits: the multiplication
// and the xor need no more, and the high halves may hold anything. One vector holds the even blocks
// and one the odd, so that a shift and a blend put them in order.
[[gnu::target("avx2")]] void blocks_avx2(std::array<std::uint32_t, 4> counter,
                                         std::array<std::uint32_t, 2> key, std::size_t groups,
                                         std::uint32_t* words) {
  const __m256i multiply0 = _mm256_set1_epi64x(kMultiply0),
                multiply1 = _mm256_set1_epi64x(kMultiply1);
  for (std::size_t g = 0; g < groups; ++g) {
    __m256i x[2][4];
    for (int odd = 0; odd < 2; ++odd) {
      const auto first =
          counter[0] + static_cast<std::uint32_t>(g * kLanes) + static_cast<std::uint32_t>(odd);
      x[odd][0] = _mm256_add_epi32(_mm256_set1_epi32(static_cast<int>(first)),
                                   _mm256_setr_epi64x(0, 2, 4, 6));
      for (std::size_t word = 1; word < 4; ++word)
        x[odd][word] = _mm256_set1_epi32(static_cast<int>(counter[word]));
    }
    std::uint32_t k0 = key[0], k1 = key[1];
    for (int round = 0; round < kRounds; ++round, k0 += kWeyl0, k1 += kWeyl1) {
      const __m256i round0 = _mm256_set1_epi32(static_cast<int>(k0)),
                    round1 = _mm256_set1_epi32(static_cast<int>(k1));
      for (auto& y : x) {
        const __m256i a = _mm256_mul_epu32(y[0], multiply0), b = _mm256_mul_epu32(y[2], multiply1);
        y[0] = _mm256_xor_si256(_mm256_srli_epi64(b, 32), _mm256_xor_si256(y[1], round0));
        y[2] = _mm256_xor_si256(_mm256_srli_epi64(a, 32), _mm256_xor_si256(y[3], round1));
        y[1] = b;
        y[3] = a;
      }
    }
    for (std::size_t word = 0; word < 4; ++word)
      _mm256_storeu_si256(
          reinterpret_cast<__m256i*>(words + (g * 4 + word) * kLanes),
          _mm256_blend_epi32(x[0][word], _mm256_slli_epi64(x[1][word], 32), 0b10101010));
  }
}
#endif

using Blocks = void (*)(std::array<std::uint32_t, 4>, std::array<std::uint32_t, 2>, std::size_t,
                        std::uint32_t*);

Blocks best_blocks() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2")) return blocks_avx2;
#endif
  return blocks_portable;
}

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
  static const Blocks fastest = best_blocks();
  fastest(counter_, key_, kBuffer / (4 * kLanes), words_.data());
  counter_[0] += kBuffer / 4;
  position_ = 0;
}

}  // namespace looktwice::metrics
