// The things that the API's handles stand for, and what every entry point needs to reach them.
#pragma once

#include <atomic>
#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "../memory/device_memory.hpp"
#include "../ptx/module.hpp"
#include "cuda_types.hpp"
#include "handles.hpp"

namespace talweg::driver {

struct Context;

// One piece of work of a stream: it either runs at once or becomes a node of the graph being captured.
class Operation {
 public:
  virtual ~Operation() = default;
  virtual CUresult run(Context& context) const = 0;
};
using OperationPtr = std::shared_ptr<const Operation>;

struct Node {
  OperationPtr operation;
  std::vector<const Node*> dependencies;
};

// Nodes stand in the order of capture, which respects their dependencies.
struct Graph {
  CUgraph handle = nullptr;
  Context* context = nullptr;
  std::vector<std::unique_ptr<const Node>> nodes;
};

struct GraphExec {
  CUgraphExec handle = nullptr;
  Context* context = nullptr;
  std::vector<OperationPtr> operations;
};

struct Stream;

// A capture in progress: the graph so far, and the streams that take part.
struct Capture {
  std::shared_ptr<Graph> graph = std::make_shared<Graph>();
  CaptureMode mode = kCaptureGlobal;
  std::thread::id thread;
  std::vector<Stream*> members;  // the first is where the capture began and must end
  bool invalidated = false;
  bool ended = false;
};

struct Stream {
  CUstream handle = nullptr;
  Context* context = nullptr;
  unsigned flags = 0;
  int priority = 0;
  uint64_t id = 0;
  std::shared_ptr<Capture> capture;
  std::vector<const Node*> tail;  // what the next captured node depends on
};

struct Event {
  CUevent handle = nullptr;
  Context* context = nullptr;
  unsigned flags = 0;
  bool recorded = false;
  std::chrono::steady_clock::time_point time;
  // Set while the last record was in a capture.
  std::shared_ptr<Capture> capture;
  std::vector<const Node*> captured_tail;
};

struct Module {
  CUmodule handle = nullptr;
  Context* context = nullptr;
  std::unique_ptr<ptx::Module> code;
  std::map<std::string, CUfunction, std::less<>> functions;
};

struct Function {
  CUfunction handle = nullptr;
  Context* context = nullptr;
  std::shared_ptr<Module> module;
  const ptx::Kernel* kernel = nullptr;
  int max_dynamic_shared = 0;
  int shared_carveout = -1;
};

struct Context {
  CUcontext handle = nullptr;
  CUdevice device = 0;
  unsigned flags = 0;
  uint64_t id = 0;
  bool destroyed = false;
  std::recursive_mutex mutex;  // one call at a time in a context
  std::unique_ptr<DeviceMemory> memory;
  // The first error that a kernel died of; every later call but destroying the context returns it.
  std::atomic<CUresult> lost{CUDA_SUCCESS};
  Stream legacy;
  std::vector<std::shared_ptr<Capture>> captures;

  explicit Context(uint64_t capacity) : memory(std::make_unique<DeviceMemory>(capacity)) { legacy.context = this; }

  // Notes the error, keeps the report for Java, and returns the error.
  CUresult lose(CUresult error, const std::string& report);
};

// Never destroyed, for daemon threads may still call while the process ends.
extern HandleTable<CUcontext, Context>& contexts;
extern HandleTable<CUstream, Stream>& streams;
extern HandleTable<CUevent, Event>& events;
extern HandleTable<CUmodule, Module>& modules;
extern HandleTable<CUfunction, Function>& functions;
extern HandleTable<CUgraph, Graph>& graphs;
extern HandleTable<CUgraphExec, GraphExec>& graph_execs;

bool initialized();
// The calling thread's, or null.
std::shared_ptr<Context> current_context();

// Null unless the handle stands for an object of this context.
template <class Table, class Handle>
auto find_in(const Context& context, const Table& table, Handle handle) {
  auto object = table.find(handle);
  return object != nullptr && object->context == &context ? object : nullptr;
}

// As above; the null handle is the legacy stream, and so, in this version, is the per-thread one.
inline std::shared_ptr<Stream> find_stream(Context& context, CUstream handle) {
  if (handle == nullptr || handle == kStreamLegacy || handle == kStreamPerThread) {
    return {std::shared_ptr<Stream>{}, &context.legacy};
  }
  return find_in(context, streams, handle);
}

// No exception leaves the library.
template <class Body>
CUresult guarded(Body body) {
  try {
    return body();
  } catch (const std::bad_alloc&) {
    return CUDA_ERROR_OUT_OF_MEMORY;
  } catch (...) {
    return CUDA_ERROR_UNKNOWN;
  }
}

template <class Body>
CUresult with_driver(Body body) {
  return initialized() ? guarded(body) : CUDA_ERROR_NOT_INITIALIZED;
}

// Runs the body with the current context locked, unless there is none or a kernel has died in it.
template <class Body>
CUresult with_context(Body body) {
  return with_driver([&]() -> CUresult {
    const std::shared_ptr<Context> context = current_context();
    if (context == nullptr) return CUDA_ERROR_INVALID_CONTEXT;
    std::lock_guard lock(context->mutex);
    if (context->destroyed) return CUDA_ERROR_CONTEXT_IS_DESTROYED;
    if (context->lost != CUDA_SUCCESS) return context->lost;
    return body(*context);
  });
}

// As with_context, for calls that CUDA forbids while a stream is captured in a mode that concerns this thread: they
// might wait for work that is only being recorded.
template <class Body>
CUresult with_context_uncaptured(Body body) {
  return with_context([&](Context& context) -> CUresult {
    for (const auto& capture : context.captures) {
      if (capture->mode == kCaptureGlobal ||
          (capture->mode == kCaptureThreadLocal && capture->thread == std::this_thread::get_id())) {
        capture->invalidated = true;
        return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
      }
    }
    return body(context);
  });
}

// Runs the operation, or records it if the stream is being captured. What runs has run when this returns, and its
// error is the result, as on a GPU with CUDA_LAUNCH_BLOCKING=1.
CUresult submit(Context& context, Stream& stream, OperationPtr operation);

// The legacy stream waits for every blocking stream, so it cannot be used while one of them is being captured.
CUresult check_implicit(Context& context, const Stream& stream);

// Takes the stream out of its capture; without the stream where it began, a capture is over.
void leave_capture(Context& context, Stream& stream);

}  // namespace talweg::driver
