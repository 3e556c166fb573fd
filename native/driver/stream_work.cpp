// Work of a stream that is neither copy nor kernel: functions of the host's, and words to wait for or to write.
#include "calls.hpp"
#include "host_function.hpp"

using namespace talweg::driver;

namespace {

class Callback final : public Operation {
 public:
  Callback(CUstreamCallback function, CUstream stream, void* data)
      : function_(function), stream_(stream), data_(data) {}

  GraphNodeType type() const override { return kNodeHost; }
  bool calls_host() const override { return true; }
  CUresult run(Context&) const override {
    function_(stream_, CUDA_SUCCESS, data_);
    return CUDA_SUCCESS;
  }

 private:
  const CUstreamCallback function_;
  const CUstream stream_;
  void* const data_;
};

// The host may write the same word at this moment.
template <class Word>
class WaitForValue final : public Operation {
 public:
  WaitForValue(uint64_t address, Word value, unsigned how) : address_(address), value_(value), how_(how) {}

  GraphNodeType type() const override { return kNodeBatchMemOp; }

  bool ready(const Context& context) const override {
    if (memory_that_holds(context, address_, sizeof(Word)) == nullptr) return true;  // run says so
    const Word now = __atomic_load_n(reinterpret_cast<const Word*>(address_), __ATOMIC_ACQUIRE);
    switch (how_) {
      case kWaitGreaterEqual: return static_cast<std::make_signed_t<Word>>(now - value_) >= 0;
      case kWaitEqual: return now == value_;
      case kWaitAnd: return (now & value_) != 0;
      default: return static_cast<Word>(~(now | value_)) != 0;
    }
  }

  CUresult run(Context& context) const override {
    if (memory_that_holds(context, address_, sizeof(Word)) != nullptr) return CUDA_SUCCESS;
    return context.lose(CUDA_ERROR_ILLEGAL_ADDRESS,
                        "a stream waits for a word that is freed: " + context.memory->describe(address_, sizeof(Word)));
  }

 private:
  const uint64_t address_;
  const Word value_;
  const unsigned how_;
};

template <class Word>
class WriteValue final : public Operation {
 public:
  WriteValue(uint64_t address, Word value) : address_(address), value_(value) {}

  GraphNodeType type() const override { return kNodeBatchMemOp; }

  CUresult run(Context& context) const override {
    const auto memory = memory_that_holds(context, address_, sizeof(Word));
    if (memory == nullptr) {
      return context.lose(CUDA_ERROR_ILLEGAL_ADDRESS, "a stream writes a word that is freed: " +
                                                          context.memory->describe(address_, sizeof(Word)));
    }
    __atomic_store_n(reinterpret_cast<Word*>(address_), value_, __ATOMIC_RELEASE);
    return CUDA_SUCCESS;
  }

 private:
  const uint64_t address_;
  const Word value_;
};

template <class Word>
CUresult submit_word(CUstream handle, uint64_t address, const OperationPtr& operation) {
  return with_stream(handle, [&](Context& context, const std::shared_ptr<Stream>& stream) -> CUresult {
    if (address % sizeof(Word) != 0 || memory_that_holds(context, address, sizeof(Word)) == nullptr) {
      return CUDA_ERROR_INVALID_VALUE;
    }
    return submit(context, stream, operation);
  });
}

template <class Word>
CUresult wait_value(CUstream stream, CUdeviceptr address, Word value, unsigned flags) {
  if ((flags & kWaitFlush) != 0) return CUDA_ERROR_NOT_SUPPORTED;
  if (flags > kWaitNor) return CUDA_ERROR_INVALID_VALUE;
  return submit_word<Word>(stream, address, std::make_shared<const WaitForValue<Word>>(address, value, flags));
}

template <class Word>
CUresult write_value(CUstream stream, CUdeviceptr address, Word value, unsigned flags) {
  if (flags > 1) return CUDA_ERROR_INVALID_VALUE;
  return submit_word<Word>(stream, address, std::make_shared<const WriteValue<Word>>(address, value));
}

}  // namespace

TALWEG_EXPORT CUresult cuLaunchHostFunc(CUstream handle, CUhostFn function, void* data) {
  return with_stream(handle, [&](Context& context, const std::shared_ptr<Stream>& stream) -> CUresult {
    if (function == nullptr) return CUDA_ERROR_INVALID_VALUE;
    return submit(context, stream, std::make_shared<const HostFunction>(CUDA_HOST_NODE_PARAMS{function, data}));
  });
}

TALWEG_EXPORT CUresult cuStreamAddCallback(CUstream handle, CUstreamCallback function, void* data, unsigned flags) {
  return with_stream(handle, [&](Context& context, const std::shared_ptr<Stream>& stream) -> CUresult {
    if (function == nullptr || flags != 0) return CUDA_ERROR_INVALID_VALUE;
    if (stream->capture != nullptr) {
      stream->capture->invalidated = true;
      return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
    }
    return submit(context, stream, std::make_shared<const Callback>(function, handle, data));
  });
}

TALWEG_EXPORT CUresult cuStreamWaitValue32_v2(CUstream stream, CUdeviceptr address, uint32_t value, unsigned flags) {
  return wait_value(stream, address, value, flags);
}

TALWEG_EXPORT CUresult cuStreamWaitValue64_v2(CUstream stream, CUdeviceptr address, uint64_t value, unsigned flags) {
  return wait_value(stream, address, value, flags);
}

TALWEG_EXPORT CUresult cuStreamWriteValue32_v2(CUstream stream, CUdeviceptr address, uint32_t value, unsigned flags) {
  return write_value(stream, address, value, flags);
}

TALWEG_EXPORT CUresult cuStreamWriteValue64_v2(CUstream stream, CUdeviceptr address, uint64_t value, unsigned flags) {
  return write_value(stream, address, value, flags);
}
