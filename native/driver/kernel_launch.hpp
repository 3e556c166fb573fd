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

// What a launch can be told besides its shape.
struct LaunchAttributes {
  bool cooperative = false;
  unsigned cluster[3] = {};  // blocks; 0: as the kernel says
};

// False for an attribute that results do not depend on.
bool take_launch_attribute(int attribute, const AttributeValue& value, LaunchAttributes& attributes);

// The clusters that a launch of this shape is made of. Anything but CUDA_SUCCESS comes with a reason.
CUresult choose_cluster(const Function& function, const Geometry& geometry, const LaunchAttributes& attributes,
                        unsigned (&cluster)[3], std::string& reason);

// Clusters of so many blocks that the device holds at a time.
unsigned active_clusters(const Function& function, const Geometry& geometry, unsigned blocks);

class KernelLaunch final : public Operation {
 public:
  // Checks geometry and arguments and copies these, for the caller's memory may die after the call. A refusal is
  // reported. Arguments come as one pointer each, or packed in `extra`.
  static CUresult make(std::shared_ptr<Function> function, const Geometry& geometry, void** values, void** extra,
                       const LaunchAttributes& attributes, std::shared_ptr<const KernelLaunch>& launch);

  GraphNodeType type() const override { return kNodeKernel; }
  CUresult run(Context& context) const override;

  // As the caller of cuGraphKernelNodeGetParams sees it. Pointers stay valid as long as this launch.
  CUDA_KERNEL_NODE_PARAMS describe() const;

  // Replaces `launch`, which may be this one, by one with these attributes.
  CUresult with(const LaunchAttributes& attributes, OperationPtr& launch) const;

  const std::shared_ptr<Function> function;
  const Geometry geometry;
  const LaunchAttributes attributes;

 private:
  KernelLaunch(std::shared_ptr<Function> function, const Geometry& geometry, const LaunchAttributes& attributes)
      : function(std::move(function)), geometry(geometry), attributes(attributes) {}

  bool copy_arguments(void** values, void** extra);

  unsigned cluster_[3] = {1, 1, 1};
  bool explicit_cluster_ = false;
  std::vector<uint8_t> arguments_;
  std::vector<void*> pointers_;  // to each argument
};

}  // namespace talweg::driver
