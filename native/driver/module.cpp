// Modules from PTX text, their kernels and their global variables.
#include <cstring>
#include <fstream>
#include <iterator>

#include "device.hpp"
#include "monitor.hpp"
#include "objects.hpp"

using namespace talweg::driver;

namespace {

// Where the caller wants the compiler's complaints.
struct ErrorLog {
  char* buffer = nullptr;
  size_t capacity = 0;

  ErrorLog(unsigned count, const int* options, void** values) {
    if (options == nullptr || values == nullptr) return;
    for (unsigned i = 0; i < count; ++i) {
      if (options[i] == kJitErrorLogBuffer) buffer = static_cast<char*>(values[i]);
      // Sizes stand in the place of the pointer itself.
      if (options[i] == kJitErrorLogBufferSizeBytes) capacity = static_cast<unsigned>(
          reinterpret_cast<uintptr_t>(values[i]));
    }
  }

  void write(const std::string& text) const {
    if (buffer == nullptr || capacity == 0) return;
    std::strncpy(buffer, text.c_str(), capacity);
    buffer[capacity - 1] = 0;
  }
};

// Machine code starts with one of these; this device runs PTX alone, and the host then offers that.
bool is_machine_code(const void* image) {
  const auto starts_with = [&](uint32_t magic) { return std::memcmp(image, &magic, sizeof magic) == 0; };
  constexpr uint32_t kElf = 0x464c457f, kFatBinary = 0xba55ed50, kFatBinaryWrapper = 0x466243b1;
  return starts_with(kElf) || starts_with(kFatBinary) || starts_with(kFatBinaryWrapper);
}

CUresult load(CUmodule* output, const void* image, const ErrorLog& log) {
  return with_context([&](Context& context) -> CUresult {
    if (output == nullptr || image == nullptr) return CUDA_ERROR_INVALID_VALUE;
    if (is_machine_code(image)) return CUDA_ERROR_NO_BINARY_FOR_GPU;
    auto module = std::make_shared<Module>();
    module->context = &context;
    talweg::ptx::LoadError error;
    module->code = talweg::ptx::Module::load(static_cast<const char*>(image), *context.memory, error);
    if (module->code == nullptr) {
      const std::string text = "PTX line " + std::to_string(error.line) + ": " + error.message;
      log.write(text);
      set_report(text);
      return CUDA_ERROR_INVALID_PTX;
    }
    *output = modules.add(std::move(module));
    return CUDA_SUCCESS;
  });
}

template <class Body>
CUresult with_function(CUfunction handle, Body body) {
  return with_context([&](Context& context) -> CUresult {
    const auto function = find_in(context, functions, handle);
    return function == nullptr ? CUDA_ERROR_INVALID_HANDLE : body(*function);
  });
}

}  // namespace

TALWEG_EXPORT CUresult cuModuleLoadData(CUmodule* output, const void* image) {
  return load(output, image, ErrorLog(0, nullptr, nullptr));
}

TALWEG_EXPORT CUresult cuModuleLoadDataEx(CUmodule* output, const void* image, unsigned count, const int* options,
                                          void** values) {
  return load(output, image, ErrorLog(count, options, values));
}

TALWEG_EXPORT CUresult cuModuleLoad(CUmodule* output, const char* file) {
  return with_driver([&]() -> CUresult {
    if (file == nullptr) return CUDA_ERROR_INVALID_VALUE;
    std::ifstream in(file, std::ios::binary);
    if (!in) return CUDA_ERROR_FILE_NOT_FOUND;
    const std::string text((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
    // is_machine_code looks at four bytes, which a string shorter than that does not have.
    return text.size() < 4 ? CUDA_ERROR_INVALID_IMAGE : load(output, text.c_str(), ErrorLog(0, nullptr, nullptr));
  });
}

TALWEG_EXPORT CUresult cuModuleLoadFatBinary(CUmodule*, const void*) { return CUDA_ERROR_NO_BINARY_FOR_GPU; }

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
      case kFunctionBinaryVersion: *value = kComputeMajor * 10 + kComputeMinor; break;
      case kFunctionMaxDynamicShared: *value = function.max_dynamic_shared; break;
      case kFunctionSharedCarveout: *value = function.shared_carveout; break;
      default: return CUDA_ERROR_NOT_SUPPORTED;
    }
    return CUDA_SUCCESS;
  });
}

TALWEG_EXPORT CUresult cuFuncSetAttribute(CUfunction handle, int attribute, int value) {
  return with_function(handle, [&](Function& function) -> CUresult {
    const int available = kSharedPerBlockOptIn - static_cast<int>(function.kernel->static_shared_bytes);
    switch (attribute) {
      case kFunctionMaxDynamicShared:
        if (value < 0 || value > available) return CUDA_ERROR_INVALID_VALUE;
        function.max_dynamic_shared = value;
        return CUDA_SUCCESS;
      case kFunctionSharedCarveout:
        if (value < -1 || value > 100) return CUDA_ERROR_INVALID_VALUE;
        function.shared_carveout = value;
        return CUDA_SUCCESS;
      default: return CUDA_ERROR_INVALID_VALUE;
    }
  });
}

// A hint for a cache that this device does not have.
TALWEG_EXPORT CUresult cuFuncSetCacheConfig(CUfunction handle, int) {
  return with_function(handle, [](Function&) { return CUDA_SUCCESS; });
}
