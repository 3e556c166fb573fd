// Handles are numbers that are never given out twice. So a handle that was destroyed, belongs to another kind of
// object or was never one at all is an error code to the caller, and no crash.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

namespace talweg::driver {

inline uint64_t next_handle() {
  static std::atomic<uint64_t> next{0x7a1e00000000};
  return next.fetch_add(16);
}

// Handle is one of the CU... pointer types.
template <class Handle, class Object>
class HandleTable {
 public:
  Handle add(std::shared_ptr<Object> object) {
    const Handle handle = (Handle)next_handle();  // a pointer, or a number
    object->handle = handle;
    std::lock_guard lock(mutex_);
    objects_.emplace(handle, std::move(object));
    return handle;
  }

  // Null if the handle stands for no object of this kind.
  std::shared_ptr<Object> find(Handle handle) const {
    std::lock_guard lock(mutex_);
    const auto found = objects_.find(handle);
    return found == objects_.end() ? nullptr : found->second;
  }

  std::vector<std::shared_ptr<Object>> all() const {
    std::lock_guard lock(mutex_);
    std::vector<std::shared_ptr<Object>> objects;
    for (const auto& [handle, object] : objects_) objects.push_back(object);
    return objects;
  }

  void remove(Handle handle) {
    std::shared_ptr<Object> dying;  // after the lock, for destructors may come back here
    std::lock_guard lock(mutex_);
    const auto found = objects_.find(handle);
    if (found == objects_.end()) return;
    dying = std::move(found->second);
    objects_.erase(found);
  }

  // The objects die after the lock is released, for their destructors may come back here.
  template <class Predicate>
  void remove_if(Predicate predicate) {
    std::vector<std::shared_ptr<Object>> dying;  // declared before the lock: it goes last
    std::lock_guard lock(mutex_);
    for (auto it = objects_.begin(); it != objects_.end();) {
      if (!predicate(*it->second)) {
        ++it;
        continue;
      }
      dying.push_back(std::move(it->second));
      it = objects_.erase(it);
    }
  }

 private:
  mutable std::mutex mutex_;
  std::unordered_map<Handle, std::shared_ptr<Object>> objects_;
};

}  // namespace talweg::driver
