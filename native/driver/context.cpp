// Initialisation, contexts, and each thread's stack of current ones.
#include <algorithm>

#include "../check/switches.hpp"
#include "calls.hpp"
#include "device.hpp"

namespace talweg::driver {

HandleTable<CUcontext, Context>& contexts = *new HandleTable<CUcontext, Context>;
HandleTable<CUstream, Stream>& streams = *new HandleTable<CUstream, Stream>;
HandleTable<CUevent, Event>& events = *new HandleTable<CUevent, Event>;
HandleTable<CUmodule, Module>& modules = *new HandleTable<CUmodule, Module>;
HandleTable<CUfunction, Function>& functions = *new HandleTable<CUfunction, Function>;
HandleTable<CUgraph, Graph>& graphs = *new HandleTable<CUgraph, Graph>;
HandleTable<CUgraphNode, Node>& graph_nodes = *new HandleTable<CUgraphNode, Node>;
HandleTable<CUgraphExec, GraphExec>& graph_execs = *new HandleTable<CUgraphExec, GraphExec>;
HandleTable<CUmemoryPool, MemoryPool>& memory_pools = *new HandleTable<CUmemoryPool, MemoryPool>;
HandleTable<CUarray, Array>& arrays = *new HandleTable<CUarray, Array>;
HandleTable<CUmipmappedArray, MipmappedArray>& mipmapped_arrays = *new HandleTable<CUmipmappedArray, MipmappedArray>;
HandleTable<CUtexObject, TextureObject>& texture_objects = *new HandleTable<CUtexObject, TextureObject>;
HandleTable<CUsurfObject, SurfaceObject>& surface_objects = *new HandleTable<CUsurfObject, SurfaceObject>;

namespace {

std::atomic<bool> is_initialized{false};
std::atomic<bool> device_is_lost[kMaxDevices];

// The top is the current context. A destroyed one stays for other threads to find it so.
thread_local std::vector<std::shared_ptr<Context>> stack;

// The devices' primary contexts: each is shared by whoever retains it.
struct Primary {
  CUcontext handle = nullptr;
  unsigned flags = 0;
  int users = 0;
};
std::mutex primary_mutex;
Primary primaries[kMaxDevices];

// Held while contexts appear and vanish, so that each is linked with all others.
std::mutex lifetime_mutex;

constexpr unsigned kAllFlags = 0xff;

CUresult create(unsigned flags, CUdevice device, std::shared_ptr<Context>& context) {
  if (device_is_lost[device]) return CUDA_ERROR_UNKNOWN;
  static std::atomic<uint64_t> next_id{1};
  context = std::make_shared<Context>(memory_capacity());
  context->device = device;
  context->flags = flags;
  context->id = next_id++;
  std::lock_guard lifetime(lifetime_mutex);
  // Page-locked host memory is there for every context.
  for (const auto& other : contexts.all()) DeviceMemory::link(context->memory, other->memory);
  contexts.add(context);
  return CUDA_SUCCESS;
}

// All that was made in the context goes with it; its handles stand for nothing from now on.
void destroy(const std::shared_ptr<Context>& context) {
  std::lock_guard lock(context->mutex);
  std::lock_guard lifetime(lifetime_mutex);
  if (context->destroyed) return;
  context->destroyed = true;
  contexts.remove(context->handle);
  drop_queues(*context);
  const auto is_mine = [&](const auto& object) { return object.context == context.get(); };
  graph_execs.remove_if(is_mine);
  graph_nodes.remove_if(is_mine);
  graphs.remove_if(is_mine);
  functions.remove_if(is_mine);
  modules.remove_if(is_mine);
  events.remove_if(is_mine);
  streams.remove_if(is_mine);
  memory_pools.remove_if(is_mine);
  arrays.remove_if(is_mine);
  mipmapped_arrays.remove_if(is_mine);
  texture_objects.remove_if(is_mine);
  surface_objects.remove_if(is_mine);
  drop_links(*context);
  context->captures.clear();
  for (const auto& other : contexts.all()) DeviceMemory::unlink(context->memory, other->memory);
  if (check::on(check::kLeaks)) note_leaks(context->memory->leaks());
  context->memory->release_all();
  context->progress.notify_all();
  const auto left = contexts.all();
  const bool last = std::none_of(left.begin(), left.end(),
                                 [&](const auto& other) { return other->device == context->device; });
  if (last) device_is_lost[context->device] = false;
}

void make_current(const std::shared_ptr<Context>& context) {
  if (stack.empty()) {
    stack.push_back(context);
  } else {
    stack.back() = context;
  }
}

}  // namespace

thread_local bool in_host_function = false;
thread_local CaptureMode thread_capture_mode = kCaptureGlobal;

bool initialized() { return is_initialized; }

std::shared_ptr<Context> current_context() { return stack.empty() ? nullptr : stack.back(); }

CUresult Context::lose(CUresult error, const std::string& report) {
  lost = error;
  set_report(report);
  return error;
}

void lose_device(CUdevice device) {
  device_is_lost[device] = true;
  for (const auto& context : contexts.all()) {
    if (context->device == device) context->lost = CUDA_ERROR_UNKNOWN;
  }
  set_report("device " + std::to_string(device) + " was lost, as ordered");
}

std::shared_ptr<DeviceMemory> memory_that_holds(const Context& first, uint64_t address, uint64_t bytes) {
  if (first.memory->holds(address, bytes)) return first.memory;
  for (const auto& context : contexts.all()) {
    if (context->memory->holds(address, bytes)) return context->memory;
  }
  return nullptr;
}

std::shared_ptr<Context> context_that_holds(uint64_t address) {
  for (const auto& context : contexts.all()) {
    if (context->memory->owns(address)) return context;
  }
  return nullptr;
}

}  // namespace talweg::driver

using namespace talweg::driver;

TALWEG_EXPORT CUresult cuInit(unsigned flags) {
  if (flags != 0) return CUDA_ERROR_INVALID_VALUE;
  is_initialized = true;
  return CUDA_SUCCESS;
}

TALWEG_EXPORT CUresult cuCtxCreate_v2(CUcontext* handle, unsigned flags, CUdevice device) {
  return with_driver([&]() -> CUresult {
    if (handle == nullptr || flags > kAllFlags) return CUDA_ERROR_INVALID_VALUE;
    if (!is_device(device)) return CUDA_ERROR_INVALID_DEVICE;
    std::shared_ptr<Context> context;
    const CUresult result = create(flags, device, context);
    if (result != CUDA_SUCCESS) return result;
    stack.push_back(context);
    *handle = context->handle;
    return CUDA_SUCCESS;
  });
}

TALWEG_EXPORT CUresult cuCtxDestroy_v2(CUcontext handle) {
  return with_driver([&]() -> CUresult {
    const auto context = contexts.find(handle);
    if (context == nullptr) return CUDA_ERROR_INVALID_CONTEXT;
    destroy(context);
    if (current_context() == context) stack.pop_back();
    return CUDA_SUCCESS;
  });
}

// Counted uses, as before CUDA 4.0.
TALWEG_EXPORT CUresult cuCtxAttach(CUcontext* handle, unsigned flags) {
  return with_context([&](Context& context) -> CUresult {
    if (handle == nullptr || flags != 0) return CUDA_ERROR_INVALID_VALUE;
    ++context.attached;
    *handle = context.handle;
    return CUDA_SUCCESS;
  });
}

TALWEG_EXPORT CUresult cuCtxDetach(CUcontext handle) {
  bool unused = false;
  const CUresult result = with_context([&](Context& context) -> CUresult {
    if (context.handle != handle) return CUDA_ERROR_INVALID_CONTEXT;
    unused = --context.attached == 0;
    return CUDA_SUCCESS;
  });
  return unused ? cuCtxDestroy_v2(handle) : result;
}

TALWEG_EXPORT CUresult cuCtxPushCurrent_v2(CUcontext handle) {
  return with_driver([&]() -> CUresult {
    const auto context = contexts.find(handle);
    if (context == nullptr) return CUDA_ERROR_INVALID_CONTEXT;
    stack.push_back(context);
    return CUDA_SUCCESS;
  });
}

TALWEG_EXPORT CUresult cuCtxPopCurrent_v2(CUcontext* handle) {
  return with_driver([&]() -> CUresult {
    if (stack.empty()) return CUDA_ERROR_INVALID_CONTEXT;
    if (handle != nullptr) *handle = stack.back()->handle;
    stack.pop_back();
    return CUDA_SUCCESS;
  });
}

TALWEG_EXPORT CUresult cuCtxSetCurrent(CUcontext handle) {
  return with_driver([&]() -> CUresult {
    if (handle == nullptr) {
      if (!stack.empty()) stack.pop_back();
      return CUDA_SUCCESS;
    }
    const auto context = contexts.find(handle);
    if (context == nullptr) return CUDA_ERROR_INVALID_CONTEXT;
    make_current(context);
    return CUDA_SUCCESS;
  });
}

TALWEG_EXPORT CUresult cuCtxGetCurrent(CUcontext* handle) {
  return with_driver([&] { return store<CUcontext>(handle, stack.empty() ? nullptr : stack.back()->handle); });
}

TALWEG_EXPORT CUresult cuCtxGetDevice(CUdevice* device) {
  return with_context([&](Context& context) { return store(device, context.device); });
}

TALWEG_EXPORT CUresult cuCtxGetFlags(unsigned* flags) {
  return with_context([&](Context& context) { return store(flags, context.flags); });
}

TALWEG_EXPORT CUresult cuCtxGetId(CUcontext handle, unsigned long long* id) {
  return with_driver([&]() -> CUresult {
    const auto context = handle == nullptr ? current_context() : contexts.find(handle);
    if (context == nullptr) return CUDA_ERROR_INVALID_CONTEXT;
    return store<unsigned long long>(id, context->id);
  });
}

TALWEG_EXPORT CUresult cuCtxGetApiVersion(CUcontext handle, unsigned* version) {
  return with_driver([&]() -> CUresult {
    if (handle != nullptr && contexts.find(handle) == nullptr) return CUDA_ERROR_INVALID_CONTEXT;
    return store(version, 3020u);  // the API of the _v2 entry points
  });
}

TALWEG_EXPORT CUresult cuCtxSynchronize() {
  return with_context([&](Context& context) -> CUresult {
    ++driver_counters().synchronizations;
    for (const auto& capture : context.captures) capture->invalidated = true;
    return context.captures.empty() ? wait_for_all(context) : CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
  });
}

TALWEG_EXPORT CUresult cuDevicePrimaryCtxRetain(CUcontext* handle, CUdevice device) {
  return with_driver([&]() -> CUresult {
    if (handle == nullptr) return CUDA_ERROR_INVALID_VALUE;
    if (!is_device(device)) return CUDA_ERROR_INVALID_DEVICE;
    std::lock_guard lock(primary_mutex);
    Primary& primary = primaries[device];
    if (primary.users == 0) {
      std::shared_ptr<Context> context;
      const CUresult result = create(primary.flags, device, context);
      if (result != CUDA_SUCCESS) return result;
      primary.handle = context->handle;
    }
    ++primary.users;
    *handle = primary.handle;
    return CUDA_SUCCESS;
  });
}

TALWEG_EXPORT CUresult cuDevicePrimaryCtxRelease_v2(CUdevice device) {
  return with_driver([&]() -> CUresult {
    if (!is_device(device)) return CUDA_ERROR_INVALID_DEVICE;
    std::lock_guard lock(primary_mutex);
    Primary& primary = primaries[device];
    if (primary.users == 0) return CUDA_ERROR_INVALID_CONTEXT;
    if (--primary.users == 0) {
      if (const auto context = contexts.find(primary.handle)) destroy(context);
    }
    return CUDA_SUCCESS;
  });
}

// Whoever still holds it finds the context gone.
TALWEG_EXPORT CUresult cuDevicePrimaryCtxReset_v2(CUdevice device) {
  return with_driver([&]() -> CUresult {
    if (!is_device(device)) return CUDA_ERROR_INVALID_DEVICE;
    std::lock_guard lock(primary_mutex);
    Primary& primary = primaries[device];
    if (const auto context = contexts.find(primary.handle)) destroy(context);
    primary.users = 0;
    return CUDA_SUCCESS;
  });
}

TALWEG_EXPORT CUresult cuDevicePrimaryCtxGetState(CUdevice device, unsigned* flags, int* active) {
  return with_driver([&]() -> CUresult {
    if (!is_device(device)) return CUDA_ERROR_INVALID_DEVICE;
    if (flags == nullptr || active == nullptr) return CUDA_ERROR_INVALID_VALUE;
    std::lock_guard lock(primary_mutex);
    *flags = primaries[device].flags;
    *active = primaries[device].users > 0;
    return CUDA_SUCCESS;
  });
}

TALWEG_EXPORT CUresult cuDevicePrimaryCtxSetFlags_v2(CUdevice device, unsigned flags) {
  return with_driver([&]() -> CUresult {
    if (!is_device(device)) return CUDA_ERROR_INVALID_DEVICE;
    if (flags > kAllFlags) return CUDA_ERROR_INVALID_VALUE;
    std::lock_guard lock(primary_mutex);
    primaries[device].flags = flags;
    return CUDA_SUCCESS;
  });
}
