// Copies. The synchronous forms run in the legacy stream and have been done when they return.
#include "transfer.hpp"

using namespace talweg::driver;

namespace {

uint64_t address_of(const void* pointer) { return reinterpret_cast<uint64_t>(pointer); }

enum class Waits { kNever, kAlways };

CUresult submit_copy(Context& context, const std::shared_ptr<Stream>& stream, const Place& to, const Place& from,
                     const Box& box, Waits waits) {
  if (box.empty()) return CUDA_SUCCESS;
  const auto copy = std::make_shared<const Transfer>(to, from, box);
  CUresult result = check(context, *copy);
  if (result == CUDA_SUCCESS) result = submit(context, stream, copy);
  if (result != CUDA_SUCCESS || stream->capture != nullptr || stream->queue.empty()) return result;
  return waits == Waits::kAlways || copy->is_pageable() ? wait_for(context, stream) : CUDA_SUCCESS;
}

CUresult copy(uint64_t to, Side to_side, uint64_t from, Side from_side, size_t bytes, CUstream stream_handle,
              Waits waits) {
  return with_stream(stream_handle, [&](Context& context, const std::shared_ptr<Stream>& stream) {
    return submit_copy(context, stream, {to_side, to, bytes, bytes}, {from_side, from, bytes, bytes}, {bytes, 1, 1},
                       waits);
  });
}

// cuMemcpy tells host from device by the address.
CUresult copy_anywhere(uint64_t to, uint64_t from, size_t bytes, CUstream stream_handle, Waits waits) {
  return with_stream(stream_handle, [&](Context& context, const std::shared_ptr<Stream>& stream) {
    return submit_copy(context, stream, {side_of(context, to), to, bytes, bytes},
                       {side_of(context, from), from, bytes, bytes}, {bytes, 1, 1}, waits);
  });
}

template <class Shape>
CUresult copy_box(const Shape* shape, CUstream stream_handle, Waits waits) {
  return with_stream(stream_handle, [&](Context& context, const std::shared_ptr<Stream>& stream) -> CUresult {
    Place to, from;
    Box box;
    const CUresult result = read_copy(shape, context, to, from, box);
    return result != CUDA_SUCCESS ? result : submit_copy(context, stream, to, from, box, waits);
  });
}

// One end in an array.
CUresult copy_row(CUarray array, size_t offset, uint64_t other, Side other_side, bool to_array, size_t bytes,
                  CUstream stream_handle, Waits waits) {
  return with_stream(stream_handle, [&](Context& context, const std::shared_ptr<Stream>& stream) -> CUresult {
    Place row;
    const CUresult result = read_row(context, array, offset, bytes, row);
    if (result != CUDA_SUCCESS) return result;
    const Place place{other_side, other, bytes, bytes};
    return to_array ? submit_copy(context, stream, row, place, {bytes, 1, 1}, waits)
                    : submit_copy(context, stream, place, row, {bytes, 1, 1}, waits);
  });
}

// The contexts only say whose memory it is; it must be theirs.
bool is_memory_of(CUcontext handle, uint64_t address, uint64_t bytes) {
  const auto context = contexts.find(handle);
  return context != nullptr && context->memory->holds(address, bytes);
}

CUresult copy_between(CUdeviceptr to, CUcontext to_context, CUdeviceptr from, CUcontext from_context, size_t bytes,
                      CUstream stream, Waits waits) {
  if (contexts.find(to_context) == nullptr || contexts.find(from_context) == nullptr) {
    return initialized() ? CUDA_ERROR_INVALID_CONTEXT : CUDA_ERROR_NOT_INITIALIZED;
  }
  if (bytes != 0 && (!is_memory_of(to_context, to, bytes) || !is_memory_of(from_context, from, bytes))) {
    return CUDA_ERROR_INVALID_VALUE;
  }
  return copy(to, Side::kDevice, from, Side::kDevice, bytes, stream, waits);
}

}  // namespace

TALWEG_EXPORT CUresult cuMemcpyHtoD_v2(CUdeviceptr to, const void* from, size_t bytes) {
  return copy(to, Side::kDevice, address_of(from), Side::kHost, bytes, nullptr, Waits::kAlways);
}

TALWEG_EXPORT CUresult cuMemcpyHtoDAsync_v2(CUdeviceptr to, const void* from, size_t bytes, CUstream stream) {
  return copy(to, Side::kDevice, address_of(from), Side::kHost, bytes, stream, Waits::kNever);
}

TALWEG_EXPORT CUresult cuMemcpyDtoH_v2(void* to, CUdeviceptr from, size_t bytes) {
  return copy(address_of(to), Side::kHost, from, Side::kDevice, bytes, nullptr, Waits::kAlways);
}

TALWEG_EXPORT CUresult cuMemcpyDtoHAsync_v2(void* to, CUdeviceptr from, size_t bytes, CUstream stream) {
  return copy(address_of(to), Side::kHost, from, Side::kDevice, bytes, stream, Waits::kNever);
}

TALWEG_EXPORT CUresult cuMemcpyDtoD_v2(CUdeviceptr to, CUdeviceptr from, size_t bytes) {
  return copy(to, Side::kDevice, from, Side::kDevice, bytes, nullptr, Waits::kNever);
}

TALWEG_EXPORT CUresult cuMemcpyDtoDAsync_v2(CUdeviceptr to, CUdeviceptr from, size_t bytes, CUstream stream) {
  return copy(to, Side::kDevice, from, Side::kDevice, bytes, stream, Waits::kNever);
}

TALWEG_EXPORT CUresult cuMemcpy(CUdeviceptr to, CUdeviceptr from, size_t bytes) {
  return copy_anywhere(to, from, bytes, nullptr, Waits::kAlways);
}

TALWEG_EXPORT CUresult cuMemcpyAsync(CUdeviceptr to, CUdeviceptr from, size_t bytes, CUstream stream) {
  return copy_anywhere(to, from, bytes, stream, Waits::kNever);
}

TALWEG_EXPORT CUresult cuMemcpyHtoA_v2(CUarray to, size_t offset, const void* from, size_t bytes) {
  return copy_row(to, offset, address_of(from), Side::kHost, true, bytes, nullptr, Waits::kAlways);
}

TALWEG_EXPORT CUresult cuMemcpyHtoAAsync_v2(CUarray to, size_t offset, const void* from, size_t bytes, CUstream stream) {
  return copy_row(to, offset, address_of(from), Side::kHost, true, bytes, stream, Waits::kNever);
}

TALWEG_EXPORT CUresult cuMemcpyAtoH_v2(void* to, CUarray from, size_t offset, size_t bytes) {
  return copy_row(from, offset, address_of(to), Side::kHost, false, bytes, nullptr, Waits::kAlways);
}

TALWEG_EXPORT CUresult cuMemcpyAtoHAsync_v2(void* to, CUarray from, size_t offset, size_t bytes, CUstream stream) {
  return copy_row(from, offset, address_of(to), Side::kHost, false, bytes, stream, Waits::kNever);
}

TALWEG_EXPORT CUresult cuMemcpyDtoA_v2(CUarray to, size_t offset, CUdeviceptr from, size_t bytes) {
  return copy_row(to, offset, from, Side::kDevice, true, bytes, nullptr, Waits::kNever);
}

TALWEG_EXPORT CUresult cuMemcpyAtoD_v2(CUdeviceptr to, CUarray from, size_t offset, size_t bytes) {
  return copy_row(from, offset, to, Side::kDevice, false, bytes, nullptr, Waits::kNever);
}

TALWEG_EXPORT CUresult cuMemcpyAtoA_v2(CUarray to, size_t to_offset, CUarray from, size_t from_offset, size_t bytes) {
  return with_stream(nullptr, [&](Context& context, const std::shared_ptr<Stream>& stream) -> CUresult {
    Place to_row, from_row;
    CUresult result = read_row(context, to, to_offset, bytes, to_row);
    if (result == CUDA_SUCCESS) result = read_row(context, from, from_offset, bytes, from_row);
    return result == CUDA_SUCCESS ? submit_copy(context, stream, to_row, from_row, {bytes, 1, 1}, Waits::kNever) : result;
  });
}

TALWEG_EXPORT CUresult cuMemcpyPeer(CUdeviceptr to, CUcontext to_context, CUdeviceptr from, CUcontext from_context,
                                    size_t bytes) {
  return copy_between(to, to_context, from, from_context, bytes, nullptr, Waits::kNever);
}

TALWEG_EXPORT CUresult cuMemcpyPeerAsync(CUdeviceptr to, CUcontext to_context, CUdeviceptr from,
                                         CUcontext from_context, size_t bytes, CUstream stream) {
  return copy_between(to, to_context, from, from_context, bytes, stream, Waits::kNever);
}

TALWEG_EXPORT CUresult cuMemcpy2D_v2(const CUDA_MEMCPY2D* shape) { return copy_box(shape, nullptr, Waits::kAlways); }

// No pitch is too odd for this device, so there is nothing to be done differently.
TALWEG_EXPORT CUresult cuMemcpy2DUnaligned_v2(const CUDA_MEMCPY2D* shape) {
  return copy_box(shape, nullptr, Waits::kAlways);
}

TALWEG_EXPORT CUresult cuMemcpy2DAsync_v2(const CUDA_MEMCPY2D* shape, CUstream stream) {
  return copy_box(shape, stream, Waits::kNever);
}

TALWEG_EXPORT CUresult cuMemcpy3D_v2(const CUDA_MEMCPY3D* shape) { return copy_box(shape, nullptr, Waits::kAlways); }

TALWEG_EXPORT CUresult cuMemcpy3DAsync_v2(const CUDA_MEMCPY3D* shape, CUstream stream) {
  return copy_box(shape, stream, Waits::kNever);
}

// The contexts in the structure say whose memory it is, which its address says already.
TALWEG_EXPORT CUresult cuMemcpy3DPeer(const CUDA_MEMCPY3D* shape) { return copy_box(shape, nullptr, Waits::kAlways); }

TALWEG_EXPORT CUresult cuMemcpy3DPeerAsync(const CUDA_MEMCPY3D* shape, CUstream stream) {
  return copy_box(shape, stream, Waits::kNever);
}
