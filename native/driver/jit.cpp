#include "jit.hpp"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>

#include "device.hpp"

namespace talweg::driver {
namespace {

// Machine code starts with one of these; this device runs PTX alone, and the host then offers that.
bool is_machine_code(const char* image) {
  const auto starts_with = [&](uint32_t magic) { return std::memcmp(image, &magic, sizeof magic) == 0; };
  constexpr uint32_t kElf = 0x464c457f, kFatBinary = 0xba55ed50, kFatBinaryWrapper = 0x466243b1;
  return starts_with(kElf) || starts_with(kFatBinary) || starts_with(kFatBinaryWrapper);
}

// The 80 of ".target sm_80"; 0 if there is none.
int target_of(const char* ptx) {
  const char* line = std::strstr(ptx, ".target");
  int number = 0;
  return line != nullptr && std::sscanf(line, ".target sm_%d", &number) == 1 ? number : 0;
}

}  // namespace

JitOptions::JitOptions(unsigned count, const int* options, void** values) {
  if (options == nullptr || values == nullptr) return;
  for (unsigned i = 0; i < count; ++i) {
    switch (options[i]) {
      case kJitWallTime: wall_time_ = &values[i]; break;
      case kJitInfoLogBuffer: info_.buffer = static_cast<char*>(values[i]); break;
      case kJitInfoLogBufferSizeBytes: info_.size = &values[i]; break;
      case kJitErrorLogBuffer: error_.buffer = static_cast<char*>(values[i]); break;
      case kJitErrorLogBufferSizeBytes: error_.size = &values[i]; break;
      default: break;
    }
  }
}

void JitOptions::Log::write(const std::string& text) const {
  if (buffer == nullptr || size == nullptr) return;
  const size_t capacity = static_cast<unsigned>(reinterpret_cast<uintptr_t>(*size));
  if (capacity == 0) return;
  const size_t length = std::min(text.size(), capacity - 1);
  std::memcpy(buffer, text.data(), length);
  buffer[length] = 0;
  *size = reinterpret_cast<void*>(text.empty() ? 0 : length + 1);
}

void JitOptions::write_time() const {
  if (wall_time_ == nullptr) return;
  const float milliseconds =
      std::chrono::duration<float, std::milli>(std::chrono::steady_clock::now() - start_).count();
  std::memcpy(wall_time_, &milliseconds, sizeof milliseconds);
}

void JitOptions::succeed() const {
  info_.write("");
  error_.write("");
  write_time();
}

CUresult JitOptions::fail(CUresult error, const std::string& text) const {
  info_.write("");
  error_.write(text);
  write_time();
  set_report(text);
  return error;
}

CUresult check_image(const char* image, const JitOptions& options) {
  if (is_machine_code(image)) return options.fail(CUDA_ERROR_NO_BINARY_FOR_GPU, "machine code, and not PTX");
  const Chip is = chip();
  const int target = target_of(image), capability = is.major * 10 + is.minor;
  if (!chip_was_chosen() || target <= capability) return CUDA_SUCCESS;
  return options.fail(CUDA_ERROR_NO_BINARY_FOR_GPU,
                      "the PTX is for sm_" + std::to_string(target) + ", the device is sm_" +
                          std::to_string(capability));
}

bool read_file(const char* file, std::string& text) {
  std::ifstream in(file, std::ios::binary);
  if (!in) return false;
  text.assign((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  return !in.bad();
}

}  // namespace talweg::driver
