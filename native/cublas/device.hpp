// The software driver, as this library sees it: found by name in the process, never linked.
#pragma once

#include <cstddef>
#include <functional>

#include "../driver/extension.hpp"
#include "types.hpp"

namespace talweg::cublas {

// Device memory while work runs.
class Memory {
 public:
  Memory(TalwegHolds holds, void* memory) : holds_(holds), memory_(memory) {}
  bool holds(const void* address, uint64_t bytes) const {
    return bytes == 0 || holds_(memory_, reinterpret_cast<uint64_t>(address), bytes) != 0;
  }

 private:
  TalwegHolds holds_;
  void* memory_;
};

// Reads and writes device memory that it has checked; false if some is missing.
using Work = std::function<bool(const Memory&)>;

cublasStatus_t submit(cudaStream_t stream, const char* name, Work work);
cublasStatus_t wait(cudaStream_t stream);

// Null without a context.
driver::CUcontext current_context();

// Rows of `width` bytes, `rows` of them, each side with a pitch of its own. The stream counts if `asynchronous`.
cublasStatus_t copy(driver::CUDA_MEMCPY2D& shape, bool asynchronous, cudaStream_t stream);

}  // namespace talweg::cublas
