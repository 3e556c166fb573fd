#include "panels.hpp"

#include <cstdlib>
#include <cstring>

// Called only where oneDNN asks for panels, which it does from AVX-512 on.
#ifdef __x86_64__
// GCC 12 finds its own _mm512_undefined_ps uninitialised.
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#include <immintrin.h>
#define TALWEG_AVX512 __attribute__((target("avx512f")))
#else
#define TALWEG_AVX512
#endif

namespace talweg {

namespace {

constexpr size_t kCacheLine = 64;

#ifdef __x86_64__
// to[j][i] = from[i][j] for 16 x 16: pairs of rows, then of pairs, then of quarters of vectors change places.
TALWEG_AVX512 inline void transpose_block(const float* from, int64_t width, float* to, int64_t to_width) {
  __m512 rows[kVector], mixed[kVector];
  for (int i = 0; i < kVector; i++) rows[i] = _mm512_loadu_ps(from + i * width);
  for (int i = 0; i < kVector; i += 2) {
    mixed[i] = _mm512_unpacklo_ps(rows[i], rows[i + 1]);
    mixed[i + 1] = _mm512_unpackhi_ps(rows[i], rows[i + 1]);
  }
  for (int i = 0; i < kVector; i += 4) {
    const __m512d a = _mm512_castps_pd(mixed[i]), b = _mm512_castps_pd(mixed[i + 1]),
                  c = _mm512_castps_pd(mixed[i + 2]), d = _mm512_castps_pd(mixed[i + 3]);
    rows[i] = _mm512_castpd_ps(_mm512_unpacklo_pd(a, c));
    rows[i + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(a, c));
    rows[i + 2] = _mm512_castpd_ps(_mm512_unpacklo_pd(b, d));
    rows[i + 3] = _mm512_castpd_ps(_mm512_unpackhi_pd(b, d));
  }
  // Now quarter q of rows[4 i + j] holds column 4 q + j of rows 4 i to 4 i + 3.
  for (int j = 0; j < 4; j++) {
    const __m512 upper_even = _mm512_shuffle_f32x4(rows[j], rows[4 + j], 0x88);
    const __m512 upper_odd = _mm512_shuffle_f32x4(rows[j], rows[4 + j], 0xdd);
    const __m512 lower_even = _mm512_shuffle_f32x4(rows[8 + j], rows[12 + j], 0x88);
    const __m512 lower_odd = _mm512_shuffle_f32x4(rows[8 + j], rows[12 + j], 0xdd);
    _mm512_storeu_ps(to + j * to_width, _mm512_shuffle_f32x4(upper_even, lower_even, 0x88));
    _mm512_storeu_ps(to + (4 + j) * to_width, _mm512_shuffle_f32x4(upper_odd, lower_odd, 0x88));
    _mm512_storeu_ps(to + (8 + j) * to_width, _mm512_shuffle_f32x4(upper_even, lower_even, 0xdd));
    _mm512_storeu_ps(to + (12 + j) * to_width, _mm512_shuffle_f32x4(upper_odd, lower_odd, 0xdd));
  }
}

TALWEG_AVX512 inline void copy_row(const float* from, float* to) {
  for (int64_t j = 0; j < kPanel; j += kVector) _mm512_storeu_ps(to + j, _mm512_loadu_ps(from + j));
}
#else
void transpose_block(const float* from, int64_t width, float* to, int64_t to_width) {
  for (int64_t i = 0; i < kVector; i++)
    for (int64_t j = 0; j < kVector; j++) to[j * to_width + i] = from[i * width + j];
}

void copy_row(const float* from, float* to) { std::memcpy(to, from, kPanel * sizeof(float)); }
#endif

// to[j][i] = from[i][j]; what is over after blocks of 16 x 16 goes one by one. Along 16 rows at a time, as many streams as
// the processor prefetches.
TALWEG_AVX512 void transpose(const float* from, int64_t width, int64_t rows, int64_t columns, float* to, int64_t to_width) {
  const int64_t block_rows = rows / kVector * kVector, block_columns = columns / kVector * kVector;
  for (int64_t i = 0; i < block_rows; i += kVector)
    for (int64_t j = 0; j < block_columns; j += kVector)
      transpose_block(from + i * width + j, width, to + j * to_width + i, to_width);
  for (int64_t i = 0; i < rows; i++)
    for (int64_t j = i < block_rows ? block_columns : 0; j < columns; j++) to[j * to_width + i] = from[i * width + j];
}

void clear_rows(int64_t k, float* panel) {
  std::memset(panel + k * kPanel, 0, static_cast<size_t>(panel_size(k) - k * kPanel) * sizeof(float));
}

}  // namespace

TALWEG_AVX512 void pack_rows(const float* b, int64_t width, int64_t k, int64_t n, float* panel) {
  if (n == kPanel) {
    for (int64_t i = 0; i < k; i++) copy_row(b + i * width, panel + i * kPanel);
  } else {
    for (int64_t i = 0; i < k; i++) {
      std::memcpy(panel + i * kPanel, b + i * width, static_cast<size_t>(n) * sizeof(float));
      std::memset(panel + i * kPanel + n, 0, static_cast<size_t>(kPanel - n) * sizeof(float));
    }
  }
  clear_rows(k, panel);
}

void pack_columns(const float* b, int64_t width, int64_t k, int64_t n, float* panel) {
  if (n < kPanel) std::memset(panel, 0, static_cast<size_t>(panel_size(k)) * sizeof(float));
  transpose(b, width, n, k, panel, kPanel);
  clear_rows(k, panel);
}

void transpose(const float* from, int64_t width, int64_t rows, int64_t columns, float* to) {
  transpose(from, width, rows, columns, to, rows);
}

Scratch::~Scratch() { std::free(values_); }

float* Scratch::floats(size_t count) {
  if (size_ >= count) return values_;
  std::free(values_);
  size_ = up_to(static_cast<int64_t>(count), kCacheLine / sizeof(float));
  values_ = static_cast<float*>(std::aligned_alloc(kCacheLine, size_ * sizeof(float)));
  if (values_ == nullptr) size_ = 0;
  return values_;
}

}  // namespace talweg
