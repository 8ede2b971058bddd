// pixel_run memory|disk|variants FOLDER THREADS [REPEATS [BYTES]]: pixel AUROC, AP, F1-max and
// AUPRO of FOLDER/maps/*.npy (float32) against FOLDER/masks/*.npy (uint8); one line of JSON for
// benchmarks/peers/pixel.py. memory: all arrays lie in memory before the clock starts, as the peers
// have them; disk: from files, as the harness has them; variants: the same with all AUPRO. BYTES
// bounds the memory.
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
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "metrics/pixel/pixel_stream.h"

namespace {

using Clock = std::chrono::steady_clock;
using looktwice::metrics::PixelOptions;
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

struct Picture {
  Array<float> map = {};
  Array<std::uint8_t> mask = {};

  void read(const std::string& file, const std::string& mask_file) {
    map.read(file, "'<f4'");
    mask.read(mask_file, "'|u1'");
  }
};

struct Data {
  std::vector<std::string> maps = {}, masks = {};
  std::vector<Picture> pictures = {};  // empty: from disk

  explicit Data(const std::filesystem::path& folder) {
    for (const auto& entry : std::filesystem::directory_iterator(folder / "maps"))
      maps.push_back(entry.path());
    std::sort(maps.begin(), maps.end());
    for (const std::string& map : maps)
      masks.push_back(folder / "masks" / std::filesystem::path(map).filename());
  }

  void load() {
    pictures.resize(maps.size());
    for (std::size_t i = 0; i < maps.size(); ++i) pictures[i].read(maps[i], masks[i]);
  }

  const Picture& at(std::size_t i, Picture& own) const {
    if (!pictures.empty()) return pictures[i];
    own.read(maps[i], masks[i]);
    return own;
  }
};

PixelResult evaluated(const Data& data, const PixelOptions& options) {
  const int threads = options.threads;
  PixelStream stream(options);
  for (int pass = 0; pass < stream.passes(); ++pass) {
    stream.begin_pass(pass);
    std::vector<PixelStream> parts;
    for (int t = 1; t < threads; ++t) parts.push_back(stream.clone_empty());
    std::vector<std::exception_ptr> failures(static_cast<std::size_t>(threads));
    std::atomic<std::size_t> next = 0;
    const auto work = [&](std::size_t t) {
      PixelStream& part = t == 0 ? stream : parts[t - 1];
      Picture own;
      try {
        for (std::size_t i = next++; i < data.maps.size(); i = next++) {
          const Picture& picture = data.at(i, own);
          part.add(data.maps[i], picture.map.values, picture.mask.values, picture.map.width,
                   picture.map.height);
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

double cpu_seconds() {
  rusage usage = {};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
         1e-6 * static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

double peak_mb() {
  rusage usage = {};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024;
}

// What the machine needs to copy the maps and masks once, on one thread: a bound for any method
// that reads them.
double copy_seconds(const Data& data) {
  std::vector<char> target(std::size_t{64} << 20);
  double best = 1e9;
  for (int i = 0; i < 3; ++i) {
    const auto start = Clock::now();
    std::size_t at = 0;
    const auto copy = [&](const void* from, std::size_t bytes) {
      if (at + bytes > target.size()) at = 0;
      std::memcpy(target.data() + at, from, std::min(bytes, target.size()));
      at += bytes;
    };
    for (const Picture& picture : data.pictures) {
      copy(picture.map.values.data(), picture.map.values.size() * sizeof(float));
      copy(picture.mask.values.data(), picture.mask.values.size());
    }
    best = std::min(best, std::chrono::duration<double>(Clock::now() - start).count());
  }
  return best;
}

void print(const char* name, const std::vector<double>& values) {
  std::printf("\"%s\": [", name);
  for (std::size_t i = 0; i < values.size(); ++i) std::printf("%s%.4f", i ? ", " : "", values[i]);
  std::printf("], ");
}

}  // namespace

int main(int count, char** arguments) {
  if (count < 4) {
    std::fprintf(stderr,
                 "usage: pixel_run memory|disk|variants FOLDER THREADS [REPEATS [BYTES]]\n");
    return 2;
  }
  try {
    Data data(arguments[2]);
    const bool in_memory = std::strcmp(arguments[1], "memory") == 0;
    if (in_memory) data.load();
    const bool variants = std::strcmp(arguments[1], "variants") == 0;
    const PixelOptions options = {.equidistant_scores = variants,
                                  .equidistant_positions = variants ? 5000 : 0,
                                  .threads = std::max(1, std::atoi(arguments[3])),
                                  .memory = count > 5 ? std::atoll(arguments[5]) : 0};
    const int repeats = count > 4 ? std::atoi(arguments[4]) : 5;
    std::printf("{");
    if (in_memory) std::printf("\"copy\": %.4f, ", copy_seconds(data));
    const double before_mb = peak_mb();
    PixelResult result;
    std::vector<double> seconds, cpu;
    for (int i = 0; i < repeats; ++i) {
      const double cpu_before = cpu_seconds();
      const auto start = Clock::now();
      result = evaluated(data, options);
      seconds.push_back(std::chrono::duration<double>(Clock::now() - start).count());
      cpu.push_back(cpu_seconds() - cpu_before);
    }
    print("seconds", seconds);
    print("cpu", cpu);
    std::printf("\"peak_mb\": %.0f, \"peak_before_mb\": %.0f, \"maps\": %lld, \"pixels\": %lld, ",
                peak_mb(), before_mb, static_cast<long long>(result.images),
                static_cast<long long>(result.normal + result.anomalous));
    std::printf("\"anomalous\": %lld, ", static_cast<long long>(result.anomalous));
    std::printf("\"auroc\": %.17g, \"ap\": %.17g, \"f1_max\": %.17g, \"aupro\": %.17g, ",
                result.auroc.value_or(0), result.average_precision.value_or(0),
                result.f1_max ? result.f1_max->value : 0, result.aupro.value_or(0));
    std::printf("\"aupro_mvtec\": %.17g, \"aupro_anomalyclip\": %.17g}\n",
                result.aupro_mvtec.value_or(0), result.aupro_anomalyclip.value_or(0));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "pixel_run: %s\n", error.what());
    return 4;
  }
}
