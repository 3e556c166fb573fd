// The part of the CUDA driver API's types that this device needs; ABI facts, declared here so that the build wants no
// CUDA toolkit. Names and numbers as in the driver API reference.
#pragma once

#include <cstddef>
#include <cstdint>

// Every entry point of the library carries this; all else is hidden.
#define TALWEG_EXPORT extern "C" __attribute__((visibility("default")))

namespace talweg::driver {

enum CUresult : int {
#define TALWEG_RESULT(name, code, text) name = code,
#include "results.def"
#undef TALWEG_RESULT
};

using CUdevice = int;
using CUdeviceptr = uint64_t;

// Handles are numbers that stand for objects in a table; nobody dereferences them.
using CUcontext = struct CUctx_st*;
using CUmodule = struct CUmod_st*;
using CUfunction = struct CUfunc_st*;
using CUstream = struct CUstream_st*;
using CUevent = struct CUevent_st*;
using CUgraph = struct CUgraph_st*;
using CUgraphExec = struct CUgraphExec_st*;
using CUgraphNode = struct CUgraphNode_st*;
using CUlinkState = struct CUlinkState_st*;
using CUmemoryPool = struct CUmemPoolHandle_st*;
using CUarray = struct CUarray_st*;
using CUmipmappedArray = struct CUmipmappedArray_st*;
using CUtexObject = unsigned long long;
using CUsurfObject = unsigned long long;

using CUhostFn = void (*)(void* data);
using CUstreamCallback = void (*)(CUstream stream, CUresult status, void* data);

struct CUuuid {
  char bytes[16];
};

struct CUdevprop {
  int max_threads_per_block;
  int max_threads_dim[3];
  int max_grid_size[3];
  int shared_per_block;
  int constant_bytes;
  int warp_size;
  int max_pitch;
  int registers_per_block;
  int clock_kilohertz;
  int texture_alignment;
};

// One end of a two- or three-dimensional copy, and the copies.
struct CUcopyEnd2D {
  size_t x_bytes, y;
  unsigned memory_type;
  void* host;
  CUdeviceptr device;
  CUarray array;
  size_t pitch;
};
struct CUDA_MEMCPY2D {
  CUcopyEnd2D from, to;
  size_t width_bytes, height;
};
struct CUcopyEnd3D {
  size_t x_bytes, y, z, level;
  unsigned memory_type;
  void* host;
  CUdeviceptr device;
  CUarray array;
  CUcontext context;  // of copies between contexts; else reserved
  size_t pitch, height;
};
struct CUDA_MEMCPY3D {
  CUcopyEnd3D from, to;
  size_t width_bytes, height, depth;
};

struct CUDA_ARRAY_DESCRIPTOR {
  size_t width, height;
  int format;
  unsigned channels;
};
struct CUDA_ARRAY3D_DESCRIPTOR {
  size_t width, height, depth;
  int format;
  unsigned channels;
  unsigned flags;
};
enum ArrayFlag : unsigned { kArrayLayered = 1, kArraySurface = 2, kArrayCubemap = 4, kArrayTextureGather = 8 };
enum ArrayFormat : int {
  kFormatU8 = 1, kFormatU16 = 2, kFormatU32 = 3, kFormatS8 = 8, kFormatS16 = 9, kFormatS32 = 10, kFormatHalf = 16, kFormatFloat = 32,
};

struct CUDA_RESOURCE_DESC {
  int type;
  union {
    CUarray array;
    CUmipmappedArray mipmapped;
    struct {
      CUdeviceptr device;
      int format;
      unsigned channels;
      size_t bytes;
    } linear;
    struct {
      CUdeviceptr device;
      int format;
      unsigned channels;
      size_t width, height, pitch;
    } pitched;
    int reserved[32];
  } of;
  unsigned flags;
};
enum ResourceType : int { kResourceArray = 0, kResourceMipmapped = 1, kResourceLinear = 2, kResourcePitched = 3 };

struct CUDA_TEXTURE_DESC {
  int address[3];
  int filter;
  unsigned flags;
  unsigned anisotropy;
  int level_filter;
  float level_bias, least_level, greatest_level;
  float border[4];
  int reserved[12];
};
enum TextureFlag : unsigned {
  kReadAsInteger = 1, kNormalizedCoordinates = 2, kSrgb = 0x10, kNoTrilinearOptimization = 0x20, kSeamlessCubemap = 0x40,
};

struct CUDA_RESOURCE_VIEW_DESC {
  int format;
  size_t width, height, depth;
  unsigned first_level, last_level, first_layer, last_layer;
  unsigned reserved[16];
};

struct CUDA_MEMSET_NODE_PARAMS {
  CUdeviceptr to;
  size_t pitch;
  unsigned value;
  unsigned element_bytes;
  size_t width, height;
};
struct CUDA_KERNEL_NODE_PARAMS {
  CUfunction function;
  unsigned grid[3];
  unsigned block[3];
  unsigned shared_bytes;
  void** values;
  void** extra;
  void* kernel;  // of libraries, which this device does not have
  CUcontext context;
};
struct CUDA_HOST_NODE_PARAMS {
  CUhostFn function;
  void* data;
};

struct CUmemPoolProps {
  int allocation_type;
  int handle_types;
  int location_type;
  int location_id;
  void* security_attributes;
  size_t max_bytes;
  unsigned char reserved[56];
};

// The two streams that need no creation.
inline const CUstream kStreamLegacy = reinterpret_cast<CUstream>(1);
inline const CUstream kStreamPerThread = reinterpret_cast<CUstream>(2);

enum StreamFlag : unsigned { kStreamNonBlocking = 1 };
enum EventFlag : unsigned { kEventBlockingSync = 1, kEventDisableTiming = 2, kEventInterprocess = 4 };
enum CaptureMode : int { kCaptureGlobal = 0, kCaptureThreadLocal = 1, kCaptureRelaxed = 2 };
enum CaptureStatus : int { kCaptureNone = 0, kCaptureActive = 1, kCaptureInvalidated = 2 };

enum GraphNodeType : int {
  kNodeKernel = 0,
  kNodeMemcpy = 1,
  kNodeMemset = 2,
  kNodeHost = 3,
  kNodeGraph = 4,
  kNodeEmpty = 5,
  kNodeWaitEvent = 6,
  kNodeEventRecord = 7,
  kNodeMemAlloc = 10,
  kNodeMemFree = 11,
  kNodeBatchMemOp = 12,  // waits for words, and writes of words
};

// What streams, launches and kernel nodes can be told besides; of these no result depends on but the cooperative launch
// and the size of clusters.
enum Attribute : int {
  kAttributeIgnore = 0,
  kAttributeAccessPolicyWindow = 1,
  kAttributeCooperative = 2,
  kAttributeSynchronizationPolicy = 3,
  kAttributeClusterDimension = 4,
  kAttributeClusterPolicy = 5,
  kAttributeStreamSerialization = 6,
  kAttributePriority = 8,
  kAttributeMemSyncDomainMap = 9,
  kAttributeMemSyncDomain = 10,
  kAttributeSharedCarveout = 14,
};
struct AttributeValue {
  alignas(8) unsigned char bytes[64];
};
struct CUlaunchAttribute {
  int id;
  AttributeValue value;
};
struct CUlaunchConfig {
  unsigned grid[3];
  unsigned block[3];
  unsigned shared_bytes;
  CUstream stream;
  const CUlaunchAttribute* attributes;
  unsigned attribute_count;
};

enum WaitValue : unsigned { kWaitGreaterEqual = 0, kWaitEqual = 1, kWaitAnd = 2, kWaitNor = 3, kWaitFlush = 1u << 30 };

enum JitOption : int {
  kJitWallTime = 2,
  kJitInfoLogBuffer = 3,
  kJitInfoLogBufferSizeBytes = 4,
  kJitErrorLogBuffer = 5,
  kJitErrorLogBufferSizeBytes = 6,
};
enum JitInput : int { kJitInputCubin = 0, kJitInputPtx = 1 };

enum FunctionAttribute : int {
  kFunctionMaxThreads = 0,
  kFunctionSharedBytes = 1,
  kFunctionConstBytes = 2,
  kFunctionLocalBytes = 3,
  kFunctionRegisters = 4,
  kFunctionPtxVersion = 5,
  kFunctionBinaryVersion = 6,
  kFunctionMaxDynamicShared = 8,
  kFunctionSharedCarveout = 9,
  kFunctionClusterMustBeSet = 10,
  kFunctionClusterWidth = 11,
  kFunctionClusterHeight = 12,
  kFunctionClusterDepth = 13,
  kFunctionClusterNonPortable = 14,
  kFunctionClusterPolicy = 15,
};

enum PointerAttribute : int {
  kPointerContext = 1,
  kPointerMemoryType = 2,
  kPointerDevicePointer = 3,
  kPointerHostPointer = 4,
  kPointerBufferId = 7,
  kPointerIsManaged = 8,
  kPointerDeviceOrdinal = 9,
  kPointerRangeStart = 11,
  kPointerRangeSize = 12,
  kPointerMapped = 13,
  kPointerLast = 20,
};
enum MemoryType : unsigned { kMemoryHost = 1, kMemoryDevice = 2, kMemoryArray = 3, kMemoryUnified = 4 };

}  // namespace talweg::driver
