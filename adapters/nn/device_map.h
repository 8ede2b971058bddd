// Which layers of a decoder lie on which device: one device, stretches of layers as the option
// `device_map` writes them, or as many for each GPU as its memory has room for. Layers stay in
// order, so the hidden states cross once from each stretch to the next.
// Not here: moving weights (loading.h), computing (qwen2.h).
#pragma once

#include <c10/core/Device.h>

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace looktwice::nn {

// The option, read and not yet held against a model or a machine.
struct DeviceMap {
  struct Stretch {
    std::string device = {};           // "cpu", "cuda:1"
    std::int64_t first = 0, last = 0;  // both belong to it
  };
  bool automatic = false;
  std::vector<Stretch> stretches = {};

  bool given() const { return automatic || !stretches.empty(); }
};

// "" (everything on one device), "auto", or "0:0-13;1:14-27": DEVICE:FIRST-LAST, from layer 0 on
// without gap or overlap, `;` or `/` between them; DEVICE is cpu, cuda:N or N alone. A device may
// come again. owner: begins the message ("model omniad"). Throws Kind::usage.
DeviceMap device_map_of(const std::string& owner, const std::string& text);

// Throws Kind::usage unless the stretches end with the model's last layer.
void check_layers(const std::string& owner, const DeviceMap& map, std::int64_t layers);

// Where pictures are seen and embeddings lie: the first device of the map, else `device`.
// device: of the command line; with a map it must be that first one or "cpu", the default. Throws
// Kind::usage; Kind::model when this machine has no such device.
at::Device home_device(const std::string& owner, const DeviceMap& map, const std::string& device);

// All of this for an adapter, before it reads any weights. folder: the checkpoint's.
struct Devices {
  DeviceMap map = {};
  at::Device home = at::Device(at::kCPU);
};
Devices devices_of(const std::string& owner, const std::string& device_map,
                   const std::string& device, const std::filesystem::path& folder);
inline constexpr const char* kDeviceMapHelp =
    "layers of the language model on several devices: auto (all GPUs, by free memory) or "
    "DEVICE:FIRST-LAST;..., as in '0:0-13;1:14-27'; empty: all on --device";

// One stretch of layers on a device that is there.
struct Stage {
  at::Device device = at::Device(at::kCPU);
  std::int64_t first = 0, end = 0;  // layers
};

struct DecoderBytes {
  std::int64_t layer = 0;  // weights of one layer
  std::int64_t cache = 0;  // keys and values that one layer is to hold
  std::int64_t first = 0;  // embedding, on the first device
  std::int64_t last = 0;   // norm and head, behind the last layer
};
// Layers for each device, in order, so that the fullest is as empty as can be, relative to what is
// free on it: so the earlier devices where several ways are equal. Room for the cache is divided
// among the layers of a device; where all of it fits nowhere, the weights alone are looked at.
// Empty when these do not fit.
std::vector<std::int64_t> balanced_layers(const DecoderBytes& bytes, std::int64_t layers,
                                          std::span<const std::int64_t> free);

// Of what is free on a GPU, the part that weights and caches may fill: the rest is for what is
// computed.
inline constexpr double kShareOfFree = 0.9;

// The stages for a decoder; home: home_device(). Automatic: over all GPUs from `home` on, by their
// memory that is free now. Throws Kind::model with the bytes when there is too little.
std::vector<Stage> stages_of(const std::string& owner, const DeviceMap& map, at::Device home,
                             const DecoderBytes& bytes, std::int64_t layers);

// "cuda:0: pictures, embedding, layers 0-13; cuda:1: layers 14-27, head". tied: the head is the
// embedding.
std::string text_of(std::span<const Stage> stages, bool tied);

}  // namespace looktwice::nn
