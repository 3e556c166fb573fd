// Streams. Work runs when it is submitted, so a stream outside a capture is always idle.
#include "monitor.hpp"
#include "objects.hpp"

namespace talweg::driver {

CUresult check_implicit(Context& context, const Stream& stream) {
  if (&stream != &context.legacy) return CUDA_SUCCESS;
  for (const auto& capture : context.captures) {
    for (const Stream* member : capture->members) {
      if ((member->flags & kStreamNonBlocking) == 0) {
        capture->invalidated = true;
        return CUDA_ERROR_STREAM_CAPTURE_IMPLICIT;
      }
    }
  }
  return CUDA_SUCCESS;
}

CUresult submit(Context& context, Stream& stream, OperationPtr operation) {
  const CUresult implicit = check_implicit(context, stream);
  if (implicit != CUDA_SUCCESS) return implicit;
  if (stream.capture == nullptr) return operation->run(context);
  if (stream.capture->invalidated) return CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
  auto node = std::make_unique<Node>();
  node->operation = std::move(operation);
  node->dependencies = std::move(stream.tail);
  stream.tail = {node.get()};
  stream.capture->graph->nodes.push_back(std::move(node));
  return CUDA_SUCCESS;
}

}  // namespace talweg::driver

using namespace talweg::driver;

namespace {

CUresult create(CUstream* handle, unsigned flags, int priority) {
  return with_context([&](Context& context) -> CUresult {
    if (handle == nullptr || flags > kStreamNonBlocking) return CUDA_ERROR_INVALID_VALUE;
    static std::atomic<uint64_t> next_id{1};
    auto stream = std::make_shared<Stream>();
    stream->context = &context;
    stream->flags = flags;
    stream->priority = priority;
    stream->id = next_id++;
    *handle = streams.add(std::move(stream));
    return CUDA_SUCCESS;
  });
}

template <class Body>
CUresult with_stream(CUstream handle, Body body) {
  return with_context([&](Context& context) -> CUresult {
    const auto stream = find_stream(context, handle);
    return stream == nullptr ? CUDA_ERROR_INVALID_HANDLE : body(context, *stream);
  });
}

// What is only being recorded never happens, so nobody can wait for it; trying spoils the capture.
CUresult check_waitable(Context& context, Stream& stream) {
  if (stream.capture != nullptr) {
    stream.capture->invalidated = true;
    return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
  }
  return check_implicit(context, stream);
}

template <class T>
CUresult store(T* output, T value) {
  if (output == nullptr) return CUDA_ERROR_INVALID_VALUE;
  *output = value;
  return CUDA_SUCCESS;
}

}  // namespace

TALWEG_EXPORT CUresult cuStreamCreate(CUstream* handle, unsigned flags) { return create(handle, flags, 0); }

// There is one priority, so any is rounded to it.
TALWEG_EXPORT CUresult cuStreamCreateWithPriority(CUstream* handle, unsigned flags, int) {
  return create(handle, flags, 0);
}

TALWEG_EXPORT CUresult cuStreamDestroy_v2(CUstream handle) {
  return with_context([&](Context& context) -> CUresult {
    const auto stream = find_in(context, streams, handle);
    if (stream == nullptr) return CUDA_ERROR_INVALID_HANDLE;
    leave_capture(context, *stream);
    streams.remove(handle);
    return CUDA_SUCCESS;
  });
}

TALWEG_EXPORT CUresult cuStreamSynchronize(CUstream handle) {
  return with_stream(handle, [&](Context& context, Stream& stream) {
    ++driver_counters().synchronizations;
    return check_waitable(context, stream);
  });
}

TALWEG_EXPORT CUresult cuStreamQuery(CUstream handle) { return with_stream(handle, check_waitable); }

TALWEG_EXPORT CUresult cuStreamGetFlags(CUstream handle, unsigned* flags) {
  return with_stream(handle, [&](Context&, Stream& stream) { return store(flags, stream.flags); });
}

TALWEG_EXPORT CUresult cuStreamGetPriority(CUstream handle, int* priority) {
  return with_stream(handle, [&](Context&, Stream& stream) { return store(priority, stream.priority); });
}

TALWEG_EXPORT CUresult cuStreamGetId(CUstream handle, uint64_t* id) {
  return with_stream(handle, [&](Context&, Stream& stream) { return store(id, stream.id); });
}

TALWEG_EXPORT CUresult cuStreamGetCtx(CUstream handle, CUcontext* owner) {
  return with_stream(handle, [&](Context& context, Stream&) { return store(owner, context.handle); });
}

TALWEG_EXPORT CUresult cuStreamIsCapturing(CUstream handle, int* status) {
  return with_stream(handle, [&](Context&, Stream& stream) {
    return store<int>(status, stream.capture == nullptr       ? kCaptureNone
                              : stream.capture->invalidated ? kCaptureInvalidated
                                                            : kCaptureActive);
  });
}
