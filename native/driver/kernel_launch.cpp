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

unsigned resident_blocks(const Function& function, const Geometry& geometry) {
  const unsigned* block = geometry.block;
  return static_cast<unsigned>(kMultiprocessors * blocks_per_multiprocessor(
      static_cast<int>(block[0] * block[1] * block[2]),
      static_cast<long long>(geometry.shared + function.kernel->static_shared_bytes)));
}

// Blocks that are more than the device holds at a time could wait for each other for ever.
std::string cooperative_complaint(const Function& function, const Geometry& geometry) {
  const uint64_t blocks = uint64_t{geometry.grid[0]} * geometry.grid[1] * geometry.grid[2];
  const unsigned resident = resident_blocks(function, geometry);
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

CUresult choose_cluster(const Function& function, const Geometry& geometry, const LaunchAttributes& attributes,
                        unsigned (&cluster)[3], std::string& reason) {
  const auto is_set = [](const unsigned* size) { return size[0] != 0 || size[1] != 0 || size[2] != 0; };
  const auto shape = [](const unsigned* size) {
    return std::to_string(size[0]) + " x " + std::to_string(size[1]) + " x " + std::to_string(size[2]);
  };
  const bool of_launch = is_set(attributes.cluster), of_kernel = is_set(function.cluster);
  std::fill_n(cluster, 3, 1u);
  if (of_launch || of_kernel) std::copy_n(of_launch ? attributes.cluster : function.cluster, 3, cluster);
  const uint64_t blocks = uint64_t{cluster[0]} * cluster[1] * cluster[2];
  const unsigned most = function.non_portable_cluster ? kMaxNonPortableClusterBlocks : kMaxClusterBlocks;
  if (!of_launch && !of_kernel) {
    if (function.must_have_cluster) reason = "it must be launched with a cluster size";
  } else if (of_launch && of_kernel && !std::equal(cluster, cluster + 3, function.cluster)) {
    reason = "clusters of " + shape(cluster) + " blocks, the kernel is for " + shape(function.cluster);
  } else if (blocks == 0 || cluster[0] > most || cluster[1] > most || cluster[2] > most || blocks > most) {
    reason = "clusters of " + shape(cluster) + " blocks, allowed are 1 to " + std::to_string(most) +
             (function.non_portable_cluster ? "" : " (CU_FUNC_ATTRIBUTE_NON_PORTABLE_CLUSTER_SIZE_ALLOWED raises it)");
  } else if (function.kernel->max_cluster != 0 && blocks > function.kernel->max_cluster) {
    reason = "clusters of " + shape(cluster) + " blocks, .maxclusterrank of the kernel is " +
             std::to_string(function.kernel->max_cluster);
  } else if (geometry.grid[0] % cluster[0] != 0 || geometry.grid[1] % cluster[1] != 0 || geometry.grid[2] % cluster[2] != 0) {
    reason = "a grid of " + shape(geometry.grid) + " blocks is no multiple of clusters of " + shape(cluster);
  } else if (blocks > 1 && !has_clusters()) {
    reason = "the device has no clusters, its compute capability is below 9.0";
    return CUDA_ERROR_NOT_SUPPORTED;
  } else if (blocks > 1 && active_clusters(function, geometry, static_cast<unsigned>(blocks)) == 0) {
    reason = "the device does not hold all " + std::to_string(blocks) + " blocks of a cluster at a time";
  }
  return reason.empty() ? CUDA_SUCCESS : CUDA_ERROR_INVALID_CLUSTER_SIZE;
}

unsigned active_clusters(const Function& function, const Geometry& geometry, unsigned blocks) {
  return resident_blocks(function, geometry) / blocks;
}

CUresult KernelLaunch::make(std::shared_ptr<Function> function, const Geometry& geometry, void** values, void** extra,
                            const LaunchAttributes& attributes, std::shared_ptr<const KernelLaunch>& launch) {
  std::string reason = complaint(*function, geometry);
  if (!reason.empty()) return refuse(*function, reason, CUDA_ERROR_INVALID_VALUE);
  if (attributes.cooperative) {
    const std::string too_large = cooperative_complaint(*function, geometry);
    if (!too_large.empty()) return refuse(*function, too_large, CUDA_ERROR_COOPERATIVE_LAUNCH_TOO_LARGE);
  }
  std::shared_ptr<KernelLaunch> made(new KernelLaunch(std::move(function), geometry, attributes));
  const CUresult misfit = choose_cluster(*made->function, geometry, attributes, made->cluster_, reason);
  if (misfit != CUDA_SUCCESS) return refuse(*made->function, reason, misfit);
  made->explicit_cluster_ = attributes.cluster[0] != 0 || made->function->cluster[0] != 0;
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
  request.cooperative = attributes.cooperative;
  std::copy(cluster_, cluster_ + 3, request.cluster);
  request.explicit_cluster = explicit_cluster_;
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

CUresult KernelLaunch::with(const LaunchAttributes& wanted, OperationPtr& launch) const {
  std::shared_ptr<const KernelLaunch> made;
  const CUresult result = make(function, geometry, describe().values, nullptr, wanted, made);
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
