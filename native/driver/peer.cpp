// Several devices: whose kernels may reach whose memory.
#include "calls.hpp"
#include "device.hpp"

using namespace talweg::driver;

namespace {

enum PeerAttribute : int { kPerformanceRank = 1, kAccess = 2, kAtomics = 3, kArrayAccess = 4 };

template <class Body>
CUresult with_peer(CUcontext handle, Body body) {
  return with_context([&](Context& context) -> CUresult {
    const auto peer = contexts.find(handle);
    if (peer == nullptr || peer.get() == &context) return CUDA_ERROR_INVALID_CONTEXT;
    if (peer->device == context.device) return CUDA_ERROR_PEER_ACCESS_UNSUPPORTED;
    return body(context, *peer);
  });
}

}  // namespace

TALWEG_EXPORT CUresult cuDeviceCanAccessPeer(int* can, CUdevice device, CUdevice peer) {
  return with_driver([&]() -> CUresult {
    if (!is_device(device) || !is_device(peer)) return CUDA_ERROR_INVALID_DEVICE;
    return store(can, device != peer ? 1 : 0);
  });
}

TALWEG_EXPORT CUresult cuDeviceGetP2PAttribute(int* value, int attribute, CUdevice device, CUdevice peer) {
  return with_driver([&]() -> CUresult {
    if (!is_device(device) || !is_device(peer) || device == peer) return CUDA_ERROR_INVALID_DEVICE;
    switch (attribute) {
      case kPerformanceRank: return store(value, 0);
      case kAccess:
      case kAtomics: return store(value, 1);
      case kArrayAccess: return store(value, 0);
      default: return CUDA_ERROR_INVALID_VALUE;
    }
  });
}

TALWEG_EXPORT CUresult cuCtxEnablePeerAccess(CUcontext handle, unsigned flags) {
  return with_peer(handle, [&](Context& context, Context& peer) -> CUresult {
    if (flags != 0) return CUDA_ERROR_INVALID_VALUE;
    return context.memory->open_to(peer.memory) ? CUDA_SUCCESS : CUDA_ERROR_PEER_ACCESS_ALREADY_ENABLED;
  });
}

TALWEG_EXPORT CUresult cuCtxDisablePeerAccess(CUcontext handle) {
  return with_peer(handle, [&](Context& context, Context& peer) -> CUresult {
    return context.memory->close_to(peer.memory) ? CUDA_SUCCESS : CUDA_ERROR_PEER_ACCESS_NOT_ENABLED;
  });
}
