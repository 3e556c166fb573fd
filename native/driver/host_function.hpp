// A function of the caller's in a stream.
#pragma once

#include "operation.hpp"

namespace talweg::driver {

class HostFunction final : public Operation {
 public:
  explicit HostFunction(const CUDA_HOST_NODE_PARAMS& parameters) : parameters(parameters) {}

  GraphNodeType type() const override { return kNodeHost; }
  bool calls_host() const override { return true; }
  CUresult run(Context&) const override {
    parameters.function(parameters.data);
    return CUDA_SUCCESS;
  }

  const CUDA_HOST_NODE_PARAMS parameters;
};

}  // namespace talweg::driver
