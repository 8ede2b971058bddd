#include "adapters/nn/device_map.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <optional>
#include <string_view>

#include "adapters/nn/device.h"
#include "adapters/nn/prompt.h"
#include "harness/core/error.h"
#include "harness/core/path.h"
#include "harness/core/text.h"

namespace looktwice::nn {
namespace {

constexpr const char* kForm = "expected auto or DEVICE:FIRST-LAST;..., as in '0:0-13;1:14-27'";

[[noreturn]] void refuse(const std::string& owner, const std::string& why) {
  throw Error(Kind::usage, owner + ": device_map: " + why);
}

std::optional<std::int64_t> whole(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || fault != std::errc() || end != text.data() + text.size() || value < 0 ||
      value > 1'000'000)
    return std::nullopt;
  return value;
}

// Empty: no device's name.
std::string device_name(std::string_view text) {
  if (text == "cpu" || text == "cuda") return text == "cpu" ? "cpu" : "cuda:0";
  if (text.starts_with("cuda:")) text.remove_prefix(5);
  const std::optional<std::int64_t> number = whole(text);
  return number && *number < 1000 ? "cuda:" + std::to_string(*number) : "";
}

DeviceMap::Stretch stretch_of(const std::string& owner, std::string_view part) {
  const std::string shown = "'" + printable(std::string(part), 40) + "': ";
  const std::size_t colon = part.rfind(':');
  if (colon == std::string_view::npos) refuse(owner, shown + kForm);
  DeviceMap::Stretch made{.device = device_name(part.substr(0, colon))};
  if (made.device.empty()) refuse(owner, shown + "no device: expected cpu, cuda:N or N");
  const std::string_view range = part.substr(colon + 1);
  const std::size_t dash = range.find('-');
  const auto first = whole(range.substr(0, dash));
  const auto last = dash == std::string_view::npos ? first : whole(range.substr(dash + 1));
  if (!first || !last || *first > *last)
    refuse(owner, shown + "no range of layers: expected FIRST-LAST, both counted from 0");
  made.first = *first;
  made.last = *last;
  return made;
}

std::string layers_text(std::int64_t first, std::int64_t last) {
  return first == last ? "layer " + std::to_string(first)
                       : "layers " + std::to_string(first) + "-" + std::to_string(last);
}

std::string gibibytes(double bytes) {
  const auto tenths = static_cast<std::int64_t>(bytes / (1 << 30) * 10 + 0.5);
  return std::to_string(tenths / 10) + "." + std::to_string(tenths % 10) + " GiB";
}

// By dynamic programming over (devices used, layers placed); empty when a device would be more
// than full.
std::vector<std::int64_t> balanced(const DecoderBytes& bytes, std::int64_t layers,
                                   std::span<const std::int64_t> free) {
  constexpr double kNever = std::numeric_limits<double>::infinity();
  const auto devices = static_cast<std::int64_t>(free.size());
  const auto load = [&](std::int64_t device, std::int64_t from, std::int64_t end) {
    double sum = static_cast<double>(end - from) * static_cast<double>(bytes.layer + bytes.cache);
    if (device == 0) sum += static_cast<double>(bytes.first);
    if (end == layers && end > from) sum += static_cast<double>(bytes.last);
    if (sum == 0) return 0.0;
    const auto room = static_cast<double>(free[static_cast<std::size_t>(device)]);
    return room > 0 && sum <= room ? sum / room : kNever;
  };
  const auto at = [&](std::int64_t device, std::int64_t end) {
    return static_cast<std::size_t>(device * (layers + 1) + end);
  };
  // The fullest device when the first `device + 1` hold the first `end` layers, and where the last
  // of them begins.
  std::vector<double> fullest(static_cast<std::size_t>(devices * (layers + 1)), kNever);
  std::vector<std::int64_t> begin(fullest.size(), 0);
  for (std::int64_t end = 0; end <= layers; ++end) fullest[at(0, end)] = load(0, 0, end);
  for (std::int64_t device = 1; device < devices; ++device)
    for (std::int64_t end = 0; end <= layers; ++end)
      for (std::int64_t from = end; from >= 0; --from) {  // equal: the earlier device has more
        const double share = std::max(fullest[at(device - 1, from)], load(device, from, end));
        if (share >= fullest[at(device, end)]) continue;
        fullest[at(device, end)] = share;
        begin[at(device, end)] = from;
      }
  if (fullest[at(devices - 1, layers)] == kNever) return {};
  std::vector<std::int64_t> counts(free.size(), 0);
  for (std::int64_t device = devices - 1, end = layers; device >= 0; --device) {
    const std::int64_t from = begin[at(device, end)];
    counts[static_cast<std::size_t>(device)] = end - from;
    end = from;
  }
  return counts;
}

}  // namespace

DeviceMap device_map_of(const std::string& owner, const std::string& text) {
  DeviceMap made;
  if (text.empty()) return made;
  if (text == "auto") {
    made.automatic = true;
    return made;
  }
  for (std::size_t from = 0; from <= text.size();) {
    const std::size_t end = std::min(text.find_first_of(";/", from), text.size());
    made.stretches.push_back(stretch_of(owner, std::string_view(text).substr(from, end - from)));
    from = end + 1;
  }
  std::int64_t next = 0;
  for (const DeviceMap::Stretch& stretch : made.stretches) {
    if (stretch.first > next)
      refuse(owner, layers_text(next, stretch.first - 1) +
                        ": on no device; stretches follow each " + "other from layer 0 on");
    if (stretch.first < next)
      refuse(owner, layers_text(stretch.first, std::min(stretch.last, next - 1)) +
                        ": on two devices, or not in order");
    next = stretch.last + 1;
  }
  return made;
}

void check_layers(const std::string& owner, const DeviceMap& map, std::int64_t layers) {
  if (map.stretches.empty()) return;
  const std::int64_t last = map.stretches.back().last;
  if (last >= layers)
    refuse(owner,
           "layer " + std::to_string(last) + ": the model has " + layers_text(0, layers - 1));
  if (last + 1 < layers) refuse(owner, layers_text(last + 1, layers - 1) + ": on no device");
}

at::Device home_device(const std::string& owner, const DeviceMap& map, const std::string& device) {
  if (!map.given()) return device_named(device);
  const bool is_default = device == "cpu";
  const std::string asked = is_default ? "cpu" : device_name(device);
  if (asked.empty()) return device_named(device);  // says what is wrong
  if (map.automatic && is_default) {
    if (std::vector<at::Device> all = cuda_devices(owner + ": device_map=auto"); !all.empty())
      return all.front();
    throw Error(Kind::model, owner +
                                 ": device_map=auto: the driver shows no CUDA device; see "
                                 "looktwice doctor");
  }
  const std::string home = map.automatic ? asked : map.stretches.front().device;
  if (!is_default && asked != home)
    refuse(owner, "begins on " + home + ", where pictures are seen too, but --device is " + asked);
  for (const DeviceMap::Stretch& stretch : map.stretches) try {
      (void)device_named(stretch.device);
    } catch (const Error& error) {
      throw Error(error.kind(), owner + ": device_map: " + error.what());
    }
  return device_named(home);
}

Devices devices_of(const std::string& owner, const std::string& device_map,
                   const std::string& device, const std::filesystem::path& folder) {
  Devices made{.map = device_map_of(owner, device_map)};
  // Without a folder or a config.json the adapter itself says so.
  if (!made.map.stretches.empty() && is_there(folder / "config.json"))
    check_layers(owner, made.map, decoder_layers(folder));
  made.home = home_device(owner, made.map, device);
  return made;
}

std::vector<std::int64_t> balanced_layers(const DecoderBytes& bytes, std::int64_t layers,
                                          std::span<const std::int64_t> free) {
  LOOKTWICE_CHECK(layers > 0 && !free.empty());
  std::vector<std::int64_t> counts = balanced(bytes, layers, free);
  if (!counts.empty()) return counts;
  DecoderBytes weights = bytes;
  weights.cache = 0;
  return balanced(weights, layers, free);
}

std::vector<Stage> stages_of(const std::string& owner, const DeviceMap& map, at::Device home,
                             const DecoderBytes& bytes, std::int64_t layers) {
  if (!map.given()) return {{.device = home, .first = 0, .end = layers}};
  std::vector<Stage> stages;
  if (!map.automatic) {
    check_layers(owner, map, layers);
    for (const DeviceMap::Stretch& stretch : map.stretches)
      stages.push_back({.device = device_named(stretch.device),
                        .first = stretch.first,
                        .end = stretch.last + 1});
    return stages;
  }
  std::vector<at::Device> devices = cuda_devices(owner + ": device_map=auto");
  const auto first = std::ranges::find(devices, home);
  LOOKTWICE_CHECK(first != devices.end());
  std::rotate(devices.begin(), first, first + 1);  // the others keep their order
  std::vector<std::int64_t> free;
  std::string there;
  for (const at::Device& device : devices) {
    const double bytes_free = kShareOfFree * static_cast<double>(free_bytes(device));
    free.push_back(static_cast<std::int64_t>(bytes_free));
    there += (there.empty() ? "" : ", ") + device.str() + " " + gibibytes(bytes_free);
  }
  const std::vector<std::int64_t> counts = balanced_layers(bytes, layers, free);
  if (counts.empty())
    throw Error(Kind::model, owner + ": device_map=auto: " + std::to_string(layers) +
                                 " layers of " + gibibytes(static_cast<double>(bytes.layer)) +
                                 " and " +
                                 gibibytes(static_cast<double>(bytes.first + bytes.last)) +
                                 " of embedding and head do not fit what may be used (" + there +
                                 "); dtype=bf16 halves fp32");
  for (std::size_t i = 0, layer = 0; i < counts.size(); ++i) {
    const auto begin = static_cast<std::int64_t>(layer);
    layer += static_cast<std::size_t>(counts[i]);
    // The first device holds the embedding even when it has no layer.
    if (counts[i] > 0 || i == 0)
      stages.push_back(
          {.device = devices[i], .first = begin, .end = static_cast<std::int64_t>(layer)});
  }
  return stages;
}

std::string text_of(std::span<const Stage> stages, bool tied) {
  std::string text;
  for (std::size_t i = 0; i < stages.size(); ++i) {
    const Stage& stage = stages[i];
    std::string held = i > 0 ? "" : tied ? "pictures, embedding, head" : "pictures, embedding";
    const auto add = [&](const std::string& what) { held += (held.empty() ? "" : ", ") + what; };
    if (stage.end > stage.first) add(layers_text(stage.first, stage.end - 1));
    if (i + 1 == stages.size() && !tied) add("head");
    text += (i > 0 ? "; " : "") + stage.device.str() + ": " + held;
  }
  return text;
}

}  // namespace looktwice::nn
