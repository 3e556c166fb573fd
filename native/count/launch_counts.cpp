#include "launch_counts.hpp"

#include <cstdlib>
#include <sstream>
#include <utility>

namespace talweg::count {
namespace {

constexpr uint64_t kSectorBytes = 32;

std::mutex mutex;
std::string& profile() {
  static auto& lines = *new std::string;  // never destroyed: daemon threads may still launch
  return lines;
}

}  // namespace

std::atomic<bool>& counting() {
  static auto& on = *new std::atomic<bool>([] {
    const char* text = std::getenv("TALWEG_PROFILE");
    return text != nullptr && std::atoi(text) != 0;
  }());
  return on;
}

Sectors::Sectors(uint64_t base, uint64_t bytes)
    : first_(base / kSectorBytes), words_(((base + bytes - 1) / kSectorBytes - first_) / 64 + 1),
      read_(new std::atomic<uint64_t>[words_]()), written_(new std::atomic<uint64_t>[words_]()) {}

void Sectors::set(Bits& bits, uint64_t sector) {
  std::atomic<uint64_t>& word = bits[sector / 64];
  const uint64_t bit = uint64_t{1} << sector % 64;
  if ((word.load(std::memory_order_relaxed) & bit) == 0) word.fetch_or(bit, std::memory_order_relaxed);
}

void Sectors::touch(uint64_t address, bool reads, bool writes) {
  const uint64_t sector = address / kSectorBytes - first_;
  if (reads) set(read_, sector);
  if (writes) set(written_, sector);
}

uint64_t Sectors::total(const Bits& bits) const {
  uint64_t count = 0;
  for (uint64_t i = 0; i < words_; i++) {
    count += static_cast<uint64_t>(__builtin_popcountll(bits[i].load(std::memory_order_relaxed)));
  }
  return count;
}

Sectors* LaunchCounts::sectors(uint64_t base, uint64_t bytes) {
  std::lock_guard lock(mutex_);
  auto& entry = sectors_[base];
  if (entry == nullptr) entry = std::make_unique<Sectors>(base, bytes);
  return entry.get();
}

void LaunchCounts::add(const Numbers& numbers) {
  std::lock_guard lock(mutex_);
  for (int i = 0; i < kNumbers; i++) numbers_[static_cast<size_t>(i)] += numbers[static_cast<size_t>(i)];
}

void LaunchCounts::finish(const std::string& kernel, const uint32_t* grid, const uint32_t* block,
                          uint32_t shared_bytes) {
  uint64_t read = 0, written = 0;
  for (const auto& [base, sectors] : sectors_) {
    read += sectors->read();
    written += sectors->written();
  }
  std::ostringstream line;
  for (const uint32_t* sizes : {grid, block}) line << sizes[0] << ' ' << sizes[1] << ' ' << sizes[2] << ' ';
  line << shared_bytes << ' ' << read << ' ' << written << ' ';
  for (uint64_t number : numbers_) line << number << ' ';
  line << kernel << '\n';
  std::lock_guard lock(mutex);
  profile() += line.str();
}

std::string take_profile() {
  std::lock_guard lock(mutex);
  return std::exchange(profile(), {});
}

}  // namespace talweg::count
