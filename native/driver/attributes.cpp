// Attributes of streams, of launches and of kernel nodes. Scheduling and caches have no effect on results here, so all but
// the cooperative launch and clusters are kept and given back.
#include <cstring>

#include "calls.hpp"
#include "kernel_launch.hpp"

using namespace talweg::driver;

namespace {

using Attributes = std::map<int, AttributeValue>;

constexpr int kSynchronizationPolicies = 4;  // auto, spin, yield, blocking sync: 1 to 4

AttributeValue number(int value) {
  AttributeValue result{};
  std::memcpy(result.bytes, &value, sizeof value);
  return result;
}

int number_in(const AttributeValue& value) {
  int result = 0;
  std::memcpy(&result, value.bytes, sizeof result);
  return result;
}

bool of_stream(int attribute) {
  return attribute == kAttributeAccessPolicyWindow || attribute == kAttributeSynchronizationPolicy ||
         attribute == kAttributePriority || attribute == kAttributeMemSyncDomainMap ||
         attribute == kAttributeMemSyncDomain;
}

bool of_kernel(int attribute) {
  return attribute == kAttributeAccessPolicyWindow || attribute == kAttributeCooperative ||
         attribute == kAttributeClusterDimension || attribute == kAttributeClusterPolicy || attribute == kAttributePriority || attribute == kAttributeMemSyncDomainMap ||
         attribute == kAttributeMemSyncDomain;
}

AttributeValue kept(const Attributes& attributes, int attribute, const AttributeValue& otherwise) {
  const auto found = attributes.find(attribute);
  return found == attributes.end() ? otherwise : found->second;
}

const KernelLaunch& launch_of(const Node& node) { return static_cast<const KernelLaunch&>(*node.operation); }

template <class Body>
CUresult with_kernel_node(CUgraphNode handle, Body body) {
  return with_object(graph_nodes, handle, [&](Context&, Node& node) -> CUresult {
    return node.type == kNodeKernel ? body(node) : CUDA_ERROR_INVALID_VALUE;
  });
}

}  // namespace

bool talweg::driver::take_launch_attribute(int attribute, const AttributeValue& value, LaunchAttributes& attributes) {
  if (attribute == kAttributeCooperative) attributes.cooperative = number_in(value) != 0;
  else if (attribute == kAttributeClusterDimension) std::memcpy(attributes.cluster, value.bytes, sizeof attributes.cluster);
  else return false;
  return true;
}

TALWEG_EXPORT CUresult cuStreamGetAttribute(CUstream handle, int attribute, AttributeValue* value) {
  return with_stream(handle, [&](Context&, const std::shared_ptr<Stream>& stream) -> CUresult {
    if (value == nullptr || !of_stream(attribute)) return CUDA_ERROR_INVALID_VALUE;
    *value = attribute == kAttributePriority ? number(stream->priority)
                                             : kept(stream->attributes, attribute,
                                                    number(attribute == kAttributeSynchronizationPolicy ? 1 : 0));
    return CUDA_SUCCESS;
  });
}

TALWEG_EXPORT CUresult cuStreamSetAttribute(CUstream handle, int attribute, const AttributeValue* value) {
  return with_stream(handle, [&](Context&, const std::shared_ptr<Stream>& stream) -> CUresult {
    // A priority is for life.
    if (value == nullptr || !of_stream(attribute) || attribute == kAttributePriority) return CUDA_ERROR_INVALID_VALUE;
    if (attribute == kAttributeSynchronizationPolicy &&
        (number_in(*value) < 1 || number_in(*value) > kSynchronizationPolicies)) {
      return CUDA_ERROR_INVALID_VALUE;
    }
    stream->attributes[attribute] = *value;
    return CUDA_SUCCESS;
  });
}

TALWEG_EXPORT CUresult cuStreamCopyAttributes(CUstream to_handle, CUstream from_handle) {
  return with_stream(to_handle, [&](Context& context, const std::shared_ptr<Stream>& to) -> CUresult {
    const auto from = find_stream(context, from_handle);
    if (from == nullptr) return CUDA_ERROR_INVALID_HANDLE;
    to->attributes = Attributes(from->attributes);
    return CUDA_SUCCESS;
  });
}

TALWEG_EXPORT CUresult cuGraphKernelNodeGetAttribute(CUgraphNode handle, int attribute, AttributeValue* value) {
  return with_kernel_node(handle, [&](Node& node) -> CUresult {
    if (value == nullptr || !of_kernel(attribute)) return CUDA_ERROR_INVALID_VALUE;
    const LaunchAttributes& own = launch_of(node).attributes;
    *value = number(0);
    if (attribute == kAttributeCooperative) *value = number(own.cooperative ? 1 : 0);
    else if (attribute == kAttributeClusterDimension) std::memcpy(value->bytes, own.cluster, sizeof own.cluster);
    else *value = kept(node.attributes, attribute, *value);
    return CUDA_SUCCESS;
  });
}

TALWEG_EXPORT CUresult cuGraphKernelNodeSetAttribute(CUgraphNode handle, int attribute, const AttributeValue* value) {
  return with_kernel_node(handle, [&](Node& node) -> CUresult {
    if (value == nullptr || !of_kernel(attribute)) return CUDA_ERROR_INVALID_VALUE;
    LaunchAttributes wanted = launch_of(node).attributes;
    if (take_launch_attribute(attribute, *value, wanted)) return launch_of(node).with(wanted, node.operation);
    node.attributes[attribute] = *value;
    return CUDA_SUCCESS;
  });
}

TALWEG_EXPORT CUresult cuGraphKernelNodeCopyAttributes(CUgraphNode to_handle, CUgraphNode from_handle) {
  return with_context([&](Context& context) -> CUresult {
    const auto to = find_in(context, graph_nodes, to_handle), from = find_in(context, graph_nodes, from_handle);
    if (to == nullptr || from == nullptr) return CUDA_ERROR_INVALID_HANDLE;
    if (to->type != kNodeKernel || from->type != kNodeKernel) return CUDA_ERROR_INVALID_VALUE;
    const CUresult result = launch_of(*to).with(launch_of(*from).attributes, to->operation);
    if (result == CUDA_SUCCESS) to->attributes = Attributes(from->attributes);
    return result;
  });
}
