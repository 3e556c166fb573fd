// Graphs of operations.
#pragma once

#include <map>
#include <memory>
#include <vector>

#include "operation.hpp"

namespace talweg::driver {

struct Stream;
struct Graph;

struct Node {
  CUgraphNode handle = nullptr;
  CUgraphNode original = nullptr;  // which node of the other graph this one was cloned from
  Context* context = nullptr;
  Graph* graph = nullptr;
  GraphNodeType type = kNodeEmpty;
  OperationPtr operation;        // none of empty nodes and child graphs
  std::shared_ptr<Graph> child;  // of child graph nodes, their own
  std::vector<Node*> dependencies;
  std::map<int, AttributeValue> attributes;  // of kernel nodes, as they were set
};

// Nodes stand in the order in which they were added.
struct Graph {
  CUgraph handle = nullptr;
  Context* context = nullptr;
  bool is_child = false;  // belongs to a node and is destroyed with it
  std::vector<std::shared_ptr<Node>> nodes;

  Node* add(GraphNodeType type, OperationPtr operation, std::vector<Node*> dependencies);
};

// A copy of a graph that nobody can add to; its nodes are found by the handles of the originals.
struct GraphExec {
  CUgraphExec handle = nullptr;
  Context* context = nullptr;
  std::shared_ptr<Graph> graph;
};

// Nodes can be found by handle from now on; not so those of an instantiated graph.
void publish(const Graph& graph);
void retract(const Graph& graph);

std::shared_ptr<Graph> clone(const Graph& graph);
std::shared_ptr<Graph> clone_child(const Graph& graph);

// Here or in a child graph.
bool has_cycle(const Graph& graph);

// Each node after what it depends on, otherwise in the order of adding, or in one drawn with a seed that is not 0. Fewer
// than all of them if there is a cycle.
std::vector<const Node*> in_order(const Graph& graph, uint64_t seed = 0);

// Enters all nodes into the stream.
CUresult submit_graph(Context& context, const std::shared_ptr<Stream>& stream, const Graph& graph);

}  // namespace talweg::driver
