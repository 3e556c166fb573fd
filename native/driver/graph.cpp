// Capture of streams into graphs, and running them.
#include <algorithm>
#include <unordered_set>

#include "monitor.hpp"
#include "objects.hpp"

namespace talweg::driver {

void leave_capture(Context& context, Stream& stream) {
  if (stream.capture == nullptr) return;
  Capture& capture = *stream.capture;
  const bool was_origin = capture.members.front() == &stream;
  capture.members.erase(std::remove(capture.members.begin(), capture.members.end(), &stream), capture.members.end());
  capture.invalidated = true;
  stream.tail.clear();
  const std::shared_ptr<Capture> keep = std::move(stream.capture);
  if (was_origin) {
    while (!capture.members.empty()) leave_capture(context, *capture.members.back());
    capture.ended = true;
    context.captures.erase(std::remove(context.captures.begin(), context.captures.end(), keep),
                           context.captures.end());
  }
}

}  // namespace talweg::driver

using namespace talweg::driver;

namespace {

// Nodes that must run before the given ones can be called done, themselves included.
std::unordered_set<const Node*> ancestors(const std::vector<const Node*>& ends) {
  std::unordered_set<const Node*> seen;
  std::vector<const Node*> open = ends;
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

// A launch of a whole graph: work like any other, so it can itself be captured.
struct GraphLaunch final : Operation {
  std::shared_ptr<const GraphExec> graph;

  explicit GraphLaunch(std::shared_ptr<const GraphExec> graph) : graph(std::move(graph)) {}

  CUresult run(Context& context) const override {
    ++driver_counters().graph_launches;
    for (const OperationPtr& operation : graph->operations) {
      const CUresult result = operation->run(context);
      if (result != CUDA_SUCCESS) return result;
    }
    return CUDA_SUCCESS;
  }
};

template <class Body>
CUresult with_graph(CUgraph handle, Body body) {
  return with_context([&](Context& context) -> CUresult {
    const auto graph = find_in(context, graphs, handle);
    return graph == nullptr ? CUDA_ERROR_INVALID_HANDLE : body(context, *graph);
  });
}

// Answers how many there are. Handles of single nodes would be of no use, for no call of this device takes one.
CUresult answer(size_t found, const void* list, size_t* count) {
  if (count == nullptr) return CUDA_ERROR_INVALID_VALUE;
  if (list != nullptr) return CUDA_ERROR_NOT_SUPPORTED;
  *count = found;
  return CUDA_SUCCESS;
}

}  // namespace

TALWEG_EXPORT CUresult cuStreamBeginCapture_v2(CUstream handle, int mode) {
  return with_context([&](Context& context) -> CUresult {
    const auto stream = find_stream(context, handle);
    if (stream == nullptr) return CUDA_ERROR_INVALID_HANDLE;
    if (mode < kCaptureGlobal || mode > kCaptureRelaxed) return CUDA_ERROR_INVALID_VALUE;
    if (stream.get() == &context.legacy) return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
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
  return with_context([&](Context& context) -> CUresult {
    const auto stream = find_stream(context, handle);
    if (stream == nullptr) return CUDA_ERROR_INVALID_HANDLE;
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
    *output = graphs.add(capture->graph);
    return CUDA_SUCCESS;
  });
}

TALWEG_EXPORT CUresult cuGraphDestroy(CUgraph handle) {
  return with_graph(handle, [&](Context&, Graph&) {
    graphs.remove(handle);
    return CUDA_SUCCESS;
  });
}

TALWEG_EXPORT CUresult cuGraphInstantiateWithFlags(CUgraphExec* output, CUgraph handle, unsigned long long flags) {
  return with_graph(handle, [&](Context& context, Graph& graph) -> CUresult {
    if (output == nullptr) return CUDA_ERROR_INVALID_VALUE;
    if (flags != 0) return CUDA_ERROR_NOT_SUPPORTED;
    auto executable = std::make_shared<GraphExec>();
    executable->context = &context;
    for (const auto& node : graph.nodes) executable->operations.push_back(node->operation);
    *output = graph_execs.add(std::move(executable));
    return CUDA_SUCCESS;
  });
}

TALWEG_EXPORT CUresult cuGraphLaunch(CUgraphExec handle, CUstream stream_handle) {
  return with_context([&](Context& context) -> CUresult {
    auto executable = find_in(context, graph_execs, handle);
    const auto stream = find_stream(context, stream_handle);
    if (executable == nullptr || stream == nullptr) return CUDA_ERROR_INVALID_HANDLE;
    return submit(context, *stream, std::make_shared<const GraphLaunch>(std::move(executable)));
  });
}

// Everything is where it is needed already.
TALWEG_EXPORT CUresult cuGraphUpload(CUgraphExec handle, CUstream stream) {
  return with_context([&](Context& context) -> CUresult {
    const bool valid = find_in(context, graph_execs, handle) != nullptr && find_stream(context, stream) != nullptr;
    return valid ? CUDA_SUCCESS : CUDA_ERROR_INVALID_HANDLE;
  });
}

TALWEG_EXPORT CUresult cuGraphExecDestroy(CUgraphExec handle) {
  return with_context([&](Context& context) -> CUresult {
    if (find_in(context, graph_execs, handle) == nullptr) return CUDA_ERROR_INVALID_HANDLE;
    graph_execs.remove(handle);
    return CUDA_SUCCESS;
  });
}

TALWEG_EXPORT CUresult cuGraphGetNodes(CUgraph handle, CUgraphNode* list, size_t* count) {
  return with_graph(handle, [&](Context&, Graph& graph) { return answer(graph.nodes.size(), list, count); });
}

TALWEG_EXPORT CUresult cuGraphGetRootNodes(CUgraph handle, CUgraphNode* list, size_t* count) {
  return with_graph(handle, [&](Context&, Graph& graph) {
    const auto is_root = [](const auto& node) { return node->dependencies.empty(); };
    return answer(std::count_if(graph.nodes.begin(), graph.nodes.end(), is_root), list, count);
  });
}

TALWEG_EXPORT CUresult cuGraphGetEdges(CUgraph handle, CUgraphNode* from, CUgraphNode*, size_t* count) {
  return with_graph(handle, [&](Context&, Graph& graph) {
    size_t edges = 0;
    for (const auto& node : graph.nodes) edges += node->dependencies.size();
    return answer(edges, from, count);
  });
}
