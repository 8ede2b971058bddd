// Times Anomaly-OneVision's expert on features from a file; benchmarks/peers/expert.py runs it
// beside eager PyTorch. Prints one JSON line: median and least wall milliseconds, the least to
// the map, least processor milliseconds, how much memory rose above what was there, the logit.
//   expert_run EXPERT.safetensors FEATURES.safetensors THREADS RUNS [NUMBERS [DEVICE [PICTURES]]]
// PICTURES: at once, each with the features of the file.
#include <ATen/ops/cat.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/rand.h>
#include <c10/core/InferenceMode.h>
#include <time.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <string>
#include <vector>

#include "adapters/anomaly_ov/expert.h"
#include "adapters/nn/device.h"
#include "benchmarks/device_wait.h"

namespace {

using namespace looktwice;
using Clock = std::chrono::steady_clock;

// A line of /proc/self/status, in MB.
double memory(const std::string& name) {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;)
    if (word == name + ":") {
      double kilobytes = 0;
      status >> kilobytes;
      return kilobytes / 1024;
    }
  return 0;
}

// Of all threads of the process.
double processor_milliseconds() {
  timespec now{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return 1e3 * static_cast<double>(now.tv_sec) + 1e-6 * static_cast<double>(now.tv_nsec);
}

double milliseconds(const auto& run) {
  const auto start = Clock::now();
  run();
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

// The machine's own rate of one large product, billions of operations a second. The library has its
// buffers then.
double product_rate(at::ScalarType type) {
  const at::Tensor a = at::rand({3645, 1152}).to(type), b = at::rand({1152, 512}).to(type);
  at::Tensor c = at::mm(a, b);
  double least = 1e9;
  for (int i = 0; i < 5; ++i) {  // processor time: others may use the machine
    const double start = processor_milliseconds();
    at::mm_out(c, a, b);
    least = std::min(least, processor_milliseconds() - start);
  }
  return 2e-6 * 3645 * 1152 * 512 / least;
}

// Numbers of 16 bits may be multiplied as fp32, which some machines do faster.
double best_product_rate(at::ScalarType type) {
  const double fp32 = product_rate(at::kFloat);
  return type == at::kFloat ? fp32 : std::max(fp32, product_rate(type));
}

int run(const std::vector<std::string>& arguments) {
  const c10::InferenceMode guard;
  nn::use_threads(std::stoi(arguments.at(3)));
  const int runs = std::stoi(arguments.at(4));
  const at::ScalarType type =
      arguments.size() > 5 ? nn::number_type_named(arguments[5]) : at::kFloat;
  const at::Device device = nn::device_named(arguments.size() > 6 ? arguments[6] : "cpu");
  const std::int64_t pictures = arguments.size() > 7 ? std::stoi(arguments[7]) : 1;
  const auto weights = weights::Checkpoint::of_file(arguments.at(1));
  const auto stored = weights::Checkpoint::of_file(arguments.at(2));
  nn::SiglipFeatures features;
  const auto feature = [&](const char* name) {
    return nn::tensor_of(*stored.find(name), stored)
        .to(device, type)
        .repeat({pictures, 1, 1})
        .contiguous();
  };
  for (const char* name : {"level0", "level1", "level2", "level3"})
    features.levels.push_back(feature(name));
  features.final = feature("final");
  nn::Loading loading("expert", weights, device, type);
  anomaly_ov::Expert expert(loading, features.final.size(2), features.final.size(1), 4, {});
  loading.finish();
  expert.prepare();
  const double rate_before = best_product_rate(type);

  // One tile first: the library's code and the weights are in memory then, as in a run.
  nn::SiglipFeatures first{.final = features.final.narrow(0, 0, 1)};
  for (const at::Tensor& level : features.levels) first.levels.push_back(level.narrow(0, 0, 1));
  expert.look(first);
  std::ofstream("/proc/self/clear_refs") << 5;  // the peak counts from here
  const double before = memory("VmRSS");
  const std::int64_t tiles = features.final.size(0) / pictures;
  std::vector<anomaly_ov::Expertise> seen(static_cast<std::size_t>(pictures));
  // As the adapter takes the steps: maps by picture, tokens of all tiles together.
  anomaly_ov::Expertise all;
  const auto match = [&] {
    all = expert.room(pictures * tiles);
    for (std::int64_t p = 0; p < pictures; ++p) {
      nn::SiglipFeatures own{.final = features.final.narrow(0, p * tiles, tiles)};
      for (const at::Tensor& level : features.levels)
        own.levels.push_back(level.narrow(0, p * tiles, tiles));
      anomaly_ov::Expertise& one = seen[static_cast<std::size_t>(p)];
      one = anomaly_ov::Expert::part(all, p * tiles, tiles);
      expert.classify(own.final[0], one);
      expert.match(own, one);
    }
    benchmarks::wait_for(device);
  };
  const auto rest = [&] {
    expert.select(features.final, all);
    std::vector<at::Tensor> logits;
    for (anomaly_ov::Expertise& one : seen) {
      expert.conclude(one);
      logits.push_back(one.logit);
    }
    return at::cat(logits).cpu()[0].item<double>();  // waits for a GPU
  };
  match();
  double logit = rest();
  const double risen = memory("VmHWM") - before;
  std::vector<double> times, map_times;
  double processor = 1e9;
  for (int i = 0; i < runs; ++i) {
    const double start = processor_milliseconds();
    times.push_back(milliseconds([&] {
      map_times.push_back(milliseconds(match));
      logit = rest();
    }));
    processor = std::min(processor, processor_milliseconds() - start);
  }
  const double rate = std::max(rate_before, best_product_rate(type));
  std::sort(times.begin(), times.end());
  std::sort(map_times.begin(), map_times.end());
  std::printf("{\"median_ms\": %.2f, \"least_ms\": %.2f, \"map_ms\": %.2f, ",
              times[times.size() / 2], times.front(), map_times.front());
  std::printf("\"processor_ms\": %.2f, ", processor);
  std::printf("\"risen_mb\": %.1f, \"product_gflops\": %.1f, \"logit\": %.6f}\n", risen, rate,
              logit);
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
