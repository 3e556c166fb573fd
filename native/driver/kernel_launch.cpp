#include "kernel_launch.hpp"

#include <algorithm>
#include <cstring>

#include "../exec/launch.hpp"
#include "device.hpp"

namespace talweg::driver {
namespace {

// Empty if the launch can be.
std::string complaint(const Function& function, const Geometry& geometry) {
  const ptx::Kernel& kernel = *function.kernel;
  for (int i = 0; i < 3; ++i) {
    const std::string axis(1, "xyz"[i]);
    if (geometry.grid[i] == 0 || geometry.grid[i] > kMaxGridDim[i]) {
      return "grid." + axis + " is " + std::to_string(geometry.grid[i]) + ", allowed are 1 to " +
             std::to_string(kMaxGridDim[i]);
    }
    if (geometry.block[i] == 0 || geometry.block[i] > static_cast<unsigned>(kMaxBlockDim[i])) {
      return "block." + axis + " is " + std::to_string(geometry.block[i]) + ", allowed are 1 to " +
             std::to_string(kMaxBlockDim[i]);
    }
  }
  const uint64_t threads = uint64_t{geometry.block[0]} * geometry.block[1] * geometry.block[2];
  const int limit = std::min(kernel.max_threads, kMaxThreadsPerBlock);
  if (threads > static_cast<uint64_t>(limit)) {
    return std::to_string(threads) + " threads in a block, the kernel allows " + std::to_string(limit);
  }
  if (geometry.shared > static_cast<unsigned>(std::max(function.max_dynamic_shared, 0))) {
    return std::to_string(geometry.shared) + " bytes of dynamic shared memory, the kernel allows " +
           std::to_string(function.max_dynamic_shared) + " (cuFuncSetAttribute raises it)";
  }
  return {};
}

// Blocks that are more than the device holds at a time could wait for each other for ever.
std::string cooperative_complaint(const Function& function, const Geometry& geometry) {
  const unsigned* block = geometry.block;
  const uint64_t blocks = uint64_t{geometry.grid[0]} * geometry.grid[1] * geometry.grid[2];
  const uint64_t resident = uint64_t{kMultiprocessors} * blocks_per_multiprocessor(
      static_cast<int>(block[0] * block[1] * block[2]), geometry.shared + function.kernel->static_shared_bytes);
  return blocks <= resident ? std::string()
                            : std::to_string(blocks) + " cooperating blocks, the device holds " +
                                  std::to_string(resident) + " at a time";
}

CUresult refuse(const Function& function, const std::string& reason, CUresult code) {
  set_report("launch of " + function.kernel->name + " refused: " + reason);
  return code;
}

// The `extra` form: a list of (key, value) pairs that ends with a null key.
bool copy_packed(void** extra, std::vector<uint8_t>& arguments) {
  constexpr uintptr_t kEnd = 0, kBufferPointer = 1, kBufferSize = 2;
  const void* buffer = nullptr;
  const size_t* size = nullptr;
  for (; reinterpret_cast<uintptr_t>(*extra) != kEnd; extra += 2) {
    switch (reinterpret_cast<uintptr_t>(*extra)) {
      case kBufferPointer: buffer = extra[1]; break;
      case kBufferSize: size = static_cast<const size_t*>(extra[1]); break;
      default: return false;
    }
  }
  if (buffer == nullptr || size == nullptr || *size < arguments.size()) return false;
  if (!arguments.empty()) std::memcpy(arguments.data(), buffer, arguments.size());
  return true;
}

}  // namespace

bool KernelLaunch::copy_arguments(void** values, void** extra) {
  const ptx::Kernel& kernel = *function->kernel;
  arguments_.assign(kernel.parameter_bytes, 0);
  for (const ptx::KernelParameter& parameter : kernel.parameters) {
    pointers_.push_back(arguments_.data() + parameter.offset);
  }
  if (values != nullptr && extra != nullptr) return false;
  if (extra != nullptr) return copy_packed(extra, arguments_);
  if (values == nullptr) return kernel.parameters.empty();
  for (size_t i = 0; i < kernel.parameters.size(); ++i) {
    if (values[i] == nullptr) return false;
    std::memcpy(pointers_[i], values[i], kernel.parameters[i].size);
  }
  return true;
}

CUresult KernelLaunch::make(std::shared_ptr<Function> function, const Geometry& geometry, void** values, void** extra,
                            bool cooperative, std::shared_ptr<const KernelLaunch>& launch) {
  const std::string reason = complaint(*function, geometry);
  if (!reason.empty()) return refuse(*function, reason, CUDA_ERROR_INVALID_VALUE);
  if (cooperative) {
    const std::string too_large = cooperative_complaint(*function, geometry);
    if (!too_large.empty()) return refuse(*function, too_large, CUDA_ERROR_COOPERATIVE_LAUNCH_TOO_LARGE);
  }
  std::shared_ptr<KernelLaunch> made(new KernelLaunch(std::move(function), geometry, cooperative));
  if (!made->copy_arguments(values, extra)) {
    return refuse(*made->function, "its arguments are missing or too short", CUDA_ERROR_INVALID_VALUE);
  }
  launch = std::move(made);
  return CUDA_SUCCESS;
}

CUresult KernelLaunch::run(Context& context) const {
  const ptx::Kernel& kernel = *function->kernel;
  if (fault_due(Fault::kLaunch)) {
    return context.lose(CUDA_ERROR_LAUNCH_FAILED, "kernel " + kernel.name + " failed, as ordered");
  }
  count_launch(kernel.name);
  exec::LaunchRequest request;
  request.kernel = &kernel;
  std::memcpy(request.grid, geometry.grid, sizeof request.grid);
  std::memcpy(request.block, geometry.block, sizeof request.block);
  request.dynamic_shared_bytes = geometry.shared;
  request.parameters = arguments_.data();
  request.cooperative = cooperative_;
  const DeviceMemory::Pin stays(context.memory);
  const exec::LaunchResult result = exec::launch(request, *context.memory);
  const auto code = static_cast<CUresult>(result.status);
  switch (code) {
    case CUDA_SUCCESS: return code;
    // Refused before it ran: the context lives on.
    case CUDA_ERROR_INVALID_VALUE:
    case CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES:
    case CUDA_ERROR_COOPERATIVE_LAUNCH_TOO_LARGE: set_report(result.report); return code;
    default: return context.lose(code, result.report);
  }
}

CUresult KernelLaunch::as_cooperative(bool cooperative, OperationPtr& launch) const {
  if (cooperative == cooperative_) return CUDA_SUCCESS;
  std::shared_ptr<const KernelLaunch> made;
  const CUresult result = make(function, geometry, describe().values, nullptr, cooperative, made);
  if (result == CUDA_SUCCESS) launch = std::move(made);
  return result;
}

CUDA_KERNEL_NODE_PARAMS KernelLaunch::describe() const {
  CUDA_KERNEL_NODE_PARAMS parameters{};
  parameters.function = function->handle;
  std::copy(geometry.grid, geometry.grid + 3, parameters.grid);
  std::copy(geometry.block, geometry.block + 3, parameters.block);
  parameters.shared_bytes = geometry.shared;
  parameters.values = const_cast<void**>(pointers_.data());
  return parameters;
}

}  // namespace talweg::driver
