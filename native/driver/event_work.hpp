// Records of events and waits for them, as work of a stream.
#pragma once

#include "objects.hpp"

namespace talweg::driver {

class EventRecord final : public Operation {
 public:
  explicit EventRecord(std::shared_ptr<Event> event, uint64_t count = 0) : event(std::move(event)), count_(count) {}

  GraphNodeType type() const override { return kNodeEventRecord; }
  OperationPtr enter(const OperationPtr&) const override {
    return std::make_shared<const EventRecord>(event, ++event->entered);
  }
  CUresult run(Context&) const override {
    if (event->happened < count_) {  // a later record, in another stream, may have been faster
      event->time = std::chrono::steady_clock::now();
      event->happened = count_;
    }
    return CUDA_SUCCESS;
  }

  const std::shared_ptr<Event> event;

 private:
  const uint64_t count_;
};

class EventWait final : public Operation {
 public:
  explicit EventWait(std::shared_ptr<Event> event, uint64_t count = 0) : event(std::move(event)), count_(count) {}

  GraphNodeType type() const override { return kNodeWaitEvent; }
  OperationPtr enter(const OperationPtr&) const override {
    return std::make_shared<const EventWait>(event, event->entered);
  }
  bool ready(const Context&) const override { return event->happened >= count_; }
  CUresult run(Context&) const override { return CUDA_SUCCESS; }

  const std::shared_ptr<Event> event;

 private:
  const uint64_t count_;
};

}  // namespace talweg::driver
