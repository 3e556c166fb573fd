// Texture and surface objects.
#include <algorithm>
#include <cmath>

#include "calls.hpp"
#include "device.hpp"

using namespace talweg::driver;

namespace {

using talweg::AddressMode;
using talweg::Channel;
using talweg::Image;
using talweg::Sampler;

constexpr unsigned kMostAnisotropy = 16;

CUresult refuse(CUresult result, const char* why) {
  set_report(why);
  return result;
}

// The whole of memory that a description speaks of must be there.
CUresult read_memory(const Context& context, uint64_t address, uint64_t bytes) {
  if (address % kTextureAlignment != 0) return refuse(CUDA_ERROR_INVALID_VALUE, "the memory of a texture starts at a multiple of 512");
  if (bytes != 0 && context.memory->holds(address, bytes)) return CUDA_SUCCESS;
  set_report("the texture lies outside what is allocated: " + context.memory->describe(address, bytes));
  return CUDA_ERROR_INVALID_VALUE;
}

CUresult read_linear(const Context& context, const CUDA_RESOURCE_DESC& from, Image& image) {
  const auto& linear = from.of.linear;
  if (!format_of(linear.format, linear.channels, image.format)) return CUDA_ERROR_INVALID_VALUE;
  const uint64_t elements = linear.bytes / image.format.bytes();
  if (elements == 0 || elements > kMostLinearElements) return CUDA_ERROR_INVALID_VALUE;
  image.linear = true;
  image.levels.resize(1);
  image.levels[0].address = linear.device;
  image.levels[0].width = static_cast<uint32_t>(elements);
  return read_memory(context, linear.device, elements * image.format.bytes());
}

CUresult read_pitched(const Context& context, const CUDA_RESOURCE_DESC& from, Image& image) {
  const auto& pitched = from.of.pitched;
  if (!format_of(pitched.format, pitched.channels, image.format)) return CUDA_ERROR_INVALID_VALUE;
  const uint64_t most = kMostPitchedElements, row = pitched.width * image.format.bytes();
  if (pitched.width == 0 || pitched.width > most || pitched.height == 0 || pitched.height > most || pitched.pitch < row ||
      pitched.pitch > static_cast<uint64_t>(kMaxPitch) || pitched.pitch % kPitchAlignment != 0) {
    return refuse(CUDA_ERROR_INVALID_VALUE, "a pitch is a multiple of 32 and no shorter than a row");
  }
  image.dimensions = 2;
  image.levels.resize(1);
  image.levels[0] = {pitched.device, static_cast<uint32_t>(pitched.width), static_cast<uint32_t>(pitched.height), 1, pitched.pitch, 0};
  return read_memory(context, pitched.device, (pitched.height - 1) * pitched.pitch + row);
}

CUresult read_resource(const Context& context, const CUDA_RESOURCE_DESC& from, Image& image) {
  if (from.flags != 0) return CUDA_ERROR_INVALID_VALUE;
  switch (from.type) {
    case kResourceArray: {
      const auto array = find_in(context, arrays, from.of.array);
      if (array == nullptr) return CUDA_ERROR_INVALID_HANDLE;
      image = array->image;
      return CUDA_SUCCESS;
    }
    case kResourceMipmapped: {
      const auto all = find_in(context, mipmapped_arrays, from.of.mipmapped);
      if (all == nullptr) return CUDA_ERROR_INVALID_HANDLE;
      image = all->image;
      return CUDA_SUCCESS;
    }
    case kResourceLinear: return read_linear(context, from, image);
    case kResourcePitched: return read_pitched(context, from, image);
    default: return CUDA_ERROR_INVALID_VALUE;
  }
}

// Another format of the same size, and some of the levels and layers.
CUresult read_view(const CUDA_RESOURCE_VIEW_DESC& view, Image& image) {
  constexpr Channel kChannels[] = {Channel::kU8,  Channel::kS8,  Channel::kU16, Channel::kS16,
                                   Channel::kU32, Channel::kS32, Channel::kF16, Channel::kF32};
  constexpr int kFormats = 24, kOfEach = 3;  // of 1, 2 and 4 channels
  if (view.format < 0 || view.format > kFormats) return CUDA_ERROR_NOT_SUPPORTED;  // compressed blocks
  if (view.format != 0) {
    const int at = view.format - 1;
    const talweg::Format format{kChannels[at / kOfEach], 1u << at % kOfEach};
    if (format.bytes() != image.format.bytes()) return CUDA_ERROR_INVALID_VALUE;
    image.format = format;
  }
  if (view.first_level > view.last_level || view.last_level >= image.levels.size()) return CUDA_ERROR_INVALID_VALUE;
  image.levels = {image.levels.begin() + view.first_level, image.levels.begin() + view.last_level + 1};
  if (!image.layered) return CUDA_SUCCESS;
  if (view.first_layer > view.last_layer || view.last_layer >= image.levels[0].planes) return CUDA_ERROR_INVALID_VALUE;
  const uint32_t planes = view.last_layer - view.first_layer + 1;
  if (image.cube && planes % 6 != 0) return CUDA_ERROR_INVALID_VALUE;
  for (talweg::Level& level : image.levels) {
    level.address += view.first_layer * level.slice;
    level.planes = planes;
  }
  return CUDA_SUCCESS;
}

bool is_mode(int mode, int last) { return mode >= 0 && mode <= last; }

CUresult read_sampler(const CUDA_TEXTURE_DESC& from, const Image& image, bool mipmapped, Sampler& sampler) {
  constexpr unsigned kKnown = kReadAsInteger | kNormalizedCoordinates | kSrgb | kNoTrilinearOptimization | kSeamlessCubemap;
  if ((from.flags & ~kKnown) != 0 || from.anisotropy > kMostAnisotropy) return CUDA_ERROR_INVALID_VALUE;
  if (!is_mode(from.filter, 1) || !is_mode(from.level_filter, 1)) return CUDA_ERROR_INVALID_VALUE;
  for (int d = 0; d < 3; d++) {
    if (!is_mode(from.address[d], 3)) return CUDA_ERROR_INVALID_VALUE;
    sampler.address[d] = static_cast<AddressMode>(from.address[d]);
  }
  if ((from.flags & kSeamlessCubemap) != 0 && image.cube) {
    return refuse(CUDA_ERROR_NOT_SUPPORTED, "the software device does not filter across the edges of a cube");
  }
  sampler.linear = from.filter == 1;
  sampler.linear_between_levels = from.level_filter == 1;
  sampler.normalized_coordinates = (from.flags & kNormalizedCoordinates) != 0;
  sampler.as_integer = (from.flags & kReadAsInteger) != 0;
  sampler.srgb = (from.flags & kSrgb) != 0;
  sampler.level_bias = from.level_bias;
  sampler.least_level = from.least_level;
  sampler.greatest_level = from.greatest_level;
  std::copy(from.border, from.border + 4, sampler.border);
  if (image.linear) {
    sampler = {};  // tex1Dfetch knows no sampler
    sampler.as_integer = (from.flags & kReadAsInteger) != 0;
    sampler.srgb = (from.flags & kSrgb) != 0;
    sampler.address[0] = AddressMode::kBorder;
  }
  if (sampler.srgb && image.format.channel != Channel::kU8) return CUDA_ERROR_INVALID_VALUE;
  if (mipmapped && !sampler.normalized_coordinates) return CUDA_ERROR_INVALID_VALUE;
  const bool integers = !image.format.is_float() && (sampler.as_integer || image.format.channel_bytes() == 4);
  if (integers && (sampler.linear || (mipmapped && sampler.linear_between_levels))) {
    return refuse(CUDA_ERROR_INVALID_VALUE, "integers cannot be filtered");
  }
  return CUDA_SUCCESS;
}

template <class Table, class Object>
auto enter(Context& context, Table& table, std::shared_ptr<Object> object, talweg::Texture texture) {
  object->context = &context;
  const auto handle = table.add(std::move(object));
  context.memory->textures().add(handle, std::make_shared<const talweg::Texture>(std::move(texture)));
  return handle;
}

template <class Table>
CUresult destroy(Table& table, uint64_t handle) {
  return with_context([&](Context& context) -> CUresult {
    if (find_in(context, table, handle) == nullptr) return CUDA_ERROR_INVALID_HANDLE;
    table.remove(handle);
    context.memory->textures().remove(handle);
    return CUDA_SUCCESS;
  });
}

}  // namespace

TALWEG_EXPORT CUresult cuTexObjectCreate(CUtexObject* output, const CUDA_RESOURCE_DESC* resource, const CUDA_TEXTURE_DESC* texture,
                                         const CUDA_RESOURCE_VIEW_DESC* view) {
  return with_context([&](Context& context) -> CUresult {
    if (output == nullptr || resource == nullptr || texture == nullptr) return CUDA_ERROR_INVALID_VALUE;
    talweg::Texture made;
    CUresult result = read_resource(context, *resource, made.image);
    const bool in_array = resource->type == kResourceArray || resource->type == kResourceMipmapped;
    if (result == CUDA_SUCCESS && view != nullptr) result = in_array ? read_view(*view, made.image) : CUDA_ERROR_INVALID_VALUE;
    if (result == CUDA_SUCCESS) result = read_sampler(*texture, made.image, resource->type == kResourceMipmapped, made.sampler);
    if (result != CUDA_SUCCESS) return result;
    auto object = std::make_shared<TextureObject>();
    object->resource = *resource;
    object->texture = *texture;
    if (view != nullptr) object->view = *view;
    object->has_view = view != nullptr;
    *output = enter(context, texture_objects, std::move(object), std::move(made));
    return CUDA_SUCCESS;
  });
}

TALWEG_EXPORT CUresult cuTexObjectDestroy(CUtexObject handle) { return destroy(texture_objects, handle); }

TALWEG_EXPORT CUresult cuTexObjectGetResourceDesc(CUDA_RESOURCE_DESC* output, CUtexObject handle) {
  return with_object(texture_objects, handle, [&](Context&, TextureObject& object) { return store(output, object.resource); });
}

TALWEG_EXPORT CUresult cuTexObjectGetTextureDesc(CUDA_TEXTURE_DESC* output, CUtexObject handle) {
  return with_object(texture_objects, handle, [&](Context&, TextureObject& object) { return store(output, object.texture); });
}

TALWEG_EXPORT CUresult cuTexObjectGetResourceViewDesc(CUDA_RESOURCE_VIEW_DESC* output, CUtexObject handle) {
  return with_object(texture_objects, handle, [&](Context&, TextureObject& object) -> CUresult {
    return object.has_view ? store(output, object.view) : CUDA_ERROR_INVALID_VALUE;
  });
}

TALWEG_EXPORT CUresult cuSurfObjectCreate(CUsurfObject* output, const CUDA_RESOURCE_DESC* resource) {
  return with_context([&](Context& context) -> CUresult {
    if (output == nullptr || resource == nullptr || resource->type != kResourceArray || resource->flags != 0) return CUDA_ERROR_INVALID_VALUE;
    const auto array = find_in(context, arrays, resource->of.array);
    if (array == nullptr) return CUDA_ERROR_INVALID_HANDLE;
    if ((array->descriptor.flags & kArraySurface) == 0) {
      return refuse(CUDA_ERROR_INVALID_VALUE, "a surface needs an array created with CUDA_ARRAY3D_SURFACE_LDST");
    }
    talweg::Texture made;
    made.image = array->image;
    made.is_surface = true;
    auto object = std::make_shared<SurfaceObject>();
    object->resource = *resource;
    *output = enter(context, surface_objects, std::move(object), std::move(made));
    return CUDA_SUCCESS;
  });
}

TALWEG_EXPORT CUresult cuSurfObjectDestroy(CUsurfObject handle) { return destroy(surface_objects, handle); }

TALWEG_EXPORT CUresult cuSurfObjectGetResourceDesc(CUDA_RESOURCE_DESC* output, CUsurfObject handle) {
  return with_object(surface_objects, handle, [&](Context&, SurfaceObject& object) { return store(output, object.resource); });
}

TALWEG_EXPORT CUresult cuDeviceGetTexture1DLinearMaxWidth(size_t* elements, int format, unsigned channels, CUdevice device) {
  return with_driver([&]() -> CUresult {
    talweg::Format read;
    if (!is_device(device)) return CUDA_ERROR_INVALID_DEVICE;
    return format_of(format, channels, read) ? store(elements, kMostLinearElements) : CUDA_ERROR_INVALID_VALUE;
  });
}
