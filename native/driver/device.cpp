// The devices: names, sizes and attributes.
#include "device.hpp"

#include <cstdio>
#include <cstring>
#include <string>

#include "calls.hpp"

using namespace talweg::driver;

namespace {

// -1 for a number that is no attribute.
int attribute(int number, CUdevice device) {
  const Chip is = chip();
  switch (number) {
    case 1: return kMaxThreadsPerBlock;
    case 2: return kMaxBlockDim[0];
    case 3: return kMaxBlockDim[1];
    case 4: return kMaxBlockDim[2];
    case 5: return static_cast<int>(kMaxGridDim[0]);
    case 6: return static_cast<int>(kMaxGridDim[1]);
    case 7: return static_cast<int>(kMaxGridDim[2]);
    case 8: return kSharedPerBlock;
    case 9: return kConstantBytes;
    case 10: return kWarpSize;
    case 11: return kMaxPitch;
    case 12: return kRegistersPerMultiprocessor;
    case 13: return kClockKilohertz;
    case 14: return kTextureAlignment;
    case 15: return 1;                        // copies overlap kernels
    case 16: return kMultiprocessors;
    case 19: return 1;                        // can map host memory
    case 21: case 22: case 23: case 70: case 71: return static_cast<int>(kMostPitchedElements);  // of textures of 1 and 2 dimensions
    case 24: case 25: case 26: case 58: case 59: case 60: return 16384;  // of textures and surfaces of 3 dimensions
    case 27: case 28: case 42: case 45: case 46: case 52: case 53: case 73: case 74: case 77: return 32768;  // in layers, cubes, levels
    case 29: case 43: case 62: case 65: return 2048;  // layers
    case 30: return kTextureAlignment;                // of surfaces
    case 51: return kPitchAlignment;
    case 54: case 68: return 2046;                                     // layers of cubes
    case 55: case 56: case 57: case 61: case 63: case 64: case 66: case 67: return 32768;  // of surfaces
    case 69: return static_cast<int>(kMostLinearElements);
    case 72: return 2097120;  // bytes of a pitch
    case 31: return 1;                        // concurrent kernels
    case 33: return device;                   // PCI bus, one for each
    case 36: return kClockKilohertz;          // of the memory
    case 37: return 64;                       // memory bus, bits
    case 38: return 4 * 1024 * 1024;          // L2 cache
    case 39: return is.threads_per_multiprocessor;
    case 40: return 1;                        // copy engines
    case 41: return 1;                        // unified addressing
    case 75: return is.major;
    case 76: return is.minor;
    case 78: return 1;                        // stream priorities
    case 81: return is.shared_per_multiprocessor;
    case 82: return kRegistersPerMultiprocessor;
    case 83: return 1;                        // managed memory
    case 86: return 1;                        // native atomics between host and device
    case 88: return 0;                        // pageable memory is not reachable
    case 89: return 1;                        // host and device may use managed memory at once
    case 91: return 1;                        // registered host memory keeps its address
    case 92: return 1;                        // cuStreamWaitValue
    case 93: return 1;                        // the same, 64 bits
    case 94: return 1;                        // its NOR
    case 95: return 1;                        // cooperative launch
    case 97: return is.shared_per_block_opt_in;
    case 99: return 1;                        // host memory can be registered
    case 101: return 1;                       // the host reads managed memory in place
    case 106: return is.blocks_per_multiprocessor;
    case 111: return is.shared_reserved_per_block;
    case 115: return 1;                       // memory pools
    case 120: return is.major >= 9 ? 1 : 0;   // launches in clusters
    default: return number >= 1 && number <= 150 ? 0 : -1;
  }
}

template <class Body>
CUresult with_device(CUdevice device, const void* output, Body body) {
  return with_driver([&]() -> CUresult {
    if (!is_device(device)) return CUDA_ERROR_INVALID_DEVICE;
    if (output == nullptr) return CUDA_ERROR_INVALID_VALUE;
    return body();
  });
}

std::string bus_id(CUdevice device) {
  char text[24];
  std::snprintf(text, sizeof text, "0000:%02x:00.0", device);
  return text;
}

}  // namespace

TALWEG_EXPORT CUresult cuDriverGetVersion(int* version) {
  if (version == nullptr) return CUDA_ERROR_INVALID_VALUE;
  *version = kDriverVersion;
  return CUDA_SUCCESS;
}

// NVIDIA's libraries find each other through these. There are none; but NVRTC looks for the function in whatever driver
// is loaded, and without it reads through a null pointer.
TALWEG_EXPORT CUresult cuGetExportTable(const void** table, const CUuuid*) {
  if (table != nullptr) *table = nullptr;
  return CUDA_ERROR_NOT_FOUND;
}

TALWEG_EXPORT CUresult cuDeviceGetCount(int* count) {
  return with_device(0, count, [&] { return *count = device_count(), CUDA_SUCCESS; });
}

TALWEG_EXPORT CUresult cuDeviceGet(CUdevice* device, int ordinal) {
  return with_device(ordinal, device, [&] { return *device = ordinal, CUDA_SUCCESS; });
}

TALWEG_EXPORT CUresult cuDeviceGetName(char* name, int length, CUdevice device) {
  return with_device(device, name, [&]() -> CUresult {
    if (length <= 0) return CUDA_ERROR_INVALID_VALUE;
    std::snprintf(name, static_cast<size_t>(length), "%s", kDeviceName);
    return CUDA_SUCCESS;
  });
}

TALWEG_EXPORT CUresult cuDeviceGetUuid(CUuuid* uuid, CUdevice device) {
  return with_device(device, uuid, [&] {
    std::memcpy(uuid->bytes, "talweg-software", sizeof uuid->bytes);
    uuid->bytes[15] = static_cast<char>(device);
    return CUDA_SUCCESS;
  });
}

TALWEG_EXPORT CUresult cuDeviceTotalMem_v2(size_t* bytes, CUdevice device) {
  return with_device(device, bytes, [&] { return *bytes = memory_capacity(), CUDA_SUCCESS; });
}

TALWEG_EXPORT CUresult cuDeviceGetAttribute(int* value, int number, CUdevice device) {
  return with_device(device, value, [&]() -> CUresult {
    const int found = attribute(number, device);
    if (found < 0) return CUDA_ERROR_INVALID_VALUE;
    *value = found;
    return CUDA_SUCCESS;
  });
}

TALWEG_EXPORT CUresult cuDeviceGetProperties(CUdevprop* properties, CUdevice device) {
  return with_device(device, properties, [&] {
    *properties = {kMaxThreadsPerBlock,
                   {kMaxBlockDim[0], kMaxBlockDim[1], kMaxBlockDim[2]},
                   {static_cast<int>(kMaxGridDim[0]), static_cast<int>(kMaxGridDim[1]),
                    static_cast<int>(kMaxGridDim[2])},
                   kSharedPerBlock,
                   kConstantBytes,
                   kWarpSize,
                   kMaxPitch,
                   kRegistersPerMultiprocessor,
                   kClockKilohertz,
                   kTextureAlignment};
    return CUDA_SUCCESS;
  });
}

TALWEG_EXPORT CUresult cuDeviceComputeCapability(int* major, int* minor, CUdevice device) {
  return with_device(device, major, [&]() -> CUresult {
    if (minor == nullptr) return CUDA_ERROR_INVALID_VALUE;
    const Chip is = chip();
    *major = is.major;
    *minor = is.minor;
    return CUDA_SUCCESS;
  });
}

TALWEG_EXPORT CUresult cuDeviceGetPCIBusId(char* id, int length, CUdevice device) {
  return with_device(device, id, [&]() -> CUresult {
    const std::string text = bus_id(device);
    if (length <= static_cast<int>(text.size())) return CUDA_ERROR_INVALID_VALUE;
    std::memcpy(id, text.c_str(), text.size() + 1);
    return CUDA_SUCCESS;
  });
}

TALWEG_EXPORT CUresult cuDeviceGetByPCIBusId(CUdevice* device, const char* id) {
  return with_device(0, device, [&]() -> CUresult {
    if (id == nullptr) return CUDA_ERROR_INVALID_VALUE;
    for (CUdevice candidate = 0; candidate < device_count(); ++candidate) {
      if (bus_id(candidate) == id) {
        *device = candidate;
        return CUDA_SUCCESS;
      }
    }
    return CUDA_ERROR_INVALID_DEVICE;
  });
}
