// The native methods of org.talweg.cuda.SoftwareDriver.
#include <jni.h>

#include "../check/switches.hpp"
#include "../count/launch_counts.hpp"
#include "../exec/decode.hpp"
#include "../exec/launch.hpp"
#include "monitor.hpp"
#include "device.hpp"
#include "objects.hpp"

using namespace talweg::driver;

#define TALWEG_JAVA(type, method) \
  extern "C" JNIEXPORT type JNICALL Java_org_talweg_cuda_SoftwareDriver_##method

TALWEG_JAVA(void, readCounters)(JNIEnv* env, jclass, jlongArray values) {
  const Counters& driver = driver_counters();
  const talweg::exec::Counters& exec = talweg::exec::counters();
  const jlong totals[] = {
      static_cast<jlong>(driver.kernel_launches), static_cast<jlong>(driver.graph_launches),
      static_cast<jlong>(driver.synchronizations), static_cast<jlong>(driver.host_copies),
      static_cast<jlong>(exec.warp_instructions), static_cast<jlong>(exec.lane_instructions)};
  env->SetLongArrayRegion(values, 0, sizeof totals / sizeof totals[0], totals);
}

TALWEG_JAVA(jstring, launchTable)(JNIEnv* env, jclass) { return env->NewStringUTF(launch_table().c_str()); }

TALWEG_JAVA(void, reset)(JNIEnv*, jclass) {
  reset_driver_counters();
  talweg::exec::Counters& exec = talweg::exec::counters();
  exec.launches = exec.warp_instructions = exec.lane_instructions = 0;
}

TALWEG_JAVA(void, setScheduleSeed)(JNIEnv*, jclass, jlong seed) {
  talweg::exec::settings().schedule_seed = static_cast<uint64_t>(seed);
}

TALWEG_JAVA(void, setApproximationSeed)(JNIEnv*, jclass, jlong seed) {
  talweg::exec::settings().approximation_seed = static_cast<uint64_t>(seed);
}

TALWEG_JAVA(void, setTruncatingMma)(JNIEnv*, jclass, jboolean on) {
  talweg::exec::settings().truncating_mma = on != 0;
}

TALWEG_JAVA(void, setLaunchLimit)(JNIEnv*, jclass, jlong instructions) {
  talweg::exec::settings().launch_limit = static_cast<uint64_t>(instructions);
}

TALWEG_JAVA(jstring, opcodeNames)(JNIEnv* env, jclass) {
  std::string names;
  for (const std::string_view name : talweg::exec::opcode_names()) names.append(name).append("\n");
  return env->NewStringUTF(names.c_str());
}

TALWEG_JAVA(void, setThreads)(JNIEnv*, jclass, jint threads) { talweg::exec::settings().threads = threads; }

TALWEG_JAVA(void, setChecks)(JNIEnv*, jclass, jint bits) {
  talweg::check::switches() = static_cast<uint32_t>(bits);
}

TALWEG_JAVA(jint, checkBits)(JNIEnv*, jclass) { return static_cast<jint>(talweg::check::switches()); }

TALWEG_JAVA(void, setCounting)(JNIEnv*, jclass, jboolean on) { talweg::count::counting() = on != 0; }

TALWEG_JAVA(jstring, profileLines)(JNIEnv* env, jclass) {
  return env->NewStringUTF(talweg::count::take_profile().c_str());
}

TALWEG_JAVA(jstring, leakLines)(JNIEnv* env, jclass) { return env->NewStringUTF(take_leaks().c_str()); }

TALWEG_JAVA(void, setMemory)(JNIEnv*, jclass, jlong bytes) { set_memory_capacity(static_cast<uint64_t>(bytes)); }

TALWEG_JAVA(jlong, memoryBytes)(JNIEnv*, jclass) { return static_cast<jlong>(memory_capacity()); }

// Bytes of device memory and of page-locked host memory that all contexts hold.
TALWEG_JAVA(jlong, bytesInUse)(JNIEnv*, jclass) {
  uint64_t bytes = 0;
  for (const auto& context : contexts.all()) bytes += context->memory->used() + context->memory->used_host();
  return static_cast<jlong>(bytes);
}

TALWEG_JAVA(jint, contextCount)(JNIEnv*, jclass) { return static_cast<jint>(contexts.all().size()); }

TALWEG_JAVA(jint, deviceCount)(JNIEnv*, jclass) { return device_count(); }

TALWEG_JAVA(jboolean, setDeviceCount)(JNIEnv*, jclass, jint count) { return set_device_count(count); }

TALWEG_JAVA(jboolean, setCapability)(JNIEnv*, jclass, jint major, jint minor) { return set_chip(major, minor); }

TALWEG_JAVA(void, setFault)(JNIEnv*, jclass, jint fault, jint nth) { order_fault(static_cast<Fault>(fault), nth); }

TALWEG_JAVA(jstring, report)(JNIEnv* env, jclass) { return env->NewStringUTF(take_report().c_str()); }

TALWEG_JAVA(jintArray, parameterBytes)(JNIEnv* env, jclass, jlong handle) {
  const auto function = functions.find(reinterpret_cast<CUfunction>(handle));
  std::vector<jint> bytes;
  if (function != nullptr) {
    for (const auto& parameter : function->kernel->parameters) bytes.push_back(static_cast<jint>(parameter.size));
  }
  const jintArray result = env->NewIntArray(static_cast<jsize>(bytes.size()));
  if (result != nullptr) env->SetIntArrayRegion(result, 0, static_cast<jsize>(bytes.size()), bytes.data());
  return result;
}
