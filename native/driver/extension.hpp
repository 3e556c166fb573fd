// What other libraries of the software device build on: work of their own in a stream. Plain C, for they find it by
// name at run time.
#pragma once

#include <cstdint>

#include "cuda_types.hpp"

// Says whether device memory holds all of a range, in any context. The first that it does not is reported.
using TalwegHolds = int (*)(void* memory, uint64_t address, uint64_t bytes);

struct TalwegWork {
  const char* name;  // counted as a launch of a kernel of this name
  // False if memory lacks what it needs. May run many times, when a graph is replayed.
  int (*run)(void* data, TalwegHolds holds, void* memory);
  void (*drop)(void* data);  // the work will not run again
  void* data;
};

// The data belongs to the callee, also on failure.
extern "C" talweg::driver::CUresult talwegSubmit(talweg::driver::CUstream stream, const TalwegWork* work);
