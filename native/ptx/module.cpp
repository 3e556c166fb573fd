// Module::load: parse, place variables, decode, initialise.
#include "module.hpp"

#include <algorithm>
#include <cstring>
#include <map>
#include <set>

#include "../exec/decode.hpp"
#include "../exec/float_state.hpp"
#include "../memory/device_memory.hpp"
#include "parser.hpp"
#include "shared_layout.hpp"

namespace talweg::ptx {
namespace {

constexpr uint32_t kFrameAlign = 16;
constexpr uint32_t kRecursionBytes = 64 * 1024;  // local memory of a thread whose calls have no static bound
constexpr int kMaxThreads = 1024;
constexpr uint32_t kMaxFrameBytes = 512 * 1024, kMaxStackBytes = 1 << 20;
constexpr uint64_t kMaxSharedBytes = 1 << 20, kMaxParameterBytes = 32764;

uint32_t round_up(uint64_t value, uint64_t align) { return static_cast<uint32_t>((value + align - 1) / align * align); }

class LoadedModule : public Module {
 public:
  explicit LoadedModule(DeviceMemory& memory) : memory_(memory) {}
  ~LoadedModule() override {
    for (const auto& entry : globals_) memory_.release(entry.second.address);
  }

  void load(std::string_view source) {
    const Translation translation = parse(source);
    place_globals(translation);
    declare_functions(translation);
    const SharedLayout shared = lay_out_shared(translation);
    for (const auto& entry : shared.offsets) addresses_.fixed[entry.first] = entry.second;
    decode(translation, shared);
    add_kernels(translation, shared);
    initialise_globals(translation);
  }

  const Kernel* kernel(std::string_view name) const override {
    auto found = kernels_.find(std::string(name));
    return found == kernels_.end() ? nullptr : &found->second;
  }

  bool global(std::string_view name, uint64_t& address, uint64_t& size) const override {
    auto found = globals_.find(std::string(name));
    if (found == globals_.end()) return false;
    address = found->second.address;
    size = found->second.size;
    return true;
  }

 private:
  struct Global {
    uint64_t address = 0, size = 0;
  };

  void place_globals(const Translation& translation) {
    // What is only declared gets its size from where it is defined.
    std::map<std::string_view, uint64_t> sizes;
    for (const Variable& variable : translation.variables) {
      sizes[variable.name] = std::max(sizes[variable.name], variable.size);
    }
    for (const Variable& variable : translation.variables) {
      if (variable.space != Space::kGlobal && variable.space != Space::kConst) continue;
      Global& global = globals_[std::string(variable.name)];
      if (global.address != 0) {  // declared before
        addresses_.fixed[&variable] = global.address;
        continue;
      }
      const uint64_t size = sizes[variable.name];
      if (size == 0) throw LoadError{variable.line, "'" + std::string(variable.name) + "' has no size"};
      global.size = size;
      global.address = memory_.allocate(size, "module global");
      if (global.address == 0) {
        throw LoadError{variable.line, "no device memory left for '" + std::string(variable.name) + "'"};
      }
      std::memset(reinterpret_cast<void*>(global.address), 0, size);
      addresses_.fixed[&variable] = global.address;
    }
  }

  void initialise_globals(const Translation& translation) {
    for (const Variable& variable : translation.variables) {
      if (variable.space != Space::kGlobal && variable.space != Space::kConst) continue;
      uint8_t* memory = reinterpret_cast<uint8_t*>(globals_[std::string(variable.name)].address);
      std::copy(variable.bytes.begin(), variable.bytes.end(), memory);
      for (const AddressInitialiser& initialiser : variable.addresses) {
        const uint64_t value = (symbol_address(initialiser) + static_cast<uint64_t>(initialiser.addend))
                               >> initialiser.shift;
        std::memcpy(memory + initialiser.offset, &value, static_cast<size_t>(initialiser.bytes));
      }
    }
  }

  uint64_t symbol_address(const AddressInitialiser& initialiser) const {
    auto global = globals_.find(std::string(initialiser.symbol));
    if (global != globals_.end()) return global->second.address;
    auto function = addresses_.functions.find(initialiser.symbol);
    if (function != addresses_.functions.end()) return exec::kFunctionWindow | function->second;
    throw LoadError{initialiser.line, "unknown symbol '" + std::string(initialiser.symbol) + "' in an initialiser"};
  }

  void declare_functions(const Translation& translation) {
    for (const Function& function : translation.functions) {
      auto [entry, fresh] =
          addresses_.functions.try_emplace(function.name, static_cast<uint32_t>(program_.functions.size()));
      if (fresh) program_.functions.emplace_back();
      DecodedFunction& decoded = program_.functions[entry->second];
      if (!fresh && decoded.has_body) {
        if (!function.has_body) continue;
        throw LoadError{function.line, "function '" + std::string(function.name) + "' defined twice"};
      }
      decoded = DecodedFunction{};
      decoded.program = &program_;
      decoded.name = function.name;
      decoded.has_body = function.has_body;
      lay_out_frame(function, decoded);
    }
  }

  // Everything of a function that has an address: its parameters (a kernel's lie in the launch's block instead), the
  // parameters of calls it makes, its local variables.
  void lay_out_frame(const Function& function, DecodedFunction& decoded) {
    std::set<const Variable*> kernel_parameters;
    if (function.is_entry) kernel_parameters.insert(function.parameters.begin(), function.parameters.end());
    uint32_t bytes = 0;
    for (const Variable& variable : function.variables) {
      if (variable.space != Space::kLocal && variable.space != Space::kParam) continue;
      if (kernel_parameters.count(&variable) != 0) continue;
      bytes = round_up(bytes, variable.align);
      addresses_.frame[&variable] = bytes;
      bytes += static_cast<uint32_t>(variable.size);
      if (bytes > kMaxFrameBytes) throw LoadError{variable.line, "'" + std::string(function.name) + "' needs too much local memory"};
    }
    // No activation is empty, so that the stack bounds every recursion.
    decoded.local_bytes = function.is_entry ? round_up(bytes, kFrameAlign) : round_up(bytes + 1, kFrameAlign);
    if (function.is_entry) return;
    for (const Variable* parameter : function.parameters) {
      decoded.parameter_offsets.push_back(addresses_.frame.at(parameter));
      decoded.parameter_bytes.push_back(static_cast<uint32_t>(parameter->size));
    }
    for (const Variable* result : function.results) {
      decoded.result_offsets.push_back(addresses_.frame.at(result));
      decoded.result_bytes.push_back(static_cast<uint32_t>(result->size));
    }
  }

  void decode(const Translation& translation, const SharedLayout& shared) {
    for (const auto& file : translation.files) program_.file_names[file.first] = std::string(file.second);
    for (const Location& location : translation.locations) {
      exec::SourcePlace place;
      place.file = program_.file_names[location.file];
      place.line = location.line;
      place.caller_line = location.caller_line;
      if (location.caller_line > 0) place.caller_file = program_.file_names[location.caller_file];
      program_.locations.push_back(place);
    }
    std::map<const Function*, exec::RegisterSlots> slots;
    exec::FrameLayout layout;
    for (const Function& function : translation.functions) {
      if (!function.has_body) continue;
      slots[&function] = exec::assign_slots(function);
      layout.include(slots[&function]);
    }
    exec::ConstantPool constants;
    for (const Function& function : translation.functions) {
      if (!function.has_body) continue;
      place_kernel_parameters(function);
      auto dynamic = shared.dynamic_offset.find(&function);
      addresses_.dynamic_shared = dynamic == shared.dynamic_offset.end() ? 0 : static_cast<uint32_t>(dynamic->second);
      DecodedFunction& decoded = program_.functions[addresses_.functions.at(function.name)];
      decoded.first = static_cast<uint32_t>(program_.code.size());
      exec::Decoder(function, program_, constants, addresses_, slots[&function], layout).run();
      decoded.last = static_cast<uint32_t>(program_.code.size());
    }
    program_.constants = constants.build();
    program_.frame_bytes = round_up(layout.bytes(), 64);
  }

  void place_kernel_parameters(const Function& function) {
    if (!function.is_entry) return;
    uint64_t offset = 0;
    for (const Variable* parameter : function.parameters) {
      offset = round_up(offset, parameter->align);
      addresses_.kernel_parameter[parameter] = static_cast<uint32_t>(offset);
      offset += parameter->size;
    }
  }

  void add_kernels(const Translation& translation, const SharedLayout& shared) {
    for (const Function& function : translation.functions) {
      if (!function.is_entry || !function.has_body) continue;
      DecodedFunction& decoded = program_.functions[addresses_.functions.at(function.name)];
      Kernel& kernel = kernels_[std::string(function.name)];
      kernel.name = function.name;
      for (const Variable* parameter : function.parameters) {
        const size_t offset = addresses_.kernel_parameter.at(parameter);
        kernel.parameters.push_back({offset, static_cast<size_t>(parameter->size), parameter->align});
        kernel.parameter_bytes = offset + static_cast<size_t>(parameter->size);
      }
      if (kernel.parameter_bytes > kMaxParameterBytes) throw LoadError{function.line, "'" + kernel.name + "' has too many parameters"};
      auto bytes = shared.static_bytes.find(&function);
      if (bytes != shared.static_bytes.end() && bytes->second > kMaxSharedBytes) {
        throw LoadError{function.line, "'" + kernel.name + "' needs too much shared memory"};
      }
      decoded.static_shared_bytes = bytes == shared.static_bytes.end() ? 0 : static_cast<uint32_t>(bytes->second);
      std::set<const Function*> path;
      decoded.stack_bytes = stack_bytes(translation, function, path);
      kernel.static_shared_bytes = decoded.static_shared_bytes;
      kernel.local_bytes = decoded.stack_bytes;
      kernel.max_threads = function.max_threads > 0 ? std::min(function.max_threads, kMaxThreads) : kMaxThreads;
      std::copy(function.cluster, function.cluster + 3, kernel.cluster);
      kernel.max_cluster = static_cast<unsigned>(function.max_cluster_rank);
      kernel.must_have_cluster = function.explicit_cluster;
      kernel.code = &decoded;
    }
  }

  uint32_t stack_bytes(const Translation& translation, const Function& function, std::set<const Function*>& path) {
    if (!path.insert(&function).second) return kRecursionBytes;
    const auto known = stacks_.find(&function);
    if (known != stacks_.end()) {
      path.erase(&function);
      return known->second;
    }
    uint32_t deepest = 0;
    bool indirect = false;
    for (const Function* callee : callees(translation, function, indirect)) {
      if (callee->has_body) deepest = std::max(deepest, stack_bytes(translation, *callee, path));
    }
    path.erase(&function);
    const uint64_t bytes = uint64_t{program_.functions[addresses_.functions.at(function.name)].local_bytes} + deepest;
    if (bytes > kMaxStackBytes) throw LoadError{function.line, "'" + std::string(function.name) + "' needs too much local memory"};
    return stacks_[&function] = static_cast<uint32_t>(bytes);
  }

  DeviceMemory& memory_;
  exec::Program program_;
  exec::Addresses addresses_;
  std::map<std::string, Global> globals_;
  std::map<std::string, Kernel> kernels_;
  std::map<const Function*, uint32_t> stacks_;
};

}  // namespace

std::unique_ptr<Module> Module::load(std::string_view ptx, DeviceMemory& memory, LoadError& error) {
  try {
    const exec::FloatState ours;
    auto module = std::make_unique<LoadedModule>(memory);
    module->load(ptx);
    return module;
  } catch (const LoadError& failure) {
    error = failure;
    return nullptr;
  } catch (const std::exception& failure) {  // out of memory
    error = {0, std::string("the module cannot be loaded: ") + failure.what()};
    return nullptr;
  }
}

}  // namespace talweg::ptx
