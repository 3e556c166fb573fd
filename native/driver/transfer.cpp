#include "transfer.hpp"

#include <cstring>

namespace talweg::driver {
namespace {

// Bytes from the first to the last; 0 if that is more than 64 bits hold.
uint64_t extent(const Place& place, const Box& box) {
  uint64_t rows, planes, total;
  if (__builtin_mul_overflow(box.height - 1, place.pitch, &rows)) return 0;
  if (__builtin_mul_overflow(box.depth - 1, place.slice, &planes)) return 0;
  if (__builtin_add_overflow(rows, planes, &total)) return 0;
  return __builtin_add_overflow(total, box.width, &total) ? 0 : total;
}

std::string complaint(const Context& context, const char* what, uint64_t address, uint64_t bytes) {
  return std::string(what) + " touches memory that is not allocated: " + context.memory->describe(address, bytes);
}

// Host memory is the caller's word; device memory is looked up, in every context, for they share their addresses.
bool is_there(const Context& context, const Place& place, uint64_t bytes) {
  if (bytes == 0) return false;
  if (place.side == Side::kHost) return place.address != 0;
  return memory_that_holds(context, place.address, bytes) != nullptr;
}

bool is_page_locked(uint64_t address) { return context_that_holds(address) != nullptr; }

template <class T>
void fill_row(uint64_t address, uint32_t value, uint64_t count) {
  T* elements = reinterpret_cast<T*>(address);
  for (uint64_t i = 0; i < count; ++i) elements[i] = static_cast<T>(value);
}

CUresult check_end(unsigned type, uint64_t pitch, uint64_t x, uint64_t width) {
  if (type != kMemoryHost && type != kMemoryDevice && type != kMemoryUnified) return CUDA_ERROR_INVALID_VALUE;
  uint64_t end;
  if (__builtin_add_overflow(x, width, &end)) return CUDA_ERROR_INVALID_VALUE;
  return pitch != 0 && pitch < end ? CUDA_ERROR_INVALID_VALUE : CUDA_SUCCESS;
}

template <class End>
Place place(const Context& context, const End& end, uint64_t pitch, uint64_t offset, uint64_t slice) {
  const uint64_t host = reinterpret_cast<uint64_t>(end.host);
  const uint64_t base = end.memory_type == kMemoryHost ? host : end.device;
  const Side side = end.memory_type == kMemoryHost     ? Side::kHost
                    : end.memory_type == kMemoryDevice ? Side::kDevice
                                                       : side_of(context, base);
  return {side, base + offset, pitch, slice};
}

// A box of an array; arrays lie in rows without gaps.
CUresult read_array(const Context& context, CUarray handle, uint64_t x, uint64_t y, uint64_t z, const Box& box, Place& place_read) {
  const auto array = find_in(context, arrays, handle);
  if (array == nullptr) return CUDA_ERROR_INVALID_HANDLE;
  const Level& level = array->image.levels[0];
  const auto within = [](uint64_t from, uint64_t count, uint64_t size) { return from <= size && count <= size - from; };
  if (!within(x, box.width, level.pitch) || !within(y, box.height, level.height) || !within(z, box.depth, level.planes)) {
    set_report("the copy touches bytes " + std::to_string(x) + " to " + std::to_string(x + box.width) + " of rows from " +
               std::to_string(y) + " and planes from " + std::to_string(z) + ", outside an array of " +
               std::to_string(level.planes) + " planes of " + std::to_string(level.height) + " rows of " +
               std::to_string(level.pitch) + " bytes");
    return CUDA_ERROR_INVALID_VALUE;
  }
  place_read = {Side::kDevice, level.address + z * level.slice + y * level.pitch + x, level.pitch, level.slice};
  return CUDA_SUCCESS;
}

CUresult read_end(const Context& context, const CUcopyEnd2D& end, const Box& box, Place& place_read) {
  if (end.memory_type == kMemoryArray) return read_array(context, end.array, end.x_bytes, end.y, 0, box, place_read);
  const CUresult result = check_end(end.memory_type, end.pitch, end.x_bytes, box.width);
  if (result != CUDA_SUCCESS) return result;
  const uint64_t pitch = end.pitch != 0 ? end.pitch : end.x_bytes + box.width;
  place_read = place(context, end, pitch, end.y * pitch + end.x_bytes, 0);
  return CUDA_SUCCESS;
}

CUresult read_end(const Context& context, const CUcopyEnd3D& end, const Box& box, Place& place_read) {
  if (end.memory_type == kMemoryArray) {
    return end.level != 0 ? CUDA_ERROR_INVALID_VALUE : read_array(context, end.array, end.x_bytes, end.y, end.z, box, place_read);
  }
  const CUresult result = check_end(end.memory_type, end.pitch, end.x_bytes, box.width);
  if (result != CUDA_SUCCESS) return result;
  if (end.level != 0) return CUDA_ERROR_INVALID_VALUE;
  const uint64_t pitch = end.pitch != 0 ? end.pitch : end.x_bytes + box.width;
  uint64_t rows = end.height;
  if (rows == 0) {
    if (box.depth > 1 || end.z != 0) return CUDA_ERROR_INVALID_VALUE;
    rows = end.y + box.height;
  }
  if (rows < end.y + box.height) return CUDA_ERROR_INVALID_VALUE;
  uint64_t slice;
  if (__builtin_mul_overflow(rows, pitch, &slice)) return CUDA_ERROR_INVALID_VALUE;
  place_read = place(context, end, pitch, end.z * slice + end.y * pitch + end.x_bytes, slice);
  return CUDA_SUCCESS;
}

template <class Copy>
CUresult read_ends(const Copy& copy, const Context& context, Place& to, Place& from, const Box& box) {
  const CUresult result = read_end(context, copy.from, box, from);
  return result != CUDA_SUCCESS ? result : read_end(context, copy.to, box, to);
}

}  // namespace

std::string Transfer::fault(const Context& context) const {
  for (const Place* place : {&to, &from}) {
    const uint64_t bytes = extent(*place, box);
    if (!is_there(context, *place, bytes)) return complaint(context, "the copy", place->address, bytes);
  }
  return {};
}

bool Transfer::is_pageable() const {
  return (to.side == Side::kHost && !is_page_locked(to.address)) ||
         (from.side == Side::kHost && !is_page_locked(from.address));
}

CUresult Transfer::run(Context& context) const {
  if (to.side != from.side) ++driver_counters().host_copies;
  if (fault_due(Fault::kCopy)) return context.lose(CUDA_ERROR_ECC_UNCORRECTABLE, "a copy failed, as ordered");
  // Another context may free or vanish meanwhile.
  const auto source = memory_that_holds(context, from.address, 1), destination = memory_that_holds(context, to.address, 1);
  const DeviceMemory::Pin source_stays(source != nullptr ? source : context.memory);
  const DeviceMemory::Pin destination_stays(destination != nullptr ? destination : context.memory);
  const std::string reason = fault(context);
  if (!reason.empty()) return context.lose(CUDA_ERROR_ILLEGAL_ADDRESS, reason);
  const bool is_dense = to.pitch == box.width && from.pitch == box.width;
  const uint64_t row = is_dense ? box.width * box.height : box.width;
  for (uint64_t z = 0; z < box.depth; ++z) {
    for (uint64_t y = 0; y < (is_dense ? 1 : box.height); ++y) {
      std::memmove(reinterpret_cast<void*>(to.address + z * to.slice + y * to.pitch),
                   reinterpret_cast<const void*>(from.address + z * from.slice + y * from.pitch), row);
      if (destination == nullptr) continue;
      const uint64_t written = to.address + z * to.slice + y * to.pitch;
      if (source == destination) {
        destination->copy_written(written, from.address + z * from.slice + y * from.pitch, row);
      } else {
        destination->mark_written(written, row);
      }
    }
  }
  return CUDA_SUCCESS;
}

std::string Fill::fault(const Context& context) const {
  const uint64_t bytes = extent({Side::kDevice, to, pitch, 0}, {width * element_bytes, height, 1});
  if (bytes != 0 && memory_that_holds(context, to, bytes) != nullptr) return {};
  return complaint(context, "the fill", to, bytes);
}

CUresult Fill::run(Context& context) const {
  const auto memory = memory_that_holds(context, to, 1);
  const DeviceMemory::Pin stays(memory != nullptr ? memory : context.memory);
  const std::string reason = fault(context);
  if (!reason.empty()) return context.lose(CUDA_ERROR_ILLEGAL_ADDRESS, reason);
  for (uint64_t y = 0; y < height; ++y) {
    const uint64_t row = to + y * pitch;
    switch (element_bytes) {
      case 1: std::memset(reinterpret_cast<void*>(row), static_cast<int>(value & 0xff), width); break;
      case 2: fill_row<uint16_t>(row, value, width); break;
      default: fill_row<uint32_t>(row, value, width); break;
    }
    if (memory != nullptr) memory->mark_written(row, width * element_bytes);
  }
  return CUDA_SUCCESS;
}

Side side_of(const Context& context, uint64_t address) {
  const Allocation* allocation = context.memory->find_own(address);
  if (allocation != nullptr) return allocation->host ? Side::kHost : Side::kDevice;
  const auto owner = context_that_holds(address);
  if (owner == nullptr) return Side::kHost;
  const auto memory = owner->memory;
  const DeviceMemory::Pin stays(memory);
  allocation = memory->find_own(address);
  return allocation == nullptr || allocation->host ? Side::kHost : Side::kDevice;
}

CUresult read_copy(const CUDA_MEMCPY2D* copy, Context& context, Place& to, Place& from, Box& box) {
  if (copy == nullptr) return CUDA_ERROR_INVALID_VALUE;
  box = {copy->width_bytes, copy->height, 1};
  return read_ends(*copy, context, to, from, box);
}

CUresult read_copy(const CUDA_MEMCPY3D* copy, Context& context, Place& to, Place& from, Box& box) {
  if (copy == nullptr) return CUDA_ERROR_INVALID_VALUE;
  box = {copy->width_bytes, copy->height, copy->depth};
  return read_ends(*copy, context, to, from, box);
}

CUresult read_row(const Context& context, CUarray array, uint64_t offset, uint64_t bytes, Place& place) {
  return read_array(context, array, offset, 0, 0, {bytes, 1, 1}, place);
}

CUresult read_fill(const CUDA_MEMSET_NODE_PARAMS* fill, std::shared_ptr<const Fill>& operation) {
  if (fill == nullptr || fill->width == 0 || fill->height == 0) return CUDA_ERROR_INVALID_VALUE;
  const unsigned bytes = fill->element_bytes;
  uint64_t row;
  if ((bytes != 1 && bytes != 2 && bytes != 4) || fill->to % bytes != 0 ||
      __builtin_mul_overflow(fill->width, uint64_t{bytes}, &row) ||
      (fill->height > 1 && (fill->pitch < row || fill->pitch % bytes != 0))) {
    return CUDA_ERROR_INVALID_VALUE;
  }
  operation = std::make_shared<const Fill>(fill->to, fill->pitch, fill->value, bytes, fill->width, fill->height);
  return CUDA_SUCCESS;
}

}  // namespace talweg::driver
