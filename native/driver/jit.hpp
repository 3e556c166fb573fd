// What loading a module and linking have in common: the options of the compiler, and which images it takes.
#pragma once

#include <chrono>
#include <string>

#include "calls.hpp"

namespace talweg::driver {

// Where the caller wants the compiler's words. The other options steer a compiler that this device does not have.
class JitOptions {
 public:
  // Sizes and results stand in the places of the value pointers themselves.
  JitOptions(unsigned count, const int* options, void** values);

  // Both fill the outputs; fail reports and returns the error.
  void succeed() const;
  CUresult fail(CUresult error, const std::string& text) const;

 private:
  struct Log {
    char* buffer = nullptr;
    void** size = nullptr;

    void write(const std::string& text) const;
  };

  void write_time() const;

  Log info_, error_;
  void** wall_time_ = nullptr;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

// Refuses machine code, and PTX for a later chip than the one that was asked for.
CUresult check_image(const char* image, const JitOptions& options);

bool read_file(const char* file, std::string& text);

}  // namespace talweg::driver
