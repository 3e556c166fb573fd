// Device-side printf, assert, malloc and free. What they print goes to standard output at once.
#include "builtins.hpp"

#include <algorithm>
#include <cstdio>
#include <string_view>

#include "../check/block_checker.hpp"
#include "block.hpp"
#include "lanes.hpp"
#include "memory_access.hpp"

namespace talweg::exec {
namespace {

constexpr size_t kLongestText = 1 << 20;

template <class T>
T argument(Warp& warp, const Instr& in, int lane, size_t index) {
  const Call& call = warp.block->launch().program.calls[in.imm];
  T value;
  std::memcpy(&value, warp.local_memory(lane) + warp.local_base(lane) + call.arguments[index], sizeof value);
  return value;
}

template <class T>
void give(Warp& warp, const Instr& in, int lane, T value) {
  const Call& call = warp.block->launch().program.calls[in.imm];
  if (!call.results.empty()) {
    std::byte* result = warp.local_memory(lane) + warp.local_base(lane) + call.results[0];
    std::memcpy(result, &value, sizeof value);
    if (warp.block->checker() != nullptr) warp.block->checker()->frame_written(result, sizeof value);
  }
}

// A NUL-terminated string in device memory; empty where there is none.
std::string text_at(Warp& warp, int lane, uint64_t address) {
  std::string text;
  for (; text.size() < kLongestText; address++) {
    const std::byte* host = host_address(warp, lane, address, 1);
    if (host == nullptr || *host == std::byte{0}) return text;
    text.push_back(static_cast<char>(*host));
  }
  return text;
}

// One conversion of a format, from '%' on. `values` is the address of the argument and is moved behind it.
std::string convert(Warp& warp, int lane, std::string spec, bool wide, uint64_t& values) {
  const char kind = spec.back();
  const bool eight = wide || kind == 'p' || kind == 's' || std::string("aAeEfFgG").find(kind) != std::string::npos;
  const uint64_t size = eight ? 8 : 4;
  values = (values + size - 1) / size * size;
  const std::byte* host = host_address(warp, lane, values, size);
  values += size;
  if (host == nullptr) return "(unreadable argument)";
  uint64_t bits = 0;
  std::memcpy(&bits, host, size);
  char buffer[512];
  if (kind == 's') {
    const std::string text = text_at(warp, lane, bits);
    std::snprintf(buffer, sizeof buffer, spec.c_str(), text.c_str());
  } else if (kind == 'c') {
    std::snprintf(buffer, sizeof buffer, spec.c_str(), static_cast<int>(bits));
  } else if (kind == 'p') {
    std::snprintf(buffer, sizeof buffer, spec.c_str(), reinterpret_cast<void*>(bits));
  } else if (eight && !wide) {
    std::snprintf(buffer, sizeof buffer, spec.c_str(), bit_cast<double>(bits));
  } else if (wide) {
    spec.insert(spec.size() - 1, "ll");
    std::snprintf(buffer, sizeof buffer, spec.c_str(), static_cast<long long>(bits));
  } else {
    std::snprintf(buffer, sizeof buffer, spec.c_str(), static_cast<int>(bits));
  }
  return buffer;
}

std::string format(Warp& warp, int lane, const std::string& pattern, uint64_t values) {
  std::string out;
  for (size_t i = 0; i < pattern.size(); i++) {
    if (pattern[i] != '%') {
      out.push_back(pattern[i]);
      continue;
    }
    // Flags, width, precision, length, conversion; anything else is printed as it stands.
    std::string spec = "%";
    const size_t start = i;
    int longs = 0;
    bool complete = false;
    for (i++; i < pattern.size() && spec.size() < 12; i++) {
      const char c = pattern[i];
      if (c == 'l' || c == 'j' || c == 'z' || c == 't') {
        longs++;
      } else if (c == '*') {
        const std::byte* host = host_address(warp, lane, (values + 3) / 4 * 4, 4);
        int width = 0;
        if (host != nullptr) std::memcpy(&width, host, 4);
        values = (values + 3) / 4 * 4 + 4;
        spec += std::to_string(std::clamp(width, -500, 500));
      } else if (std::string_view("0123456789.-+ #").find(c) != std::string_view::npos) {
        spec.push_back(c);
      } else if (c != 'h') {
        complete = std::string_view("diouxXcsaAeEfFgGp%").find(c) != std::string_view::npos;
        spec.push_back(c);
        break;
      }
    }
    if (!complete) {
      out += pattern.substr(start, i - start + 1);
      continue;
    }
    out += spec == "%%" ? "%" : convert(warp, lane, spec, longs > 0, values);
  }
  return out;
}

const Instr* vprintf(Warp& warp, const Instr& in) {
  if (warp.suspected) warp.block->changed();
  for_each_lane(active_lanes(warp, in), [&](int lane) {
    const std::string pattern = text_at(warp, lane, argument<uint64_t>(warp, in, lane, 0));
    const std::string text = format(warp, lane, pattern, argument<uint64_t>(warp, in, lane, 1));
    std::fwrite(text.data(), 1, text.size(), stdout);
    give(warp, in, lane, static_cast<int32_t>(text.size()));
  });
  std::fflush(stdout);
  return &in + 1;
}

// __assertfail(message, file, line, function, character size)
const Instr* assert_failed(Warp& warp, const Instr& in) {
  const uint32_t lanes = active_lanes(warp, in);
  if (lanes == 0) return &in + 1;
  const int lane = __builtin_ctz(lanes);
  const std::string what = text_at(warp, lane, argument<uint64_t>(warp, in, lane, 1)) + ":" +
                           std::to_string(argument<uint32_t>(warp, in, lane, 2)) + ": " +
                           text_at(warp, lane, argument<uint64_t>(warp, in, lane, 3)) + ": assertion '" +
                           text_at(warp, lane, argument<uint64_t>(warp, in, lane, 0)) + "' failed";
  return warp.block->fault(warp, in, lane, Status::kAssert, what);
}

// The heap of device code is device memory like any other; what kernels do not free lives as long as the context.
const Instr* allocate(Warp& warp, const Instr& in) {
  if (warp.suspected) warp.block->changed();
  for_each_lane(active_lanes(warp, in), [&](int lane) {
    const uint64_t bytes = argument<uint64_t>(warp, in, lane, 0);
    give(warp, in, lane, bytes == 0 ? uint64_t{0} : warp.block->launch().memory.allocate(bytes, "device malloc"));
  });
  return &in + 1;
}

const Instr* release(Warp& warp, const Instr& in) {
  if (warp.suspected) warp.block->changed();
  const Instr* next = &in + 1;
  for_each_lane(active_lanes(warp, in), [&](int lane) {
    const uint64_t address = argument<uint64_t>(warp, in, lane, 0);
    if (next == stop() || address == 0) return;
    const Allocation* allocation = warp.block->launch().memory.find(address);
    if (allocation == nullptr || std::string_view(allocation->kind) != "device malloc" ||
        !warp.block->launch().memory.release(address)) {
      next = warp.block->fault(warp, in, lane, Status::kLaunchFailed, "free of an address that malloc did not give");
    }
  });
  return next;
}

}  // namespace

Handler builtin(const ptx::DecodedFunction& declaration) {
  struct Builtin {
    const char* name;
    std::vector<uint32_t> parameter_bytes, result_bytes;
    Handler handler;
  };
  static const Builtin kBuiltins[] = {
      {"vprintf", {8, 8}, {4}, &vprintf},
      {"__assertfail", {8, 8, 4, 8, 8}, {}, &assert_failed},
      {"malloc", {8}, {8}, &allocate},
      {"free", {8}, {}, &release},
  };
  for (const Builtin& known : kBuiltins) {
    if (declaration.name == known.name && declaration.parameter_bytes == known.parameter_bytes &&
        declaration.result_bytes == known.result_bytes) {
      return known.handler;
    }
  }
  return nullptr;
}

}  // namespace talweg::exec
