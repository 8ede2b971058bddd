#include "adapters/nn/device.h"

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <c10/core/DeviceGuard.h>
#include <c10/core/impl/VirtualGuardImpl.h>
#include <c10/util/Exception.h>
#include <dlfcn.h>
#include <malloc.h>

#include <exception>
#include <filesystem>
#include <mutex>
#include <new>
#include <string_view>

#include "harness/core/error.h"
#include "harness/core/text.h"

namespace looktwice::nn {
namespace {

// Empty when it is there; else why not.
std::string load_cuda() {
  if (at::hasCUDA()) return {};
  Dl_info cpu{};
  if (::dladdr(reinterpret_cast<void*>(&at::get_num_threads), &cpu) == 0)
    return "libtorch_cpu is not found again";
  const auto file = std::filesystem::path(cpu.dli_fname).parent_path() / "libtorch_cuda.so";
  if (::dlopen(file.c_str(), RTLD_NOW | RTLD_GLOBAL)) return {};
  const char* why = ::dlerror();
  return why ? printable(why) : "it cannot be loaded";
}

const std::string& why_no_cuda() {
  static const std::string why = load_cuda();
  return why;
}

int cuda_count() {
  try {
    return c10::impl::VirtualGuardImpl(at::DeviceType::CUDA).deviceCount();
  } catch (const std::exception&) {
    return 0;
  }
}

}  // namespace

at::Device device_named(const std::string& name) {
  if (name == "cpu") return at::Device(at::kCPU);
  const std::string number = name == "cuda" ? "0" : name.starts_with("cuda:") ? name.substr(5) : "";
  if (number.empty() || number.size() > 3 || number.find_first_not_of("0123456789") < number.size())
    throw Error(Kind::usage, "device '" + printable(name) + "': expected cpu or cuda:0");
  if (!why_no_cuda().empty())
    throw Error(Kind::model,
                "device " + name + ": this LibTorch has no CUDA here: " + why_no_cuda());
  const int asked = std::stoi(number), count = cuda_count();
  if (asked >= count)
    throw Error(Kind::model, "device " + name + ": the driver shows " + std::to_string(count) +
                                 " CUDA devices; see looktwice doctor");
  at::globalContext().setAllowTF32CuBLAS(false);
  at::globalContext().setAllowTF32CuDNN(false);
  return {at::kCUDA, static_cast<at::DeviceIndex>(asked)};
}

std::vector<at::Device> cuda_devices(const std::string& what) {
  if (!why_no_cuda().empty())
    throw Error(Kind::model, what + ": this LibTorch has no CUDA here: " + why_no_cuda());
  std::vector<at::Device> found;
  for (int i = 0, count = cuda_count(); i < count; ++i)
    found.push_back(device_named("cuda:" + std::to_string(i)));
  return found;
}

std::int64_t free_bytes(at::Device device) {
  // Of the runtime that came with libtorch_cuda: nothing of CUDA is linked here.
  using MemGetInfo = int (*)(std::size_t*, std::size_t*);
  const auto ask = reinterpret_cast<MemGetInfo>(::dlsym(RTLD_DEFAULT, "cudaMemGetInfo"));
  const c10::DeviceGuard guard(device);
  std::size_t free = 0, total = 0;
  if (!ask || ask(&free, &total) != 0)
    throw Error(Kind::model, "device " + device.str() + ": it does not tell its free memory");
  return static_cast<std::int64_t>(free);
}

bool is_out_of_memory(const std::exception& error) {
  return dynamic_cast<const std::bad_alloc*>(&error) ||
         dynamic_cast<const c10::OutOfMemoryError*>(&error) ||
         std::string_view(error.what()).find("can't allocate memory") != std::string_view::npos;
}

at::ScalarType number_type_named(const std::string& name) {
  if (name == "fp32") return at::kFloat;
  if (name == "bf16") return at::kBFloat16;
  if (name == "fp16") return at::kHalf;
  throw Error(Kind::usage, "numbers '" + printable(name) + "': expected fp32, bf16 or fp16");
}

const char* name_of(at::ScalarType type) {
  return type == at::kFloat      ? "fp32"
         : type == at::kBFloat16 ? "bf16"
         : type == at::kHalf     ? "fp16"
                                 : "other";
}

kernels::Stream stream_of(at::Device device) {
  if (!device.is_cuda()) return {};
  const c10::Stream stream = c10::impl::VirtualGuardImpl(at::kCUDA).getStream(device);
  return {.device = kernels::Stream::Device::cuda,
          .handle = stream.native_handle(),
          .number = stream.device_index()};
}

void use_threads(int threads) {
  at::set_num_threads(threads);
#ifdef __GLIBC__
  constexpr int kMB = 1 << 20;
  mallopt(M_MMAP_THRESHOLD, 32 * kMB);  // the most there is
  mallopt(M_TRIM_THRESHOLD, 256 * kMB);
#endif
}

}  // namespace looktwice::nn
