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

struct CUuuid {
  char bytes[16];
};

// The two streams that need no creation.
inline const CUstream kStreamLegacy = reinterpret_cast<CUstream>(1);
inline const CUstream kStreamPerThread = reinterpret_cast<CUstream>(2);

enum StreamFlag : unsigned { kStreamNonBlocking = 1 };
enum EventFlag : unsigned { kEventBlockingSync = 1, kEventDisableTiming = 2, kEventInterprocess = 4 };
enum CaptureMode : int { kCaptureGlobal = 0, kCaptureThreadLocal = 1, kCaptureRelaxed = 2 };
enum CaptureStatus : int { kCaptureNone = 0, kCaptureActive = 1, kCaptureInvalidated = 2 };

enum JitOption : int {
  kJitErrorLogBuffer = 5,
  kJitErrorLogBufferSizeBytes = 6,
};

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
};
enum MemoryType : unsigned { kMemoryHost = 1, kMemoryDevice = 2 };

}  // namespace talweg::driver
