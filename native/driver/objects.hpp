// The things that the API's handles stand for.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "../memory/device_memory.hpp"
#include "../ptx/module.hpp"
#include "cuda_types.hpp"
#include "graph.hpp"
#include "handles.hpp"

namespace talweg::driver {

// A capture in progress: the graph so far, and the streams that take part.
struct Capture {
  std::shared_ptr<Graph> graph = std::make_shared<Graph>();
  CaptureMode mode = kCaptureGlobal;
  std::thread::id thread;
  std::vector<Stream*> members;  // the first is where the capture began and must end
  std::atomic<bool> invalidated{false};
  std::atomic<bool> ended{false};
};

// Work that has to wait, with its place in the order of all work of its context.
struct Queued {
  uint64_t sequence;
  OperationPtr operation;
};

struct Stream {
  CUstream handle = nullptr;
  Context* context = nullptr;
  unsigned flags = 0;
  int priority = 0;
  uint64_t id = 0;
  std::deque<Queued> queue;
  bool calling_host = false;  // the first of the queue is a host function that runs at this moment
  std::shared_ptr<Capture> capture;
  std::vector<Node*> tail;  // what the next captured node depends on
  std::map<int, AttributeValue> attributes;  // as they were set
};

// Records are counted, so that a wait knows which one it is for.
struct Event {
  CUevent handle = nullptr;
  Context* context = nullptr;
  unsigned flags = 0;
  std::atomic<uint64_t> entered{0};   // records that entered a stream
  std::atomic<uint64_t> happened{0};  // the latest one that the stream has reached
  std::atomic<std::chrono::steady_clock::time_point> time{};
  // Set while the last record was in a capture. Other contexts may ask, so it is read and written as a whole.
  std::shared_ptr<Capture> captured_in;
  std::vector<Node*> captured_tail;

  std::shared_ptr<Capture> capture() const { return std::atomic_load(&captured_in); }
  void set_capture(std::shared_ptr<Capture> capture) { std::atomic_store(&captured_in, std::move(capture)); }
  bool pending() const { return happened < entered; }
};

struct Module {
  CUmodule handle = nullptr;
  Context* context = nullptr;
  std::shared_ptr<DeviceMemory> memory;  // holds the globals, so it must outlive the code
  std::unique_ptr<ptx::Module> code;
  std::map<std::string, CUfunction, std::less<>> functions;
};

struct Function {
  CUfunction handle = nullptr;
  Context* context = nullptr;
  std::shared_ptr<Module> module;
  const ptx::Kernel* kernel = nullptr;
  int max_dynamic_shared = 0;
  int shared_carveout = -1;
  unsigned cluster[3] = {};        // that every launch must have; 0: it is up to the launch
  bool must_have_cluster = false;  // the launch must say one
  bool non_portable_cluster = false;  // up to 16 blocks and not 8
  int cluster_policy = 0;
  // What the calls of CUDA before 4.0 set one by one.
  unsigned block[3] = {1, 1, 1};
  unsigned shared_bytes = 0;
  std::vector<uint8_t> parameters;
};

struct MemoryPool {
  CUmemoryPool handle = nullptr;
  Context* context = nullptr;
};

struct Array {
  CUarray handle = nullptr;
  Context* context = nullptr;
  CUDA_ARRAY3D_DESCRIPTOR descriptor{};
  Image image;  // of one level
  uint64_t base = 0;
  bool is_level = false;  // of a mipmapped array, whose memory it is
};

struct MipmappedArray {
  CUmipmappedArray handle = nullptr;
  Context* context = nullptr;
  CUDA_ARRAY3D_DESCRIPTOR descriptor{};
  Image image;
  uint64_t base = 0;
  std::vector<CUarray> levels;
};

// What texture and surface objects were made from; kernels find what they are in DeviceMemory::textures().
struct TextureObject {
  CUtexObject handle = 0;
  Context* context = nullptr;
  CUDA_RESOURCE_DESC resource{};
  CUDA_TEXTURE_DESC texture{};
  CUDA_RESOURCE_VIEW_DESC view{};
  bool has_view = false;
};
struct SurfaceObject {
  CUsurfObject handle = 0;
  Context* context = nullptr;
  CUDA_RESOURCE_DESC resource{};
};

// False if this device knows no such elements of an array.
bool format_of(int format, unsigned channels, Format& read);

struct Context {
  CUcontext handle = nullptr;
  CUdevice device = 0;
  unsigned flags = 0;
  uint64_t id = 0;
  int attached = 1;  // cuCtxAttach counts
  bool destroyed = false;
  std::mutex mutex;  // one call at a time in a context
  std::shared_ptr<DeviceMemory> memory;
  // The first error that a kernel died of; every later call but destroying the context returns it.
  std::atomic<CUresult> lost{CUDA_SUCCESS};
  std::shared_ptr<Stream> legacy = std::make_shared<Stream>();
  std::map<std::thread::id, std::shared_ptr<Stream>> per_thread;  // the default streams of threads, once used
  std::vector<std::shared_ptr<Capture>> captures;
  std::map<int, size_t> limits;
  int cache_config = 0;
  int shared_config = 0;

  // Streams whose queue is not empty, and the thread that sees to them.
  std::vector<std::shared_ptr<Stream>> busy;
  uint64_t next_sequence = 1;
  bool has_worker = false;
  std::condition_variable_any progress;

  explicit Context(uint64_t capacity) : memory(std::make_shared<DeviceMemory>(capacity)) { legacy->context = this; }

  // Notes the error, keeps the report for Java, and returns the error.
  CUresult lose(CUresult error, const std::string& report);
};

// Never destroyed, for daemon threads may still call while the process ends.
extern HandleTable<CUcontext, Context>& contexts;
extern HandleTable<CUstream, Stream>& streams;
extern HandleTable<CUevent, Event>& events;
extern HandleTable<CUmodule, Module>& modules;
extern HandleTable<CUfunction, Function>& functions;
extern HandleTable<CUgraph, Graph>& graphs;
extern HandleTable<CUgraphNode, Node>& graph_nodes;
extern HandleTable<CUgraphExec, GraphExec>& graph_execs;
extern HandleTable<CUmemoryPool, MemoryPool>& memory_pools;
extern HandleTable<CUarray, Array>& arrays;
extern HandleTable<CUmipmappedArray, MipmappedArray>& mipmapped_arrays;
extern HandleTable<CUtexObject, TextureObject>& texture_objects;
extern HandleTable<CUsurfObject, SurfaceObject>& surface_objects;

// Null unless the handle stands for an object of this context.
template <class Table, class Handle>
auto find_in(const Context& context, const Table& table, Handle handle) {
  auto object = table.find(handle);
  return object != nullptr && object->context == &context ? object : nullptr;
}

// The calling thread's own default stream: a blocking stream that nobody creates or destroys.
std::shared_ptr<Stream> per_thread_stream(Context& context);

// As above; the null handle is the legacy stream.
inline std::shared_ptr<Stream> find_stream(Context& context, CUstream handle) {
  if (handle == nullptr || handle == kStreamLegacy) return context.legacy;
  if (handle == kStreamPerThread) return per_thread_stream(context);
  return find_in(context, streams, handle);
}

// The memory of whichever context holds the address; null if none does.
std::shared_ptr<DeviceMemory> memory_that_holds(const Context& first, uint64_t address, uint64_t bytes);
std::shared_ptr<Context> context_that_holds(uint64_t address);

}  // namespace talweg::driver
