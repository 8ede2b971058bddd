#include "adapters/kernels/isa.h"

#include <algorithm>
#include <cstdlib>
#include <iterator>
#include <stdexcept>
#include <string>

#ifdef LOOKTWICE_X86
#include <cpuid.h>
#endif
#if defined(LOOKTWICE_X86) && defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace looktwice::kernels {
namespace {

constexpr const char* kNames[] = {"plain", "avx2", "avx512", "avx512_bf16", "avx512_fp16", "amx"};

#ifdef LOOKTWICE_X86
// Linux lends the tiles' registers to a process that asks for them.
bool tiles_are_lent() {
#ifdef __linux__
  constexpr long kAsk = 0x1023, kTileData = 18;  // ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA
  return ::syscall(SYS_arch_prctl, kAsk, kTileData) == 0;
#else
  return false;
#endif
}

Isa isa_of_machine() {
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) return Isa::plain;
  if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512bw") ||
      !__builtin_cpu_supports("avx512dq") || !__builtin_cpu_supports("avx512vl"))
    return Isa::avx2;
  if (!__builtin_cpu_supports("avx512bf16")) return Isa::avx512;
  // Not every compiler knows the names of what follows.
  unsigned a = 0, b = 0, c = 0, d = 0;
  const auto has = [&](unsigned bit) { return (d >> bit & 1U) != 0; };
  constexpr unsigned kFp16 = 23, kTiles = 24, kTilesOfBf16 = 22;
  if (__get_cpuid_count(7, 0, &a, &b, &c, &d) == 0 || !has(kFp16)) return Isa::avx512_bf16;
  return has(kTiles) && has(kTilesOfBf16) && tiles_are_lent() ? Isa::amx : Isa::avx512_fp16;
}
#else
Isa isa_of_machine() {
  return Isa::plain;
}
#endif

Isa chosen_isa() {
  const Isa best = isa_of_machine();
  const char* named = std::getenv("LOOKTWICE_ISA");
  if (!named || !*named) return best;
  const auto* found = std::ranges::find(kNames, std::string(named));
  if (found == std::end(kNames)) {
    std::string all;
    for (const char* name : kNames) all += (all.empty() ? "" : ", ") + std::string(name);
    throw std::invalid_argument("LOOKTWICE_ISA is '" + std::string(named) + "'; it can be " + all);
  }
  return std::min(best, static_cast<Isa>(found - std::begin(kNames)));
}

}  // namespace

Isa best_isa() {
  static const Isa best = chosen_isa();
  return best;
}

const char* name_of(Isa isa) {
  return kNames[static_cast<int>(isa)];
}

}  // namespace looktwice::kernels
