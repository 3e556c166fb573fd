// Handles and what can be set and asked of them.
#include "handle.hpp"

#include <new>

#include "../driver/handles.hpp"

namespace talweg::cublas {
namespace {

driver::HandleTable<cublasHandle_t, Handle>& handles = *new driver::HandleTable<cublasHandle_t, Handle>;

constexpr int kMajor = 12, kMinor = 6, kPatch = 4;

template <class T>
cublasStatus_t store(T* output, T value) {
  if (output == nullptr) return CUBLAS_STATUS_INVALID_VALUE;
  *output = value;
  return CUBLAS_STATUS_SUCCESS;
}

}  // namespace

cublasStatus_t with_handle(cublasHandle_t handle, const std::function<cublasStatus_t(Handle&)>& body) {
  try {
    const auto found = handles.find(handle);
    return found == nullptr ? CUBLAS_STATUS_NOT_INITIALIZED : body(*found);
  } catch (const std::bad_alloc&) {
    return CUBLAS_STATUS_ALLOC_FAILED;
  } catch (...) {
    return CUBLAS_STATUS_INTERNAL_ERROR;
  }
}

}  // namespace talweg::cublas

using namespace talweg::cublas;

TALWEG_CUBLAS cublasStatus_t cublasCreate_v2(cublasHandle_t* output) {
  if (output == nullptr) return CUBLAS_STATUS_INVALID_VALUE;
  const auto context = current_context();
  if (context == nullptr) return CUBLAS_STATUS_NOT_INITIALIZED;
  auto handle = std::make_shared<Handle>();
  handle->context = context;
  *output = handles.add(std::move(handle));
  return CUBLAS_STATUS_SUCCESS;
}

TALWEG_CUBLAS cublasStatus_t cublasDestroy_v2(cublasHandle_t handle) {
  return with_handle(handle, [&](Handle&) {
    handles.remove(handle);
    return CUBLAS_STATUS_SUCCESS;
  });
}

TALWEG_CUBLAS cublasStatus_t cublasGetVersion_v2(cublasHandle_t, int* version) {
  return store(version, kMajor * 10000 + kMinor * 100 + kPatch);
}

TALWEG_CUBLAS cublasStatus_t cublasGetProperty(int type, int* value) {
  constexpr int kParts[] = {kMajor, kMinor, kPatch};
  return type < 0 || type > 2 ? CUBLAS_STATUS_INVALID_VALUE : store(value, kParts[type]);
}

TALWEG_CUBLAS size_t cublasGetCudartVersion() { return kMajor * 1000 + kMinor * 10; }

TALWEG_CUBLAS cublasStatus_t cublasSetStream_v2(cublasHandle_t handle, cudaStream_t stream) {
  return with_handle(handle, [&](Handle& of) { return store(&of.stream, stream); });
}

TALWEG_CUBLAS cublasStatus_t cublasGetStream_v2(cublasHandle_t handle, cudaStream_t* stream) {
  return with_handle(handle, [&](Handle& of) { return store(stream, of.stream); });
}

TALWEG_CUBLAS cublasStatus_t cublasSetPointerMode_v2(cublasHandle_t handle, int mode) {
  return with_handle(handle, [&](Handle& of) {
    const bool known = mode == CUBLAS_POINTER_MODE_HOST || mode == CUBLAS_POINTER_MODE_DEVICE;
    return known ? store(&of.pointer_mode, mode) : CUBLAS_STATUS_INVALID_VALUE;
  });
}

TALWEG_CUBLAS cublasStatus_t cublasGetPointerMode_v2(cublasHandle_t handle, int* mode) {
  return with_handle(handle, [&](Handle& of) { return store(mode, of.pointer_mode); });
}

// Products are computed in single precision under every mode: a mode allows less and does not ask for it.
TALWEG_CUBLAS cublasStatus_t cublasSetMathMode(cublasHandle_t handle, int mode) {
  return with_handle(handle, [&](Handle& of) { return store(&of.math_mode, mode); });
}

TALWEG_CUBLAS cublasStatus_t cublasGetMathMode(cublasHandle_t handle, int* mode) {
  return with_handle(handle, [&](Handle& of) { return store(mode, of.math_mode); });
}

TALWEG_CUBLAS cublasStatus_t cublasSetAtomicsMode(cublasHandle_t handle, int mode) {
  return with_handle(handle, [&](Handle& of) { return store(&of.atomics_mode, mode); });
}

TALWEG_CUBLAS cublasStatus_t cublasGetAtomicsMode(cublasHandle_t handle, int* mode) {
  return with_handle(handle, [&](Handle& of) { return store(mode, of.atomics_mode); });
}

TALWEG_CUBLAS cublasStatus_t cublasSetSmCountTarget(cublasHandle_t handle, int count) {
  return with_handle(handle, [&](Handle& of) { return store(&of.multiprocessor_target, count); });
}

TALWEG_CUBLAS cublasStatus_t cublasGetSmCountTarget(cublasHandle_t handle, int* count) {
  return with_handle(handle, [&](Handle& of) { return store(count, of.multiprocessor_target); });
}

// No routine here needs any.
TALWEG_CUBLAS cublasStatus_t cublasSetWorkspace_v2(cublasHandle_t handle, void*, size_t) {
  return with_handle(handle, [](Handle&) { return CUBLAS_STATUS_SUCCESS; });
}

TALWEG_CUBLAS const char* cublasGetStatusName(cublasStatus_t status) {
  switch (status) {
    case CUBLAS_STATUS_SUCCESS: return "CUBLAS_STATUS_SUCCESS";
    case CUBLAS_STATUS_NOT_INITIALIZED: return "CUBLAS_STATUS_NOT_INITIALIZED";
    case CUBLAS_STATUS_ALLOC_FAILED: return "CUBLAS_STATUS_ALLOC_FAILED";
    case CUBLAS_STATUS_INVALID_VALUE: return "CUBLAS_STATUS_INVALID_VALUE";
    case CUBLAS_STATUS_ARCH_MISMATCH: return "CUBLAS_STATUS_ARCH_MISMATCH";
    case CUBLAS_STATUS_MAPPING_ERROR: return "CUBLAS_STATUS_MAPPING_ERROR";
    case CUBLAS_STATUS_EXECUTION_FAILED: return "CUBLAS_STATUS_EXECUTION_FAILED";
    case CUBLAS_STATUS_INTERNAL_ERROR: return "CUBLAS_STATUS_INTERNAL_ERROR";
    case CUBLAS_STATUS_NOT_SUPPORTED: return "CUBLAS_STATUS_NOT_SUPPORTED";
    case CUBLAS_STATUS_LICENSE_ERROR: return "CUBLAS_STATUS_LICENSE_ERROR";
  }
  return "unknown status";
}

TALWEG_CUBLAS const char* cublasGetStatusString(cublasStatus_t status) {
  switch (status) {
    case CUBLAS_STATUS_SUCCESS: return "no error";
    case CUBLAS_STATUS_NOT_INITIALIZED: return "the handle is none, or there is no device to compute on";
    case CUBLAS_STATUS_ALLOC_FAILED: return "not enough memory";
    case CUBLAS_STATUS_INVALID_VALUE: return "an argument is outside its range";
    case CUBLAS_STATUS_EXECUTION_FAILED: return "the computation failed on the device";
    case CUBLAS_STATUS_NOT_SUPPORTED: return "the software device does not implement the routine";
    default: return cublasGetStatusName(status);
  }
}
