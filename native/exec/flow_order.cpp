// Bourdoncle's recursive strategy: strongly connected components by depth-first search, then again inside each one
// without its head.
#include "flow_order.hpp"

#include <algorithm>
#include <limits>

namespace talweg::exec {
namespace {

class WeakTopologicalOrder {
 public:
  explicit WeakTopologicalOrder(const std::vector<std::vector<uint32_t>>& successors)
      : successors_(successors), number_(successors.size(), 0) {}

  std::vector<uint32_t> run() {
    std::vector<uint32_t> reversed;
    visit(0, reversed);
    std::reverse(reversed.begin(), reversed.end());
    return reversed;
  }

 private:
  static constexpr uint32_t kDone = std::numeric_limits<uint32_t>::max();

  struct Visit {
    uint32_t block;
    size_t next = 0;
    uint32_t head = 0;
    bool loop = false;
  };

  // Appends, in reverse order, everything first reached from `root`. The search keeps its own stack: the depth of a
  // control-flow graph has no bound. Only nesting of loops recurses.
  void visit(uint32_t root, std::vector<uint32_t>& reversed) {
    std::vector<Visit> path;
    begin(root, path);
    while (!path.empty()) {
      Visit& top = path.back();
      if (top.next < successors_[top.block].size()) {
        const uint32_t successor = successors_[top.block][top.next++];
        if (number_[successor] == 0) {
          begin(successor, path);
        } else if (number_[successor] <= top.head) {
          top.head = number_[successor];
          top.loop = true;
        }
        continue;
      }
      const Visit finished = top;
      path.pop_back();
      if (finished.head == number_[finished.block]) close(finished, reversed);
      if (!path.empty() && finished.head <= path.back().head) {
        path.back().head = finished.head;
        path.back().loop = true;
      }
    }
  }

  void begin(uint32_t block, std::vector<Visit>& path) {
    stack_.push_back(block);
    number_[block] = ++count_;
    path.push_back({block, 0, count_, false});
  }

  // `finished` is the head of a component, which lies on top of the stack.
  void close(const Visit& finished, std::vector<uint32_t>& reversed) {
    number_[finished.block] = kDone;
    uint32_t member = pop();
    if (!finished.loop) {
      reversed.push_back(finished.block);
      return;
    }
    for (; member != finished.block; member = pop()) number_[member] = 0;
    std::vector<uint32_t> inside;
    for (uint32_t successor : successors_[finished.block]) {
      if (number_[successor] == 0) visit(successor, inside);
    }
    reversed.insert(reversed.end(), inside.begin(), inside.end());
    reversed.push_back(finished.block);
  }

  uint32_t pop() {
    const uint32_t block = stack_.back();
    stack_.pop_back();
    return block;
  }

  const std::vector<std::vector<uint32_t>>& successors_;
  std::vector<uint32_t> number_;  // of the first visit; 0: not yet; kDone: placed
  std::vector<uint32_t> stack_;
  uint32_t count_ = 0;
};

}  // namespace

std::vector<uint32_t> flow_order(const std::vector<std::vector<uint32_t>>& successors) {
  return WeakTopologicalOrder(successors).run();
}

}  // namespace talweg::exec
