// Counts a stream of normal pixels between anomalous ones (pixel_counts.h) in chunks: while the
// device works on one, the host fills the next. On the CPU it takes the same steps with the
// reference, so that everything but the kernels themselves is tested without a GPU. Not here:
// reading maps, curves.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "adapters/kernels/stream.h"

namespace looktwice::kernels {

struct PixelCounterOptions {
  Stream::Device device = Stream::Device::cpu;
  int number = 0;  // of the CUDA device
  // 8 Mi pixels: 80 MB pinned on the host; on the device 150 MB and 20 bytes per anomalous pixel.
  std::int64_t chunk_pixels = std::int64_t{1} << 23;  // 1 .. kMostPixels
};

struct PixelCounterResult {
  std::vector<std::uint64_t> entries = {};  // sorted by key
  // Per distinct key, ascending: counted pixels with a larger key, and with this one.
  std::vector<std::uint64_t> above = {}, equal = {};
};

// One chunk at a time to a device; made by PixelCounter.
class PixelCounterDevice {
 public:
  virtual ~PixelCounterDevice() = default;
  struct Buffers {
    float* score = nullptr;
    std::uint8_t* mask = nullptr;
  };
  // Where the next chunk goes; waits until the device has taken the one that lay there.
  virtual Buffers next_chunk() = 0;
  // Hands over what was written there: its first `pixels`.
  virtual void submit(std::int64_t pixels) = 0;
  // Waits for all and brings the counts.
  virtual void finish(PixelCounterResult& result) = 0;
};

class PixelCounter {
 public:
  // entries: key << 32 | size, in any order. Throws std::invalid_argument for options out of range
  // and without a CUDA build, std::runtime_error with CUDA's words for what goes wrong on a device.
  PixelCounter(std::vector<std::uint64_t> entries, const PixelCounterOptions& options);
  PixelCounter(const PixelCounter&) = delete;
  PixelCounter& operator=(const PixelCounter&) = delete;

  // Thread-safe. score[pixels]: finite where it counts; mask[pixels] or null: nothing is masked;
  // non-zero = not counted.
  void add(const float* score, const std::uint8_t* mask, std::int64_t pixels);
  // Once, after the last add. The order of adds leaves no trace.
  PixelCounterResult finish();

 private:
  void submit();

  std::int64_t chunk_ = 0, filled_ = 0;
  PixelCounterResult result_ = {};
  std::unique_ptr<PixelCounterDevice> device_ = {};
  PixelCounterDevice::Buffers buffers_ = {};  // of the chunk being filled; null: none
  std::mutex lock_ = {};
};

// Takes the entries of `result` and sorts them there. CUDA build only.
std::unique_ptr<PixelCounterDevice> cuda_pixel_counter(PixelCounterResult& result,
                                                       const PixelCounterOptions& options);

}  // namespace looktwice::kernels
