// Work that cannot run as it is entered: behind a host function, an event or a value that is not there yet. It queues
// up in its stream, and a thread of the driver's own, started when needed, sees to it until all queues are empty.
#include <algorithm>
#include <thread>

#include "calls.hpp"

namespace talweg::driver {
namespace {

bool is_blocking(const Context& context, const Stream& stream) {
  return &stream != context.legacy.get() && (stream.flags & kStreamNonBlocking) == 0;
}

// The legacy stream and the blocking ones keep the order in which their work was entered.
bool is_its_turn(const Context& context, const Stream& stream, uint64_t sequence) {
  const auto comes_first = [&](const Stream& other) {
    return !other.queue.empty() && other.queue.front().sequence < sequence;
  };
  if (&stream == context.legacy.get()) {
    return std::none_of(context.busy.begin(), context.busy.end(), [&](const auto& other) {
      return is_blocking(context, *other) && comes_first(*other);
    });
  }
  return !is_blocking(context, stream) || !comes_first(*context.legacy);
}

bool can_run(const Context& context, const Stream& stream) {
  const Queued& first = stream.queue.front();
  return !stream.calling_host && is_its_turn(context, stream, first.sequence) && first.operation->ready(context);
}

void finish_first(Context& context, Stream& stream) {
  stream.queue.pop_front();
  context.busy.erase(std::remove_if(context.busy.begin(), context.busy.end(),
                                    [](const auto& other) { return other->queue.empty(); }),
                     context.busy.end());
  context.progress.notify_all();
}

// Nobody is there to take the result, so every error is one that stays.
void settle(Context& context, CUresult result) {
  if (result != CUDA_SUCCESS && context.lost == CUDA_SUCCESS) context.lost = result;
}

// The first stream with something that can run now, or null.
std::shared_ptr<Stream> next(const Context& context) {
  const auto found = std::find_if(context.busy.begin(), context.busy.end(),
                                  [&](const auto& stream) { return can_run(context, *stream); });
  return found == context.busy.end() ? nullptr : *found;
}

void call_host(std::unique_lock<std::mutex>& lock, Context& context, const std::shared_ptr<Stream>& stream) {
  const OperationPtr operation = stream->queue.front().operation;
  stream->calling_host = true;
  lock.unlock();
  in_host_function = true;
  operation->run(context);
  in_host_function = false;
  lock.lock();
  stream->calling_host = false;
  if (!stream->queue.empty()) finish_first(context, *stream);  // it is, if the context was destroyed meanwhile
}

void work(const std::shared_ptr<Context>& context) {
  std::unique_lock lock(context->mutex);
  while (!context->busy.empty()) {
    if (context->lost != CUDA_SUCCESS) {
      drop_queues(*context);
      break;
    }
    const auto stream = next(*context);
    if (stream == nullptr) {
      // A value or an event of another context may come without notice.
      context->progress.wait_for(lock, std::chrono::milliseconds(1));
    } else if (stream->queue.front().operation->calls_host()) {
      call_host(lock, *context, stream);
    } else {
      settle(*context, stream->queue.front().operation->run(*context));
      finish_first(*context, *stream);
    }
  }
  context->has_worker = false;
}

void enqueue(Context& context, const std::shared_ptr<Stream>& stream, OperationPtr operation) {
  if (stream->queue.empty()) context.busy.push_back(stream);
  stream->queue.push_back({context.next_sequence++, std::move(operation)});
  if (context.has_worker) {
    context.progress.notify_all();
    return;
  }
  std::thread([owner = contexts.find(context.handle)] { work(owner); }).detach();
  context.has_worker = true;
}

}  // namespace

void drop_queues(Context& context) {
  // Streams of other contexts may wait for records that now never come.
  for (const auto& event : events.all()) {
    if (event->context == &context) event->happened = UINT64_MAX;
  }
  for (const auto& stream : context.busy) stream->queue.clear();
  context.busy.clear();
  context.progress.notify_all();
}

bool is_busy(const Context& context, const Stream& stream) {
  if (!stream.queue.empty()) return true;
  return &stream == context.legacy.get() &&
         std::any_of(context.busy.begin(), context.busy.end(),
                     [&](const auto& other) { return is_blocking(context, *other); });
}

CUresult submit(Context& context, const std::shared_ptr<Stream>& stream, const OperationPtr& operation) {
  const CUresult implicit = check_implicit(context, *stream);
  if (implicit != CUDA_SUCCESS) return implicit;
  if (const auto& capture = stream->capture) {
    if (capture->invalidated) return CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
    stream->tail = {capture->graph->add(operation->type(), operation, std::move(stream->tail))};
    return CUDA_SUCCESS;
  }
  OperationPtr entered = operation->enter(operation);
  const bool free = stream->queue.empty() && is_its_turn(context, *stream, UINT64_MAX);
  if (free && !entered->calls_host() && entered->ready(context)) return entered->run(context);
  enqueue(context, stream, std::move(entered));
  return CUDA_SUCCESS;
}

CUresult wait_for(Context& context, const std::shared_ptr<Stream>& stream) {
  return wait_until(context, [&] { return !is_busy(context, *stream); });
}

CUresult wait_for_all(Context& context) {
  return wait_until(context, [&] { return context.busy.empty(); });
}

}  // namespace talweg::driver
