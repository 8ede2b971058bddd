#include "adapters/kernels/token_select.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <stdexcept>
#include <string>
#include <vector>

#include "adapters/kernels/device.h"
#include "adapters/kernels/isa.h"
#include "adapters/kernels/lanes.h"
#include "adapters/kernels/wide.h"

namespace looktwice::kernels {
namespace {

constexpr int kBlock = 32;  // tokens between two looks at the largest score; they stay in L2

// What the three steps are made of, for any machine: in the vectors of the function around it.
struct Portable {
  // sum[dims] += weight * from[dims]
  template <class Element>
  LOOKTWICE_INLINE static void add_row(int dims, float weight, const Element* from, float* sum) {
    const int whole = dims / kLanes * kLanes;
    for (int d = 0; d < whole; d += kLanes) {
      Lanes x, s;
      load(from + d, x);
      load(sum + d, s);
      add_product(weight, x, s);
      store(s, sum + d);
    }
    for (int d = whole; d < dims; ++d) sum[d] += weight * float_of(from[d]);
  }

  // The token against each window's query: it is loaded once.
  template <class Element>
  LOOKTWICE_INLINE static void products(int dims, const Element* token, const float* query,
                                        float* product) {
    const int whole = dims / kLanes * kLanes;
    Lanes sums[kWindows] = {};
    for (int d = 0; d < whole; d += kLanes) {
      Lanes x, y;
      load(token + d, x);
      for (int window = 0; window < kWindows; ++window) {
        load(query + std::ptrdiff_t{window} * dims + d, y);
        add_product(x, y, sums[window]);
      }
    }
    for (int window = 0; window < kWindows; ++window) {
      product[window] = sum_of(sums[window]);
      for (int d = whole; d < dims; ++d)
        product[window] += float_of(token[d]) * query[std::ptrdiff_t{window} * dims + d];
    }
  }

  // sums[window][dims] += the block's tokens by their weights. Sums stay in registers for all
  // tokens.
  template <class Element>
  LOOKTWICE_INLINE static void add_block(int dims, int count, const Element* block,
                                         const float (&weight)[kWindows][kBlock], float* sums) {
    const int whole = dims / kLanes * kLanes;
    for (int d = 0; d < whole; d += kLanes) {
      Lanes own[kWindows], x;
      for (int window = 0; window < kWindows; ++window)
        load(sums + std::ptrdiff_t{window} * dims + d, own[window]);
      for (int t = 0; t < count; ++t) {
        load(block + std::ptrdiff_t{t} * dims + d, x);
        for (int window = 0; window < kWindows; ++window)
          add_product(weight[window][t], x, own[window]);
      }
      for (int window = 0; window < kWindows; ++window)
        store(own[window], sums + std::ptrdiff_t{window} * dims + d);
    }
    for (int window = 0; window < kWindows; ++window)
      for (int t = 0; t < count; ++t)
        for (int d = whole; d < dims; ++d)
          sums[std::ptrdiff_t{window} * dims + d] +=
              weight[window][t] * float_of(block[std::ptrdiff_t{t} * dims + d]);
  }
};

#ifdef LOOKTWICE_X86

// The same loops with vectors of sixteen and multiplications and additions in one.
struct Wide {
  template <class Element>
  LOOKTWICE_AVX512 static void add_row(int dims, float weight, const Element* from, float* sum) {
    const int whole = dims / kLanes * kLanes;
    const __m512 by = _mm512_set1_ps(weight);
    for (int d = 0; d < whole; d += kLanes)
      _mm512_storeu_ps(sum + d, _mm512_fmadd_ps(by, loaded(from + d), _mm512_loadu_ps(sum + d)));
    for (int d = whole; d < dims; ++d) sum[d] += weight * float_of(from[d]);
  }

  template <class Element>
  LOOKTWICE_AVX512 static void products(int dims, const Element* token, const float* query,
                                        float* product) {
    const int whole = dims / kLanes * kLanes;
    __m512 sums[kWindows];
    for (int window = 0; window < kWindows; ++window) sums[window] = _mm512_setzero_ps();
    for (int d = 0; d < whole; d += kLanes) {
      const __m512 x = loaded(token + d);
      for (int window = 0; window < kWindows; ++window)
        sums[window] = _mm512_fmadd_ps(
            x, _mm512_loadu_ps(query + std::ptrdiff_t{window} * dims + d), sums[window]);
    }
    for (int window = 0; window < kWindows; ++window) {
      Lanes lanes;
      std::memcpy(&lanes, &sums[window], sizeof lanes);
      product[window] = sum_of(lanes);
      for (int d = whole; d < dims; ++d)
        product[window] += float_of(token[d]) * query[std::ptrdiff_t{window} * dims + d];
    }
  }

  template <class Element>
  LOOKTWICE_AVX512 static void add_block(int dims, int count, const Element* block,
                                         const float (&weight)[kWindows][kBlock], float* sums) {
    const int whole = dims / kLanes * kLanes;
    for (int d = 0; d < whole; d += kLanes) {
      __m512 own[kWindows];
      for (int window = 0; window < kWindows; ++window)
        own[window] = _mm512_loadu_ps(sums + std::ptrdiff_t{window} * dims + d);
      for (int t = 0; t < count; ++t) {
        const __m512 x = loaded(block + std::ptrdiff_t{t} * dims + d);
        for (int window = 0; window < kWindows; ++window)
          own[window] = _mm512_fmadd_ps(_mm512_set1_ps(weight[window][t]), x, own[window]);
      }
      for (int window = 0; window < kWindows; ++window)
        _mm512_storeu_ps(sums + std::ptrdiff_t{window} * dims + d, own[window]);
    }
    for (int window = 0; window < kWindows; ++window)
      for (int t = 0; t < count; ++t)
        for (int d = whole; d < dims; ++d)
          sums[std::ptrdiff_t{window} * dims + d] +=
              weight[window][t] * float_of(block[std::ptrdiff_t{t} * dims + d]);
  }
};

#endif

template <class Code, class Element>
LOOKTWICE_INLINE void pool_tile(const TokenSelect& shape, const Element* features, const float* map,
                                float* query, float* pooled) {
  const int grid = shape.grid, dims = shape.dims;
  const int middle = grid / 2, half = (grid + 1) / 2;
  double weight[kWindows] = {};
  std::fill_n(query, static_cast<std::size_t>(kWindows) * static_cast<std::size_t>(dims), 0.0f);
  for (int y = 0; y < grid; ++y)
    for (int x = 0; x < grid; ++x, ++map, features += dims)
      for (int window = 0; window < kWindows; ++window) {
        const bool in_row = window / 2 == 0 ? y < half : y >= middle;
        const bool in_column = window % 2 == 0 ? x < half : x >= middle;
        if (!in_row || !in_column) continue;
        weight[window] += *map;
        Code::add_row(dims, *map, features, query + static_cast<std::ptrdiff_t>(window) * dims);
      }
  // Both halves of a side are as long: half = grid - middle.
  const double area = double(half) * half;
  for (int window = 0; window < kWindows; ++window) {
    pooled[window] = static_cast<float>(weight[window] / area);
    const auto rest = static_cast<float>(shape.divide ? weight[window] : area);
    for (int d = 0; d < dims; ++d) query[static_cast<std::ptrdiff_t>(window) * dims + d] /= rest;
  }
}

// One pass over the features: scores of a block, then their weighted sum while the block is near.
template <class Code, class Element>
LOOKTWICE_INLINE void attend_tile(const TokenSelect& shape, const Element* features,
                                  const float* query, float* token) {
  const int tokens = shape.grid * shape.grid, dims = shape.dims;
  float largest[kWindows], all[kWindows] = {};
  std::fill_n(largest, kWindows, -std::numeric_limits<float>::infinity());
  std::fill_n(token, static_cast<std::size_t>(kWindows) * static_cast<std::size_t>(dims), 0.0f);
  float score[kWindows][kBlock];
  for (int begin = 0; begin < tokens; begin += kBlock) {
    const int count = std::min(kBlock, tokens - begin);
    const Element* block = features + static_cast<std::ptrdiff_t>(begin) * dims;
    for (int t = 0; t < count; ++t) {
      float product[kWindows];
      Code::products(dims, block + static_cast<std::ptrdiff_t>(t) * dims, query, product);
      for (int window = 0; window < kWindows; ++window)
        score[window][t] = shape.scale * product[window];
    }
    for (int window = 0; window < kWindows; ++window) {
      float* sum = token + static_cast<std::ptrdiff_t>(window) * dims;
      const float most =
          std::max(largest[window], *std::max_element(score[window], score[window] + count));
      const float shrink = std::exp(largest[window] - most);
      largest[window] = most;
      if (shrink != 1) {
        all[window] *= shrink;
        for (int d = 0; d < dims; ++d) sum[d] *= shrink;
      }
      for (int t = 0; t < count; ++t)
        all[window] += score[window][t] = std::exp(score[window][t] - most);
    }
    Code::add_block(dims, count, block, score, token);
  }
  for (int window = 0; window < kWindows; ++window)
    for (int d = 0; d < dims; ++d)
      token[static_cast<std::ptrdiff_t>(window) * dims + d] /= all[window];
}

template <class Element>
LOOKTWICE_X86_AVX2 void pool_tile_avx2(const TokenSelect& shape, const Element* features,
                                       const float* map, float* query, float* pooled) {
  pool_tile<Portable>(shape, features, map, query, pooled);
}
template <class Element>
LOOKTWICE_X86_AVX2 void attend_tile_avx2(const TokenSelect& shape, const Element* features,
                                         const float* query, float* token) {
  attend_tile<Portable>(shape, features, query, token);
}
template <class Element>
void pool_tile_plain(const TokenSelect& shape, const Element* features, const float* map,
                     float* query, float* pooled) {
  pool_tile<Portable>(shape, features, map, query, pooled);
}
template <class Element>
void attend_tile_plain(const TokenSelect& shape, const Element* features, const float* query,
                       float* token) {
  attend_tile<Portable>(shape, features, query, token);
}

#ifdef LOOKTWICE_X86
template <class Element>
LOOKTWICE_AVX512 void pool_tile_wide(const TokenSelect& shape, const Element* features,
                                     const float* map, float* query, float* pooled) {
  pool_tile<Wide>(shape, features, map, query, pooled);
}
template <class Element>
LOOKTWICE_AVX512 void attend_tile_wide(const TokenSelect& shape, const Element* features,
                                       const float* query, float* token) {
  attend_tile<Wide>(shape, features, query, token);
}
#endif

template <class Element>
auto pool_of(Isa isa) {
#ifdef LOOKTWICE_X86
  if (isa >= Isa::avx512) return pool_tile_wide<Element>;
#endif
  return isa == Isa::plain ? pool_tile_plain<Element> : pool_tile_avx2<Element>;
}
template <class Element>
auto attend_of(Isa isa) {
#ifdef LOOKTWICE_X86
  if (isa >= Isa::avx512) return attend_tile_wide<Element>;
#endif
  return isa == Isa::plain ? attend_tile_plain<Element> : attend_tile_avx2<Element>;
}

template <class Element>
void pool_tiles(Isa isa, const TokenSelect& shape, const Element* features, const float* map,
                float* query, float* pooled) {
  const std::ptrdiff_t tokens = std::ptrdiff_t{shape.grid} * shape.grid;
  const auto pool = pool_of<Element>(isa);
  for (std::ptrdiff_t tile = 0; tile < shape.tiles; ++tile)
    pool(shape, features + tile * tokens * shape.dims, map + tile * tokens,
         query + tile * kWindows * shape.dims, pooled + tile * kWindows);
}

template <class Element>
void attend_tiles(Isa isa, const TokenSelect& shape, const Element* features, const float* query,
                  float* token) {
  const std::ptrdiff_t tokens = std::ptrdiff_t{shape.grid} * shape.grid;
  const auto attend = attend_of<Element>(isa);
  for (std::ptrdiff_t tile = 0; tile < shape.tiles; ++tile)
    attend(shape, features + tile * tokens * shape.dims, query + tile * kWindows * shape.dims,
           token + tile * kWindows * shape.dims);
}

// Throws for a shape outside the limits; true: on a GPU.
bool checked(const TokenSelect& shape, Stream stream) {
  if (shape.tiles < 1 || shape.tiles > kMostTiles || shape.grid < 1 || shape.grid > kMostGrid ||
      shape.dims < 1)
    throw std::invalid_argument("token_select: tiles " + std::to_string(shape.tiles) + ", grid " +
                                std::to_string(shape.grid) + ", dims " +
                                std::to_string(shape.dims));
  if (stream.device != Stream::Device::cuda) return false;
  if constexpr (!kCudaBuilt)
    throw std::invalid_argument("token_select: " + cuda_devices().why_none);
  return true;
}

}  // namespace

void token_pool_by(Isa isa, const TokenSelect& shape, const void* features, const float* map,
                   float* query, float* pooled) {
  if (shape.number == Number::f32)
    pool_tiles(isa, shape, static_cast<const F32*>(features), map, query, pooled);
  else if (shape.number == Number::bf16)
    pool_tiles(isa, shape, static_cast<const Bf16*>(features), map, query, pooled);
  else
    pool_tiles(isa, shape, static_cast<const F16*>(features), map, query, pooled);
}

void token_attend_by(Isa isa, const TokenSelect& shape, const void* features, const float* query,
                     float* token) {
  if (shape.number == Number::f32)
    attend_tiles(isa, shape, static_cast<const F32*>(features), query, token);
  else if (shape.number == Number::bf16)
    attend_tiles(isa, shape, static_cast<const Bf16*>(features), query, token);
  else
    attend_tiles(isa, shape, static_cast<const F16*>(features), query, token);
}

void token_pool_cpu(const TokenSelect& shape, const void* features, const float* map, float* query,
                    float* pooled) {
  token_pool_by(best_isa(), shape, features, map, query, pooled);
}

void token_attend_cpu(const TokenSelect& shape, const void* features, const float* query,
                      float* token) {
  token_attend_by(best_isa(), shape, features, query, token);
}

void token_pool(const TokenSelect& shape, const void* features, const float* map, float* query,
                float* pooled, Stream stream) {
  if (!checked(shape, stream)) return token_pool_cpu(shape, features, map, query, pooled);
  if constexpr (kCudaBuilt) token_pool_cuda(shape, features, map, query, pooled, stream);
}

void token_attend(const TokenSelect& shape, const void* features, const float* query, float* token,
                  Stream stream) {
  if (!checked(shape, stream)) return token_attend_cpu(shape, features, query, token);
  if constexpr (kCudaBuilt) token_attend_cuda(shape, features, query, token, stream);
}

void token_mean(const TokenSelect& shape, const float* token, const float* weight, float* global,
                Stream stream) {
  // Some thousand numbers: the plain loops in double are the CPU's own way.
  if (!checked(shape, stream)) return token_mean_ref(shape, token, weight, global);
  if constexpr (kCudaBuilt) token_mean_cuda(shape, token, weight, global, stream);
}

}  // namespace looktwice::kernels
