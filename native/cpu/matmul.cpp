#include "matmul.hpp"

#include <initializer_list>

#include "panels.hpp"

namespace talweg {

using namespace onednn;

namespace {

bool describe(const Api& api, Handle* desc, int64_t rows, int64_t columns, int64_t row_step, int64_t column_step) {
  const Dims dims = {rows, columns}, steps = {row_step, column_step};
  return api.memory_desc_create_with_strides(desc, 2, dims, kFloat32, steps) == 0;
}

bool describe_right(const Api& api, Handle* desc, const Shape& shape) {
  if (shape.right == Shape::Right::kTransposed) return describe(api, desc, shape.k, shape.n, 1, shape.b_width);
  const Dims dims = {shape.k, shape.n};
  return api.memory_desc_create_with_tag(desc, 2, dims, kFloat32, kAnyLayout) == 0;
}

bool adding(const Api& api, Handle* attributes) {
  Handle post_ops = nullptr;
  const bool good = api.post_ops_create(&post_ops) == 0 && api.post_ops_append_sum(post_ops, 1, 0, kFloat32) == 0 &&
                    api.primitive_attr_create(attributes) == 0 &&
                    api.primitive_attr_set_post_ops(*attributes, post_ops) == 0;
  if (post_ops != nullptr) api.post_ops_destroy(post_ops);
  return good;
}

// Whether the layout that oneDNN chose is panels.hpp's: blocks of 16 rows by 64 columns, the columns innermost, one block
// of rows after the other.
bool is_panels(const Api& api, Handle desc) {
  int32_t blocks = 0;
  const int64_t *sizes = nullptr, *dims = nullptr, *steps = nullptr, *padded = nullptr;
  return api.memory_desc_query(desc, kInnerBlocks, &blocks) == 0 && blocks == 2 &&
         api.memory_desc_query(desc, kInnerSizes, &sizes) == 0 && api.memory_desc_query(desc, kInnerDims, &dims) == 0 &&
         api.memory_desc_query(desc, kSteps, &steps) == 0 && api.memory_desc_query(desc, kPaddedDims, &padded) == 0 &&
         sizes[0] == kVector && sizes[1] == kPanel && dims[0] == 0 && dims[1] == 1 &&
         steps[0] == kVector * kPanel && steps[1] == padded[0] * kPanel;
}

}  // namespace

Matmul::Matmul(const Api& api, Handle engine, const Shape& s) : api_(api) {
  Handle descriptor = nullptr, attributes = nullptr, a_desc = nullptr, b_desc = nullptr, c_desc = nullptr;
  const bool described = (!s.add || adding(api, &attributes)) && describe(api, &a_desc, s.m, s.k, s.a_width, 1) &&
                         describe_right(api, &b_desc, s) && describe(api, &c_desc, s.m, s.n, s.c_width, 1) &&
                         api.matmul_primitive_desc_create(&descriptor, engine, a_desc, b_desc, nullptr, c_desc,
                                                          attributes) == 0;
  const Handle b_layout = !described                               ? nullptr
                          : s.right == Shape::Right::kTransposed ? b_desc
                                                                   : api.primitive_desc_query_md(descriptor, kWeightsOf, 0);
  const bool good = described && (s.right == Shape::Right::kTransposed || is_panels(api, b_layout)) &&
                    api.stream_create(&stream_, engine, kDefaultStream) == 0 &&
                    api.memory_create(&a_, a_desc, engine, nullptr) == 0 &&
                    api.memory_create(&b_, b_layout, engine, nullptr) == 0 &&
                    api.memory_create(&c_, c_desc, engine, nullptr) == 0 &&
                    api.primitive_create(&primitive_, descriptor) == 0;
  if (!good) primitive_ = nullptr;
  if (attributes != nullptr) api.primitive_attr_destroy(attributes);
  if (descriptor != nullptr) api.primitive_desc_destroy(descriptor);
  for (Handle desc : {a_desc, b_desc, c_desc})
    if (desc != nullptr) api.memory_desc_destroy(desc);
}

bool Matmul::run(const float* a, const float* b, float* c) const {
  api_.memory_set_data_handle(a_, const_cast<float*>(a));
  api_.memory_set_data_handle(b_, const_cast<float*>(b));
  api_.memory_set_data_handle(c_, c);
  const Argument arguments[] = {{kSource, a_}, {kWeights, b_}, {kDestination, c_}};
  return api_.primitive_execute(primitive_, stream_, 3, arguments) == 0;
}

}  // namespace talweg
