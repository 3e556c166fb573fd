// Entry points that JCuda binds to and this device does not implement. Each must exist all the same: calling a symbol
// that is missing ends the JVM, while an error code becomes a Java exception.
#include "cuda_types.hpp"

using namespace talweg::driver;

#define TALWEG_UNSUPPORTED(name) \
  TALWEG_EXPORT CUresult name() { return CUDA_ERROR_NOT_SUPPORTED; }
#include "unsupported.def"
