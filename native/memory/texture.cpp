#include "texture.hpp"

#include <cinttypes>
#include <cstdio>
#include <mutex>

namespace talweg {
namespace {

std::string hex(uint64_t value) {
  char text[24];
  std::snprintf(text, sizeof text, "0x%" PRIx64, value);
  return text;
}

}  // namespace

uint32_t Format::channel_bytes() const {
  switch (channel) {
    case Channel::kU8:
    case Channel::kS8: return 1;
    case Channel::kU16:
    case Channel::kS16:
    case Channel::kF16: return 2;
    default: return 4;
  }
}

std::string Image::shape() const {
  const std::string prefix = layered ? "a" : "";
  return prefix + (cube ? "cube" : std::to_string(dimensions) + "d");
}

void TextureObjects::add(uint64_t handle, std::shared_ptr<const Texture> texture) {
  std::unique_lock lock(mutex_);
  live_.emplace(handle, std::move(texture));
}

bool TextureObjects::remove(uint64_t handle) {
  std::unique_lock lock(mutex_);
  if (live_.erase(handle) == 0) return false;
  destroyed_.insert(handle);
  if (destroyed_.size() > kDestroyedKept) destroyed_.erase(destroyed_.begin());  // handles grow
  return true;
}

void TextureObjects::clear() {
  std::unique_lock lock(mutex_);
  live_.clear();
}

std::shared_ptr<const Texture> TextureObjects::find(uint64_t handle) const {
  std::shared_lock lock(mutex_);
  const auto found = live_.find(handle);
  return found == live_.end() ? nullptr : found->second;
}

std::string TextureObjects::describe(uint64_t handle) const {
  std::shared_lock lock(mutex_);
  return hex(handle) + (destroyed_.count(handle) != 0 ? ", which is destroyed" : ", which is none of this context's");
}

std::string TextureObjects::leaks() const {
  std::shared_lock lock(mutex_);
  std::string lines;
  for (const auto& [handle, texture] : live_) {
    lines += std::string(texture->is_surface ? "surface" : "texture") + " object " + hex(handle) + "\n";
  }
  return lines;
}

}  // namespace talweg
