// Copies and fills as operations. All are boxes of bytes: depth × height rows of a width, rows a pitch apart.
#pragma once

#include <string>

#include "calls.hpp"

namespace talweg::driver {

enum class Side { kHost, kDevice };

// One end of a copy.
struct Place {
  Side side = Side::kDevice;
  uint64_t address = 0;  // of the first byte
  uint64_t pitch = 0;    // bytes from one row to the next
  uint64_t slice = 0;    // bytes from one plane to the next
};

struct Box {
  uint64_t width = 0;  // bytes
  uint64_t height = 1;
  uint64_t depth = 1;

  bool empty() const { return width == 0 || height == 0 || depth == 0; }
};

class Transfer final : public Operation {
 public:
  Transfer(Place to, Place from, Box box) : to(to), from(from), box(box) {}

  GraphNodeType type() const override { return kNodeMemcpy; }
  CUresult run(Context& context) const override;

  // Empty if all of both ends is there. Asked at the call, and again at the run: a graph may outlive the memory.
  std::string fault(const Context& context) const;

  // True if an end is host memory that is not page-locked: the caller may touch it as soon as the call returns.
  bool is_pageable() const;

  const Place to, from;
  const Box box;
};

class Fill final : public Operation {
 public:
  // Rows of `width` elements of 1, 2 or 4 bytes.
  Fill(uint64_t to, uint64_t pitch, uint32_t value, unsigned element_bytes, uint64_t width, uint64_t height)
      : to(to), pitch(pitch), value(value), element_bytes(element_bytes), width(width), height(height) {}

  GraphNodeType type() const override { return kNodeMemset; }
  CUresult run(Context& context) const override;
  std::string fault(const Context& context) const;

  const uint64_t to, pitch;
  const uint32_t value;
  const unsigned element_bytes;
  const uint64_t width, height;
};

// Which side an address is on, where the call leaves it to the driver. Page-locked host memory is host memory.
Side side_of(const Context& context, uint64_t address);

// Translate the structures of the API; what is wrong with them is the result.
CUresult read_copy(const CUDA_MEMCPY2D* copy, Context& context, Place& to, Place& from, Box& box);
CUresult read_copy(const CUDA_MEMCPY3D* copy, Context& context, Place& to, Place& from, Box& box);
// Bytes of the first row of an array.
CUresult read_row(const Context& context, CUarray array, uint64_t offset, uint64_t bytes, Place& place);
CUresult read_fill(const CUDA_MEMSET_NODE_PARAMS* fill, std::shared_ptr<const Fill>& operation);

template <class Work>
CUresult check(const Context& context, const Work& work) {
  const std::string reason = work.fault(context);
  if (reason.empty()) return CUDA_SUCCESS;
  set_report(reason);
  return CUDA_ERROR_INVALID_VALUE;
}

}  // namespace talweg::driver
