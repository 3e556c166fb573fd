#include "monitor.hpp"

#include <cstdlib>
#include <map>
#include <mutex>
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
std::atomic<int> calls_until_fault[3];

// Bytes, or with a suffix K, M or G; anything else counts as not set.
uint64_t memory_from_environment() {
  const char* text = std::getenv("TALWEG_SOFTWARE_MEMORY");
  if (text == nullptr) return kDefaultMemory;
  char* end = nullptr;
  uint64_t bytes = std::strtoull(text, &end, 10);
  if (end == text) return kDefaultMemory;
  switch (*end) {
    case 'G': case 'g': bytes <<= 30; break;
    case 'M': case 'm': bytes <<= 20; break;
    case 'K': case 'k': bytes <<= 10; break;
    default: break;
  }
  return bytes;
}

std::atomic<uint64_t>& capacity() {
  static std::atomic<uint64_t> bytes{memory_from_environment()};
  return bytes;
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
}

std::string take_report() {
  std::lock_guard lock(mutex);
  return std::exchange(report(), {});
}

void order_fault(Fault fault, int nth) { calls_until_fault[static_cast<int>(fault)] = nth; }

bool fault_due(Fault fault) {
  std::atomic<int>& calls = calls_until_fault[static_cast<int>(fault)];
  int left = calls;
  while (left > 0 && !calls.compare_exchange_weak(left, left - 1)) {
  }
  return left == 1;
}

uint64_t memory_capacity() { return capacity(); }
void set_memory_capacity(uint64_t bytes) { capacity() = bytes; }

}  // namespace talweg::driver
