// Matrix products for the CPU backend: hands arrays of the Java heap to oneDNN without copying them. The native methods
// of org.talweg.cpu.NativeProducts.
#include <algorithm>
#include <map>

#include "heap_array.hpp"
#include "matmul.hpp"
#include "panels.hpp"

namespace {

using namespace talweg;
using namespace talweg::onednn;
using SetThreads = void (*)(int);

const Api* api = nullptr;
SetThreads set_threads = nullptr;
Handle engine = nullptr;
constexpr intptr_t kLine = 64;  // bytes

// Our own threads split the work; a second pool that spins beside them would halve the speed of both.
void keep_to_this_thread() {
  thread_local bool done = false;
  if (!done && set_threads != nullptr) set_threads(1);
  done = true;
}

// By a primitive of oneDNN, made once for each shape in each thread. False if it has none.
bool multiply(const Shape& shape, const float* a, const float* b, float* c) {
  thread_local std::map<Shape, Matmul> products;
  auto found = products.find(shape);
  if (found == products.end()) found = products.try_emplace(shape, *api, engine, shape).first;
  return found->second.exists() && found->second.run(a, b, c);
}

// Start of the first line of the cache in a buffer that is a line longer than what it holds.
float* line_in(JNIEnv* env, jobject buffer) {
  return reinterpret_cast<float*>(up_to(reinterpret_cast<intptr_t>(env->GetDirectBufferAddress(buffer)), kLine));
}

}  // namespace

// Finds oneDNN among the libraries that the process has loaded. False if it is not there.
extern "C" JNIEXPORT jboolean JNICALL Java_org_talweg_cpu_NativeProducts_bind(JNIEnv*, jclass) {
  void* library = dlopen("libdnnl.so.3", RTLD_NOW | RTLD_NOLOAD);
  if (library == nullptr) return JNI_FALSE;
  static const Api found(library);
  api = &found;
  set_threads = reinterpret_cast<SetThreads>(dlsym(library, "omp_set_num_threads"));
  if (!api->has_primitives() || api->engine_create(&engine, kCpu, 0) != 0) engine = nullptr;
  return api->sgemm != nullptr ? JNI_TRUE : JNI_FALSE;
}

// C = op(A) op(B), added to what C holds if asked to; row-major: op(A) [m x k], op(B) [k x n], C [m x n].
extern "C" JNIEXPORT void JNICALL Java_org_talweg_cpu_NativeProducts_multiply(
    JNIEnv* env, jclass, jboolean transpose_a, jboolean transpose_b, jint m, jint n, jint k, jfloatArray a, jint a_start,
    jint a_width, jfloatArray b, jint b_start, jint b_width, jboolean add, jfloatArray c, jint c_start, jint c_width) {
  keep_to_this_thread();
  const Critical<float> from_a(env, a, JNI_ABORT), from_b(env, b, JNI_ABORT), to_c(env, c, 0);
  if (from_a.values == nullptr || from_b.values == nullptr || to_c.values == nullptr) return;  // OutOfMemoryError is pending
  const float* const av = from_a.values + a_start;
  const float* const bv = from_b.values + b_start;
  float* const cv = to_c.values + c_start;
  const Shape shape = {m, n, k, a_width, b_width, c_width, add == JNI_TRUE, Shape::Right::kTransposed};
  if (engine != nullptr && transpose_b && !transpose_a && multiply(shape, av, bv, cv)) return;
  api->sgemm(transpose_a ? 'T' : 'N', transpose_b ? 'T' : 'N', m, n, k, 1.0f, av, a_width, bv, b_width,
             add ? 1.0f : 0.0f, cv, c_width);
}

// Whether products with their right operand in panels are here: oneDNN wants another layout before AVX-512.
extern "C" JNIEXPORT jboolean JNICALL Java_org_talweg_cpu_NativeProducts_hasPanels(JNIEnv*, jclass) {
  if (engine == nullptr) return JNI_FALSE;
  return Matmul(*api, engine, {kPanel, kPanel, kPanel, kPanel, 0, kPanel, false, Shape::Right::kPanels}).exists();
}

// Panels first to last of op(B) [k x n], into a buffer that has room for all.
extern "C" JNIEXPORT void JNICALL Java_org_talweg_cpu_NativeProducts_pack(JNIEnv* env, jclass, jboolean transpose_b,
                                                                          jint n, jint k, jfloatArray b, jint b_start,
                                                                          jint b_width, jint first, jint last,
                                                                          jobject panels) {
  const Critical<float> from(env, b, JNI_ABORT);
  if (from.values == nullptr) return;
  float* const to = line_in(env, panels);
  for (int64_t p = first; p < last; p++) {
    const int64_t column = p * kPanel, width = std::min<int64_t>(kPanel, n - column);
    const float* const source = from.values + b_start + (transpose_b ? column * b_width : column);
    (transpose_b ? pack_columns : pack_rows)(source, b_width, k, width, to + p * panel_size(k));
  }
}

// C = op(A) B, added to what C holds if asked to, B [k x n] in panels. False if oneDNN has no such product.
extern "C" JNIEXPORT jboolean JNICALL Java_org_talweg_cpu_NativeProducts_multiplyPanels(
    JNIEnv* env, jclass, jboolean transpose_a, jint m, jint n, jint k, jfloatArray a, jint a_start, jint a_width,
    jobject panels, jboolean add, jfloatArray c, jint c_start, jint c_width) {
  keep_to_this_thread();
  thread_local Scratch scratch;
  const Critical<float> from_a(env, a, JNI_ABORT), to_c(env, c, 0);
  if (from_a.values == nullptr || to_c.values == nullptr) return JNI_FALSE;
  const float* av = from_a.values + a_start;
  if (transpose_a) {
    float* const rows = scratch.floats(static_cast<size_t>(m) * k);
    if (rows == nullptr) return JNI_FALSE;
    transpose(av, a_width, k, m, rows);
    av = rows;
    a_width = k;
  }
  const Shape shape = {m, n, k, a_width, 0, c_width, add == JNI_TRUE, Shape::Right::kPanels};
  return multiply(shape, av, line_in(env, panels), to_c.values + c_start);
}
