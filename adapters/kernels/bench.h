// What the parts of looktwice_bench share: data of any size, buffers on the CPU or a GPU, the
// measured peaks, and a loop that times. Every part compares with the reference first and refuses
// to time what differs. Private to the benchmarks of this folder.
#pragma once

#include <benchmark/benchmark.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "adapters/kernels/number.h"
#include "adapters/kernels/stream.h"

namespace looktwice::kernels::bench {

using Where = Stream::Device;

// "cpu", "cuda".
std::string name_of(Where where);

void add_ltfm();
void add_ltfm_fused();
void add_token_select();

// Numbers in [-1, 1) as they are stored. Beyond 16 million they repeat, at no power of two.
std::vector<std::byte> numbers(std::size_t count, Number number, std::uint64_t seed);

// Memory where a kernel runs. CUDA needs a CUDA build and a device.
class Buffer {
 public:
  Buffer(Where where, std::size_t bytes);
  Buffer(Where where, const void* host, std::size_t bytes);
  ~Buffer();
  Buffer(Buffer&&) noexcept;

  template <class Type>
  Type* as() const {
    return static_cast<Type*>(data());
  }
  void read(void* host, std::size_t bytes) const;

 private:
  void* data() const;
  struct Memory;
  std::unique_ptr<Memory> memory_;
};

template <class Type>
Buffer buffer_of(Where where, const std::vector<Type>& values) {
  return {where, values.data(), values.size() * sizeof(Type)};
}

template <class Type>
std::vector<Type> read(const Buffer& buffer, std::size_t count) {
  std::vector<Type> values(count);
  buffer.read(values.data(), count * sizeof(Type));
  return values;
}

Stream stream_at(Where where);

// True when there is such a device and its memory holds `bytes`; else the benchmark is skipped with
// the reason. CPU: at most 4 GB.
bool can_run(benchmark::State& state, Where where, double bytes);

// What one run moves and computes: the least that the task needs, whatever the kernel does.
struct Work {
  double bytes = 0, operations = 0;
  Number number = Number::f32;  // of the products
};

// Times run() and reports bytes/s, operations/s and their shares of what this machine reaches in
// the same minute: copying as many bytes, and a large product in the same numbers.
void time(benchmark::State& state, Where where, const Work& work, const std::function<void()>& run);

// A library's product y[rows][dims] = x[rows][hidden] w[dims][hidden]', to compare with and as the
// measure of what is possible. CPU: LibTorch (one thread); CUDA: cuBLASLt.
class Product {
 public:
  virtual ~Product() = default;
  virtual void run(const void* x, const void* w, void* y) = 0;
};
// Null with the reason when this build has none.
std::unique_ptr<Product> product(Where where, Number number, std::int64_t rows, std::int64_t hidden,
                                 std::int64_t dims, std::string& why_none);
std::string product_library(Where where);

// The two halves of product(), each from the file that CMake chose for this build.
std::unique_ptr<Product> cpu_product(Number number, std::int64_t rows, std::int64_t hidden,
                                     std::int64_t dims);
std::unique_ptr<Product> cuda_product(Number number, std::int64_t rows, std::int64_t hidden,
                                      std::int64_t dims);
extern const char* const kCpuProduct;  // name of the library; empty: none in this build
extern const char* const kCudaProduct;

// Registers `act` for every number and device as NAME/cpu/fp32/..., with the arguments that the
// issue of each kernel asks for: levels 4, tokens 729, tiles, pictures at once.
using Act = void (*)(benchmark::State&, Where, Number);
struct Grid {
  std::vector<std::int64_t> dims = {};  // empty: no such argument
  std::int64_t most_on_cpu = 40;        // tiles x batch
};
void add(const char* name, Act act, const Grid& grid, bool cpu = true, bool cuda = true);
// tiles x batch of a benchmark that add() registered, and its dims.
int tiles_of(const benchmark::State& state);
int dims_of(const benchmark::State& state);

// Rows that are compared with the reference when there are too many to compare all: the first, the
// last and some between.
std::vector<std::int64_t> sample_of(std::int64_t rows, std::int64_t most);

// What a benchmark is timed on. Google Benchmark calls a function several times to find how often
// to repeat: the same key gets what was made last, another key frees that first.
std::shared_ptr<void> prepared(const std::string& key,
                               const std::function<std::shared_ptr<void>()>& make);
template <class Problem>
Problem& prepared_as(const benchmark::State& state, const std::string& kernel, Where where,
                     Number number, std::int64_t dims,
                     const std::function<std::shared_ptr<Problem>()>& make) {
  const std::string key = kernel + name_of(where) + kernels::name_of(number) + "/" +
                          std::to_string(state.range(0)) + "/" + std::to_string(state.range(1)) +
                          "/" + std::to_string(dims);
  return *std::static_pointer_cast<Problem>(
      prepared(key, [&] { return std::static_pointer_cast<void>(make()); }));
}

// Facts of the machine for the context of the output.
void add_context();

}  // namespace looktwice::kernels::bench
