#include "metrics/pixel/kept_memory.h"

#include <algorithm>
#include <cstdlib>
#include <mutex>
#include <vector>

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace looktwice::metrics {
namespace {

constexpr std::size_t kHugePage = 2 << 20;

struct Piece {
  void* memory = nullptr;
  std::size_t bytes = 0;
};

struct Store {
  std::mutex lock = {};
  std::vector<Piece> spare = {};  // the one given back last at the end
  std::size_t in_use = 0, kept = 0, most_in_use = 0;

  // The least recent ones first, until no more than `most` are kept.
  void drop_to(std::size_t most) {
    std::size_t dropped = 0;
    for (; dropped < spare.size() && kept > most; ++dropped) {
      kept -= spare[dropped].bytes;
      std::free(spare[dropped].memory);
    }
    spare.erase(spare.begin(), spare.begin() + static_cast<std::ptrdiff_t>(dropped));
  }
};

// Lives as long as the program, whatever is destroyed last.
Store& store() {
  static Store& only = *new Store;
  return only;
}

// Large pages spare page faults and address translation. Only a hint.
void* mapped(std::size_t bytes) {
  void* memory = std::aligned_alloc(bytes >= kHugePage ? kHugePage : 64, bytes);
  if (!memory) throw std::bad_alloc();
#if defined(__linux__)
  if (bytes >= kHugePage) madvise(memory, bytes, MADV_HUGEPAGE);
#endif
  return memory;
}

}  // namespace

KeptMemory::KeptMemory(std::size_t bytes) {
  const std::size_t step = bytes >= kHugePage ? kHugePage : 4096;
  bytes_ = (std::max<std::size_t>(bytes, 1) + step - 1) / step * step;
  Store& all = store();
  const std::lock_guard hold(all.lock);
  // The smallest that will do, unless more than half of it would lie idle.
  auto best = all.spare.end();
  for (auto at = all.spare.begin(); at != all.spare.end(); ++at)
    if (at->bytes >= bytes_ && at->bytes / 2 <= bytes_ &&
        (best == all.spare.end() || at->bytes <= best->bytes))
      best = at;
  if (best != all.spare.end()) {
    memory_ = best->memory;
    bytes_ = best->bytes;
    all.kept -= bytes_;
    all.spare.erase(best);
  } else {
    const std::size_t will = all.in_use + bytes_;
    all.drop_to(all.most_in_use > will ? all.most_in_use - will : 0);
    memory_ = mapped(bytes_);
  }
  all.in_use += bytes_;
  all.most_in_use = std::max(all.most_in_use, all.in_use);
}

KeptMemory::~KeptMemory() {
  if (!memory_) return;
  Store& all = store();
  const std::lock_guard hold(all.lock);
  all.spare.push_back({memory_, bytes_});
  all.in_use -= bytes_;
  all.kept += bytes_;
  all.drop_to(kMostKept);
}

std::size_t KeptMemory::bytes_in_use() {
  const std::lock_guard hold(store().lock);
  return store().in_use;
}

std::size_t KeptMemory::bytes_kept() {
  const std::lock_guard hold(store().lock);
  return store().kept;
}

}  // namespace looktwice::metrics
