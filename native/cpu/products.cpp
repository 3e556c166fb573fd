// Matrix products for the CPU backend: hands arrays of the Java heap to oneDNN without copying them. The native methods
// of org.talweg.cpu.NativeProducts.
//
// The arrays are held in JNI critical sections, so a garbage collection waits for the product (HotSpot before 22), as
// it would for any loop without safepoints. A training step allocates nothing, so none is due.
#include <dlfcn.h>
#include <jni.h>

#include <cstdint>

namespace {

using Sgemm = int (*)(char transa, char transb, int64_t m, int64_t n, int64_t k, float alpha, const float* a,
                      int64_t lda, const float* b, int64_t ldb, float beta, float* c, int64_t ldc);
using SetThreads = void (*)(int);

Sgemm sgemm = nullptr;
SetThreads set_threads = nullptr;

// Our own threads split the work; a second pool that spins beside them would halve the speed of both.
void keep_to_this_thread() {
  thread_local bool done = false;
  if (!done && set_threads != nullptr) set_threads(1);
  done = true;
}

struct Critical {
  Critical(JNIEnv* env, jfloatArray array, jint mode)
      : env(env), array(array), mode(mode), values(static_cast<float*>(env->GetPrimitiveArrayCritical(array, nullptr))) {}
  ~Critical() {
    if (values != nullptr) env->ReleasePrimitiveArrayCritical(array, values, mode);
  }
  JNIEnv* env;
  jfloatArray array;
  jint mode;
  float* values;
};

}  // namespace

// Finds oneDNN among the libraries that the process has loaded. False if it is not there.
extern "C" JNIEXPORT jboolean JNICALL Java_org_talweg_cpu_NativeProducts_bind(JNIEnv*, jclass) {
  void* library = dlopen("libdnnl.so.3", RTLD_NOW | RTLD_NOLOAD);
  if (library == nullptr) return JNI_FALSE;
  sgemm = reinterpret_cast<Sgemm>(dlsym(library, "dnnl_sgemm"));
  set_threads = reinterpret_cast<SetThreads>(dlsym(library, "omp_set_num_threads"));
  return sgemm != nullptr ? JNI_TRUE : JNI_FALSE;
}

// C += op(A) op(B), row-major: op(A) [m x k], op(B) [k x n], C [m x n].
extern "C" JNIEXPORT void JNICALL Java_org_talweg_cpu_NativeProducts_multiply(
    JNIEnv* env, jclass, jboolean transpose_a, jboolean transpose_b, jint m, jint n, jint k, jfloatArray a, jint a_start,
    jint a_width, jfloatArray b, jint b_start, jint b_width, jfloatArray c, jint c_start, jint c_width) {
  keep_to_this_thread();
  const Critical from_a(env, a, JNI_ABORT), from_b(env, b, JNI_ABORT), to_c(env, c, 0);
  if (from_a.values == nullptr || from_b.values == nullptr || to_c.values == nullptr) return;  // OutOfMemoryError is pending
  sgemm(transpose_a ? 'T' : 'N', transpose_b ? 'T' : 'N', m, n, k, 1.0f, from_a.values + a_start, a_width,
        from_b.values + b_start, b_width, 1.0f, to_c.values + c_start, c_width);
}
