// How every entry point begins: what must be true before it may act, and what becomes of its exceptions.
#pragma once

#include <new>

#include "monitor.hpp"
#include "objects.hpp"

namespace talweg::driver {

bool initialized();
// The calling thread's, or null.
std::shared_ptr<Context> current_context();

// True in a thread while it runs a function that was queued with cuLaunchHostFunc: it must not call CUDA.
extern thread_local bool in_host_function;

// The thread's own answer to which captures forbid calls that might wait; cuThreadExchangeStreamCaptureMode.
extern thread_local CaptureMode thread_capture_mode;

// All contexts of the device fail every call from now on.
void lose_device(CUdevice device);

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
  if (in_host_function) return CUDA_ERROR_NOT_PERMITTED;
  return initialized() ? guarded(body) : CUDA_ERROR_NOT_INITIALIZED;
}

// Runs the body with the context locked, unless a kernel has died in it.
template <class Body>
CUresult in_context(const std::shared_ptr<Context>& context, Body body) {
  if (context == nullptr) return CUDA_ERROR_INVALID_CONTEXT;
  std::lock_guard lock(context->mutex);
  if (context->destroyed) return CUDA_ERROR_CONTEXT_IS_DESTROYED;
  if (fault_due(Fault::kDevice)) lose_device(context->device);
  if (context->lost != CUDA_SUCCESS) return context->lost;
  return body(*context);
}

template <class Body>
CUresult with_context(Body body) {
  return with_driver([&] { return in_context(current_context(), body); });
}

// Whether a call that might wait for recorded work is forbidden now; if so the captures in its way are spoilt.
bool capture_forbids(Context& context);

// As with_context, for calls that CUDA forbids while a stream is captured in a mode that concerns this thread.
template <class Body>
CUresult with_context_uncaptured(Body body) {
  return with_context([&](Context& context) -> CUresult {
    return capture_forbids(context) ? CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED : body(context);
  });
}

// Finds the object in the current context; Table is one of objects.hpp.
template <class Table, class Handle, class Body>
CUresult with_object(const Table& table, Handle handle, Body body) {
  return with_context([&](Context& context) -> CUresult {
    const auto object = find_in(context, table, handle);
    return object == nullptr ? CUDA_ERROR_INVALID_HANDLE : body(context, *object);
  });
}

template <class Body>
CUresult with_stream(CUstream handle, Body body) {
  return with_context([&](Context& context) -> CUresult {
    const auto stream = find_stream(context, handle);
    return stream == nullptr ? CUDA_ERROR_INVALID_HANDLE : body(context, stream);
  });
}

template <class T>
CUresult store(T* output, T value) {
  if (output == nullptr) return CUDA_ERROR_INVALID_VALUE;
  *output = value;
  return CUDA_SUCCESS;
}

// Enters the operation into the stream, or records it if the stream is being captured. What nothing holds up has run
// when this returns, and its error is the result, as on a GPU with CUDA_LAUNCH_BLOCKING=1.
CUresult submit(Context& context, const std::shared_ptr<Stream>& stream, const OperationPtr& operation);

// Waits until the stream has done all that was entered. The context is unlocked meanwhile.
CUresult wait_for(Context& context, const std::shared_ptr<Stream>& stream);
CUresult wait_for_all(Context& context);
template <class Condition>
CUresult wait_until(Context& context, Condition done);

// True while the stream has work to do.
bool is_busy(const Context& context, const Stream& stream);

// Drops what is queued, for the context is lost or destroyed.
void drop_queues(Context& context);

// The legacy stream waits for every blocking stream, so it cannot be used while one of them is being captured.
CUresult check_implicit(Context& context, const Stream& stream);

// Takes the stream out of its capture; without the stream where it began, a capture is over.
void leave_capture(Context& context, Stream& stream);

// Link states end with their context.
void drop_links(const Context& context);

template <class Condition>
CUresult wait_until(Context& context, Condition done) {
  while (!done()) {
    context.progress.wait_for(context.mutex, std::chrono::milliseconds(1));
    if (context.destroyed) return CUDA_ERROR_CONTEXT_IS_DESTROYED;
    if (context.lost != CUDA_SUCCESS) return context.lost;
  }
  return CUDA_SUCCESS;
}

}  // namespace talweg::driver
