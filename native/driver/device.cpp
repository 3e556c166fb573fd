// The one device: its name, sizes and attributes.
#include "device.hpp"

#include <algorithm>
#include <cstring>

#include "monitor.hpp"
#include "objects.hpp"

using namespace talweg::driver;

namespace {

// -1 for a number that is no attribute.
int attribute(int number) {
  switch (number) {
    case 1: return kMaxThreadsPerBlock;
    case 2: return kMaxBlockDim[0];
    case 3: return kMaxBlockDim[1];
    case 4: return kMaxBlockDim[2];
    case 5: return static_cast<int>(kMaxGridDim[0]);
    case 6: return static_cast<int>(kMaxGridDim[1]);
    case 7: return static_cast<int>(kMaxGridDim[2]);
    case 8: return kSharedPerBlock;
    case 9: return 64 * 1024;                 // constant memory
    case 10: return kWarpSize;
    case 11: return 2147483647;               // pitch of a copy
    case 12: return kRegistersPerMultiprocessor;
    case 13: return 1000000;                  // clock, kHz
    case 14: return 512;                      // texture alignment
    case 16: return kMultiprocessors;
    case 19: return 1;                        // can map host memory
    case 30: return 512;                      // surface alignment
    case 31: return 1;                        // concurrent kernels
    case 36: return 1000000;                  // memory clock, kHz
    case 37: return 64;                       // memory bus, bits
    case 38: return 4 * 1024 * 1024;          // L2 cache
    case 39: return kMaxThreadsPerMultiprocessor;
    case 41: return 1;                        // unified addressing
    case 75: return kComputeMajor;
    case 76: return kComputeMinor;
    case 81: return kSharedPerMultiprocessor;
    case 82: return kRegistersPerMultiprocessor;
    case 91: return 1;                        // registered host memory keeps its address
    case 95: return 1;                        // cooperative launch
    case 97: return kSharedPerBlockOptIn;
    case 99: return 1;                        // host memory can be registered
    case 106: return kMaxBlocksPerMultiprocessor;
    case 111: return kSharedReservedPerBlock;
    default: return number >= 1 && number <= 150 ? 0 : -1;
  }
}

template <class Body>
CUresult with_device(CUdevice device, const void* output, Body body) {
  return with_driver([&]() -> CUresult {
    if (device != 0) return CUDA_ERROR_INVALID_DEVICE;
    if (output == nullptr) return CUDA_ERROR_INVALID_VALUE;
    return body();
  });
}

}  // namespace

int talweg::driver::blocks_per_multiprocessor(int threads, long long shared_bytes) {
  const int warps = (threads + kWarpSize - 1) / kWarpSize;
  const long long by_threads = kMaxThreadsPerMultiprocessor / (warps * kWarpSize);
  const long long by_shared = kSharedPerMultiprocessor / (shared_bytes + kSharedReservedPerBlock);
  return static_cast<int>(std::min({by_threads, by_shared, static_cast<long long>(kMaxBlocksPerMultiprocessor)}));
}

TALWEG_EXPORT CUresult cuDriverGetVersion(int* version) {
  if (version == nullptr) return CUDA_ERROR_INVALID_VALUE;
  *version = kDriverVersion;
  return CUDA_SUCCESS;
}

TALWEG_EXPORT CUresult cuDeviceGetCount(int* count) {
  return with_device(0, count, [&] { return *count = 1, CUDA_SUCCESS; });
}

TALWEG_EXPORT CUresult cuDeviceGet(CUdevice* device, int ordinal) {
  return with_device(ordinal, device, [&] { return *device = 0, CUDA_SUCCESS; });
}

TALWEG_EXPORT CUresult cuDeviceGetName(char* name, int length, CUdevice device) {
  return with_device(device, name, [&]() -> CUresult {
    if (length <= 0) return CUDA_ERROR_INVALID_VALUE;
    std::strncpy(name, kDeviceName, length);
    name[length - 1] = 0;
    return CUDA_SUCCESS;
  });
}

TALWEG_EXPORT CUresult cuDeviceGetUuid(CUuuid* uuid, CUdevice device) {
  return with_device(device, uuid, [&] {
    std::memcpy(uuid->bytes, "talweg-software", sizeof uuid->bytes);
    return CUDA_SUCCESS;
  });
}

TALWEG_EXPORT CUresult cuDeviceTotalMem_v2(size_t* bytes, CUdevice device) {
  return with_device(device, bytes, [&] { return *bytes = memory_capacity(), CUDA_SUCCESS; });
}

TALWEG_EXPORT CUresult cuDeviceGetAttribute(int* value, int number, CUdevice device) {
  return with_device(device, value, [&]() -> CUresult {
    const int found = attribute(number);
    if (found < 0) return CUDA_ERROR_INVALID_VALUE;
    *value = found;
    return CUDA_SUCCESS;
  });
}

TALWEG_EXPORT CUresult cuDeviceComputeCapability(int* major, int* minor, CUdevice device) {
  return with_device(device, major, [&]() -> CUresult {
    if (minor == nullptr) return CUDA_ERROR_INVALID_VALUE;
    *major = kComputeMajor;
    *minor = kComputeMinor;
    return CUDA_SUCCESS;
  });
}

TALWEG_EXPORT CUresult cuDeviceCanAccessPeer(int* can, CUdevice device, CUdevice) {
  return with_device(device, can, [&] { return *can = 0, CUDA_SUCCESS; });
}

TALWEG_EXPORT CUresult cuDeviceGetPCIBusId(char* id, int length, CUdevice device) {
  return with_device(device, id, [&]() -> CUresult {
    constexpr char kBusId[] = "0000:00:00.0";
    if (length < static_cast<int>(sizeof kBusId)) return CUDA_ERROR_INVALID_VALUE;
    std::memcpy(id, kBusId, sizeof kBusId);
    return CUDA_SUCCESS;
  });
}
