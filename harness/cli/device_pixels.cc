#include "harness/cli/device_pixels.h"

#include <charconv>
#include <stdexcept>
#include <utility>

#include "adapters/kernels/device.h"
#include "adapters/kernels/pixel_counter.h"
#include "harness/core/error.h"
#include "harness/core/text.h"

namespace looktwice::cli {
namespace {

// What goes wrong on a device is told with its name.
template <class Work>
auto on(int number, Work&& work) {
  try {
    return work();
  } catch (const std::runtime_error& error) {
    throw Error(Kind::model, "cuda:" + std::to_string(number) + ": " + error.what());
  }
}

class DeviceEngine final : public metrics::PixelEngine {
 public:
  DeviceEngine(std::vector<std::uint64_t> entries, int number)
      : number_(number), counter_(on(number, [&] {
          return std::make_unique<kernels::PixelCounter>(
              std::move(entries), kernels::PixelCounterOptions{
                                      .device = kernels::Stream::Device::cuda, .number = number});
        })) {}

  void add(std::span<const float> scores, std::span<const std::uint8_t> mask) override {
    on(number_, [&] {
      counter_->add(scores.data(), mask.empty() ? nullptr : mask.data(),
                    static_cast<std::int64_t>(scores.size()));
    });
  }
  Counts finish() override {
    kernels::PixelCounterResult result = on(number_, [&] { return counter_->finish(); });
    return {.entries = std::move(result.entries),
            .above = std::move(result.above),
            .equal = std::move(result.equal)};
  }

 private:
  const int number_;
  std::unique_ptr<kernels::PixelCounter> counter_;
};

}  // namespace

metrics::MakePixelEngine pixel_engine_on(const std::string& device) {
  if (device == "cpu") return {};
  const std::string asked = "--device=" + printable(device, 40) + ": ";
  int number = 0;
  bool good = device == "cuda";
  if (device.starts_with("cuda:")) {
    const char* end = device.data() + device.size();
    const auto [stop, error] = std::from_chars(device.data() + 5, end, number);
    good = error == std::errc{} && stop == end && number >= 0;
  }
  if (!good) throw Error(Kind::usage, asked + "expected cpu or cuda:N");
  const kernels::Devices devices = kernels::cuda_devices();
  if (devices.found.empty()) throw Error(Kind::usage, asked + devices.why_none);
  if (static_cast<std::size_t>(number) >= devices.found.size())
    throw Error(Kind::usage, asked + "there are " + std::to_string(devices.found.size()) +
                                 " devices, from cuda:0 on");
  return [number](std::vector<std::uint64_t> entries) {
    return std::make_unique<DeviceEngine>(std::move(entries), number);
  };
}

}  // namespace looktwice::cli
