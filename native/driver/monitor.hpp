// What Java may ask of the device and order from it: counters, reports, faults.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>

namespace talweg::driver {

struct Counters {
  std::atomic<uint64_t> kernel_launches{0};
  std::atomic<uint64_t> graph_launches{0};
  std::atomic<uint64_t> synchronizations{0};
  std::atomic<uint64_t> host_copies{0};
};
Counters& driver_counters();

void count_launch(const std::string& kernel);
std::string launch_table();  // lines of "count name"
void reset_driver_counters();

// Reports and leaks go to standard error too if TALWEG_CHECK is set.
void set_report(const std::string& report);
std::string take_report();

// Lines of what was still allocated in contexts that were destroyed.
void note_leaks(const std::string& lines);
std::string take_leaks();

// Numbers as the ordinals of SoftwareDriver.Fault.
// TALWEG_SOFTWARE_FAULT orders some from the start: "allocation:3,copy:1".
enum class Fault : int { kAllocation = 0, kLaunch = 1, kCopy = 2, kDevice = 3 };
void order_fault(Fault fault, int nth);
// True for the one call that was ordered to fail.
bool fault_due(Fault fault);

// Bytes of device memory of contexts to come.
uint64_t memory_capacity();
void set_memory_capacity(uint64_t bytes);

}  // namespace talweg::driver
