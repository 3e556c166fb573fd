#include "written_bytes.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <new>

namespace talweg::check {

// A mapping of its own: what nobody touches costs nothing.
WrittenBytes::WrittenBytes(uint64_t bytes) : mapping_bytes_((bytes / 64 + 2) * sizeof(uint64_t)) {
  void* mapping = mmap(nullptr, mapping_bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                       -1, 0);
  if (mapping == MAP_FAILED) throw std::bad_alloc();
  words_ = static_cast<uint64_t*>(mapping);
}

WrittenBytes::~WrittenBytes() { munmap(words_, mapping_bytes_); }

void WrittenBytes::forget_all() { madvise(words_, mapping_bytes_, MADV_DONTNEED); }

void WrittenBytes::mark(uint64_t offset, uint64_t bytes) {
  for (const uint64_t end = offset + bytes; offset < end;) {
    const uint64_t count = std::min(64 - offset % 64, end - offset);
    set(offset / 64, mask(count) << offset % 64);
    offset += count;
  }
}

bool WrittenBytes::written(uint64_t offset, uint64_t bytes) const {
  for (const uint64_t end = offset + bytes; offset < end;) {
    const uint64_t count = std::min(64 - offset % 64, end - offset);
    const uint64_t bits = mask(count) << offset % 64;
    if ((word(offset / 64) & bits) != bits) return false;
    offset += count;
  }
  return true;
}

uint64_t WrittenBytes::get(uint64_t offset, uint64_t count) const {
  uint64_t bits = word(offset / 64) >> offset % 64;
  if (offset % 64 != 0) bits |= word(offset / 64 + 1) << (64 - offset % 64);
  return bits & mask(count);
}

void WrittenBytes::copy(uint64_t offset, const WrittenBytes* from, uint64_t from_offset, uint64_t bytes) {
  if (from == nullptr) {
    mark(offset, bytes);
    return;
  }
  // Backwards where the ranges overlap that way, as memmove.
  const bool backwards = from == this && from_offset < offset;
  for (uint64_t done = 0; done < bytes;) {
    const uint64_t left = bytes - done;
    const uint64_t end = backwards ? offset + left : 0;
    const uint64_t count = backwards ? std::min((end - 1) % 64 + 1, left) : std::min(64 - (offset + done) % 64, left);
    const uint64_t at = backwards ? left - count : done;
    const uint64_t bits = from->get(from_offset + at, count), to = offset + at;
    __atomic_fetch_and(&words_[to / 64], ~(mask(count) << to % 64), __ATOMIC_RELAXED);
    __atomic_fetch_or(&words_[to / 64], bits << to % 64, __ATOMIC_RELAXED);
    done += count;
  }
}

}  // namespace talweg::check
