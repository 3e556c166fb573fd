// Events: points in time of a stream, and what joins streams, also within a capture.
#include <algorithm>

#include "event_work.hpp"
#include "calls.hpp"

using namespace talweg::driver;

namespace {

// Events may be asked about from any context.
template <class Body>
CUresult with_event(CUevent handle, Body body) {
  return with_context([&](Context& context) -> CUresult {
    const auto event = events.find(handle);
    return event == nullptr ? CUDA_ERROR_INVALID_HANDLE : body(context, event);
  });
}

using EventPtr = std::shared_ptr<Event>;
using StreamPtr = std::shared_ptr<Stream>;

CUresult check_waitable(Event& event) {
  const auto capture = event.capture();
  if (capture == nullptr) return CUDA_SUCCESS;
  if (!capture->ended) capture->invalidated = true;
  return CUDA_ERROR_CAPTURED_EVENT;
}

CUresult record(CUevent handle, CUstream stream_handle) {
  return with_event(handle, [&](Context& context, const EventPtr& event) -> CUresult {
    const auto stream = find_stream(context, stream_handle);
    if (stream == nullptr || event->context != &context) return CUDA_ERROR_INVALID_HANDLE;
    if (stream->capture == nullptr) {
      event->set_capture(nullptr);
      event->captured_tail.clear();
      return submit(context, stream, std::make_shared<const EventRecord>(event));
    }
    if (stream->capture->invalidated) return CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
    event->set_capture(stream->capture);
    event->captured_tail = stream->tail;
    return CUDA_SUCCESS;
  });
}

CUresult spoil(Capture& capture, CUresult error) {
  capture.invalidated = true;
  return error;
}

// The stream's next node also depends on what the event stands for; a stream outside joins the event's capture.
CUresult join(Context& context, Stream& stream, const Event& event, const std::shared_ptr<Capture>& capture) {
  if (capture->ended) return CUDA_ERROR_CAPTURED_EVENT;
  if (event.context != &context) return spoil(*capture, CUDA_ERROR_STREAM_CAPTURE_ISOLATION);
  if (capture->invalidated) return CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
  if (&stream == context.legacy.get()) return spoil(*capture, CUDA_ERROR_STREAM_CAPTURE_IMPLICIT);
  if (stream.capture == nullptr) {
    stream.capture = capture;
    capture->members.push_back(&stream);
  } else if (stream.capture != capture) {
    spoil(*stream.capture, CUDA_ERROR_STREAM_CAPTURE_MERGE);
    return spoil(*capture, CUDA_ERROR_STREAM_CAPTURE_MERGE);
  }
  for (Node* node : event.captured_tail) {
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
  return with_object(events, handle, [&](Context&, Event&) {
    events.remove(handle);
    return CUDA_SUCCESS;
  });
}

TALWEG_EXPORT CUresult cuEventRecord(CUevent handle, CUstream stream) { return record(handle, stream); }

TALWEG_EXPORT CUresult cuEventRecordWithFlags(CUevent handle, CUstream stream, unsigned flags) {
  return flags == 0 ? record(handle, stream) : CUDA_ERROR_NOT_SUPPORTED;
}

TALWEG_EXPORT CUresult cuEventQuery(CUevent handle) {
  return with_event(handle, [](Context&, const EventPtr& event) {
    const CUresult result = check_waitable(*event);
    return result == CUDA_SUCCESS && event->pending() ? CUDA_ERROR_NOT_READY : result;
  });
}

TALWEG_EXPORT CUresult cuEventSynchronize(CUevent handle) {
  return with_event(handle, [](Context& context, const EventPtr& event) {
    ++driver_counters().synchronizations;
    const CUresult result = check_waitable(*event);
    if (result != CUDA_SUCCESS) return result;
    const uint64_t count = event->entered;
    return wait_until(context, [&] { return event->happened >= count; });
  });
}

TALWEG_EXPORT CUresult cuEventElapsedTime(float* milliseconds, CUevent start, CUevent end) {
  return with_event(start, [&](Context&, const EventPtr& first) -> CUresult {
    const auto last = events.find(end);
    if (last == nullptr) return CUDA_ERROR_INVALID_HANDLE;
    if (milliseconds == nullptr) return CUDA_ERROR_INVALID_VALUE;
    for (const Event* event : {first.get(), last.get()}) {
      const bool recorded = event->capture() == nullptr && event->entered > 0;
      if (!recorded || (event->flags & kEventDisableTiming) != 0) return CUDA_ERROR_INVALID_HANDLE;
    }
    if (first->context != last->context) return CUDA_ERROR_INVALID_HANDLE;
    if (first->pending() || last->pending()) return CUDA_ERROR_NOT_READY;
    *milliseconds = std::chrono::duration<float, std::milli>(last->time.load() - first->time.load()).count();
    return CUDA_SUCCESS;
  });
}

TALWEG_EXPORT CUresult cuStreamWaitEvent(CUstream stream_handle, CUevent handle, unsigned flags) {
  return with_event(handle, [&](Context& context, const EventPtr& event) -> CUresult {
    const auto stream = find_stream(context, stream_handle);
    if (stream == nullptr) return CUDA_ERROR_INVALID_HANDLE;
    if (flags > 1) return CUDA_ERROR_INVALID_VALUE;
    if (const auto capture = event->capture()) return join(context, *stream, *event, capture);
    if (stream->capture != nullptr) return spoil(*stream->capture, CUDA_ERROR_STREAM_CAPTURE_ISOLATION);
    return submit(context, stream, std::make_shared<const EventWait>(event));
  });
}
