#include "extension.hpp"

#include "calls.hpp"

using namespace talweg::driver;

namespace {

// What a piece of work found missing.
struct Checked {
  const Context& context;
  std::string missing;
};

int holds(void* memory, uint64_t address, uint64_t bytes) {
  Checked& checked = *static_cast<Checked*>(memory);
  if (const auto memory = memory_that_holds(checked.context, address, bytes)) {
    memory->mark_written(address, bytes);  // it may be a result; which, nobody says
    return 1;
  }
  if (checked.missing.empty()) checked.missing = checked.context.memory->describe(address, bytes);
  return 0;
}

class ExtensionWork final : public Operation {
 public:
  explicit ExtensionWork(const TalwegWork& work) : work_(work) {}
  ~ExtensionWork() override { work_.drop(work_.data); }
  ExtensionWork(const ExtensionWork&) = delete;
  ExtensionWork& operator=(const ExtensionWork&) = delete;

  GraphNodeType type() const override { return kNodeKernel; }

  CUresult run(Context& context) const override {
    if (fault_due(Fault::kLaunch)) {
      return context.lose(CUDA_ERROR_LAUNCH_FAILED, std::string(work_.name) + " failed, as ordered");
    }
    count_launch(work_.name);
    const talweg::DeviceMemory::Pin stays(context.memory);
    Checked checked{context, {}};
    if (work_.run(work_.data, holds, &checked) != 0) return CUDA_SUCCESS;
    return context.lose(CUDA_ERROR_ILLEGAL_ADDRESS,
                        std::string(work_.name) + " touches memory that is not allocated: " + checked.missing);
  }

 private:
  const TalwegWork work_;
};

}  // namespace

TALWEG_EXPORT CUresult talwegSubmit(CUstream handle, const TalwegWork* work) {
  const auto operation = std::make_shared<const ExtensionWork>(*work);
  return with_stream(handle, [&](Context& context, const std::shared_ptr<Stream>& stream) {
    return submit(context, stream, operation);
  });
}
