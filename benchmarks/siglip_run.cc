// Times the vision model so400m/14-384 on random pixels; benchmarks/peers/siglip.py runs it beside
// transformers. Prints one JSON line.
//   siglip_run FOLDER fp32|bf16 THREADS TILES RUNS [cpu|cuda:0]
#include <ATen/ops/linspace.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <string>
#include <vector>

#include "adapters/nn/device.h"
#include "adapters/nn/siglip.h"
#include "benchmarks/device_wait.h"
#include "benchmarks/process_cost.h"

namespace {

using namespace looktwice;
using benchmarks::Stopwatch;

int run(const std::vector<std::string>& arguments) {
  const c10::InferenceMode guard;
  nn::use_threads(std::stoi(arguments.at(3)));
  const std::int64_t tiles = std::stoi(arguments.at(4));
  const at::Device device = nn::device_named(arguments.size() > 6 ? arguments[6] : "cpu");
  const Stopwatch loading_time;
  const auto checkpoint = weights::Checkpoint::of_folder(arguments.at(1));
  nn::Loading loading("vision model", checkpoint, device, nn::number_type_named(arguments.at(2)));
  const nn::Siglip siglip(loading, "vision_model.", {});
  loading.finish();
  benchmarks::wait_for(device);
  std::printf("{\"load_s\": %.4f, ", loading_time.wall_s());
  // As peers/siglip.py makes them.
  const at::Tensor pixels =
      at::linspace(0, 7919, tiles * 3 * 384 * 384).sin().view({tiles, 3, 384, 384});
  const int levels[] = {6, 12, 18, 24};
  nn::SiglipFeatures features = siglip.features(pixels, levels);
  benchmarks::wait_for(device);
  double wall = 1e9, processor = 1e9;
  for (int i = 0; i < std::stoi(arguments.at(5)); ++i) {
    const Stopwatch one;
    features = siglip.features(pixels, levels);
    benchmarks::wait_for(device);
    wall = std::min(wall, one.wall_s());
    processor = std::min(processor, one.processor_s());
  }
  std::printf("\"wall_s\": %.4f, \"processor_s\": %.4f, \"peak_mb\": %.1f, \"value\": %.6f}\n",
              wall, processor, benchmarks::peak_mb(),
              features.levels.back().abs().to(at::kDouble).mean().item<double>());
  return 0;
}

}  // namespace

int main(int count, char** arguments) {
  try {
    return run({arguments, arguments + count});
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
