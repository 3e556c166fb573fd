#include "monitor.hpp"

#include <cstdio>
#include <cstdlib>
#include <map>
#include <mutex>
#include <sstream>
#include <utility>

namespace talweg::driver {
namespace {

constexpr uint64_t kDefaultMemory = uint64_t{4} << 30;

std::mutex mutex;
// These two are never destroyed, for daemon threads may still call while the process ends.
std::map<std::string, uint64_t>& launches() {
  static auto& table = *new std::map<std::string, uint64_t>;
  return table;
}
std::string& report() {
  static auto& text = *new std::string;
  return text;
}
std::string& leaks() {
  static auto& text = *new std::string;
  return text;
}
constexpr const char* kFaultNames[] = {"allocation", "launch", "copy", "device"};
constexpr int kFaults = 4;

// What the environment orders; a part of it that makes no sense is said to be ignored.
struct Orders {
  std::atomic<int> calls_until[kFaults] = {};

  Orders() {
    const char* text = std::getenv("TALWEG_SOFTWARE_FAULT");
    std::istringstream parts(text == nullptr ? "" : text);
    for (std::string part; std::getline(parts, part, ',');) {
      if (!read(part)) {
        std::fprintf(stderr, "[software device] '%s' in TALWEG_SOFTWARE_FAULT is ignored: write allocation:3, "
                     "launch:1, copy:2 or device:5\n", part.c_str());
      }
    }
  }

  bool read(const std::string& part) {
    const size_t colon = part.find(':');
    if (colon == std::string::npos) return false;
    const int nth = std::atoi(part.c_str() + colon + 1);
    for (int i = 0; i < kFaults && nth > 0; ++i) {
      if (part.compare(0, colon, kFaultNames[i]) == 0) {
        calls_until[i] = nth;
        return true;
      }
    }
    return false;
  }
};

std::atomic<int>& calls_until(Fault fault) {
  static Orders& orders = *new Orders;
  return orders.calls_until[static_cast<int>(fault)];
}

// Bytes, or with a suffix K, M or G.
uint64_t memory_from_environment() {
  const char* text = std::getenv("TALWEG_SOFTWARE_MEMORY");
  if (text == nullptr) return kDefaultMemory;
  char* end = nullptr;
  const uint64_t number = std::strtoull(text, &end, 10);
  const std::string_view suffix = end;
  const int shift = suffix.empty() ? 0 : suffix == "K" || suffix == "k" ? 10 : suffix == "M" || suffix == "m" ? 20
                  : suffix == "G" || suffix == "g" ? 30 : -1;
  if (end == text || *text == '-' || shift < 0) {
    std::fprintf(stderr, "[software device] '%s' in TALWEG_SOFTWARE_MEMORY is ignored: write bytes, or 512M\n", text);
    return kDefaultMemory;
  }
  return number << shift;
}

std::atomic<uint64_t>& capacity() {
  static std::atomic<uint64_t> bytes{memory_from_environment()};
  return bytes;
}

// A program whose checks come from the environment knows nothing of this device and could not ask for its findings.
void tell(const std::string& lines) {
  static const char* const checks = std::getenv("TALWEG_CHECK");
  if (checks == nullptr || *checks == '\0') return;
  std::istringstream stream(lines);
  for (std::string line; std::getline(stream, line);) std::fprintf(stderr, "[software device] %s\n", line.c_str());
}

}  // namespace

Counters& driver_counters() {
  static Counters counters;
  return counters;
}

void count_launch(const std::string& kernel) {
  ++driver_counters().kernel_launches;
  std::lock_guard lock(mutex);
  ++launches()[kernel];
}

std::string launch_table() {
  std::lock_guard lock(mutex);
  std::string table;
  for (const auto& [kernel, count] : launches()) table += std::to_string(count) + " " + kernel + "\n";
  return table;
}

void reset_driver_counters() {
  Counters& counters = driver_counters();
  counters.kernel_launches = counters.graph_launches = counters.synchronizations = counters.host_copies = 0;
  std::lock_guard lock(mutex);
  launches().clear();
}

void set_report(const std::string& text) {
  std::lock_guard lock(mutex);
  report() = text;
  tell(text);
}

std::string take_report() {
  std::lock_guard lock(mutex);
  return std::exchange(report(), {});
}

void note_leaks(const std::string& lines) {
  std::lock_guard lock(mutex);
  leaks() += lines;
  std::istringstream stream(lines);
  for (std::string line; std::getline(stream, line);) tell("leak: " + line);
}

std::string take_leaks() {
  std::lock_guard lock(mutex);
  return std::exchange(leaks(), {});
}

void order_fault(Fault fault, int nth) { calls_until(fault) = nth; }

bool fault_due(Fault fault) {
  std::atomic<int>& calls = calls_until(fault);
  int left = calls;
  while (left > 0 && !calls.compare_exchange_weak(left, left - 1)) {
  }
  return left == 1;
}

uint64_t memory_capacity() { return capacity(); }
void set_memory_capacity(uint64_t bytes) { capacity() = bytes; }

}  // namespace talweg::driver
