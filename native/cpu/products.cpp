// Matrix products for the CPU backend: hands arrays of the Java heap to oneDNN without copying them. The native methods
// of org.talweg.cpu.NativeProducts.
//
// The arrays are held in JNI critical sections, so a garbage collection waits for the product (HotSpot before 22), as
// it would for any loop without safepoints. A training step allocates nothing, so none is due.
#include <jni.h>

#include <array>
#include <map>

#include "onednn.h"

namespace {

using namespace talweg::onednn;
using SetThreads = void (*)(int);

const Api* api = nullptr;
SetThreads set_threads = nullptr;
Handle engine = nullptr;
// Sums at once, since each waits for its last addition.
constexpr int kLanes = 16;

// Our own threads split the work; a second pool that spins beside them would halve the speed of both.
void keep_to_this_thread() {
  thread_local bool done = false;
  if (!done && set_threads != nullptr) set_threads(1);
  done = true;
}

template <typename Value>
struct Critical {
  Critical(JNIEnv* env, jarray array, jint mode)
      : env(env), array(array), mode(mode), values(static_cast<Value*>(env->GetPrimitiveArrayCritical(array, nullptr))) {}
  ~Critical() {
    if (values != nullptr) env->ReleasePrimitiveArrayCritical(array, values, mode);
  }
  JNIEnv* env;
  jarray array;
  jint mode;
  Value* values;
};

// C = A B^T or C += A B^T by a primitive of oneDNN, which packs B faster than its sgemm does. One for each shape, made
// once in each thread: what it works in belongs to the thread.
class TransposedProduct {
 public:
  TransposedProduct(int64_t m, int64_t n, int64_t k, int64_t a_width, int64_t b_width, int64_t c_width, bool add) {
    Handle descriptor = nullptr, attributes = nullptr, a_desc = nullptr, b_desc = nullptr, c_desc = nullptr;
    const bool good = (!add || adding(&attributes)) && describe(&a_desc, m, k, a_width, 1) && describe(&b_desc, k, n, 1, b_width) &&
                      describe(&c_desc, m, n, c_width, 1) && api->stream_create(&stream_, engine, kDefaultStream) == 0 &&
                      api->matmul_primitive_desc_create(&descriptor, engine, a_desc, b_desc, nullptr, c_desc,
                                                        attributes) == 0 &&
                      api->memory_create(&a_, a_desc, engine, nullptr) == 0 &&
                      api->memory_create(&b_, b_desc, engine, nullptr) == 0 &&
                      api->memory_create(&c_, c_desc, engine, nullptr) == 0 &&
                      api->primitive_create(&primitive_, descriptor) == 0;
    if (!good) primitive_ = nullptr;
    if (attributes != nullptr) api->primitive_attr_destroy(attributes);
    if (descriptor != nullptr) api->primitive_desc_destroy(descriptor);
    for (Handle desc : {a_desc, b_desc, c_desc})
      if (desc != nullptr) api->memory_desc_destroy(desc);
  }

  // False if oneDNN has none for this shape.
  bool run(const float* a, const float* b, float* c) const {
    if (primitive_ == nullptr) return false;
    api->memory_set_data_handle(a_, const_cast<float*>(a));
    api->memory_set_data_handle(b_, const_cast<float*>(b));
    api->memory_set_data_handle(c_, c);
    const Argument arguments[] = {{kSource, a_}, {kWeights, b_}, {kDestination, c_}};
    return api->primitive_execute(primitive_, stream_, 3, arguments) == 0;
  }

 private:
  static bool adding(Handle* attributes) {
    Handle post_ops = nullptr;
    const bool good = api->post_ops_create(&post_ops) == 0 && api->post_ops_append_sum(post_ops, 1, 0, kFloat32) == 0 &&
                      api->primitive_attr_create(attributes) == 0 &&
                      api->primitive_attr_set_post_ops(*attributes, post_ops) == 0;
    if (post_ops != nullptr) api->post_ops_destroy(post_ops);
    return good;
  }

  static bool describe(Handle* desc, int64_t rows, int64_t columns, int64_t row_step, int64_t column_step) {
    const Dims dims = {rows, columns}, steps = {row_step, column_step};
    return api->memory_desc_create_with_strides(desc, 2, dims, kFloat32, steps) == 0;
  }

  Handle primitive_ = nullptr, stream_ = nullptr, a_ = nullptr, b_ = nullptr, c_ = nullptr;
};

bool multiply_transposed(int64_t m, int64_t n, int64_t k, const float* a, int64_t a_width, const float* b,
                         int64_t b_width, bool add, float* c, int64_t c_width) {
  thread_local std::map<std::array<int64_t, 7>, TransposedProduct> products;
  const std::array<int64_t, 7> shape = {m, n, k, a_width, b_width, c_width, add};
  auto found = products.find(shape);
  if (found == products.end()) found = products.try_emplace(shape, m, n, k, a_width, b_width, c_width, add).first;
  return found->second.run(a, b, c);
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
  if (engine != nullptr && transpose_b && !transpose_a &&
      multiply_transposed(m, n, k, av, a_width, bv, b_width, add, cv, c_width)) {
    return;
  }
  api->sgemm(transpose_a ? 'T' : 'N', transpose_b ? 'T' : 'N', m, n, k, 1.0f, av, a_width, bv, b_width,
             add ? 1.0f : 0.0f, cv, c_width);
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
