// Events: points in time of a stream, and what joins streams within a capture.
#include <algorithm>

#include "monitor.hpp"
#include "objects.hpp"

using namespace talweg::driver;

namespace {

template <class Body>
CUresult with_event(CUevent handle, Body body) {
  return with_context([&](Context& context) -> CUresult {
    const auto event = find_in(context, events, handle);
    return event == nullptr ? CUDA_ERROR_INVALID_HANDLE : body(context, *event);
  });
}

CUresult check_waitable(Event& event) {
  if (event.capture == nullptr) return CUDA_SUCCESS;
  if (!event.capture->ended) event.capture->invalidated = true;
  return CUDA_ERROR_CAPTURED_EVENT;
}

CUresult record(CUevent handle, CUstream stream_handle) {
  return with_event(handle, [&](Context& context, Event& event) -> CUresult {
    const auto stream = find_stream(context, stream_handle);
    if (stream == nullptr) return CUDA_ERROR_INVALID_HANDLE;
    const CUresult implicit = check_implicit(context, *stream);
    if (implicit != CUDA_SUCCESS) return implicit;
    if (stream->capture != nullptr && stream->capture->invalidated) return CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
    event.capture = stream->capture;
    event.captured_tail = stream->tail;
    event.recorded = event.capture == nullptr;
    event.time = std::chrono::steady_clock::now();
    return CUDA_SUCCESS;
  });
}

CUresult spoil(Capture& capture, CUresult error) {
  capture.invalidated = true;
  return error;
}

// The stream's next node also depends on what the event stands for; a stream outside joins the event's capture.
CUresult join(Context& context, Stream& stream, const Event& event) {
  if (event.capture->ended) return CUDA_ERROR_CAPTURED_EVENT;
  if (event.capture->invalidated) return CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
  if (&stream == &context.legacy) return spoil(*event.capture, CUDA_ERROR_STREAM_CAPTURE_IMPLICIT);
  if (stream.capture == nullptr) {
    stream.capture = event.capture;
    stream.capture->members.push_back(&stream);
  } else if (stream.capture != event.capture) {
    spoil(*stream.capture, CUDA_ERROR_STREAM_CAPTURE_MERGE);
    return spoil(*event.capture, CUDA_ERROR_STREAM_CAPTURE_MERGE);
  }
  for (const Node* node : event.captured_tail) {
    if (std::find(stream.tail.begin(), stream.tail.end(), node) == stream.tail.end()) stream.tail.push_back(node);
  }
  return CUDA_SUCCESS;
}

}  // namespace

TALWEG_EXPORT CUresult cuEventCreate(CUevent* handle, unsigned flags) {
  return with_context([&](Context& context) -> CUresult {
    if (handle == nullptr || flags > (kEventBlockingSync | kEventDisableTiming)) return CUDA_ERROR_INVALID_VALUE;
    auto event = std::make_shared<Event>();
    event->context = &context;
    event->flags = flags;
    *handle = events.add(std::move(event));
    return CUDA_SUCCESS;
  });
}

TALWEG_EXPORT CUresult cuEventDestroy_v2(CUevent handle) {
  return with_event(handle, [&](Context&, Event&) {
    events.remove(handle);
    return CUDA_SUCCESS;
  });
}

TALWEG_EXPORT CUresult cuEventRecord(CUevent handle, CUstream stream) { return record(handle, stream); }

TALWEG_EXPORT CUresult cuEventRecordWithFlags(CUevent handle, CUstream stream, unsigned flags) {
  return flags == 0 ? record(handle, stream) : CUDA_ERROR_NOT_SUPPORTED;
}

TALWEG_EXPORT CUresult cuEventQuery(CUevent handle) {
  return with_event(handle, [](Context&, Event& event) { return check_waitable(event); });
}

TALWEG_EXPORT CUresult cuEventSynchronize(CUevent handle) {
  return with_event(handle, [](Context&, Event& event) {
    ++driver_counters().synchronizations;
    return check_waitable(event);
  });
}

TALWEG_EXPORT CUresult cuEventElapsedTime(float* milliseconds, CUevent start, CUevent end) {
  return with_event(start, [&](Context& context, Event& first) -> CUresult {
    const auto last = find_in(context, events, end);
    if (last == nullptr) return CUDA_ERROR_INVALID_HANDLE;
    if (milliseconds == nullptr) return CUDA_ERROR_INVALID_VALUE;
    if (((first.flags | last->flags) & kEventDisableTiming) != 0 || !first.recorded || !last->recorded) {
      return CUDA_ERROR_INVALID_HANDLE;
    }
    *milliseconds = std::chrono::duration<float, std::milli>(last->time - first.time).count();
    return CUDA_SUCCESS;
  });
}

TALWEG_EXPORT CUresult cuStreamWaitEvent(CUstream stream_handle, CUevent handle, unsigned) {
  return with_event(handle, [&](Context& context, Event& event) -> CUresult {
    const auto stream = find_stream(context, stream_handle);
    if (stream == nullptr) return CUDA_ERROR_INVALID_HANDLE;
    if (event.capture != nullptr) return join(context, *stream, event);
    if (stream->capture != nullptr) return spoil(*stream->capture, CUDA_ERROR_STREAM_CAPTURE_ISOLATION);
    return check_implicit(context, *stream);
  });
}
