// Routines that JCublas2 binds to and this library does not implement. Each must exist all the same: calling a symbol
// that is missing ends the JVM, while a status becomes a Java exception.
#include "types.hpp"

using namespace talweg::cublas;

#define TALWEG_UNSUPPORTED(name) \
  TALWEG_CUBLAS cublasStatus_t name() { return CUBLAS_STATUS_NOT_SUPPORTED; }
#include "unsupported.def"
