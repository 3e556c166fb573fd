// Graphs as such: made, copied, looked through, wired and launched.
#include <algorithm>

#include "calls.hpp"

using namespace talweg::driver;

namespace {

// The API's way to hand out a list: the count alone without a list, else as many as it has room for. The rest of the
// room is left alone, for JCuda leaves the room undefined.
template <class Item>
CUresult list_out(const std::vector<Item>& items, Item* list, size_t* count) {
  if (count == nullptr) return CUDA_ERROR_INVALID_VALUE;
  if (list == nullptr) {
    *count = items.size();
  } else {
    *count = std::min(*count, items.size());
    std::copy_n(items.begin(), *count, list);
  }
  return CUDA_SUCCESS;
}

template <class Body>
CUresult with_graph(CUgraph handle, Body body) {
  return with_object(graphs, handle, body);
}

template <class Body>
CUresult with_node(CUgraphNode handle, Body body) {
  return with_object(graph_nodes, handle, body);
}

// Runs the body for each edge of the lists, all of which must be nodes of the graph.
template <class Body>
CUresult for_edges(CUgraph handle, const CUgraphNode* from, const CUgraphNode* to, size_t count, Body body) {
  return with_graph(handle, [&](Context& context, Graph& graph) -> CUresult {
    if (count > 0 && (from == nullptr || to == nullptr)) return CUDA_ERROR_INVALID_VALUE;
    for (size_t i = 0; i < count; ++i) {
      const auto source = find_in(context, graph_nodes, from[i]), target = find_in(context, graph_nodes, to[i]);
      if (source == nullptr || target == nullptr || source == target || source->graph != &graph ||
          target->graph != &graph || !body(*source, *target)) {
        return CUDA_ERROR_INVALID_VALUE;
      }
    }
    return CUDA_SUCCESS;
  });
}

}  // namespace

TALWEG_EXPORT CUresult cuGraphCreate(CUgraph* handle, unsigned flags) {
  return with_context([&](Context& context) -> CUresult {
    if (handle == nullptr || flags != 0) return CUDA_ERROR_INVALID_VALUE;
    auto graph = std::make_shared<Graph>();
    graph->context = &context;
    *handle = graphs.add(std::move(graph));
    return CUDA_SUCCESS;
  });
}

TALWEG_EXPORT CUresult cuGraphClone(CUgraph* output, CUgraph handle) {
  return with_graph(handle, [&](Context&, Graph& graph) -> CUresult {
    if (output == nullptr) return CUDA_ERROR_INVALID_VALUE;
    auto copy = clone(graph);
    publish(*copy);
    *output = graphs.add(std::move(copy));
    return CUDA_SUCCESS;
  });
}

TALWEG_EXPORT CUresult cuGraphDestroy(CUgraph handle) {
  return with_graph(handle, [&](Context&, Graph& graph) -> CUresult {
    if (graph.is_child) return CUDA_ERROR_INVALID_VALUE;
    retract(graph);
    graphs.remove(handle);
    return CUDA_SUCCESS;
  });
}

TALWEG_EXPORT CUresult cuGraphGetNodes(CUgraph handle, CUgraphNode* list, size_t* count) {
  return with_graph(handle, [&](Context&, Graph& graph) {
    std::vector<CUgraphNode> nodes;
    for (const auto& node : graph.nodes) nodes.push_back(node->handle);
    return list_out(nodes, list, count);
  });
}

TALWEG_EXPORT CUresult cuGraphGetRootNodes(CUgraph handle, CUgraphNode* list, size_t* count) {
  return with_graph(handle, [&](Context&, Graph& graph) {
    std::vector<CUgraphNode> roots;
    for (const auto& node : graph.nodes) {
      if (node->dependencies.empty()) roots.push_back(node->handle);
    }
    return list_out(roots, list, count);
  });
}

TALWEG_EXPORT CUresult cuGraphGetEdges(CUgraph handle, CUgraphNode* from, CUgraphNode* to, size_t* count) {
  return with_graph(handle, [&](Context&, Graph& graph) -> CUresult {
    if ((from == nullptr) != (to == nullptr)) return CUDA_ERROR_INVALID_VALUE;
    std::vector<CUgraphNode> sources, targets;
    for (const auto& node : graph.nodes) {
      for (const Node* dependency : node->dependencies) {
        sources.push_back(dependency->handle);
        targets.push_back(node->handle);
      }
    }
    if (count == nullptr) return CUDA_ERROR_INVALID_VALUE;
    size_t room = *count;
    list_out(sources, from, &room);
    return list_out(targets, to, count);
  });
}

TALWEG_EXPORT CUresult cuGraphNodeGetType(CUgraphNode handle, int* type) {
  return with_node(handle, [&](Context&, Node& node) { return store<int>(type, node.type); });
}

TALWEG_EXPORT CUresult cuGraphNodeGetDependencies(CUgraphNode handle, CUgraphNode* list, size_t* count) {
  return with_node(handle, [&](Context&, Node& node) {
    std::vector<CUgraphNode> dependencies;
    for (const Node* dependency : node.dependencies) dependencies.push_back(dependency->handle);
    return list_out(dependencies, list, count);
  });
}

TALWEG_EXPORT CUresult cuGraphNodeGetDependentNodes(CUgraphNode handle, CUgraphNode* list, size_t* count) {
  return with_node(handle, [&](Context&, Node& node) {
    std::vector<CUgraphNode> dependents;
    for (const auto& other : node.graph->nodes) {
      const auto& its = other->dependencies;
      if (std::find(its.begin(), its.end(), &node) != its.end()) dependents.push_back(other->handle);
    }
    return list_out(dependents, list, count);
  });
}

TALWEG_EXPORT CUresult cuGraphNodeFindInClone(CUgraphNode* output, CUgraphNode original, CUgraph handle) {
  return with_graph(handle, [&](Context&, Graph& graph) -> CUresult {
    for (const auto& node : graph.nodes) {
      if (original != nullptr && node->original == original) return store(output, node->handle);
    }
    return CUDA_ERROR_INVALID_VALUE;
  });
}

TALWEG_EXPORT CUresult cuGraphAddDependencies(CUgraph handle, const CUgraphNode* from, const CUgraphNode* to,
                                              size_t count) {
  return for_edges(handle, from, to, count, [](Node& source, Node& target) {
    auto& list = target.dependencies;
    if (std::find(list.begin(), list.end(), &source) != list.end()) return false;
    list.push_back(&source);
    return true;
  });
}

TALWEG_EXPORT CUresult cuGraphRemoveDependencies(CUgraph handle, const CUgraphNode* from, const CUgraphNode* to,
                                                 size_t count) {
  return for_edges(handle, from, to, count, [](Node& source, Node& target) {
    auto& list = target.dependencies;
    const auto found = std::find(list.begin(), list.end(), &source);
    if (found == list.end()) return false;
    list.erase(found);
    return true;
  });
}

TALWEG_EXPORT CUresult cuGraphDestroyNode(CUgraphNode handle) {
  return with_node(handle, [&](Context&, Node& node) {
    auto& nodes = node.graph->nodes;
    for (const auto& other : nodes) {
      auto& its = other->dependencies;
      its.erase(std::remove(its.begin(), its.end(), &node), its.end());
    }
    if (node.child != nullptr) {
      retract(*node.child);
      graphs.remove(node.child->handle);
    }
    graph_nodes.remove(handle);
    nodes.erase(std::find_if(nodes.begin(), nodes.end(), [&](const auto& other) { return other.get() == &node; }));
    return CUDA_SUCCESS;
  });
}

TALWEG_EXPORT CUresult cuGraphInstantiateWithFlags(CUgraphExec* output, CUgraph handle, unsigned long long flags) {
  return with_graph(handle, [&](Context& context, Graph& graph) -> CUresult {
    if (output == nullptr) return CUDA_ERROR_INVALID_VALUE;
    if (flags != 0) return CUDA_ERROR_NOT_SUPPORTED;
    if (has_cycle(graph)) {
      set_report("the graph has a cycle");
      return CUDA_ERROR_INVALID_VALUE;
    }
    auto executable = std::make_shared<GraphExec>();
    executable->context = &context;
    executable->graph = clone(graph);
    *output = graph_execs.add(std::move(executable));
    return CUDA_SUCCESS;
  });
}

TALWEG_EXPORT CUresult cuGraphLaunch(CUgraphExec handle, CUstream stream_handle) {
  return with_stream(stream_handle, [&](Context& context, const std::shared_ptr<Stream>& stream) -> CUresult {
    const auto executable = find_in(context, graph_execs, handle);
    if (executable == nullptr) return CUDA_ERROR_INVALID_HANDLE;
    const CUresult implicit = check_implicit(context, *stream);
    if (implicit != CUDA_SUCCESS) return implicit;
    if (stream->capture == nullptr) {
      ++driver_counters().graph_launches;
      return submit_graph(context, stream, *executable->graph);
    }
    if (stream->capture->invalidated) return CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
    Node* node = stream->capture->graph->add(kNodeGraph, nullptr, std::move(stream->tail));
    node->child = clone_child(*executable->graph);
    stream->tail = {node};
    return CUDA_SUCCESS;
  });
}

// Everything is where it is needed already.
TALWEG_EXPORT CUresult cuGraphUpload(CUgraphExec handle, CUstream stream_handle) {
  return with_stream(stream_handle, [&](Context& context, const std::shared_ptr<Stream>&) {
    return find_in(context, graph_execs, handle) != nullptr ? CUDA_SUCCESS : CUDA_ERROR_INVALID_HANDLE;
  });
}

TALWEG_EXPORT CUresult cuGraphExecDestroy(CUgraphExec handle) {
  return with_object(graph_execs, handle, [&](Context&, GraphExec&) {
    graph_execs.remove(handle);
    return CUDA_SUCCESS;
  });
}
