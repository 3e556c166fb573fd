#include "device.hpp"

#include <dlfcn.h>

#include <memory>

#include "../exec/float_state.hpp"

namespace talweg::cublas {
namespace {

using driver::CUresult;

// Null unless the software device is loaded: a real driver has no such function.
template <class Function>
Function* find(const char* name) {
  static void* const library = dlopen("libcuda.so.1", RTLD_LAZY | RTLD_NOLOAD);
  return library == nullptr ? nullptr : reinterpret_cast<Function*>(dlsym(library, name));
}

cublasStatus_t status(CUresult result) {
  switch (result) {
    case driver::CUDA_SUCCESS: return CUBLAS_STATUS_SUCCESS;
    case driver::CUDA_ERROR_NOT_INITIALIZED:
    case driver::CUDA_ERROR_INVALID_CONTEXT: return CUBLAS_STATUS_NOT_INITIALIZED;
    case driver::CUDA_ERROR_INVALID_VALUE: return CUBLAS_STATUS_INVALID_VALUE;
    case driver::CUDA_ERROR_OUT_OF_MEMORY: return CUBLAS_STATUS_ALLOC_FAILED;
    default: return CUBLAS_STATUS_EXECUTION_FAILED;
  }
}

}  // namespace

cublasStatus_t submit(cudaStream_t stream, const char* name, Work work) {
  static const auto call = find<CUresult(cudaStream_t, const TalwegWork*)>("talwegSubmit");
  if (call == nullptr) return CUBLAS_STATUS_NOT_INITIALIZED;
  const TalwegWork description{
      name,
      [](void* data, TalwegHolds holds, void* memory) -> int {
        const exec::FloatState ours;
        return (*static_cast<Work*>(data))({holds, memory});
      },
      [](void* data) { delete static_cast<Work*>(data); }, new Work(std::move(work))};
  return status(call(stream, &description));
}

cublasStatus_t wait(cudaStream_t stream) {
  static const auto call = find<CUresult(cudaStream_t)>("cuStreamSynchronize");
  return call == nullptr ? CUBLAS_STATUS_NOT_INITIALIZED : status(call(stream));
}

driver::CUcontext current_context() {
  static const auto call = find<CUresult(driver::CUcontext*)>("cuCtxGetCurrent");
  driver::CUcontext context = nullptr;
  return call != nullptr && call(&context) == driver::CUDA_SUCCESS ? context : nullptr;
}

cublasStatus_t copy(driver::CUDA_MEMCPY2D& shape, bool asynchronous, cudaStream_t stream) {
  static const auto at_once = find<CUresult(const driver::CUDA_MEMCPY2D*)>("cuMemcpy2D_v2");
  static const auto in_stream = find<CUresult(const driver::CUDA_MEMCPY2D*, cudaStream_t)>("cuMemcpy2DAsync_v2");
  if (at_once == nullptr || in_stream == nullptr) return CUBLAS_STATUS_NOT_INITIALIZED;
  return status(asynchronous ? in_stream(&shape, stream) : at_once(&shape));
}

}  // namespace talweg::cublas
