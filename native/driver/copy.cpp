// Copies and fills. The synchronous forms run in the legacy stream.
#include <cstring>
#include <string>

#include "monitor.hpp"
#include "objects.hpp"

using namespace talweg::driver;

namespace {

enum class Side { kHost, kDevice };

uint64_t address_of(const void* pointer) { return reinterpret_cast<uint64_t>(pointer); }

// Host memory is the caller's word; device memory is looked up.
bool reachable(const Context& context, Side side, uint64_t address, uint64_t bytes) {
  return side == Side::kHost ? address != 0 : context.memory->holds(address, bytes);
}

std::string complaint(const Context& context, const char* what, uint64_t address, uint64_t bytes) {
  return std::string(what) + " touches memory that is not allocated: " + context.memory->describe(address, bytes);
}

struct Copy final : Operation {
  uint64_t destination, source, bytes;
  Side to, from;

  Copy(uint64_t destination, Side to, uint64_t source, Side from, uint64_t bytes)
      : destination(destination), source(source), bytes(bytes), to(to), from(from) {}

  // Empty if all of both ranges is there. Asked at the call, and again at the run: a graph may outlive the memory.
  std::string fault(const Context& context) const {
    if (!reachable(context, to, destination, bytes)) return complaint(context, "the copy", destination, bytes);
    if (!reachable(context, from, source, bytes)) return complaint(context, "the copy", source, bytes);
    return {};
  }

  CUresult run(Context& context) const override {
    if (to != from) ++driver_counters().host_copies;
    if (fault_due(Fault::kCopy)) return context.lose(CUDA_ERROR_ECC_UNCORRECTABLE, "a copy failed, as ordered");
    const std::string reason = fault(context);
    if (!reason.empty()) return context.lose(CUDA_ERROR_ILLEGAL_ADDRESS, reason);
    std::memmove(reinterpret_cast<void*>(destination), reinterpret_cast<const void*>(source), bytes);
    return CUDA_SUCCESS;
  }
};

template <class T>
struct Fill final : Operation {
  uint64_t destination;
  T value;
  uint64_t count;

  Fill(uint64_t destination, T value, uint64_t count) : destination(destination), value(value), count(count) {}

  std::string fault(const Context& context) const {
    return context.memory->holds(destination, count * sizeof(T))
               ? std::string()
               : complaint(context, "the fill", destination, count * sizeof(T));
  }

  CUresult run(Context& context) const override {
    const std::string reason = fault(context);
    if (!reason.empty()) return context.lose(CUDA_ERROR_ILLEGAL_ADDRESS, reason);
    T* elements = reinterpret_cast<T*>(destination);
    for (uint64_t i = 0; i < count; ++i) elements[i] = value;
    return CUDA_SUCCESS;
  }
};

template <class Work>
CUresult checked_submit(Context& context, CUstream stream_handle, std::shared_ptr<const Work> work) {
  const auto stream = find_stream(context, stream_handle);
  if (stream == nullptr) return CUDA_ERROR_INVALID_HANDLE;
  const std::string reason = work->fault(context);
  if (!reason.empty()) {
    set_report(reason);
    return CUDA_ERROR_INVALID_VALUE;
  }
  return submit(context, *stream, std::move(work));
}

CUresult copy(uint64_t destination, Side to, uint64_t source, Side from, size_t bytes, CUstream stream) {
  return with_context([&](Context& context) -> CUresult {
    if (bytes == 0) return CUDA_SUCCESS;
    return checked_submit(context, stream, std::make_shared<const Copy>(destination, to, source, from, bytes));
  });
}

// cuMemcpy tells host from device by the address. Page-locked host memory is reachable as either.
CUresult copy_anywhere(uint64_t destination, uint64_t source, size_t bytes, CUstream stream) {
  return with_context([&](Context& context) -> CUresult {
    if (bytes == 0) return CUDA_SUCCESS;
    const auto side = [&](uint64_t address) {
      const talweg::Allocation* allocation = context.memory->find(address);
      return allocation == nullptr || allocation->host ? Side::kHost : Side::kDevice;
    };
    return checked_submit(context, stream, std::make_shared<const Copy>(destination, side(destination), source,
                                                                        side(source), bytes));
  });
}

template <class T>
CUresult fill(CUdeviceptr destination, T value, size_t count, CUstream stream) {
  return with_context([&](Context& context) -> CUresult {
    if (count == 0) return CUDA_SUCCESS;
    if (destination % sizeof(T) != 0 || count > SIZE_MAX / sizeof(T)) return CUDA_ERROR_INVALID_VALUE;
    return checked_submit(context, stream, std::make_shared<const Fill<T>>(destination, value, count));
  });
}

}  // namespace

TALWEG_EXPORT CUresult cuMemcpyHtoD_v2(CUdeviceptr to, const void* from, size_t bytes) {
  return copy(to, Side::kDevice, address_of(from), Side::kHost, bytes, nullptr);
}

TALWEG_EXPORT CUresult cuMemcpyHtoDAsync_v2(CUdeviceptr to, const void* from, size_t bytes, CUstream stream) {
  return copy(to, Side::kDevice, address_of(from), Side::kHost, bytes, stream);
}

TALWEG_EXPORT CUresult cuMemcpyDtoH_v2(void* to, CUdeviceptr from, size_t bytes) {
  return copy(address_of(to), Side::kHost, from, Side::kDevice, bytes, nullptr);
}

TALWEG_EXPORT CUresult cuMemcpyDtoHAsync_v2(void* to, CUdeviceptr from, size_t bytes, CUstream stream) {
  return copy(address_of(to), Side::kHost, from, Side::kDevice, bytes, stream);
}

TALWEG_EXPORT CUresult cuMemcpyDtoD_v2(CUdeviceptr to, CUdeviceptr from, size_t bytes) {
  return copy(to, Side::kDevice, from, Side::kDevice, bytes, nullptr);
}

TALWEG_EXPORT CUresult cuMemcpyDtoDAsync_v2(CUdeviceptr to, CUdeviceptr from, size_t bytes, CUstream stream) {
  return copy(to, Side::kDevice, from, Side::kDevice, bytes, stream);
}

TALWEG_EXPORT CUresult cuMemcpy(CUdeviceptr to, CUdeviceptr from, size_t bytes) {
  return copy_anywhere(to, from, bytes, nullptr);
}

TALWEG_EXPORT CUresult cuMemcpyAsync(CUdeviceptr to, CUdeviceptr from, size_t bytes, CUstream stream) {
  return copy_anywhere(to, from, bytes, stream);
}

TALWEG_EXPORT CUresult cuMemsetD8_v2(CUdeviceptr to, unsigned char value, size_t count) {
  return fill<uint8_t>(to, value, count, nullptr);
}

TALWEG_EXPORT CUresult cuMemsetD8Async(CUdeviceptr to, unsigned char value, size_t count, CUstream stream) {
  return fill<uint8_t>(to, value, count, stream);
}

TALWEG_EXPORT CUresult cuMemsetD16_v2(CUdeviceptr to, unsigned short value, size_t count) {
  return fill<uint16_t>(to, value, count, nullptr);
}

TALWEG_EXPORT CUresult cuMemsetD16Async(CUdeviceptr to, unsigned short value, size_t count, CUstream stream) {
  return fill<uint16_t>(to, value, count, stream);
}

TALWEG_EXPORT CUresult cuMemsetD32_v2(CUdeviceptr to, unsigned value, size_t count) {
  return fill<uint32_t>(to, value, count, nullptr);
}

TALWEG_EXPORT CUresult cuMemsetD32Async(CUdeviceptr to, unsigned value, size_t count, CUstream stream) {
  return fill<uint32_t>(to, value, count, stream);
}
