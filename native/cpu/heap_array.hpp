// The elements of an array of the Java heap, where they lie.
//
// The arrays are held in JNI critical sections, so a garbage collection waits for what is done with them (HotSpot before
// 22), as it would for any loop without safepoints. A training step allocates nothing, so none is due.
#pragma once
#include <jni.h>

namespace talweg {

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

}  // namespace talweg
