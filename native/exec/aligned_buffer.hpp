// Memory for registers and constants: aligned for vector loads, zero at first, touched only when used.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>

namespace talweg::exec {

class AlignedBuffer {
 public:
  AlignedBuffer() = default;
  explicit AlignedBuffer(size_t bytes) : memory_(std::calloc(bytes + kAlign, 1)) {
    if (memory_ == nullptr) throw std::bad_alloc();
    const uintptr_t address = reinterpret_cast<uintptr_t>(memory_.get());
    data_ = static_cast<std::byte*>(memory_.get()) + (kAlign - address % kAlign) % kAlign;
  }
  std::byte* data() const { return data_; }

 private:
  static constexpr size_t kAlign = 64;
  struct Free {
    void operator()(void* memory) const { std::free(memory); }
  };
  std::unique_ptr<void, Free> memory_;
  std::byte* data_ = nullptr;
};

}  // namespace talweg::exec
