// Names and meanings of the result codes.
#include "cuda_types.hpp"

using namespace talweg::driver;

namespace {

struct Result {
  int code;
  const char* name;
  const char* text;
};

constexpr Result kResults[] = {
#define TALWEG_RESULT(name, code, text) {code, #name, text},
#include "results.def"
#undef TALWEG_RESULT
};

CUresult look_up(int code, const char** output, const char* Result::*field) {
  if (output == nullptr) return CUDA_ERROR_INVALID_VALUE;
  for (const Result& result : kResults) {
    if (result.code == code) {
      *output = result.*field;
      return CUDA_SUCCESS;
    }
  }
  *output = nullptr;
  return CUDA_ERROR_INVALID_VALUE;
}

}  // namespace

TALWEG_EXPORT CUresult cuGetErrorName(int code, const char** name) { return look_up(code, name, &Result::name); }
TALWEG_EXPORT CUresult cuGetErrorString(int code, const char** text) { return look_up(code, text, &Result::text); }
