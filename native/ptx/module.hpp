// A loaded PTX module: what the driver API needs to know of it. Parsing and decoding happen once, here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace talweg {

class DeviceMemory;

namespace ptx {

struct KernelParameter {
  size_t offset;  // within the parameter block
  size_t size;
  size_t align;
};

struct DecodedFunction;  // exec's business

struct Kernel {
  std::string name;
  std::vector<KernelParameter> parameters;
  size_t parameter_bytes = 0;
  size_t static_shared_bytes = 0;
  size_t local_bytes = 0;
  int max_threads = 1024;           // .maxntid, or the device's limit
  unsigned cluster[3] = {};         // .reqnctapercluster, or 0
  unsigned max_cluster = 0;         // .maxclusterrank, or 0
  bool must_have_cluster = false;   // .explicitcluster
  const DecodedFunction* code = nullptr;
};

struct LoadError {
  int line = 0;  // 1-based line of the PTX text
  std::string message;
};

class Module {
 public:
  // Parses, checks and decodes. Null on error, with `error` filled. An opcode or modifier that this device does not
  // know is an error here, never at run time.
  static std::unique_ptr<Module> load(std::string_view ptx, DeviceMemory& memory, LoadError& error);
  virtual ~Module() = default;

  virtual const Kernel* kernel(std::string_view name) const = 0;
  // Address and size of a module-scope .global or .const variable; false if there is none.
  virtual bool global(std::string_view name, uint64_t& address, uint64_t& size) const = 0;
};

}  // namespace ptx
}  // namespace talweg
