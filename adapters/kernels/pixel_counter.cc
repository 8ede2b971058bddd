#include "adapters/kernels/pixel_counter.h"

#include <algorithm>
#include <cstring>
#include <stdexcept>
#include <string>
#include <utility>

#include "adapters/kernels/device.h"
#include "adapters/kernels/pixel_counts.h"

namespace looktwice::kernels {
namespace {

// The same steps without a device.
class OnCpu final : public PixelCounterDevice {
 public:
  OnCpu(PixelCounterResult& result, std::int64_t chunk)
      : keys_(result.entries.size()),
        score_(static_cast<std::size_t>(chunk)),
        mask_(static_cast<std::size_t>(chunk)) {
    std::int64_t distinct = 0;
    sort_entries_ref(static_cast<std::int64_t>(result.entries.size()), result.entries.data(),
                     keys_.data(), &distinct);
    keys_.resize(static_cast<std::size_t>(distinct));
    above_.resize(keys_.size());
    equal_.resize(keys_.size());
  }
  Buffers next_chunk() override { return {score_.data(), mask_.data()}; }
  void submit(std::int64_t pixels) override {
    pixel_counts_ref({.pixels = pixels, .distinct = static_cast<std::int64_t>(keys_.size())},
                     score_.data(), mask_.data(), keys_.data(), above_.data(), equal_.data());
  }
  void finish(PixelCounterResult& result) override {
    result.above = std::move(above_);
    result.equal = std::move(equal_);
  }

 private:
  std::vector<std::uint32_t> keys_;
  std::vector<std::uint64_t> above_ = {}, equal_ = {};
  std::vector<float> score_;
  std::vector<std::uint8_t> mask_;
};

std::unique_ptr<PixelCounterDevice> made(PixelCounterResult& result,
                                         const PixelCounterOptions& options) {
  if (options.chunk_pixels < 1 || options.chunk_pixels > kMostPixels)
    throw std::invalid_argument("pixel_counter: a chunk of " +
                                std::to_string(options.chunk_pixels) + " pixels");
  if (options.device == Stream::Device::cpu)
    return std::make_unique<OnCpu>(result, options.chunk_pixels);
  if constexpr (kCudaBuilt)
    return cuda_pixel_counter(result, options);
  else
    throw std::invalid_argument("pixel_counter: " + cuda_devices().why_none);
}

}  // namespace

PixelCounter::PixelCounter(std::vector<std::uint64_t> entries, const PixelCounterOptions& options)
    : chunk_(options.chunk_pixels), result_{.entries = std::move(entries)} {
  device_ = made(result_, options);
}

void PixelCounter::add(const float* score, const std::uint8_t* mask, std::int64_t pixels) {
  const std::lock_guard hold(lock_);
  while (pixels > 0) {
    if (!buffers_.score) buffers_ = device_->next_chunk();
    const std::int64_t part = std::min(pixels, chunk_ - filled_);
    const auto count = static_cast<std::size_t>(part);
    std::memcpy(buffers_.score + filled_, score, count * sizeof(float));
    if (mask)
      std::memcpy(buffers_.mask + filled_, mask, count);
    else
      std::memset(buffers_.mask + filled_, 0, count);
    filled_ += part;
    score += part;
    if (mask) mask += part;
    pixels -= part;
    if (filled_ == chunk_) submit();
  }
}

void PixelCounter::submit() {
  device_->submit(std::exchange(filled_, 0));
  buffers_ = {};
}

PixelCounterResult PixelCounter::finish() {
  const std::lock_guard hold(lock_);
  if (filled_ > 0) submit();
  device_->finish(result_);
  return std::move(result_);
}

}  // namespace looktwice::kernels
