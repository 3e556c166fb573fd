// What surrounds the CPU backend's large products, while their result is in cache. More native methods of
// org.talweg.cpu.NativeProducts: runs this short HotSpot (17 and 25) spends in the loops before and behind its vectors.
#include <cstdint>

#include "heap_array.hpp"

namespace {

using talweg::Critical;

// Sums at once, since each waits for its last addition.
constexpr int kLanes = 16;

}  // namespace

// Rows of C [rows x columns], width apart: bias added where there is one, then max(c, 0) if asked for. NaN stays NaN.
extern "C" JNIEXPORT void JNICALL Java_org_talweg_cpu_NativeProducts_addBias(JNIEnv* env, jclass, jfloatArray bias,
                                                                             jint bias_start, jboolean relu,
                                                                             jfloatArray c, jint c_start, jint width,
                                                                             jint rows, jint columns) {
  const Critical<float> from(env, bias, JNI_ABORT), to(env, c, 0);
  if (from.values == nullptr || to.values == nullptr) return;
  const float* const b = from.values + bias_start;
  for (jint i = 0; i < rows; i++) {
    float* const row = to.values + c_start + static_cast<int64_t>(i) * width;
    if (relu) {
      for (jint j = 0; j < columns; j++) {
        const float z = row[j] + b[j];
        row[j] = z <= 0 ? 0 : z;
      }
    } else {
      for (jint j = 0; j < columns; j++) row[j] += b[j];
    }
  }
}

// gradient = 0 wherever not saved > 0; [rows x columns], their rows width apart.
extern "C" JNIEXPORT void JNICALL Java_org_talweg_cpu_NativeProducts_maskByRelu(JNIEnv* env, jclass, jfloatArray saved,
                                                                                jint saved_start, jfloatArray gradient,
                                                                                jint start, jint width, jint rows,
                                                                                jint columns) {
  const Critical<float> from(env, saved, JNI_ABORT), to(env, gradient, 0);
  if (from.values == nullptr || to.values == nullptr) return;
  for (jint i = 0; i < rows; i++) {
    const float* const s = from.values + saved_start + static_cast<int64_t>(i) * width;
    float* const g = to.values + start + static_cast<int64_t>(i) * width;
    for (jint j = 0; j < columns; j++) g[j] = s[j] > 0 ? g[j] : 0;
  }
}

// Sum of squares of each row of C [rows x columns], rows one behind the other.
extern "C" JNIEXPORT void JNICALL Java_org_talweg_cpu_NativeProducts_rowSquares(JNIEnv* env, jclass, jfloatArray c,
                                                                                jint c_start, jint rows, jint columns,
                                                                                jdoubleArray squares, jint start) {
  const Critical<float> from(env, c, JNI_ABORT);
  const Critical<double> to(env, squares, 0);
  if (from.values == nullptr || to.values == nullptr) return;
  for (jint i = 0; i < rows; i++) {
    const float* const row = from.values + c_start + static_cast<int64_t>(i) * columns;
    double sums[kLanes] = {};
    jint j = 0;
    for (; j + kLanes <= columns; j += kLanes)
      for (int lane = 0; lane < kLanes; lane++) sums[lane] += static_cast<double>(row[j + lane]) * row[j + lane];
    for (; j < columns; j++) sums[0] += static_cast<double>(row[j]) * row[j];
    double sum = 0;
    for (const double lane : sums) sum += lane;
    to.values[start + i] = sum;
  }
}

// Sum of each column of A [rows x columns], whose rows are width apart.
extern "C" JNIEXPORT void JNICALL Java_org_talweg_cpu_NativeProducts_columnSums(JNIEnv* env, jclass, jfloatArray a,
                                                                                jint a_start, jint width, jint rows,
                                                                                jint columns, jdoubleArray sums,
                                                                                jint start) {
  const Critical<float> from(env, a, JNI_ABORT);
  const Critical<double> to(env, sums, 0);
  if (from.values == nullptr || to.values == nullptr) return;
  double* const sum = to.values + start;
  for (jint j = 0; j < columns; j++) sum[j] = 0;
  for (jint i = 0; i < rows; i++) {
    const float* const row = from.values + a_start + static_cast<int64_t>(i) * width;
    for (jint j = 0; j < columns; j++) sum[j] += row[j];
  }
}
