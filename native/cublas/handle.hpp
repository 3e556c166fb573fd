// cuBLAS handles: what a program sets once and every routine reads.
#pragma once

#include "device.hpp"

namespace talweg::cublas {

struct Handle {
  cublasHandle_t handle = nullptr;
  driver::CUcontext context = nullptr;
  cudaStream_t stream = nullptr;
  int pointer_mode = CUBLAS_POINTER_MODE_HOST;
  int math_mode = 0;
  int atomics_mode = 0;
  int multiprocessor_target = 0;
};

// Runs the body with what the handle stands for. No exception leaves the library.
cublasStatus_t with_handle(cublasHandle_t handle, const std::function<cublasStatus_t(Handle&)>& body);

// A scalar that the caller keeps in host memory, and then it is read now, or in device memory, and then later.
template <class T>
class Scalar {
 public:
  Scalar(const Handle& handle, const void* pointer)
      : on_device_(handle.pointer_mode == CUBLAS_POINTER_MODE_DEVICE), pointer_(static_cast<const T*>(pointer)) {
    if (!on_device_ && pointer_ != nullptr) value_ = *pointer_;
  }
  bool is_missing() const { return pointer_ == nullptr; }
  bool read(const Memory& memory, T& value) const {
    if (on_device_ && !memory.holds(pointer_, sizeof(T))) return false;
    value = on_device_ ? *pointer_ : value_;
    return true;
  }

 private:
  bool on_device_;
  const T* pointer_;
  T value_{};
};

// Where a routine leaves its one result. On the host it is there when the routine returns.
template <class T>
cublasStatus_t submit_for_result(const Handle& handle, const char* name, T* result,
                                 std::function<bool(const Memory&, T&)> compute) {
  if (result == nullptr) return CUBLAS_STATUS_INVALID_VALUE;
  const bool on_device = handle.pointer_mode == CUBLAS_POINTER_MODE_DEVICE;
  const cublasStatus_t submitted =
      submit(handle.stream, name, [result, on_device, compute = std::move(compute)](const Memory& memory) {
        T value{};
        if (!compute(memory, value) || (on_device && !memory.holds(result, sizeof(T)))) return false;
        *result = value;
        return true;
      });
  return submitted != CUBLAS_STATUS_SUCCESS || on_device ? submitted : wait(handle.stream);
}

}  // namespace talweg::cublas
