// Kernel launches: geometry and arguments are checked and copied here, execution is exec's.
#include <cstring>

#include "../exec/launch.hpp"
#include "device.hpp"
#include "monitor.hpp"
#include "objects.hpp"

using namespace talweg::driver;

namespace {

struct Geometry {
  unsigned grid[3];
  unsigned block[3];
  unsigned shared;
};

struct KernelLaunch final : Operation {
  std::shared_ptr<const Function> function;
  Geometry geometry{};
  std::vector<uint8_t> parameters;
  bool cooperative = false;

  CUresult run(Context& context) const override {
    const talweg::ptx::Kernel& kernel = *function->kernel;
    if (fault_due(Fault::kLaunch)) {
      return context.lose(CUDA_ERROR_LAUNCH_FAILED, "kernel " + kernel.name + " failed, as ordered");
    }
    count_launch(kernel.name);
    talweg::exec::LaunchRequest request;
    request.kernel = &kernel;
    std::memcpy(request.grid, geometry.grid, sizeof request.grid);
    std::memcpy(request.block, geometry.block, sizeof request.block);
    request.dynamic_shared_bytes = geometry.shared;
    request.parameters = parameters.data();
    request.cooperative = cooperative;
    const talweg::exec::LaunchResult result = talweg::exec::launch(request, *context.memory);
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
};

// Empty if the launch can be.
std::string complaint(const Function& function, const Geometry& geometry) {
  const talweg::ptx::Kernel& kernel = *function.kernel;
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

CUresult refuse(const Function& function, const std::string& reason, CUresult code) {
  set_report("launch of " + function.kernel->name + " refused: " + reason);
  return code;
}

// The `extra` form: a list of (key, value) pairs that ends with a null key.
bool copy_packed(void** extra, std::vector<uint8_t>& parameters) {
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
  if (buffer == nullptr || size == nullptr || *size < parameters.size()) return false;
  std::memcpy(parameters.data(), buffer, parameters.size());
  return true;
}

// The caller's memory may die after the call, so the values are copied now, with the sizes of the PTX signature.
bool copy_parameters(const talweg::ptx::Kernel& kernel, void** values, void** extra,
                     std::vector<uint8_t>& parameters) {
  parameters.assign(kernel.parameter_bytes, 0);
  if (values != nullptr && extra != nullptr) return false;
  if (extra != nullptr) return copy_packed(extra, parameters);
  if (values == nullptr) return kernel.parameters.empty();
  for (size_t i = 0; i < kernel.parameters.size(); ++i) {
    if (values[i] == nullptr) return false;
    const talweg::ptx::KernelParameter& parameter = kernel.parameters[i];
    std::memcpy(parameters.data() + parameter.offset, values[i], parameter.size);
  }
  return true;
}

CUresult launch(CUfunction handle, const Geometry& geometry, CUstream stream_handle, void** values, void** extra,
                bool cooperative) {
  return with_context([&](Context& context) -> CUresult {
    const auto function = find_in(context, functions, handle);
    const auto stream = find_stream(context, stream_handle);
    if (function == nullptr || stream == nullptr) return CUDA_ERROR_INVALID_HANDLE;
    const std::string reason = complaint(*function, geometry);
    if (!reason.empty()) return refuse(*function, reason, CUDA_ERROR_INVALID_VALUE);
    if (cooperative) {
      const unsigned* block = geometry.block;
      const uint64_t blocks = uint64_t{geometry.grid[0]} * geometry.grid[1] * geometry.grid[2];
      const uint64_t resident = uint64_t{kMultiprocessors} * blocks_per_multiprocessor(
          static_cast<int>(block[0] * block[1] * block[2]), geometry.shared + function->kernel->static_shared_bytes);
      if (blocks > resident) {
        return refuse(*function, std::to_string(blocks) + " cooperating blocks, the device holds " +
                      std::to_string(resident) + " at a time", CUDA_ERROR_COOPERATIVE_LAUNCH_TOO_LARGE);
      }
    }
    auto work = std::make_shared<KernelLaunch>();
    work->function = function;
    work->geometry = geometry;
    work->cooperative = cooperative;
    if (!copy_parameters(*function->kernel, values, extra, work->parameters)) {
      return refuse(*function, "its arguments are missing or too short", CUDA_ERROR_INVALID_VALUE);
    }
    return submit(context, *stream, std::move(work));
  });
}

}  // namespace

TALWEG_EXPORT CUresult cuLaunchKernel(CUfunction function, unsigned grid_x, unsigned grid_y, unsigned grid_z,
                                      unsigned block_x, unsigned block_y, unsigned block_z, unsigned shared,
                                      CUstream stream, void** values, void** extra) {
  const Geometry geometry{{grid_x, grid_y, grid_z}, {block_x, block_y, block_z}, shared};
  return launch(function, geometry, stream, values, extra, false);
}

TALWEG_EXPORT CUresult cuLaunchCooperativeKernel(CUfunction function, unsigned grid_x, unsigned grid_y,
                                                 unsigned grid_z, unsigned block_x, unsigned block_y,
                                                 unsigned block_z, unsigned shared, CUstream stream, void** values) {
  const Geometry geometry{{grid_x, grid_y, grid_z}, {block_x, block_y, block_z}, shared};
  return launch(function, geometry, stream, values, nullptr, true);
}
