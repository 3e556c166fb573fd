// Modules from PTX text, their kernels and their global variables.
#include <algorithm>

#include "calls.hpp"
#include "device.hpp"
#include "jit.hpp"

using namespace talweg::driver;

namespace {

CUresult load(CUmodule* output, const void* image, JitOptions options) {
  return with_context([&](Context& context) -> CUresult {
    if (output == nullptr || image == nullptr) return CUDA_ERROR_INVALID_VALUE;
    const char* text = static_cast<const char*>(image);
    CUresult result = check_image(text, options);
    if (result != CUDA_SUCCESS) return result;
    auto module = std::make_shared<Module>();
    module->context = &context;
    module->memory = context.memory;
    talweg::ptx::LoadError error;
    module->code = talweg::ptx::Module::load(text, *context.memory, error);
    if (module->code == nullptr) {
      // The one thing that can go wrong with PTX that is in order: its variables do not fit.
      const bool full = error.message.rfind("no device memory left", 0) == 0;
      return options.fail(full ? CUDA_ERROR_OUT_OF_MEMORY : CUDA_ERROR_INVALID_PTX, "PTX line " + std::to_string(error.line) + ": " + error.message);
    }
    options.succeed();
    *output = modules.add(std::move(module));
    return CUDA_SUCCESS;
  });
}

template <class Body>
CUresult with_function(CUfunction handle, Body body) {
  return with_object(functions, handle, [&](Context&, Function& function) { return body(function); });
}

}  // namespace

TALWEG_EXPORT CUresult cuModuleLoadData(CUmodule* output, const void* image) {
  return load(output, image, JitOptions(0, nullptr, nullptr));
}

TALWEG_EXPORT CUresult cuModuleLoadDataEx(CUmodule* output, const void* image, unsigned count, const int* options,
                                          void** values) {
  return load(output, image, JitOptions(count, options, values));
}

TALWEG_EXPORT CUresult cuModuleLoad(CUmodule* output, const char* file) {
  return with_driver([&]() -> CUresult {
    if (file == nullptr) return CUDA_ERROR_INVALID_VALUE;
    std::string text;
    if (!read_file(file, text)) return CUDA_ERROR_FILE_NOT_FOUND;
    // check_image looks at four bytes, which a string shorter than that does not have.
    return text.size() < 4 ? CUDA_ERROR_INVALID_IMAGE : load(output, text.c_str(), JitOptions(0, nullptr, nullptr));
  });
}

TALWEG_EXPORT CUresult cuModuleLoadFatBinary(CUmodule*, const void*) {
  return with_context([](Context&) {
    set_report("the software device runs PTX alone: load the text of the .ptx file with cuModuleLoadData");
    return CUDA_ERROR_NO_BINARY_FOR_GPU;
  });
}

TALWEG_EXPORT CUresult cuModuleUnload(CUmodule handle) {
  return with_context([&](Context& context) -> CUresult {
    const auto module = find_in(context, modules, handle);
    if (module == nullptr) return CUDA_ERROR_INVALID_HANDLE;
    for (const auto& [name, function] : module->functions) functions.remove(function);
    modules.remove(handle);
    return CUDA_SUCCESS;
  });
}

TALWEG_EXPORT CUresult cuModuleGetFunction(CUfunction* output, CUmodule handle, const char* name) {
  return with_context([&](Context& context) -> CUresult {
    const auto module = find_in(context, modules, handle);
    if (module == nullptr) return CUDA_ERROR_INVALID_HANDLE;
    if (output == nullptr || name == nullptr) return CUDA_ERROR_INVALID_VALUE;
    const auto known = module->functions.find(name);
    if (known != module->functions.end()) {
      *output = known->second;
      return CUDA_SUCCESS;
    }
    const talweg::ptx::Kernel* kernel = module->code->kernel(name);
    if (kernel == nullptr) return CUDA_ERROR_NOT_FOUND;
    auto function = std::make_shared<Function>();
    function->context = &context;
    function->module = module;
    function->kernel = kernel;
    std::copy(kernel->cluster, kernel->cluster + 3, function->cluster);
    function->must_have_cluster = kernel->must_have_cluster;
    function->max_dynamic_shared = kSharedPerBlock - static_cast<int>(kernel->static_shared_bytes);
    *output = functions.add(std::move(function));
    module->functions.emplace(name, *output);
    return CUDA_SUCCESS;
  });
}

TALWEG_EXPORT CUresult cuModuleGetGlobal_v2(CUdeviceptr* pointer, size_t* bytes, CUmodule handle, const char* name) {
  return with_context([&](Context& context) -> CUresult {
    const auto module = find_in(context, modules, handle);
    if (module == nullptr) return CUDA_ERROR_INVALID_HANDLE;
    if (name == nullptr) return CUDA_ERROR_INVALID_VALUE;
    uint64_t address = 0;
    uint64_t size = 0;
    if (!module->code->global(name, address, size)) return CUDA_ERROR_NOT_FOUND;
    if (pointer != nullptr) *pointer = address;
    if (bytes != nullptr) *bytes = size;
    return CUDA_SUCCESS;
  });
}

TALWEG_EXPORT CUresult cuFuncGetModule(CUmodule* module, CUfunction handle) {
  return with_function(handle, [&](Function& function) -> CUresult {
    if (module == nullptr) return CUDA_ERROR_INVALID_VALUE;
    *module = function.module->handle;
    return CUDA_SUCCESS;
  });
}

TALWEG_EXPORT CUresult cuFuncGetAttribute(int* value, int attribute, CUfunction handle) {
  return with_function(handle, [&](Function& function) -> CUresult {
    if (value == nullptr) return CUDA_ERROR_INVALID_VALUE;
    const talweg::ptx::Kernel& kernel = *function.kernel;
    switch (attribute) {
      case kFunctionMaxThreads: *value = kernel.max_threads; break;
      case kFunctionSharedBytes: *value = static_cast<int>(kernel.static_shared_bytes); break;
      case kFunctionLocalBytes: *value = static_cast<int>(kernel.local_bytes); break;
      case kFunctionConstBytes: *value = 0; break;  // this device keeps constants in global memory
      case kFunctionRegisters: *value = 0; break;   // PTX has as many as it likes
      case kFunctionPtxVersion:
      case kFunctionBinaryVersion: *value = chip().major * 10 + chip().minor; break;
      case kFunctionMaxDynamicShared: *value = function.max_dynamic_shared; break;
      case kFunctionSharedCarveout: *value = function.shared_carveout; break;
      case kFunctionClusterMustBeSet: *value = function.must_have_cluster; break;
      case kFunctionClusterWidth:
      case kFunctionClusterHeight:
      case kFunctionClusterDepth: *value = static_cast<int>(function.cluster[attribute - kFunctionClusterWidth]); break;
      case kFunctionClusterNonPortable: *value = function.non_portable_cluster; break;
      case kFunctionClusterPolicy: *value = function.cluster_policy; break;
      default: return CUDA_ERROR_NOT_SUPPORTED;
    }
    return CUDA_SUCCESS;
  });
}

TALWEG_EXPORT CUresult cuFuncSetAttribute(CUfunction handle, int attribute, int value) {
  return with_function(handle, [&](Function& function) -> CUresult {
    const int available = chip().shared_per_block_opt_in - static_cast<int>(function.kernel->static_shared_bytes);
    switch (attribute) {
      case kFunctionMaxDynamicShared:
        if (value < 0 || value > available) return CUDA_ERROR_INVALID_VALUE;
        function.max_dynamic_shared = value;
        return CUDA_SUCCESS;
      case kFunctionSharedCarveout:
        if (value < -1 || value > 100) return CUDA_ERROR_INVALID_VALUE;
        function.shared_carveout = value;
        return CUDA_SUCCESS;
      case kFunctionClusterMustBeSet:
        if (value != 0 && value != 1) return CUDA_ERROR_INVALID_VALUE;
        function.must_have_cluster = value != 0;
        return CUDA_SUCCESS;
      case kFunctionClusterWidth:
      case kFunctionClusterHeight:
      case kFunctionClusterDepth:
        if (function.kernel->cluster[0] != 0) return CUDA_ERROR_NOT_PERMITTED;  // it was compiled in
        if (value < 0) return CUDA_ERROR_INVALID_VALUE;
        function.cluster[attribute - kFunctionClusterWidth] = static_cast<unsigned>(value);
        return CUDA_SUCCESS;
      case kFunctionClusterNonPortable:
        if (value != 0 && value != 1) return CUDA_ERROR_INVALID_VALUE;
        function.non_portable_cluster = value != 0;
        return CUDA_SUCCESS;
      case kFunctionClusterPolicy:
        if (value < 0 || value > 2) return CUDA_ERROR_INVALID_VALUE;  // default, spread, load balancing
        function.cluster_policy = value;
        return CUDA_SUCCESS;
      default: return CUDA_ERROR_INVALID_VALUE;
    }
  });
}
