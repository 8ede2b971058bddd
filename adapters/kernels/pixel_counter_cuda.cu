// Two chunks in pinned memory and two on the device; one queue copies, one computes. The host
// refills a chunk once its copy has left, the copy queue overwrites a device chunk once it has been
// counted; events say when.
#include "adapters/kernels/cuda_check.cuh"
#include "adapters/kernels/device.h"
#include "adapters/kernels/pixel_counter.h"
#include "adapters/kernels/pixel_counts.h"

#include <array>
#include <memory>

namespace looktwice::kernels {
namespace {
class Queue {
 public:
  Queue() { cuda_check(cudaStreamCreateWithFlags(&queue_, cudaStreamNonBlocking), "make a queue"); }
  ~Queue() { cudaStreamDestroy(queue_); }
  Queue(const Queue&) = delete;
  Queue& operator=(const Queue&) = delete;
  cudaStream_t get() const { return queue_; }

 private:
  cudaStream_t queue_ = nullptr;
};

class Event {
 public:
  Event() {
    cuda_check(cudaEventCreateWithFlags(&event_, cudaEventDisableTiming), "make an event");
  }
  ~Event() { cudaEventDestroy(event_); }
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;
  void record(const Queue& queue) { cuda_check(cudaEventRecord(event_, queue.get()), "record"); }
  // An event that was never recorded is no hindrance.
  void hold(const Queue& queue) const {
    cuda_check(cudaStreamWaitEvent(queue.get(), event_, 0), "wait for an event");
  }
  void wait() const { cuda_check(cudaEventSynchronize(event_), "wait for a copy"); }

 private:
  cudaEvent_t event_ = nullptr;
};

template <typename T>
class Pinned {
 public:
  explicit Pinned(std::size_t count) {
    cuda_check(cudaMallocHost(reinterpret_cast<void**>(&data_), count * sizeof(T)),
               "cudaMallocHost");
  }
  ~Pinned() { cudaFreeHost(data_); }
  Pinned(const Pinned&) = delete;
  Pinned& operator=(const Pinned&) = delete;
  T* get() const { return data_; }

 private:
  T* data_ = nullptr;
};

struct Chunk {
  explicit Chunk(std::size_t pixels)
      : score(pixels), mask(pixels), device_score(pixels * sizeof(float)), device_mask(pixels) {}
  Pinned<float> score;
  Pinned<std::uint8_t> mask;
  DeviceMemory device_score, device_mask;
  Event copied, counted;
};

class OnCuda final : public PixelCounterDevice {
 public:
  OnCuda(PixelCounterResult& result, const PixelCounterOptions& options)
      : number_(options.number), chunk_pixels_(static_cast<std::size_t>(options.chunk_pixels)) {
    use_device();
    copies_ = std::make_unique<Queue>();
    counts_ = std::make_unique<Queue>();
    sort(result.entries);
    const std::size_t bytes = static_cast<std::size_t>(distinct_) * sizeof(std::uint64_t);
    above_ = std::make_unique<DeviceMemory>(bytes);
    equal_ = std::make_unique<DeviceMemory>(bytes);
    work_ = std::make_unique<DeviceMemory>(pixel_counts_bytes(options.chunk_pixels));
    cuda_check(cudaMemsetAsync(above_->as<void>(), 0, bytes, counts_->get()), "clear the counts");
    cuda_check(cudaMemsetAsync(equal_->as<void>(), 0, bytes, counts_->get()), "clear the counts");
    for (auto& chunk : chunks_) chunk = std::make_unique<Chunk>(chunk_pixels_);
  }
  // Nothing may be freed while a queue still uses it, also when an exception is on its way.
  ~OnCuda() override {
    cudaSetDevice(number_);
    if (copies_) cudaStreamSynchronize(copies_->get());
    if (counts_) cudaStreamSynchronize(counts_->get());
  }

  Buffers next_chunk() override {
    use_device();
    Chunk& chunk = *chunks_[current_];
    chunk.copied.wait();
    return {chunk.score.get(), chunk.mask.get()};
  }

  void submit(std::int64_t pixels) override {
    use_device();
    Chunk& chunk = *chunks_[current_];
    current_ = 1 - current_;
    const auto count = static_cast<std::size_t>(pixels);
    chunk.counted.hold(*copies_);
    copy(chunk.device_score.as<void>(), chunk.score.get(), count * sizeof(float));
    copy(chunk.device_mask.as<void>(), chunk.mask.get(), count);
    chunk.copied.record(*copies_);
    chunk.copied.hold(*counts_);
    pixel_counts_cuda({.pixels = pixels, .distinct = distinct_}, chunk.device_score.as<float>(),
                      chunk.device_mask.as<std::uint8_t>(), keys_->as<std::uint32_t>(),
                      above_->as<std::uint64_t>(), equal_->as<std::uint64_t>(), work_->as<void>(),
                      queue());
    chunk.counted.record(*counts_);
  }

  void finish(PixelCounterResult& result) override {
    use_device();
    wait_for(queue());
    const auto count = static_cast<std::size_t>(distinct_);
    result.above.resize(count);
    result.equal.resize(count);
    above_->copy_to(result.above.data(), count * sizeof(std::uint64_t));
    equal_->copy_to(result.equal.data(), count * sizeof(std::uint64_t));
  }

 private:
  // The current device is the calling thread's own, and any thread may call.
  void use_device() const { cuda_check(cudaSetDevice(number_), "cudaSetDevice"); }
  Stream queue() const { return {.device = Stream::Device::cuda, .handle = counts_->get()}; }

  void copy(void* to, const void* from, std::size_t bytes) {
    cuda_check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyHostToDevice, copies_->get()),
               "copy a chunk to the device");
  }

  void sort(std::vector<std::uint64_t>& entries) {
    const auto count = static_cast<std::int64_t>(entries.size());
    const std::size_t bytes = entries.size() * sizeof(std::uint64_t);
    keys_ = std::make_unique<DeviceMemory>(entries.size() * sizeof(std::uint32_t));
    DeviceMemory device_entries(bytes), distinct(sizeof distinct_), work(sort_entries_bytes(count));
    // In the queue, which does not wait for the default one.
    cuda_check(cudaMemcpyAsync(device_entries.as<void>(), entries.data(), bytes,
                               cudaMemcpyHostToDevice, counts_->get()),
               "copy entries to the device");
    sort_entries_cuda(count, device_entries.as<std::uint64_t>(), keys_->as<std::uint32_t>(),
                      distinct.as<std::int64_t>(), work.as<void>(), queue());
    wait_for(queue());
    device_entries.copy_to(entries.data(), bytes);
    distinct.copy_to(&distinct_, sizeof distinct_);
  }

  const int number_;
  const std::size_t chunk_pixels_;
  std::unique_ptr<Queue> copies_, counts_;
  std::unique_ptr<DeviceMemory> keys_, above_, equal_, work_;
  std::int64_t distinct_ = 0;
  std::array<std::unique_ptr<Chunk>, 2> chunks_;
  int current_ = 0;
};
}  // namespace

std::unique_ptr<PixelCounterDevice> cuda_pixel_counter(PixelCounterResult& result,
                                                       const PixelCounterOptions& options) {
  return std::make_unique<OnCuda>(result, options);
}

}  // namespace looktwice::kernels
