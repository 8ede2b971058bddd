// looktwice doctor: what was built, what the machine offers, what is missing and how to get it.
#include <sys/statvfs.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>

#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "adapters/catalogue.h"
#include "adapters/kernels/device.h"
#include "adapters/kernels/isa.h"
#include "adapters/libtorch.h"
#include "adapters/openai/transport.h"
#include "harness/cli/command.h"
#include "harness/cli/formats.h"
#include "harness/cli/print.h"
#include "harness/cli/version.h"
#include "harness/cli/wiring.h"
#include "harness/core/error.h"
#include "reports/table.h"
#include "suites/datasets/catalogue.h"

namespace looktwice::cli {
namespace {

namespace fs = std::filesystem;

enum class Health { good, absent, bad };  // absent: optional and not there

struct Check {
  std::string name = {}, found = {}, advice = {};
  Health health = Health::good;
};

std::string gib(double bytes) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f GiB", bytes / (1 << 30));
  return text;
}

Check processors() {
  return {.name = "processors", .found = std::to_string(available_threads())};
}

Check memory() {
  struct sysinfo info {};
  ::sysinfo(&info);
  return {.name = "memory", .found = gib(static_cast<double>(info.totalram) * info.mem_unit)};
}

Check disk() {
  struct statvfs space {};
  if (::statvfs(".", &space) != 0)
    return {.name = "disk",
            .found = "unknown",
            .advice = "run from a folder that can be read",
            .health = Health::bad};
  const double free_bytes =
      static_cast<double>(space.f_bavail) * static_cast<double>(space.f_frsize);
  const bool low = free_bytes < 1e9;
  return {
      .name = "disk here",
      .found = gib(free_bytes) + " free",
      .advice =
          low ? "maps of a large set take gigabytes; free space or use another --output_path" : "",
      .health = low ? Health::bad : Health::good};
}

Check system_name() {
  utsname system{};
  ::uname(&system);
  return {.name = "system",
          .found = std::string(system.sysname) + " " + system.release + ", " + system.machine};
}

// Of the native models, metrics take AVX2 and AVX-512 for themselves.
Check vector_code() {
  const kernels::Isa isa = kernels::best_isa();
  return {.name = "vector code",
          .found = std::string(kernels::name_of(isa)) +
                   (isa == kernels::Isa::amx ? ", matrix units" : "")};
}

std::vector<Check> cuda() {
  const Check build{.name = "CUDA kernels",
                    .found = kernels::kCudaBuilt ? "built" : "not built",
                    .advice = kernels::kCudaBuilt
                                  ? ""
                                  : "cmake --workflow --preset cuda (needs the CUDA toolkit)",
                    .health = kernels::kCudaBuilt ? Health::good : Health::absent};
  const kernels::Devices devices = kernels::cuda_devices();
  std::vector<Check> checks{build};
  for (const kernels::Device& device : devices.found)
    checks.push_back({.name = "cuda:" + std::to_string(device.number),
                      .found = device.name + ", " + gib(static_cast<double>(device.memory_bytes)) +
                               ", sm_" + std::to_string(device.major) +
                               std::to_string(device.minor)});
  if (devices.found.empty())
    checks.push_back({.name = "GPU",
                      .found = "none: " + devices.why_none,
                      .advice = "not needed for the baseline and recorded predictions",
                      .health = Health::absent});
  return checks;
}

Check native_models() {
  const std::string version = adapters::libtorch_version();
  if (!version.empty()) return {.name = "native models", .found = "built, LibTorch " + version};
  return {.name = "native models",
          .found = "not built",
          .advice = "./scripts/setup torch && cmake --workflow --preset full (LibTorch, 530 MB)",
          .health = Health::absent};
}

// Never the key itself, nor a part of it.
std::vector<Check> remote_models() {
  const char* key = std::getenv("OPENAI_API_KEY");
  const bool has_key = key && *key;
  const char* base = std::getenv("OPENAI_BASE_URL");
  const fs::path cache = usual_answer_cache();
  std::error_code failed;
  const auto bytes = fs::file_size(cache, failed);
  return {
      {.name = "remote models", .found = openai::transport_version()},
      {.name = "OPENAI_API_KEY",
       .found = std::string(has_key ? "set" : "not set") +
                (base && *base ? ", OPENAI_BASE_URL is set" : ""),
       .advice =
           has_key ? "" : "for paid models; servers of your own need none: docs/remote_models.md",
       .health = has_key ? Health::good : Health::absent},
      {.name = "cache of answers",
       .found = failed ? "none yet" : cache.string() + ", " + std::to_string(bytes >> 10) + " KiB",
       .health = failed ? Health::absent : Health::good}};
}

std::vector<Check> data(const fs::path& root) {
  std::vector<Check> checks;
  for (const DatasetEntry& entry : datasets::dataset_catalogue()) {
    if (entry.general) continue;
    Check check{.name = "data: " + entry.title};
    try {
      const fs::path found = entry.load({.root = root, .codec = {}}).root;
      check.found = found.string();
    } catch (const Error&) {
      check.found = "not under " + root.string();
      check.advice = entry.name == "elpv" ? "scripts/setup fetches it (PyPI package elpv-dataset)"
                                          : "see docs/data_sets.md; then --data_root DIR";
      check.health = Health::absent;
    }
    checks.push_back(std::move(check));
  }
  return checks;
}

int doctor(const fs::path& data_root, bool json, const Context& context) {
  std::vector<Check> checks{{.name = "LookTwice", .found = version() + " (" + commit() + ")"},
                            system_name(),
                            processors(),
                            memory(),
                            vector_code(),
                            disk()};
  for (Check& check : cuda()) checks.push_back(std::move(check));
  checks.push_back(native_models());
  for (Check& check : remote_models()) checks.push_back(std::move(check));
  std::string models;
  for (const AdapterEntry& entry : adapters::adapter_catalogue())
    models += (models.empty() ? "" : ", ") + entry.name;
  checks.push_back({.name = "models", .found = models});
  if (!data_root.empty())
    for (Check& check : data(data_root)) checks.push_back(std::move(check));
  constexpr const char* kMarks[] = {"ok", "-", "!!"};
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  reports::Table table{
      .title = "looktwice doctor",
      .columns = {{.title = ""}, {.title = "what"}, {.title = "found"}, {.title = "advice"}}};
  bool healthy = true;
  for (const Check& check : checks) {
    const char* mark = kMarks[static_cast<int>(check.health)];
    healthy = healthy && check.health != Health::bad;
    list.push_back(
        {{"what", check.name}, {"state", mark}, {"found", check.found}, {"advice", check.advice}});
    table.rows.push_back(
        {{.text = mark,
          .tone = check.health == Health::bad ? reports::Tone::bad : reports::Tone::good},
         {.text = check.name},
         {.text = check.found},
         {.text = check.advice, .tone = reports::Tone::muted}});
  }
  print(json ? list.dump(1) + "\n"
             : reports::render(table, reports::Format::terminal, render_options(context.terminal)));
  return healthy ? 0 : static_cast<int>(Kind::usage);
}

}  // namespace

void add_doctor(Command& program, Context& context) {
  Command command =
      program.add("doctor", "what was built, what this machine offers, what is missing");
  auto root = std::make_shared<fs::path>();
  auto json = std::make_shared<bool>(false);
  command.option("data_root", *root, "also look for the known data sets here")
      .flag("json", *json, "as JSON");
  command.action([=, &context] { return doctor(*root, *json, context); });
}

}  // namespace looktwice::cli
