// Streams. Work runs when it is entered unless something holds it up; see worker.cpp.
#include <algorithm>

#include "calls.hpp"

using namespace talweg::driver;

namespace {

constexpr int kLeastPriority = 0, kGreatestPriority = -5;

std::shared_ptr<Stream> make(Context& context, unsigned flags, int priority) {
  static std::atomic<uint64_t> next_id{1};
  auto stream = std::make_shared<Stream>();
  stream->context = &context;
  stream->flags = flags;
  stream->priority = std::clamp(priority, kGreatestPriority, kLeastPriority);
  stream->id = next_id++;
  return stream;
}

CUresult create(CUstream* handle, unsigned flags, int priority) {
  return with_context([&](Context& context) -> CUresult {
    if (handle == nullptr || flags > kStreamNonBlocking) return CUDA_ERROR_INVALID_VALUE;
    auto stream = make(context, flags, priority);
    *handle = streams.add(std::move(stream));
    return CUDA_SUCCESS;
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

using StreamPtr = std::shared_ptr<Stream>;

}  // namespace

std::shared_ptr<Stream> talweg::driver::per_thread_stream(Context& context) {
  StreamPtr& stream = context.per_thread[std::this_thread::get_id()];
  if (stream == nullptr) stream = make(context, 0, kLeastPriority);
  return stream;
}

TALWEG_EXPORT CUresult cuStreamCreate(CUstream* handle, unsigned flags) {
  return create(handle, flags, kLeastPriority);
}

// Kept, within the range, and without effect: work runs as it comes.
TALWEG_EXPORT CUresult cuStreamCreateWithPriority(CUstream* handle, unsigned flags, int priority) {
  return create(handle, flags, priority);
}

TALWEG_EXPORT CUresult cuCtxGetStreamPriorityRange(int* least, int* greatest) {
  return with_context([&](Context&) {
    if (least != nullptr) *least = kLeastPriority;
    if (greatest != nullptr) *greatest = kGreatestPriority;
    return CUDA_SUCCESS;
  });
}

// What is queued still runs.
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
  return with_stream(handle, [&](Context& context, const StreamPtr& stream) {
    ++driver_counters().synchronizations;
    const CUresult result = check_waitable(context, *stream);
    return result == CUDA_SUCCESS ? wait_for(context, stream) : result;
  });
}

TALWEG_EXPORT CUresult cuStreamQuery(CUstream handle) {
  return with_stream(handle, [](Context& context, const StreamPtr& stream) {
    const CUresult result = check_waitable(context, *stream);
    return result == CUDA_SUCCESS && is_busy(context, *stream) ? CUDA_ERROR_NOT_READY : result;
  });
}

TALWEG_EXPORT CUresult cuStreamGetFlags(CUstream handle, unsigned* flags) {
  return with_stream(handle, [&](Context&, const StreamPtr& stream) { return store(flags, stream->flags); });
}

TALWEG_EXPORT CUresult cuStreamGetPriority(CUstream handle, int* priority) {
  return with_stream(handle, [&](Context&, const StreamPtr& stream) { return store(priority, stream->priority); });
}

TALWEG_EXPORT CUresult cuStreamGetId(CUstream handle, uint64_t* id) {
  return with_stream(handle, [&](Context&, const StreamPtr& stream) { return store(id, stream->id); });
}

TALWEG_EXPORT CUresult cuStreamGetCtx(CUstream handle, CUcontext* owner) {
  return with_stream(handle, [&](Context& context, const StreamPtr&) { return store(owner, context.handle); });
}
