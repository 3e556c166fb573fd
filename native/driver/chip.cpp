// The kinds of chip that a device can pose as, and how many devices there are.
#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>

#include "device.hpp"

namespace talweg::driver {
namespace {

constexpr int kKilobyte = 1024;
constexpr Chip kChips[] = {
    {7, 5, 1024, 16, 64 * kKilobyte, 64 * kKilobyte, 0},
    {8, 0, 2048, 32, 164 * kKilobyte, 163 * kKilobyte, kKilobyte},
    {8, 6, 1536, 16, 100 * kKilobyte, 99 * kKilobyte, kKilobyte},
    {8, 9, 1536, 24, 100 * kKilobyte, 99 * kKilobyte, kKilobyte},
    {9, 0, 2048, 32, 228 * kKilobyte, 227 * kKilobyte, kKilobyte},
    {10, 0, 2048, 32, 228 * kKilobyte, 227 * kKilobyte, kKilobyte},
    {12, 0, 1536, 24, 100 * kKilobyte, 99 * kKilobyte, kKilobyte},
};
constexpr int kDefaultChip = 1;

int find(int major, int minor) {
  for (int i = 0; i < static_cast<int>(sizeof kChips / sizeof kChips[0]); ++i) {
    if (kChips[i].major == major && kChips[i].minor == minor) return i;
  }
  return -1;
}

// A variable that makes no sense is said to be ignored: nobody reads the result of a static initialiser.
int chip_from_environment() {
  const char* text = std::getenv("TALWEG_SOFTWARE_CAPABILITY");
  if (text == nullptr || *text == 0) return -1;
  int major = 0, minor = 0;
  const int index = std::sscanf(text, "%d.%d", &major, &minor) == 2 ? find(major, minor) : -1;
  if (index < 0) {
    std::fprintf(stderr, "[software device] TALWEG_SOFTWARE_CAPABILITY=%s is ignored: write 7.5, 8.0, 8.6, 8.9, 9.0, "
                 "10.0 or 12.0\n", text);
  }
  return index;
}

int count_from_environment() {
  const char* text = std::getenv("TALWEG_SOFTWARE_DEVICES");
  if (text == nullptr || *text == 0) return 1;
  char* end = nullptr;
  const long count = std::strtol(text, &end, 10);
  if (*end == 0 && count >= 1 && count <= kMaxDevices) return static_cast<int>(count);
  std::fprintf(stderr, "[software device] TALWEG_SOFTWARE_DEVICES=%s is ignored: write a number from 1 to %d\n", text,
               kMaxDevices);
  return 1;
}

// Index into kChips, or -1 while nobody asked for one.
std::atomic<int>& chosen() {
  static std::atomic<int> index{chip_from_environment()};
  return index;
}

std::atomic<int>& count() {
  static std::atomic<int> devices{count_from_environment()};
  return devices;
}

}  // namespace

Chip chip() {
  const int index = chosen();
  return kChips[index < 0 ? kDefaultChip : index];
}

bool set_chip(int major, int minor) {
  const int index = find(major, minor);
  const bool none = major == 0 && minor == 0;
  if (index >= 0 || none) chosen() = index;
  return index >= 0 || none;
}

bool chip_was_chosen() { return chosen() >= 0; }

int device_count() { return count(); }

bool set_device_count(int devices) {
  if (devices < 1 || devices > kMaxDevices) return false;
  count() = devices;
  return true;
}

int blocks_per_multiprocessor(int threads, long long shared_bytes) {
  const Chip is = chip();
  const int warps = (threads + kWarpSize - 1) / kWarpSize;
  const long long by_threads = is.threads_per_multiprocessor / (warps * kWarpSize);
  const long long by_shared = is.shared_per_multiprocessor / std::max(1LL, shared_bytes + is.shared_reserved_per_block);
  return static_cast<int>(std::min({by_threads, by_shared, static_cast<long long>(is.blocks_per_multiprocessor)}));
}

}  // namespace talweg::driver
