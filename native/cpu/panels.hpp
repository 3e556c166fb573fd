// The right operand of a product in panels of 64 columns, each row by row: what oneDNN's AVX-512 kernels read. oneDNN
// would rearrange an operand so itself, but takes longer over it than the loads and stores of these.
#pragma once
#include <cstddef>
#include <cstdint>

namespace talweg {

constexpr int64_t kPanel = 64;   // columns
constexpr int64_t kVector = 16;  // floats; the rows of a panel are a multiple of it

constexpr int64_t up_to(int64_t count, int64_t step) { return (count + step - 1) / step * step; }

// Floats between one panel of k rows and the next.
constexpr int64_t panel_size(int64_t k) { return up_to(k, kVector) * kPanel; }

// One panel: n <= 64 columns of B [k x n], zeros behind what B has. Row i of B is at b + i * width.
void pack_rows(const float* b, int64_t width, int64_t k, int64_t n, float* panel);

// The same where B is stored transposed: column j of B is at b + j * width.
void pack_columns(const float* b, int64_t width, int64_t k, int64_t n, float* panel);

// to [columns x rows], its rows one behind the other, from [rows x columns], whose rows are width apart.
void transpose(const float* from, int64_t width, int64_t rows, int64_t columns, float* to);

// Floats that start a line of the cache, as many as were ever asked for; of one thread.
class Scratch {
 public:
  Scratch() = default;
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  ~Scratch();
  // Null where there is no memory. What it held may be gone.
  float* floats(size_t count);

 private:
  float* values_ = nullptr;
  size_t size_ = 0;
};

}  // namespace talweg
