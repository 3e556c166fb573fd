// The few functions of oneDNN's C API that are needed, found in the process by name: its headers come with no package
// that the build has. Names and values as in oneDNN's dnnl_types.h.
#pragma once
#include <dlfcn.h>

#include <cstdint>

namespace talweg::onednn {

using Status = int;  // 0 is success
using Handle = void*;  // of an engine, a stream, a memory, a descriptor or a primitive
using Dims = int64_t[12];

struct Argument {
  int which;
  Handle memory;
};

constexpr int kCpu = 1, kFloat32 = 3, kDefaultStream = 1;
constexpr int kSource = 1, kDestination = 17, kWeights = 33;
// A memory descriptor's layout tag that leaves the choice to the primitive, and what can be asked of a descriptor.
constexpr int kAnyLayout = 1;
constexpr int kSteps = 14, kWeightsOf = 131, kPaddedDims = 260, kInnerBlocks = 263, kInnerSizes = 264, kInnerDims = 265;

// Null where the library lacks a function.
struct Api {
  Status (*sgemm)(char, char, int64_t, int64_t, int64_t, float, const float*, int64_t, const float*, int64_t, float,
                  float*, int64_t);
  Status (*engine_create)(Handle*, int kind, size_t index);
  Status (*stream_create)(Handle*, Handle engine, unsigned flags);
  Status (*memory_desc_create_with_strides)(Handle*, int ndims, const Dims dims, int type, const Dims strides);
  Status (*memory_desc_create_with_tag)(Handle*, int ndims, const Dims dims, int type, int tag);
  Status (*memory_desc_query)(Handle, int what, void* result);
  Status (*memory_desc_destroy)(Handle);
  Handle (*primitive_desc_query_md)(Handle, int what, int index);
  Status (*matmul_primitive_desc_create)(Handle*, Handle engine, Handle source, Handle weights, Handle bias,
                                         Handle destination, Handle attributes);
  Status (*primitive_attr_create)(Handle*);
  Status (*primitive_attr_destroy)(Handle);
  Status (*primitive_attr_set_post_ops)(Handle attributes, Handle post_ops);
  Status (*post_ops_create)(Handle*);
  Status (*post_ops_destroy)(Handle);
  Status (*post_ops_append_sum)(Handle, float scale, int32_t zero_point, int type);
  Status (*primitive_desc_destroy)(Handle);
  Status (*primitive_create)(Handle*, Handle descriptor);
  Status (*memory_create)(Handle*, Handle descriptor, Handle engine, void* data);
  Status (*memory_set_data_handle)(Handle, void* data);
  Status (*primitive_execute)(Handle primitive, Handle stream, int count, const Argument*);

  explicit Api(void* library) {
    find(library, "dnnl_sgemm", sgemm);
    find(library, "dnnl_engine_create", engine_create);
    find(library, "dnnl_stream_create", stream_create);
    find(library, "dnnl_memory_desc_create_with_strides", memory_desc_create_with_strides);
    find(library, "dnnl_memory_desc_create_with_tag", memory_desc_create_with_tag);
    find(library, "dnnl_memory_desc_query", memory_desc_query);
    find(library, "dnnl_memory_desc_destroy", memory_desc_destroy);
    find(library, "dnnl_primitive_desc_query_md", primitive_desc_query_md);
    find(library, "dnnl_matmul_primitive_desc_create", matmul_primitive_desc_create);
    find(library, "dnnl_primitive_attr_create", primitive_attr_create);
    find(library, "dnnl_primitive_attr_destroy", primitive_attr_destroy);
    find(library, "dnnl_primitive_attr_set_post_ops", primitive_attr_set_post_ops);
    find(library, "dnnl_post_ops_create", post_ops_create);
    find(library, "dnnl_post_ops_destroy", post_ops_destroy);
    find(library, "dnnl_post_ops_append_sum", post_ops_append_sum);
    find(library, "dnnl_primitive_desc_destroy", primitive_desc_destroy);
    find(library, "dnnl_primitive_create", primitive_create);
    find(library, "dnnl_memory_create", memory_create);
    find(library, "dnnl_memory_set_data_handle", memory_set_data_handle);
    find(library, "dnnl_primitive_execute", primitive_execute);
  }

  bool has_primitives() const {
    return engine_create && stream_create && memory_desc_create_with_strides && memory_desc_create_with_tag &&
           memory_desc_query && memory_desc_destroy && primitive_desc_query_md && matmul_primitive_desc_create &&
           primitive_attr_create && primitive_attr_destroy && primitive_attr_set_post_ops && post_ops_create &&
           post_ops_destroy && post_ops_append_sum && primitive_desc_destroy && primitive_create && memory_create &&
           memory_set_data_handle && primitive_execute;
  }

 private:
  template <typename Function>
  static void find(void* library, const char* name, Function& function) {
    function = reinterpret_cast<Function>(dlsym(library, name));
  }
};

}  // namespace talweg::onednn
