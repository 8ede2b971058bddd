// Large memory that each set of maps takes anew and gives back: it stays mapped in between, since
// touching new pages costs a tenth of the time of a small set, and an allocator gives large pieces
// back to the system. Never more than was in use at one time. Not zeroed; from any thread. Not
// here: small objects.
#pragma once

#include <cstddef>
#include <new>
#include <type_traits>
#include <utility>

namespace looktwice::metrics {

class KeptMemory {
 public:
  static constexpr std::size_t kMostKept = 64 << 20;
  KeptMemory() = default;
  explicit KeptMemory(std::size_t bytes);  // at a multiple of 64
  KeptMemory(KeptMemory&& other) noexcept
      : memory_(std::exchange(other.memory_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}
  KeptMemory& operator=(KeptMemory&& other) noexcept {
    std::swap(memory_, other.memory_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~KeptMemory();

  void* get() const { return memory_; }
  // Of all in the program.
  static std::size_t bytes_in_use();
  static std::size_t bytes_kept();

 private:
  void* memory_ = nullptr;
  std::size_t bytes_ = 0;  // of the piece, at least those asked for
};

// An array; its values are what was there before.
template <class T>
class KeptArray {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  KeptArray() = default;
  explicit KeptArray(std::size_t count) : memory_(count * sizeof(T)) {}
  T* get() const { return static_cast<T*>(memory_.get()); }
  T& operator[](std::size_t i) const { return get()[i]; }

 private:
  KeptMemory memory_ = {};
};

// One object, of which nothing is initialised but what its type says.
template <class T>
class Kept {
  static_assert(std::is_trivially_destructible_v<T>);

 public:
  Kept() : memory_(sizeof(T)) { new (memory_.get()) T; }
  T* operator->() const { return static_cast<T*>(memory_.get()); }
  T& operator*() const { return *operator->(); }

 private:
  KeptMemory memory_ = {};
};

}  // namespace looktwice::metrics
