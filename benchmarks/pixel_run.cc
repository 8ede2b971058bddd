// pixel_run FOLDER THREADS [REPEATS]: pixel AUROC, AP, F1-max and AUPRO of FOLDER/maps/*.npy
// (float32) against FOLDER/masks/*.npy (uint8), from disk, timed as a whole; one line of JSON for
// benchmarks/pixel.py.
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "metrics/pixel/pixel_stream.h"

namespace {

using looktwice::metrics::PixelResult;
using looktwice::metrics::PixelStream;

static_assert(std::endian::native == std::endian::little);

// What numpy.save writes for a C-ordered array of two dimensions: enough for files of our own
// making.
template <class T>
struct Array {
  std::vector<T> values = {};
  int height = 0, width = 0;

  void read(const std::string& path, const char* type) {
    std::FILE* file = std::fopen(path.c_str(), "rb");
    if (!file) throw std::runtime_error("cannot open " + path);
    std::setvbuf(file, nullptr, _IONBF, 0);
    char head[128] = {};
    const bool read_head = std::fread(head, 1, sizeof head, file) == sizeof head;
    const char* descr = std::strstr(head + 10, type);
    const char* shape = std::strstr(head + 10, "'shape': (");
    bool good = read_head && descr && shape &&
                std::sscanf(shape, "'shape': (%d, %d)", &height, &width) == 2;
    if (good) {
      values.resize(static_cast<std::size_t>(height) * static_cast<std::size_t>(width));
      good = std::fread(values.data(), sizeof(T), values.size(), file) == values.size();
    }
    std::fclose(file);
    if (!good) throw std::runtime_error(path + " is not a .npy file of the benchmark");
  }
};

struct Files {
  std::vector<std::string> maps = {}, masks = {};
};

Files files_of(const std::filesystem::path& folder) {
  Files files;
  for (const auto& entry : std::filesystem::directory_iterator(folder / "maps"))
    files.maps.push_back(entry.path());
  std::sort(files.maps.begin(), files.maps.end());
  for (const std::string& map : files.maps)
    files.masks.push_back(folder / "masks" / std::filesystem::path(map).filename());
  return files;
}

PixelResult evaluated(const Files& files, int threads) {
  PixelStream stream({.threads = threads});
  for (int pass = 0; pass < stream.passes(); ++pass) {
    stream.begin_pass(pass);
    std::vector<PixelStream> parts;
    for (int t = 1; t < threads; ++t) parts.push_back(stream.clone_empty());
    std::vector<std::exception_ptr> failures(static_cast<std::size_t>(threads));
    std::atomic<std::size_t> next = 0;
    const auto work = [&](std::size_t t) {
      PixelStream& part = t == 0 ? stream : parts[t - 1];
      Array<float> map;
      Array<std::uint8_t> mask;
      try {
        for (std::size_t i = next++; i < files.maps.size(); i = next++) {
          map.read(files.maps[i], "'<f4'");
          mask.read(files.masks[i], "'|u1'");
          part.add(files.maps[i], map.values, mask.values, map.width, map.height);
        }
      } catch (...) {
        failures[t] = std::current_exception();
      }
    };
    {
      std::vector<std::jthread> others;
      for (std::size_t t = 1; t < failures.size(); ++t) others.emplace_back(work, t);
      work(0);
    }
    for (const std::exception_ptr& failure : failures)
      if (failure) std::rethrow_exception(failure);
    for (const PixelStream& part : parts) stream.merge(part);
  }
  return stream.result();
}

}  // namespace

int main(int count, char** arguments) {
  if (count < 3) {
    std::fprintf(stderr, "usage: pixel_run FOLDER THREADS [REPEATS]\n");
    return 2;
  }
  try {
    const int threads = std::max(1, std::atoi(arguments[2])),
              repeats = count > 3 ? std::atoi(arguments[3]) : 5;
    PixelResult result;
    std::printf("{\"seconds\": [");
    for (int i = 0; i < repeats; ++i) {
      const auto start = std::chrono::steady_clock::now();
      result = evaluated(files_of(arguments[1]), threads);
      const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - start;
      std::printf("%s%.4f", i ? ", " : "", taken.count());
    }
    rusage usage = {};
    getrusage(RUSAGE_SELF, &usage);
    std::printf("], \"peak_mb\": %.0f, \"maps\": %lld, \"pixels\": %lld, \"anomalous\": %lld, ",
                static_cast<double>(usage.ru_maxrss) / 1024, static_cast<long long>(result.images),
                static_cast<long long>(result.normal + result.anomalous),
                static_cast<long long>(result.anomalous));
    std::printf("\"auroc\": %.17g, \"ap\": %.17g, \"f1_max\": %.17g, \"aupro\": %.17g}\n",
                result.auroc.value_or(0), result.average_precision.value_or(0),
                result.f1_max ? result.f1_max->value : 0, result.aupro.value_or(0));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "pixel_run: %s\n", error.what());
    return 4;
  }
}
