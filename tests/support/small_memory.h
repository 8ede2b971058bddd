// A LibTorch that has little memory.
#pragma once

#include <c10/core/CPUAllocator.h>
#include <malloc.h>

#include <algorithm>
#include <cstdlib>
#include <new>

namespace looktwice::test {

// Memory of a size of its own: what is asked beyond it is refused, as on a full machine.
class SmallMemory final : public c10::Allocator {
 public:
  // refused: this allocation fails, counted from 0, whatever is free; -1: none.
  explicit SmallMemory(std::size_t bytes, int refused = -1)
      : most_(bytes), refused_(refused), before_(c10::GetCPUAllocator()) {
    held_ = 0;
    c10::SetCPUAllocator(this, 1);
  }
  ~SmallMemory() override { c10::SetCPUAllocator(before_, 1); }
  c10::DataPtr allocate(std::size_t bytes) override {
    if (held_ + bytes > most_ || asked_++ == refused_) {
      ++refusals_;
      throw std::bad_alloc();
    }
    void* block = std::aligned_alloc(64, (bytes + 64) / 64 * 64);
    held_ += malloc_usable_size(block);
    peak_ = std::max(peak_, held_);
    return {block, block, &release, at::Device(at::kCPU)};
  }
  c10::DeleterFnPtr raw_deleter() const override { return &release; }
  void copy_data(void* to, const void* from, std::size_t bytes) const override {
    default_copy_data(to, from, bytes);
  }
  int asked() const { return asked_; }
  int refusals() const { return refusals_; }
  std::size_t peak() const { return peak_; }

 private:
  static void release(void* block) {
    held_ -= malloc_usable_size(block);
    std::free(block);
  }
  static inline std::size_t held_ = 0;
  std::size_t most_ = 0, peak_ = 0;
  int refused_ = -1, asked_ = 0;
  c10::Allocator* before_ = nullptr;
  int refusals_ = 0;
};

}  // namespace looktwice::test
