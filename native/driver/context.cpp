// Initialisation, contexts, and each thread's stack of current ones.
#include <algorithm>

#include "monitor.hpp"
#include "objects.hpp"

namespace talweg::driver {

HandleTable<CUcontext, Context>& contexts = *new HandleTable<CUcontext, Context>;
HandleTable<CUstream, Stream>& streams = *new HandleTable<CUstream, Stream>;
HandleTable<CUevent, Event>& events = *new HandleTable<CUevent, Event>;
HandleTable<CUmodule, Module>& modules = *new HandleTable<CUmodule, Module>;
HandleTable<CUfunction, Function>& functions = *new HandleTable<CUfunction, Function>;
HandleTable<CUgraph, Graph>& graphs = *new HandleTable<CUgraph, Graph>;
HandleTable<CUgraphExec, GraphExec>& graph_execs = *new HandleTable<CUgraphExec, GraphExec>;

namespace {

std::atomic<bool> is_initialized{false};

// The top is the current context. A destroyed one stays for other threads to find it so.
thread_local std::vector<std::shared_ptr<Context>> stack;

// The device's primary context: shared by whoever retains it.
std::mutex primary_mutex;
CUcontext primary = nullptr;
unsigned primary_flags = 0;
int primary_users = 0;

std::shared_ptr<Context> create(unsigned flags) {
  static std::atomic<uint64_t> next_id{1};
  auto context = std::make_shared<Context>(memory_capacity());
  context->flags = flags;
  context->id = next_id++;
  contexts.add(context);
  return context;
}

// All that was made in the context goes with it; its handles stand for nothing from now on.
void destroy(Context& context) {
  std::lock_guard lock(context.mutex);
  context.destroyed = true;
  const auto is_mine = [&](const auto& object) { return object.context == &context; };
  graphs.remove_if(is_mine);
  graph_execs.remove_if(is_mine);
  functions.remove_if(is_mine);
  modules.remove_if(is_mine);
  events.remove_if(is_mine);
  streams.remove_if(is_mine);
  context.captures.clear();
  context.memory.reset();
  contexts.remove(context.handle);
}

}  // namespace

bool initialized() { return is_initialized; }

std::shared_ptr<Context> current_context() { return stack.empty() ? nullptr : stack.back(); }

CUresult Context::lose(CUresult error, const std::string& report) {
  lost = error;
  set_report(report);
  return error;
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
    if (handle == nullptr) return CUDA_ERROR_INVALID_VALUE;
    if (device != 0) return CUDA_ERROR_INVALID_DEVICE;
    stack.push_back(create(flags));
    *handle = stack.back()->handle;
    return CUDA_SUCCESS;
  });
}

TALWEG_EXPORT CUresult cuCtxDestroy_v2(CUcontext handle) {
  return with_driver([&]() -> CUresult {
    const auto context = contexts.find(handle);
    if (context == nullptr) return CUDA_ERROR_INVALID_CONTEXT;
    destroy(*context);
    if (current_context() == context) stack.pop_back();
    return CUDA_SUCCESS;
  });
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
    if (stack.empty()) {
      stack.push_back(context);
    } else {
      stack.back() = context;
    }
    return CUDA_SUCCESS;
  });
}

TALWEG_EXPORT CUresult cuCtxGetCurrent(CUcontext* handle) {
  return with_driver([&]() -> CUresult {
    if (handle == nullptr) return CUDA_ERROR_INVALID_VALUE;
    *handle = stack.empty() ? nullptr : stack.back()->handle;
    return CUDA_SUCCESS;
  });
}

TALWEG_EXPORT CUresult cuCtxGetDevice(CUdevice* device) {
  return with_context([&](Context& context) -> CUresult {
    if (device == nullptr) return CUDA_ERROR_INVALID_VALUE;
    *device = context.device;
    return CUDA_SUCCESS;
  });
}

TALWEG_EXPORT CUresult cuCtxGetFlags(unsigned* flags) {
  return with_context([&](Context& context) -> CUresult {
    if (flags == nullptr) return CUDA_ERROR_INVALID_VALUE;
    *flags = context.flags;
    return CUDA_SUCCESS;
  });
}

TALWEG_EXPORT CUresult cuCtxGetId(CUcontext handle, unsigned long long* id) {
  return with_driver([&]() -> CUresult {
    const auto context = handle == nullptr ? current_context() : contexts.find(handle);
    if (context == nullptr) return CUDA_ERROR_INVALID_CONTEXT;
    if (id == nullptr) return CUDA_ERROR_INVALID_VALUE;
    *id = context->id;
    return CUDA_SUCCESS;
  });
}

TALWEG_EXPORT CUresult cuCtxGetApiVersion(CUcontext handle, unsigned* version) {
  return with_driver([&]() -> CUresult {
    if (handle != nullptr && contexts.find(handle) == nullptr) return CUDA_ERROR_INVALID_CONTEXT;
    if (version == nullptr) return CUDA_ERROR_INVALID_VALUE;
    *version = 3020;  // the API of the _v2 entry points
    return CUDA_SUCCESS;
  });
}

TALWEG_EXPORT CUresult cuCtxGetStreamPriorityRange(int* least, int* greatest) {
  return with_context([&](Context&) {
    if (least != nullptr) *least = 0;
    if (greatest != nullptr) *greatest = 0;
    return CUDA_SUCCESS;
  });
}

TALWEG_EXPORT CUresult cuCtxSynchronize() {
  return with_context([&](Context& context) -> CUresult {
    ++driver_counters().synchronizations;
    for (const auto& capture : context.captures) capture->invalidated = true;
    return context.captures.empty() ? CUDA_SUCCESS : CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
  });
}

TALWEG_EXPORT CUresult cuDevicePrimaryCtxRetain(CUcontext* handle, CUdevice device) {
  return with_driver([&]() -> CUresult {
    if (handle == nullptr) return CUDA_ERROR_INVALID_VALUE;
    if (device != 0) return CUDA_ERROR_INVALID_DEVICE;
    std::lock_guard lock(primary_mutex);
    if (primary_users++ == 0) primary = create(primary_flags)->handle;
    *handle = primary;
    return CUDA_SUCCESS;
  });
}

TALWEG_EXPORT CUresult cuDevicePrimaryCtxRelease_v2(CUdevice device) {
  return with_driver([&]() -> CUresult {
    if (device != 0) return CUDA_ERROR_INVALID_DEVICE;
    std::lock_guard lock(primary_mutex);
    if (primary_users == 0) return CUDA_ERROR_INVALID_CONTEXT;
    if (--primary_users == 0) {
      if (const auto context = contexts.find(primary)) destroy(*context);
      primary = nullptr;
    }
    return CUDA_SUCCESS;
  });
}

TALWEG_EXPORT CUresult cuDevicePrimaryCtxGetState(CUdevice device, unsigned* flags, int* active) {
  return with_driver([&]() -> CUresult {
    if (device != 0) return CUDA_ERROR_INVALID_DEVICE;
    if (flags == nullptr || active == nullptr) return CUDA_ERROR_INVALID_VALUE;
    std::lock_guard lock(primary_mutex);
    *flags = primary_flags;
    *active = primary_users > 0;
    return CUDA_SUCCESS;
  });
}

TALWEG_EXPORT CUresult cuDevicePrimaryCtxSetFlags_v2(CUdevice device, unsigned flags) {
  return with_driver([&]() -> CUresult {
    if (device != 0) return CUDA_ERROR_INVALID_DEVICE;
    std::lock_guard lock(primary_mutex);
    primary_flags = flags;
    return CUDA_SUCCESS;
  });
}
