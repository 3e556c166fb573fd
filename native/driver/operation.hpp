// One piece of work of a stream: it runs when its turn comes, or becomes a node of the graph being captured.
#pragma once

#include <memory>

#include "cuda_types.hpp"

namespace talweg::driver {

struct Context;

class Operation;
using OperationPtr = std::shared_ptr<const Operation>;

class Operation {
 public:
  virtual ~Operation() = default;

  virtual GraphNodeType type() const = 0;

  // Called as it enters a stream, with itself; gives what is to run there.
  virtual OperationPtr enter(const OperationPtr& self) const { return self; }

  // False while it must wait for something else than the work before it in its stream.
  virtual bool ready(const Context&) const { return true; }

  // True of functions of the caller's: they run on the driver's own thread, and the context is free meanwhile.
  virtual bool calls_host() const { return false; }

  virtual CUresult run(Context& context) const = 0;
};

}  // namespace talweg::driver
