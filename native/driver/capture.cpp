// Streams that record what is entered into them.
#include <algorithm>
#include <unordered_set>

#include "calls.hpp"

namespace talweg::driver {

void leave_capture(Context& context, Stream& stream) {
  if (stream.capture == nullptr) return;
  const std::shared_ptr<Capture> capture = std::move(stream.capture);
  std::vector<Stream*>& members = capture->members;
  const bool was_origin = members.front() == &stream;
  members.erase(std::remove(members.begin(), members.end(), &stream), members.end());
  capture->invalidated = true;
  stream.tail.clear();
  if (was_origin) {
    while (!members.empty()) leave_capture(context, *members.back());
    capture->ended = true;
    context.captures.erase(std::remove(context.captures.begin(), context.captures.end(), capture),
                           context.captures.end());
  }
}

CUresult check_implicit(Context& context, const Stream& stream) {
  if (&stream != context.legacy.get()) return CUDA_SUCCESS;
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

bool capture_forbids(Context& context) {
  if (thread_capture_mode == kCaptureRelaxed) return false;
  for (const auto& capture : context.captures) {
    const bool own = capture->thread == std::this_thread::get_id();
    const bool others_count = thread_capture_mode == kCaptureGlobal && capture->mode == kCaptureGlobal;
    if (capture->mode != kCaptureRelaxed && (own || others_count)) {
      capture->invalidated = true;
      return true;
    }
  }
  return false;
}

}  // namespace talweg::driver

using namespace talweg::driver;

namespace {

// Nodes that must run before the given ones can be called done, themselves included.
std::unordered_set<const Node*> ancestors(const std::vector<Node*>& ends) {
  std::unordered_set<const Node*> seen;
  std::vector<const Node*> open(ends.begin(), ends.end());
  while (!open.empty()) {
    const Node* node = open.back();
    open.pop_back();
    if (seen.insert(node).second) open.insert(open.end(), node->dependencies.begin(), node->dependencies.end());
  }
  return seen;
}

bool all_joined(const Capture& capture) {
  const auto done = ancestors(capture.members.front()->tail);
  return std::all_of(capture.members.begin(), capture.members.end(), [&](const Stream* member) {
    return std::all_of(member->tail.begin(), member->tail.end(), [&](const Node* node) { return done.count(node); });
  });
}

bool is_mode(int mode) { return mode >= kCaptureGlobal && mode <= kCaptureRelaxed; }

}  // namespace

TALWEG_EXPORT CUresult cuStreamBeginCapture_v2(CUstream handle, int mode) {
  return with_stream(handle, [&](Context& context, const std::shared_ptr<Stream>& stream) -> CUresult {
    if (!is_mode(mode)) return CUDA_ERROR_INVALID_VALUE;
    if (stream == context.legacy) return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
    if (stream->capture != nullptr) return CUDA_ERROR_ILLEGAL_STATE;
    auto capture = std::make_shared<Capture>();
    capture->graph->context = &context;
    capture->mode = static_cast<CaptureMode>(mode);
    capture->thread = std::this_thread::get_id();
    capture->members = {stream.get()};
    context.captures.push_back(capture);
    stream->capture = std::move(capture);
    return CUDA_SUCCESS;
  });
}

TALWEG_EXPORT CUresult cuStreamEndCapture(CUstream handle, CUgraph* output) {
  return with_stream(handle, [&](Context& context, const std::shared_ptr<Stream>& stream) -> CUresult {
    if (output == nullptr) return CUDA_ERROR_INVALID_VALUE;
    *output = nullptr;
    const std::shared_ptr<Capture> capture = stream->capture;
    if (capture == nullptr) return CUDA_ERROR_ILLEGAL_STATE;
    if (capture->members.front() != stream.get()) return CUDA_ERROR_STREAM_CAPTURE_UNMATCHED;
    if (capture->mode != kCaptureRelaxed && capture->thread != std::this_thread::get_id()) {
      return CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD;
    }
    const bool joined = all_joined(*capture);
    const bool invalidated = capture->invalidated;
    leave_capture(context, *stream);
    if (invalidated) return CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
    if (!joined) return CUDA_ERROR_STREAM_CAPTURE_UNJOINED;
    publish(*capture->graph);
    *output = graphs.add(capture->graph);
    return CUDA_SUCCESS;
  });
}

TALWEG_EXPORT CUresult cuStreamIsCapturing(CUstream handle, int* status) {
  return with_stream(handle, [&](Context& context, const std::shared_ptr<Stream>& stream) -> CUresult {
    const CUresult implicit = check_implicit(context, *stream);
    if (implicit != CUDA_SUCCESS) return implicit;
    const auto& capture = stream->capture;
    return store<int>(status, capture == nullptr       ? kCaptureNone
                              : capture->invalidated ? kCaptureInvalidated
                                                     : kCaptureActive);
  });
}

TALWEG_EXPORT CUresult cuThreadExchangeStreamCaptureMode(int* mode) {
  return with_driver([&]() -> CUresult {
    if (mode == nullptr || !is_mode(*mode)) return CUDA_ERROR_INVALID_VALUE;
    const CaptureMode before = thread_capture_mode;
    thread_capture_mode = static_cast<CaptureMode>(*mode);
    *mode = before;
    return CUDA_SUCCESS;
  });
}
