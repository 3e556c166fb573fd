// One launch of a kernel as an operation.
#pragma once

#include <memory>
#include <vector>

#include "calls.hpp"

namespace talweg::driver {

struct Geometry {
  unsigned grid[3];
  unsigned block[3];
  unsigned shared;
};

class KernelLaunch final : public Operation {
 public:
  // Checks geometry and arguments and copies these, for the caller's memory may die after the call. A refusal is
  // reported. Arguments come as one pointer each, or packed in `extra`.
  static CUresult make(std::shared_ptr<Function> function, const Geometry& geometry, void** values, void** extra,
                       bool cooperative, std::shared_ptr<const KernelLaunch>& launch);

  GraphNodeType type() const override { return kNodeKernel; }
  CUresult run(Context& context) const override;

  // As the caller of cuGraphKernelNodeGetParams sees it. Pointers stay valid as long as this launch.
  CUDA_KERNEL_NODE_PARAMS describe() const;

  bool cooperative() const { return cooperative_; }
  // Replaces `launch`, which may be this one, by one that is cooperative or not.
  CUresult as_cooperative(bool cooperative, OperationPtr& launch) const;

  const std::shared_ptr<Function> function;
  const Geometry geometry;

 private:
  KernelLaunch(std::shared_ptr<Function> function, const Geometry& geometry, bool cooperative)
      : function(std::move(function)), geometry(geometry), cooperative_(cooperative) {}

  bool copy_arguments(void** values, void** extra);

  const bool cooperative_;
  std::vector<uint8_t> arguments_;
  std::vector<void*> pointers_;  // to each argument
};

}  // namespace talweg::driver
