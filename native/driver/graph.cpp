#include "graph.hpp"

#include <algorithm>
#include <random>
#include <unordered_map>

#include "../exec/launch.hpp"
#include "calls.hpp"

namespace talweg::driver {

Node* Graph::add(GraphNodeType type, OperationPtr operation, std::vector<Node*> dependencies) {
  auto node = std::make_shared<Node>();
  node->context = context;
  node->graph = this;
  node->type = type;
  node->operation = std::move(operation);
  node->dependencies = std::move(dependencies);
  nodes.push_back(std::move(node));
  return nodes.back().get();
}

void publish(const Graph& graph) {
  for (const auto& node : graph.nodes) {
    graph_nodes.add(node);
    if (node->child == nullptr) continue;
    graphs.add(node->child);
    publish(*node->child);
  }
}

void retract(const Graph& graph) {
  for (const auto& node : graph.nodes) {
    graph_nodes.remove(node->handle);
    if (node->child != nullptr) {
      retract(*node->child);
      graphs.remove(node->child->handle);
    }
  }
}

std::shared_ptr<Graph> clone(const Graph& graph) {
  auto copy = std::make_shared<Graph>();
  copy->context = graph.context;
  std::unordered_map<const Node*, Node*> counterpart;
  for (const auto& node : graph.nodes) {
    Node* added = copy->add(node->type, node->operation, {});
    added->original = node->handle;
    added->attributes = node->attributes;
    if (node->child != nullptr) added->child = clone_child(*node->child);
    counterpart[node.get()] = added;
  }
  for (const auto& node : graph.nodes) {
    for (const Node* dependency : node->dependencies) {
      counterpart[node.get()]->dependencies.push_back(counterpart[dependency]);
    }
  }
  return copy;
}

std::shared_ptr<Graph> clone_child(const Graph& graph) {
  auto copy = clone(graph);
  copy->is_child = true;
  return copy;
}

bool has_cycle(const Graph& graph) {
  if (in_order(graph).size() != graph.nodes.size()) return true;
  return std::any_of(graph.nodes.begin(), graph.nodes.end(),
                     [](const auto& node) { return node->child != nullptr && has_cycle(*node->child); });
}

std::vector<const Node*> in_order(const Graph& graph, uint64_t seed) {
  std::unordered_map<const Node*, size_t> open;
  std::unordered_map<const Node*, std::vector<const Node*>> dependents;
  for (const auto& node : graph.nodes) {
    open[node.get()] = node->dependencies.size();
    for (const Node* dependency : node->dependencies) dependents[dependency].push_back(node.get());
  }
  std::vector<const Node*> order;
  for (const auto& node : graph.nodes) {
    if (open[node.get()] == 0) order.push_back(node.get());
  }
  std::mt19937_64 random(seed);
  for (size_t done = 0; done < order.size(); ++done) {
    // Of those whose dependencies are done, any may be next.
    if (seed != 0) std::swap(order[done], order[done + random() % (order.size() - done)]);
    for (const Node* dependent : dependents[order[done]]) {
      if (--open[dependent] == 0) order.push_back(dependent);
    }
  }
  return order;
}

CUresult submit_graph(Context& context, const std::shared_ptr<Stream>& stream, const Graph& graph) {
  for (const Node* node : in_order(graph, exec::settings().schedule_seed)) {
    CUresult result = CUDA_SUCCESS;
    if (node->child != nullptr) result = submit_graph(context, stream, *node->child);
    if (node->operation != nullptr) result = submit(context, stream, node->operation);
    if (result != CUDA_SUCCESS) return result;
  }
  return CUDA_SUCCESS;
}

}  // namespace talweg::driver
