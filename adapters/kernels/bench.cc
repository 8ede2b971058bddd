#include "adapters/kernels/bench.h"

#include <sys/utsname.h>
#include <time.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <fstream>
#include <map>
#include <numeric>

#include "adapters/kernels/device.h"
#include "adapters/kernels/numbers_cases.h"

namespace looktwice::kernels::bench {
namespace {

using Clock = std::chrono::steady_clock;

// On the CPU the time of the processor, since others may use the machine; kernels and what they are
// held against use one thread.
double now(Where where) {
  if (where == Where::cuda)
    return std::chrono::duration<double>(Clock::now().time_since_epoch()).count();
  timespec time{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

void wait(Where where) {
  if constexpr (kCudaBuilt)
    if (where == Where::cuda) wait_for(stream_at(where));
}

// The least time of a run: at least 0.2 s and five runs are looked at.
double least_seconds(Where where, const std::function<void()>& run) {
  run();
  wait(where);
  double least = 1e9, all = 0;
  for (int i = 0; i < 5 || all < 0.2; ++i) {
    const double begin = now(where);
    run();
    wait(where);
    const double own = (now(where) - begin);
    least = std::min(least, own);
    all += own;
  }
  return least;
}

// Bytes a second of a copy that moves as many bytes, half of them read and half written.
double copy_rate(Where where, double bytes) {
  static std::map<std::pair<Where, std::size_t>, double> known;
  const std::size_t half = std::max<std::size_t>(1, static_cast<std::size_t>(bytes / 2));
  double& rate = known[{where, half}];
  if (rate > 0) return rate;
  const std::vector<std::byte> from = numbers(half / 4 + 1, Number::f32, 1);
  if (where == Where::cpu) {
    std::vector<std::byte> to(half);
    const double seconds = least_seconds(where, [&] {
      std::memcpy(to.data(), from.data(), half);
      benchmark::DoNotOptimize(to.data());
      benchmark::ClobberMemory();
    });
    rate = 2.0 * static_cast<double>(half) / seconds;
  } else if constexpr (kCudaBuilt) {
    const Buffer source(where, from.data(), half), target(where, half);
    constexpr int kRuns = 20;
    const double seconds = least_seconds(where, [&] {
      for (int i = 0; i < kRuns; ++i)
        copy_on_device(target.as<void>(), source.as<void>(), half, stream_at(where));
    });
    rate = kRuns * 2.0 * static_cast<double>(half) / seconds;
  }
  return rate;
}

// Operations a second of a product of the sizes that the expert has, five tiles at once; 0: this
// build has no library for it.
double product_rate(Where where, Number number) {
  static std::map<std::pair<Where, Number>, double> known;
  const auto found = known.find({where, number});
  if (found != known.end()) return found->second;
  double& rate = known[{where, number}];
  const std::int64_t rows = where == Where::cpu ? 3645 : 8 * 3645, hidden = 1152, dims = 512;
  std::string why;
  const auto own = product(where, number, rows, hidden, dims, why);
  if (!own) return 0;
  const auto x = numbers(static_cast<std::size_t>(rows * hidden), number, 1),
             w = numbers(static_cast<std::size_t>(dims * hidden), number, 2);
  const Buffer at_x = buffer_of(where, x), at_w = buffer_of(where, w),
               y(where, static_cast<std::size_t>(rows * dims) * bytes_of(number));
  const double seconds =
      least_seconds(where, [&] { own->run(at_x.as<void>(), at_w.as<void>(), y.as<void>()); });
  return rate = 2.0 * static_cast<double>(rows * hidden * dims) / seconds;
}

std::string processor_name() {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);)
    if (line.starts_with("model name")) {
      const auto colon = line.find(": ");
      if (colon != std::string::npos) return line.substr(colon + 2);
    }
  utsname names{};
  return ::uname(&names) == 0 ? names.machine : "unknown";
}

}  // namespace

std::string name_of(Where where) {
  return where == Where::cpu ? "cpu" : "cuda";
}

std::vector<std::byte> numbers(std::size_t count, Number number, std::uint64_t seed) {
  constexpr std::size_t kBlock = 16777213;  // a prime: no row meets itself again
  RandomNumbers random(seed);
  std::vector<std::byte> made = random.stored(std::min(count, kBlock), number);
  const std::size_t block = made.size(), bytes = count * bytes_of(number);
  made.resize(bytes);
  for (std::size_t at = block; at < bytes; at += block)
    std::memcpy(&made[at], &made[0], std::min(block, bytes - at));
  return made;
}

// Shared, so that a build without CUDA never names the destructor of what it never makes.
struct Buffer::Memory {
  Where where = Where::cpu;
  std::vector<std::byte> host = {};
  std::shared_ptr<DeviceMemory> device = {};
};

Buffer::Buffer(Where where, std::size_t bytes) : memory_(std::make_unique<Memory>()) {
  memory_->where = where;
  if (where == Where::cpu)
    memory_->host.resize(bytes + 64);
  else if constexpr (kCudaBuilt)
    memory_->device = std::make_shared<DeviceMemory>(bytes);
}
Buffer::Buffer(Where where, const void* host, std::size_t bytes) : Buffer(where, bytes) {
  if (where == Where::cpu) {
    if (bytes > 0) std::memcpy(data(), host, bytes);
  } else if constexpr (kCudaBuilt) {
    memory_->device->copy_from(host, bytes);
  }
}
Buffer::~Buffer() = default;
Buffer::Buffer(Buffer&&) noexcept = default;

void* Buffer::data() const {
  if (memory_->where == Where::cpu) {
    // As an allocator of tensors would give it: at a multiple of 64.
    const auto at = reinterpret_cast<std::uintptr_t>(memory_->host.data());
    return memory_->host.data() + (64 - at % 64) % 64;
  }
  if constexpr (kCudaBuilt) return memory_->device->as<void>();
  return nullptr;
}

void Buffer::read(void* host, std::size_t bytes) const {
  if (memory_->where == Where::cpu)
    std::memcpy(host, data(), bytes);
  else if constexpr (kCudaBuilt)
    memory_->device->copy_to(host, bytes);
}

Stream stream_at(Where where) {
  return {.device = where};
}

bool can_run(benchmark::State& state, Where where, double bytes) {
  double room = 4e9;
  if (where == Where::cuda) {
    const Devices devices = cuda_devices();
    if (devices.found.empty()) {
      state.SkipWithError(devices.why_none.c_str());
      return false;
    }
    room = 0.8 * static_cast<double>(devices.found[0].memory_bytes);
  }
  if (bytes <= room) return true;
  state.SkipWithError("too large for the memory");
  return false;
}

void time(benchmark::State& state, Where where, const Work& work,
          const std::function<void()>& run) {
  double seconds = 0;
  if (where == Where::cpu) {
    const double begin = now(where);
    for (auto _ : state) {
      run();
      benchmark::ClobberMemory();
    }
    seconds = (now(where) - begin) / static_cast<double>(state.iterations());
  } else {
    // Twenty at once, so that the queue is never empty: asking costs more than a small kernel.
    constexpr int kRuns = 20;
    double all = 0;
    for (auto _ : state) {
      const double begin = now(where);
      for (int i = 0; i < kRuns; ++i) run();
      wait(where);
      const double own = (now(where) - begin) / kRuns;
      state.SetIterationTime(own);
      all += own;
    }
    seconds = all / static_cast<double>(state.iterations());
  }
  state.SetBytesProcessed(
      static_cast<std::int64_t>(static_cast<double>(state.iterations()) * work.bytes));
  state.counters["share_of_copy"] = work.bytes / seconds / copy_rate(where, work.bytes);
  if (work.operations > 0) {
    state.counters["operations_per_second"] = work.operations / seconds;
    if (const double rate = product_rate(where, work.number); rate > 0)
      state.counters["share_of_product"] = work.operations / seconds / rate;
  }
}

std::unique_ptr<Product> product(Where where, Number number, std::int64_t rows, std::int64_t hidden,
                                 std::int64_t dims, std::string& why_none) {
  auto made = where == Where::cpu ? cpu_product(number, rows, hidden, dims)
                                  : cuda_product(number, rows, hidden, dims);
  if (!made)
    why_none = where == Where::cpu ? "built without LibTorch, which makes the product"
                                   : "built without cuBLASLt";
  return made;
}

std::string product_library(Where where) {
  return where == Where::cpu ? kCpuProduct : kCudaProduct;
}

void add(const char* name, Act act, const Grid& grid, bool cpu, bool cuda) {
  for (const Where where : {Where::cpu, Where::cuda}) {
    if (!(where == Where::cpu ? cpu : cuda)) continue;
    for (const Number number : {Number::f32, Number::bf16, Number::f16}) {
      const std::string full =
          std::string(name) + "/" + name_of(where) + "/" + kernels::name_of(number);
      auto* own = benchmark::RegisterBenchmark(
          full.c_str(), [=](benchmark::State& state) { act(state, where, number); });
      own->ArgNames(grid.dims.empty() ? std::vector<std::string>{"tiles", "batch"}
                                      : std::vector<std::string>{"tiles", "batch", "dims"});
      if (where == Where::cuda) own->UseManualTime();
      for (const std::int64_t batch : {1, 8, 32})
        for (const std::int64_t tiles : {1, 5, 10, 37}) {
          if (where == Where::cpu && tiles * batch > grid.most_on_cpu) continue;
          if (grid.dims.empty())
            own->Args({tiles, batch});
          else
            for (const std::int64_t dims : grid.dims) own->Args({tiles, batch, dims});
        }
    }
  }
}

int tiles_of(const benchmark::State& state) {
  return static_cast<int>(state.range(0) * state.range(1));
}
int dims_of(const benchmark::State& state) {
  return static_cast<int>(state.range(2));
}

std::shared_ptr<void> prepared(const std::string& key,
                               const std::function<std::shared_ptr<void>()>& make) {
  static std::string known;
  static std::shared_ptr<void> last;
  if (known != key) {
    known.clear();
    last.reset();
    last = make();
    known = key;
  }
  return last;
}

std::vector<std::int64_t> sample_of(std::int64_t rows, std::int64_t most) {
  std::vector<std::int64_t> chosen;
  if (rows <= most) {
    chosen.resize(static_cast<std::size_t>(rows));
    std::iota(chosen.begin(), chosen.end(), std::int64_t{0});
    return chosen;
  }
  for (std::int64_t i = 0; i < most; ++i) chosen.push_back(i * (rows - 1) / (most - 1));
  return chosen;
}

void add_context() {
  benchmark::AddCustomContext("processor", processor_name());
  const Devices devices = cuda_devices();
  benchmark::AddCustomContext("device", devices.found.empty() ? "none" : devices.found[0].name);
  if (devices.found.empty()) benchmark::AddCustomContext("no_device_because", devices.why_none);
  benchmark::AddCustomContext("product_on_cpu", *kCpuProduct ? kCpuProduct : "none");
  benchmark::AddCustomContext("product_on_cuda", *kCudaProduct ? kCudaProduct : "none");
#if defined(__VERSION__)
  benchmark::AddCustomContext("compiler", __VERSION__);
#endif
}

}  // namespace looktwice::kernels::bench
