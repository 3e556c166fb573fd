// CUDA arrays and mipmapped arrays. Here they are plain memory, row by row, whose address nobody is told.
#include <algorithm>

#include "calls.hpp"

using namespace talweg::driver;

namespace {

using talweg::Channel;

constexpr unsigned kKnownFlags = kArrayLayered | kArraySurface | kArrayCubemap | kArrayTextureGather;
constexpr size_t kMostElements = size_t{1} << 30;  // of a dimension

bool read_format(int format, unsigned channels, talweg::Format& read) {
  switch (format) {
    case kFormatU8: read.channel = Channel::kU8; break;
    case kFormatU16: read.channel = Channel::kU16; break;
    case kFormatU32: read.channel = Channel::kU32; break;
    case kFormatS8: read.channel = Channel::kS8; break;
    case kFormatS16: read.channel = Channel::kS16; break;
    case kFormatS32: read.channel = Channel::kS32; break;
    case kFormatHalf: read.channel = Channel::kF16; break;
    case kFormatFloat: read.channel = Channel::kF32; break;
    default: return false;
  }
  read.channels = channels;
  return channels == 1 || channels == 2 || channels == 4;
}

// The shape that a descriptor describes; cuda.h, cuArray3DCreate.
CUresult read_shape(const CUDA_ARRAY3D_DESCRIPTOR& from, talweg::Image& image) {
  if ((from.flags & ~kKnownFlags) != 0) return CUDA_ERROR_NOT_SUPPORTED;
  if (!read_format(from.format, from.channels, image.format)) return CUDA_ERROR_INVALID_VALUE;
  image.layered = (from.flags & kArrayLayered) != 0;
  image.cube = (from.flags & kArrayCubemap) != 0;
  if (from.width == 0 || std::max({from.width, from.height, from.depth}) > kMostElements) return CUDA_ERROR_INVALID_VALUE;
  if (image.cube && (from.width != from.height || from.depth == 0 || from.depth % 6 != 0 || (!image.layered && from.depth != 6))) {
    return CUDA_ERROR_INVALID_VALUE;
  }
  if (image.layered && from.depth == 0) return CUDA_ERROR_INVALID_VALUE;
  if (!image.layered && !image.cube && from.height == 0 && from.depth != 0) return CUDA_ERROR_INVALID_VALUE;
  image.dimensions = image.layered || image.cube ? (from.height == 0 ? 1 : 2) : from.depth != 0 ? 3 : from.height != 0 ? 2 : 1;
  if ((from.flags & kArrayTextureGather) != 0 && image.shape() != "2d") return CUDA_ERROR_INVALID_VALUE;
  return CUDA_SUCCESS;
}

// A level of an array with one, laid out but not placed; its bytes are the result, or 0 if that is too much.
uint64_t lay_out(const CUDA_ARRAY3D_DESCRIPTOR& from, const talweg::Image& image, unsigned level, talweg::Level& to) {
  const auto finer = [&](size_t size) { return static_cast<uint32_t>(std::max<size_t>(size >> level, 1)); };
  to.width = finer(from.width);
  to.height = finer(from.height);
  to.planes = image.dimensions == 3 ? finer(from.depth) : static_cast<uint32_t>(std::max<size_t>(from.depth, 1));
  to.pitch = uint64_t{to.width} * image.format.bytes();
  uint64_t bytes;
  if (__builtin_mul_overflow(to.pitch, uint64_t{to.height}, &to.slice)) return 0;
  return __builtin_mul_overflow(to.slice, uint64_t{to.planes}, &bytes) ? 0 : bytes;
}

CUDA_ARRAY3D_DESCRIPTOR level_descriptor(const MipmappedArray& all, const talweg::Level& level) {
  CUDA_ARRAY3D_DESCRIPTOR descriptor = all.descriptor;
  descriptor.width = level.width;
  if (descriptor.height != 0) descriptor.height = level.height;
  if (descriptor.depth != 0) descriptor.depth = level.planes;
  return descriptor;
}

CUresult allocate(Context& context, const CUDA_ARRAY3D_DESCRIPTOR& descriptor, unsigned levels, const char* kind,
                  talweg::Image& image, uint64_t& base) {
  const CUresult result = read_shape(descriptor, image);
  if (result != CUDA_SUCCESS) return result;
  uint64_t total = 0;
  for (unsigned i = 0; i < levels; i++) {
    talweg::Level level;
    const uint64_t bytes = lay_out(descriptor, image, i, level);
    if (bytes == 0) return CUDA_ERROR_OUT_OF_MEMORY;
    level.address = total;
    if (__builtin_add_overflow(total, (bytes + 15) / 16 * 16, &total)) return CUDA_ERROR_OUT_OF_MEMORY;
    image.levels.push_back(level);
  }
  base = fault_due(Fault::kAllocation) ? 0 : context.memory->allocate(total, kind);
  if (base == 0) return CUDA_ERROR_OUT_OF_MEMORY;
  for (talweg::Level& level : image.levels) level.address += base;
  return CUDA_SUCCESS;
}

CUresult create(CUarray* output, const CUDA_ARRAY3D_DESCRIPTOR* descriptor, const char* kind) {
  return with_context_uncaptured([&](Context& context) -> CUresult {
    if (output == nullptr || descriptor == nullptr) return CUDA_ERROR_INVALID_VALUE;
    auto array = std::make_shared<Array>();
    array->context = &context;
    array->descriptor = *descriptor;
    const CUresult result = allocate(context, *descriptor, 1, kind, array->image, array->base);
    if (result == CUDA_SUCCESS) *output = arrays.add(std::move(array));
    return result;
  });
}

}  // namespace

namespace talweg::driver {

bool format_of(int format, unsigned channels, Format& read) { return read_format(format, channels, read); }

}  // namespace talweg::driver

TALWEG_EXPORT CUresult cuArray3DCreate_v2(CUarray* output, const CUDA_ARRAY3D_DESCRIPTOR* descriptor) {
  return create(output, descriptor, "cuArray3DCreate");
}

TALWEG_EXPORT CUresult cuArrayCreate_v2(CUarray* output, const CUDA_ARRAY_DESCRIPTOR* descriptor) {
  if (descriptor == nullptr) return create(output, nullptr, "");
  const CUDA_ARRAY3D_DESCRIPTOR three{descriptor->width, descriptor->height, 0, descriptor->format, descriptor->channels, 0};
  return create(output, &three, "cuArrayCreate");
}

TALWEG_EXPORT CUresult cuArray3DGetDescriptor_v2(CUDA_ARRAY3D_DESCRIPTOR* descriptor, CUarray handle) {
  return with_object(arrays, handle, [&](Context&, Array& array) { return store(descriptor, array.descriptor); });
}

TALWEG_EXPORT CUresult cuArrayGetDescriptor_v2(CUDA_ARRAY_DESCRIPTOR* descriptor, CUarray handle) {
  return with_object(arrays, handle, [&](Context&, Array& array) -> CUresult {
    const CUDA_ARRAY3D_DESCRIPTOR& is = array.descriptor;
    return store(descriptor, CUDA_ARRAY_DESCRIPTOR{is.width, is.height, is.format, is.channels});
  });
}

TALWEG_EXPORT CUresult cuArrayDestroy(CUarray handle) {
  return with_context_uncaptured([&](Context& context) -> CUresult {
    const auto array = find_in(context, arrays, handle);
    if (array == nullptr || array->is_level) return CUDA_ERROR_INVALID_HANDLE;  // levels go with their mipmapped array
    arrays.remove(handle);
    context.memory->release(array->base);
    return CUDA_SUCCESS;
  });
}

TALWEG_EXPORT CUresult cuMipmappedArrayCreate(CUmipmappedArray* output, const CUDA_ARRAY3D_DESCRIPTOR* descriptor,
                                              unsigned levels) {
  return with_context_uncaptured([&](Context& context) -> CUresult {
    if (output == nullptr || descriptor == nullptr || levels == 0) return CUDA_ERROR_INVALID_VALUE;
    auto all = std::make_shared<MipmappedArray>();
    all->context = &context;
    all->descriptor = *descriptor;
    const size_t volume = (descriptor->flags & (kArrayLayered | kArrayCubemap)) != 0 ? 1 : descriptor->depth;
    unsigned most = 1;
    for (size_t size = std::max({descriptor->width, descriptor->height, volume}); size > 1; size /= 2) most++;
    const CUresult result = allocate(context, *descriptor, std::min(levels, most), "cuMipmappedArrayCreate", all->image, all->base);
    if (result != CUDA_SUCCESS) return result;
    for (const talweg::Level& level : all->image.levels) {
      auto array = std::make_shared<Array>();
      array->context = &context;
      array->descriptor = level_descriptor(*all, level);
      array->image = all->image;
      array->image.levels = {level};
      array->base = level.address;
      array->is_level = true;
      all->levels.push_back(arrays.add(std::move(array)));
    }
    *output = mipmapped_arrays.add(std::move(all));
    return CUDA_SUCCESS;
  });
}

TALWEG_EXPORT CUresult cuMipmappedArrayGetLevel(CUarray* output, CUmipmappedArray handle, unsigned level) {
  return with_object(mipmapped_arrays, handle, [&](Context&, MipmappedArray& all) -> CUresult {
    return level < all.levels.size() ? store(output, all.levels[level]) : CUDA_ERROR_INVALID_VALUE;
  });
}

TALWEG_EXPORT CUresult cuMipmappedArrayDestroy(CUmipmappedArray handle) {
  return with_context_uncaptured([&](Context& context) -> CUresult {
    const auto all = find_in(context, mipmapped_arrays, handle);
    if (all == nullptr) return CUDA_ERROR_INVALID_HANDLE;
    for (CUarray level : all->levels) arrays.remove(level);
    mipmapped_arrays.remove(handle);
    context.memory->release(all->base);
    return CUDA_SUCCESS;
  });
}
