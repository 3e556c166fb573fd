// Nodes of graphs that are built by hand: added, asked for their parameters, given others, before and after the graph
// was instantiated.
#include <algorithm>

#include "event_work.hpp"
#include "host_function.hpp"
#include "kernel_launch.hpp"
#include "transfer.hpp"

using namespace talweg::driver;

namespace {

// Each of these makes an operation from what the API calls the parameters of a node.

CUresult make_operation(Context& context, const CUDA_KERNEL_NODE_PARAMS* parameters, OperationPtr& operation) {
  if (parameters == nullptr) return CUDA_ERROR_INVALID_VALUE;
  auto function = find_in(context, functions, parameters->function);
  if (function == nullptr) return CUDA_ERROR_INVALID_VALUE;
  Geometry geometry{};
  std::copy(parameters->grid, parameters->grid + 3, geometry.grid);
  std::copy(parameters->block, parameters->block + 3, geometry.block);
  geometry.shared = parameters->shared_bytes;
  std::shared_ptr<const KernelLaunch> launch;
  const CUresult result = KernelLaunch::make(std::move(function), geometry, parameters->values, parameters->extra,
                                             {}, launch);
  operation = launch;
  return result;
}

CUresult make_operation(Context& context, const CUDA_MEMCPY3D* parameters, OperationPtr& operation) {
  Place to, from;
  Box box;
  CUresult result = read_copy(parameters, context, to, from, box);
  if (result != CUDA_SUCCESS) return result;
  if (box.empty()) return CUDA_ERROR_INVALID_VALUE;
  const auto copy = std::make_shared<const Transfer>(to, from, box);
  result = check(context, *copy);
  operation = copy;
  return result;
}

CUresult make_operation(Context& context, const CUDA_MEMSET_NODE_PARAMS* parameters, OperationPtr& operation) {
  std::shared_ptr<const Fill> fill;
  CUresult result = read_fill(parameters, fill);
  if (result == CUDA_SUCCESS) result = check(context, *fill);
  operation = fill;
  return result;
}

CUresult make_operation(Context&, const CUDA_HOST_NODE_PARAMS* parameters, OperationPtr& operation) {
  if (parameters == nullptr || parameters->function == nullptr) return CUDA_ERROR_INVALID_VALUE;
  operation = std::make_shared<const HostFunction>(*parameters);
  return CUDA_SUCCESS;
}

struct RecordOf {
  CUevent event;
};
struct WaitFor {
  CUevent event;
};

CUresult make_operation(Context&, const RecordOf* parameters, OperationPtr& operation) {
  auto event = events.find(parameters->event);
  if (event == nullptr) return CUDA_ERROR_INVALID_HANDLE;
  operation = std::make_shared<const EventRecord>(std::move(event));
  return CUDA_SUCCESS;
}

CUresult make_operation(Context&, const WaitFor* parameters, OperationPtr& operation) {
  auto event = events.find(parameters->event);
  if (event == nullptr) return CUDA_ERROR_INVALID_HANDLE;
  operation = std::make_shared<const EventWait>(std::move(event));
  return CUDA_SUCCESS;
}

CUresult find_dependencies(Context& context, const Graph& graph, const CUgraphNode* handles, size_t count,
                           std::vector<Node*>& dependencies) {
  if (count > 0 && handles == nullptr) return CUDA_ERROR_INVALID_VALUE;
  if (count > graph.nodes.size()) return CUDA_ERROR_INVALID_VALUE;  // so each is named twice, or is no node of it
  for (size_t i = 0; i < count; ++i) {
    const auto node = find_in(context, graph_nodes, handles[i]);
    if (node == nullptr || node->graph != &graph) return CUDA_ERROR_INVALID_VALUE;
    if (std::find(dependencies.begin(), dependencies.end(), node.get()) != dependencies.end()) {
      return CUDA_ERROR_INVALID_VALUE;
    }
    dependencies.push_back(node.get());
  }
  return CUDA_SUCCESS;
}

// `fill` gives type, operation and child to the new node.
template <class Fill>
CUresult add_node(CUgraphNode* output, CUgraph handle, const CUgraphNode* dependency_handles, size_t count,
                  Fill fill) {
  return with_object(graphs, handle, [&](Context& context, Graph& graph) -> CUresult {
    if (output == nullptr) return CUDA_ERROR_INVALID_VALUE;
    std::vector<Node*> dependencies;
    CUresult result = find_dependencies(context, graph, dependency_handles, count, dependencies);
    if (result != CUDA_SUCCESS) return result;
    Node filled;
    result = fill(context, filled);
    if (result != CUDA_SUCCESS) return result;
    Node* node = graph.add(filled.type, std::move(filled.operation), std::move(dependencies));
    node->child = std::move(filled.child);
    *output = graph_nodes.add(graph.nodes.back());
    if (node->child != nullptr) {
      graphs.add(node->child);
      publish(*node->child);
    }
    return CUDA_SUCCESS;
  });
}

template <class Parameters>
CUresult add_operation(CUgraphNode* output, CUgraph handle, const CUgraphNode* dependencies, size_t count,
                       const Parameters* parameters) {
  return add_node(output, handle, dependencies, count, [&](Context& context, Node& node) -> CUresult {
    const CUresult result = make_operation(context, parameters, node.operation);
    if (result == CUDA_SUCCESS) node.type = node.operation->type();
    return result;
  });
}

// The node's operation, if it is of this class.
template <class Kind, class Body>
CUresult get_operation(CUgraphNode handle, Body body) {
  return with_object(graph_nodes, handle, [&](Context&, Node& node) -> CUresult {
    const auto* operation = dynamic_cast<const Kind*>(node.operation.get());
    return operation == nullptr ? CUDA_ERROR_INVALID_VALUE : body(*operation);
  });
}

template <class Parameters>
CUresult set_operation(Context& context, Node& node, const Parameters* parameters) {
  OperationPtr operation;
  const CUresult result = make_operation(context, parameters, operation);
  if (result != CUDA_SUCCESS) return result;
  if (node.type != operation->type()) return CUDA_ERROR_INVALID_VALUE;
  if (node.type == kNodeKernel) {  // attributes of its own, which the parameters do not have
    const LaunchAttributes& attributes = static_cast<const KernelLaunch&>(*node.operation).attributes;
    const CUresult kept = static_cast<const KernelLaunch&>(*operation).with(attributes, operation);
    if (kept != CUDA_SUCCESS) return kept;
  }
  node.operation = std::move(operation);
  return CUDA_SUCCESS;
}

template <class Parameters>
CUresult set_in_graph(CUgraphNode handle, const Parameters* parameters) {
  return with_object(graph_nodes, handle,
                     [&](Context& context, Node& node) { return set_operation(context, node, parameters); });
}

// The node of the executable graph that stands for this one; null if there is none.
std::shared_ptr<Node> counterpart(const GraphExec& executable, CUgraphNode original) {
  if (original == nullptr) return nullptr;
  for (const auto& node : executable.graph->nodes) {
    if (node->original == original) return node;
  }
  return nullptr;
}

template <class Parameters>
CUresult set_in_executable(CUgraphExec handle, CUgraphNode original, const Parameters* parameters) {
  return with_object(graph_execs, handle, [&](Context& context, GraphExec& executable) -> CUresult {
    const auto node = counterpart(executable, original);
    return node == nullptr ? CUDA_ERROR_INVALID_VALUE : set_operation(context, *node, parameters);
  });
}

bool same_shape(const Graph& one, const Graph& other) {
  if (one.nodes.size() != other.nodes.size()) return false;
  for (size_t i = 0; i < one.nodes.size(); ++i) {
    const Node& a = *one.nodes[i];
    const Node& b = *other.nodes[i];
    if (a.type != b.type || a.dependencies.size() != b.dependencies.size()) return false;
    if (a.child != nullptr && !same_shape(*a.child, *b.child)) return false;
  }
  return true;
}

CUcopyEnd3D describe(const Place& place) {
  CUcopyEnd3D end{};
  const bool host = place.side == Side::kHost;
  end.memory_type = host ? kMemoryHost : kMemoryDevice;
  end.host = host ? reinterpret_cast<void*>(place.address) : nullptr;
  end.device = host ? 0 : place.address;
  end.pitch = place.pitch;
  end.height = place.pitch == 0 ? 0 : place.slice / place.pitch;
  return end;
}

}  // namespace

TALWEG_EXPORT CUresult cuGraphAddKernelNode_v2(CUgraphNode* node, CUgraph graph, const CUgraphNode* dependencies,
                                               size_t count, const CUDA_KERNEL_NODE_PARAMS* parameters) {
  return add_operation(node, graph, dependencies, count, parameters);
}

TALWEG_EXPORT CUresult cuGraphAddMemcpyNode(CUgraphNode* node, CUgraph graph, const CUgraphNode* dependencies,
                                            size_t count, const CUDA_MEMCPY3D* parameters, CUcontext) {
  return add_operation(node, graph, dependencies, count, parameters);
}

TALWEG_EXPORT CUresult cuGraphAddMemsetNode(CUgraphNode* node, CUgraph graph, const CUgraphNode* dependencies,
                                            size_t count, const CUDA_MEMSET_NODE_PARAMS* parameters, CUcontext) {
  return add_operation(node, graph, dependencies, count, parameters);
}

TALWEG_EXPORT CUresult cuGraphAddHostNode(CUgraphNode* node, CUgraph graph, const CUgraphNode* dependencies,
                                          size_t count, const CUDA_HOST_NODE_PARAMS* parameters) {
  return add_operation(node, graph, dependencies, count, parameters);
}

TALWEG_EXPORT CUresult cuGraphAddEventRecordNode(CUgraphNode* node, CUgraph graph, const CUgraphNode* dependencies,
                                                 size_t count, CUevent event) {
  const RecordOf parameters{event};
  return add_operation(node, graph, dependencies, count, &parameters);
}

TALWEG_EXPORT CUresult cuGraphAddEventWaitNode(CUgraphNode* node, CUgraph graph, const CUgraphNode* dependencies,
                                               size_t count, CUevent event) {
  const WaitFor parameters{event};
  return add_operation(node, graph, dependencies, count, &parameters);
}

TALWEG_EXPORT CUresult cuGraphAddEmptyNode(CUgraphNode* node, CUgraph graph, const CUgraphNode* dependencies,
                                           size_t count) {
  return add_node(node, graph, dependencies, count, [](Context&, Node&) { return CUDA_SUCCESS; });
}

TALWEG_EXPORT CUresult cuGraphAddChildGraphNode(CUgraphNode* node, CUgraph graph, const CUgraphNode* dependencies,
                                                size_t count, CUgraph child_handle) {
  return add_node(node, graph, dependencies, count, [&](Context& context, Node& filled) -> CUresult {
    const auto child = find_in(context, graphs, child_handle);
    if (child == nullptr) return CUDA_ERROR_INVALID_HANDLE;
    filled.type = kNodeGraph;
    filled.child = clone_child(*child);
    return CUDA_SUCCESS;
  });
}

TALWEG_EXPORT CUresult cuGraphKernelNodeGetParams_v2(CUgraphNode node, CUDA_KERNEL_NODE_PARAMS* parameters) {
  return get_operation<KernelLaunch>(
      node, [&](const KernelLaunch& launch) { return store(parameters, launch.describe()); });
}

TALWEG_EXPORT CUresult cuGraphKernelNodeSetParams_v2(CUgraphNode node, const CUDA_KERNEL_NODE_PARAMS* parameters) {
  return set_in_graph(node, parameters);
}

TALWEG_EXPORT CUresult cuGraphMemcpyNodeGetParams(CUgraphNode node, CUDA_MEMCPY3D* parameters) {
  return get_operation<Transfer>(node, [&](const Transfer& copy) {
    const CUDA_MEMCPY3D description{describe(copy.from), describe(copy.to), copy.box.width, copy.box.height,
                                    copy.box.depth};
    return store(parameters, description);
  });
}

TALWEG_EXPORT CUresult cuGraphMemcpyNodeSetParams(CUgraphNode node, const CUDA_MEMCPY3D* parameters) {
  return set_in_graph(node, parameters);
}

TALWEG_EXPORT CUresult cuGraphMemsetNodeGetParams(CUgraphNode node, CUDA_MEMSET_NODE_PARAMS* parameters) {
  return get_operation<Fill>(node, [&](const Fill& fill) {
    const CUDA_MEMSET_NODE_PARAMS description{fill.to, fill.pitch, fill.value, fill.element_bytes, fill.width,
                                              fill.height};
    return store(parameters, description);
  });
}

TALWEG_EXPORT CUresult cuGraphMemsetNodeSetParams(CUgraphNode node, const CUDA_MEMSET_NODE_PARAMS* parameters) {
  return set_in_graph(node, parameters);
}

TALWEG_EXPORT CUresult cuGraphHostNodeGetParams(CUgraphNode node, CUDA_HOST_NODE_PARAMS* parameters) {
  return get_operation<HostFunction>(
      node, [&](const HostFunction& function) { return store(parameters, function.parameters); });
}

TALWEG_EXPORT CUresult cuGraphHostNodeSetParams(CUgraphNode node, const CUDA_HOST_NODE_PARAMS* parameters) {
  return set_in_graph(node, parameters);
}

TALWEG_EXPORT CUresult cuGraphEventRecordNodeGetEvent(CUgraphNode node, CUevent* event) {
  return get_operation<EventRecord>(
      node, [&](const EventRecord& record) { return store(event, record.event->handle); });
}

TALWEG_EXPORT CUresult cuGraphEventRecordNodeSetEvent(CUgraphNode node, CUevent event) {
  const RecordOf parameters{event};
  return set_in_graph(node, &parameters);
}

TALWEG_EXPORT CUresult cuGraphEventWaitNodeGetEvent(CUgraphNode node, CUevent* event) {
  return get_operation<EventWait>(node, [&](const EventWait& wait) { return store(event, wait.event->handle); });
}

TALWEG_EXPORT CUresult cuGraphEventWaitNodeSetEvent(CUgraphNode node, CUevent event) {
  const WaitFor parameters{event};
  return set_in_graph(node, &parameters);
}

TALWEG_EXPORT CUresult cuGraphChildGraphNodeGetGraph(CUgraphNode handle, CUgraph* child) {
  return with_object(graph_nodes, handle, [&](Context&, Node& node) -> CUresult {
    return node.child == nullptr ? CUDA_ERROR_INVALID_VALUE : store(child, node.child->handle);
  });
}

TALWEG_EXPORT CUresult cuGraphExecKernelNodeSetParams_v2(CUgraphExec executable, CUgraphNode node,
                                                         const CUDA_KERNEL_NODE_PARAMS* parameters) {
  return set_in_executable(executable, node, parameters);
}

TALWEG_EXPORT CUresult cuGraphExecMemcpyNodeSetParams(CUgraphExec executable, CUgraphNode node,
                                                      const CUDA_MEMCPY3D* parameters, CUcontext) {
  return set_in_executable(executable, node, parameters);
}

TALWEG_EXPORT CUresult cuGraphExecMemsetNodeSetParams(CUgraphExec executable, CUgraphNode node,
                                                      const CUDA_MEMSET_NODE_PARAMS* parameters, CUcontext) {
  return set_in_executable(executable, node, parameters);
}

TALWEG_EXPORT CUresult cuGraphExecHostNodeSetParams(CUgraphExec executable, CUgraphNode node,
                                                    const CUDA_HOST_NODE_PARAMS* parameters) {
  return set_in_executable(executable, node, parameters);
}

TALWEG_EXPORT CUresult cuGraphExecEventRecordNodeSetEvent(CUgraphExec executable, CUgraphNode node, CUevent event) {
  const RecordOf parameters{event};
  return set_in_executable(executable, node, &parameters);
}

TALWEG_EXPORT CUresult cuGraphExecEventWaitNodeSetEvent(CUgraphExec executable, CUgraphNode node, CUevent event) {
  const WaitFor parameters{event};
  return set_in_executable(executable, node, &parameters);
}

// The other graph must have the same nodes, wired in the same way.
TALWEG_EXPORT CUresult cuGraphExecChildGraphNodeSetParams(CUgraphExec handle, CUgraphNode original,
                                                          CUgraph child_handle) {
  return with_object(graph_execs, handle, [&](Context& context, GraphExec& executable) -> CUresult {
    const auto node = counterpart(executable, original);
    const auto child = find_in(context, graphs, child_handle);
    if (node == nullptr || child == nullptr || node->child == nullptr || !same_shape(*node->child, *child)) {
      return CUDA_ERROR_INVALID_VALUE;
    }
    node->child = clone_child(*child);
    return CUDA_SUCCESS;
  });
}
