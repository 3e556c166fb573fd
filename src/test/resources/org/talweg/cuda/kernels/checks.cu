// Kernels that do something wrong, each beside a twin that does it right. checks.ptx is made from this file by
//   nvcc -ptx -arch=compute_80 -lineinfo checks.cu
// with its .file directives shortened to the names. The last ones are for the counters.

extern "C" __global__ void write_past_the_end(float* out, int count) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i <= count) out[i] = 1;
}

extern "C" __global__ void write_within(float* out, int count) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < count) out[i] = 1;
}

extern "C" __global__ void read_misaligned(const char* in, int* out) {
  out[threadIdx.x] = *reinterpret_cast<const int*>(in + 4 * threadIdx.x + 2);
}

extern "C" __global__ void read_aligned(const char* in, int* out) {
  out[threadIdx.x] = *reinterpret_cast<const int*>(in + 4 * threadIdx.x + 4);
}

// Of `in`, as many bytes are written as the host says.
extern "C" __global__ void copy_bytes(const char* in, char* out, int count) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < count) out[i] = in[i];
}

extern "C" __global__ void sum_words(const int* in, int* out, int count) {
  int sum = 0;
  for (int i = threadIdx.x; i < count; i += blockDim.x) sum += in[i];
  atomicAdd(out, sum);
}

extern "C" __global__ void shared_read_before_written(int* out) {
  __shared__ int values[64];
  if (threadIdx.x < 63) values[threadIdx.x] = threadIdx.x;
  __syncthreads();
  out[threadIdx.x] = values[63 - threadIdx.x];
}

extern "C" __global__ void shared_read_after_written(int* out) {
  __shared__ int values[64];
  values[threadIdx.x] = threadIdx.x;
  __syncthreads();
  out[threadIdx.x] = values[63 - threadIdx.x];
}

__device__ __noinline__ int sum_of(const int* values, int count) {
  int sum = 0;
  for (int i = 0; i < count; i++) sum += values[i];
  return sum;
}

extern "C" __global__ void local_read_before_written(int* out, int written) {
  int values[8];
  for (int i = 0; i < written; i++) values[i] = i;
  out[threadIdx.x] = sum_of(values, 8);
}

extern "C" __global__ void race_without_barrier(int* out) {
  __shared__ int values[64];
  values[threadIdx.x] = threadIdx.x;
  out[threadIdx.x] = values[63 - threadIdx.x];
}

extern "C" __global__ void race_write_after_read(int* out) {
  __shared__ int values[64];
  values[threadIdx.x] = threadIdx.x;
  __syncthreads();
  int other = values[63 - threadIdx.x];
  values[threadIdx.x] = other + 1;  // others may not have read yet
  out[threadIdx.x] = other;
}

extern "C" __global__ void write_after_read_and_barrier(int* out) {
  __shared__ int values[64];
  values[threadIdx.x] = threadIdx.x;
  __syncthreads();
  int other = values[63 - threadIdx.x];
  __syncthreads();
  values[threadIdx.x] = other + 1;
  out[threadIdx.x] = values[threadIdx.x];
}

extern "C" __global__ void race_between_writes(int* out) {
  __shared__ int value;
  if (threadIdx.x % 32 == 0) value = threadIdx.x;
  __syncthreads();
  out[threadIdx.x] = value;
}

extern "C" __global__ void race_within_a_store(int* out) {
  __shared__ int value;
  value = threadIdx.x;
  __syncthreads();
  out[threadIdx.x] = value;
}

extern "C" __global__ void writes_of_one_value(int* out) {
  __shared__ int value;
  value = 7;
  __syncthreads();
  out[threadIdx.x] = value;
}

extern "C" __global__ void race_within_a_warp(int* out) {
  __shared__ int values[32];
  values[threadIdx.x] = threadIdx.x;
  out[threadIdx.x] = values[31 - threadIdx.x];
}

extern "C" __global__ void exchange_within_a_warp(int* out) {
  __shared__ int values[32];
  values[threadIdx.x] = threadIdx.x;
  __syncwarp();
  int other = values[31 - threadIdx.x];
  __syncwarp();
  values[threadIdx.x] = other;
  out[threadIdx.x] = values[threadIdx.x];
}

extern "C" __global__ void race_of_bytes(char* out) {
  __shared__ char values[64];
  values[threadIdx.x] = threadIdx.x;
  out[threadIdx.x] = values[threadIdx.x ^ 1];
}

// Neighbouring bytes of one word belong to different threads.
extern "C" __global__ void bytes_of_their_own(char* out) {
  __shared__ char values[64];
  values[threadIdx.x] = threadIdx.x;
  out[threadIdx.x] = values[threadIdx.x];
}

extern "C" __global__ void race_of_atomic_and_plain(int* out) {
  __shared__ int sum;
  if (threadIdx.x == 0) sum = 0;
  __syncthreads();
  atomicAdd(&sum, 1);
  out[threadIdx.x] = *static_cast<int*>(&sum);
}

extern "C" __global__ void atomics_and_barriers(int* out) {
  __shared__ int sum;
  if (threadIdx.x == 0) sum = 0;
  __syncthreads();
  atomicAdd(&sum, 1);
  __syncthreads();
  out[threadIdx.x] = sum;
}

// Warp 0 produces, warp 1 consumes, warp 2 goes its own way: barriers 1 and 2 of two warps.
__device__ void named_barriers(int* out, bool waits_for_consumer) {
  __shared__ int values[32];
  int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  if (warp == 0) {
    values[lane] = lane;
    asm volatile("bar.arrive 1, 64;" ::: "memory");
    if (waits_for_consumer) asm volatile("bar.sync 2, 64;" ::: "memory");
    values[lane] = -lane;
  } else if (warp == 1) {
    asm volatile("bar.sync 1, 64;" ::: "memory");
    out[lane] = values[31 - lane];
    if (waits_for_consumer) asm volatile("bar.arrive 2, 64;" ::: "memory");
  }
}

extern "C" __global__ void producer_overruns_consumer(int* out) { named_barriers(out, false); }
extern "C" __global__ void producer_and_consumer(int* out) { named_barriers(out, true); }

extern "C" __global__ void divergent_barrier(int* out) {
  if (threadIdx.x < 16) {
    out[threadIdx.x] = 1;
    __syncthreads();
  } else {
    out[threadIdx.x] = 2;
    __syncthreads();
    out[threadIdx.x] = 3;
  }
}

extern "C" __global__ void barrier_of_some_lanes(int* out) {
  if (threadIdx.x < 16) __syncthreads();
  else asm volatile("bar.sync 1;" ::: "memory");
  out[threadIdx.x] = 1;
}

extern "C" __global__ void barrier_after_divergence(int* out) {
  if (threadIdx.x < 16) out[threadIdx.x] = 1;
  else out[threadIdx.x] = 2;
  __syncthreads();
  if (threadIdx.x >= 48) return;
  __syncthreads();
  out[threadIdx.x] += 1;
}

__device__ void copy_asynchronously(const int* in, int* out, bool waits) {
  __shared__ int values[64];
  unsigned to = static_cast<unsigned>(__cvta_generic_to_shared(&values[threadIdx.x]));
  asm volatile("cp.async.ca.shared.global [%0], [%1], 4;" ::"r"(to), "l"(in + threadIdx.x) : "memory");
  if (waits) asm volatile("cp.async.wait_all;" ::: "memory");
  __syncthreads();
  out[threadIdx.x] = values[63 - threadIdx.x];
}

extern "C" __global__ void missing_wait(const int* in, int* out) { copy_asynchronously(in, out, false); }
extern "C" __global__ void copy_and_wait(const int* in, int* out) { copy_asynchronously(in, out, true); }

extern "C" __global__ void wait_without_barrier(const int* in, int* out) {
  __shared__ int values[64];
  unsigned to = static_cast<unsigned>(__cvta_generic_to_shared(&values[threadIdx.x]));
  asm volatile("cp.async.ca.shared.global [%0], [%1], 4;" ::"r"(to), "l"(in + threadIdx.x) : "memory");
  asm volatile("cp.async.wait_all;" ::: "memory");
  out[threadIdx.x] = values[threadIdx.x ^ 1];
}

// As many lanes want one bank as the stride has words, up to 32.
extern "C" __global__ void shared_stride(int* out, int stride) {
  __shared__ int values[1024];
  values[threadIdx.x * stride] = threadIdx.x;
  out[threadIdx.x] = values[threadIdx.x * stride];
}

extern "C" __global__ void shared_quads(int4* out) {
  __shared__ int4 values[32];
  values[threadIdx.x] = make_int4(1, 2, 3, 4);
  out[threadIdx.x] = values[threadIdx.x];
}

// Blocks that meet in global memory.
extern "C" __global__ void race_between_blocks(int* out) { out[threadIdx.x] = blockIdx.x; }

extern "C" __global__ void blocks_of_their_own(int* out) { out[blockIdx.x * blockDim.x + threadIdx.x] = blockIdx.x; }

extern "C" __global__ void blocks_write_one_value(int* out) { out[threadIdx.x] = 7; }

extern "C" __global__ void race_of_reading_blocks(int* values, int* out) {
  if (blockIdx.x == 1) values[threadIdx.x] = 5;
  else out[blockIdx.x * blockDim.x + threadIdx.x] = values[threadIdx.x];
}

extern "C" __global__ void bytes_of_a_word_by_blocks(char* out) {
  if (threadIdx.x == 0) out[blockIdx.x] = static_cast<char>(blockIdx.x);
}

// Whoever comes last adds up what the others wrote.
__device__ void last_block_sums(int* partials, unsigned* count, int* out, bool counted) {
  __shared__ bool last;
  if (threadIdx.x == 0) {
    partials[blockIdx.x] = blockIdx.x + 1;
    __threadfence();
    last = counted ? atomicAdd(count, 1u) == gridDim.x - 1 : blockIdx.x == gridDim.x - 1;
  }
  __syncthreads();
  if (!last || threadIdx.x != 0) return;
  int sum = 0;
  for (int i = 0; i < gridDim.x; i++) sum += partials[i];
  *out = sum;
}

extern "C" __global__ void last_block_by_count(int* partials, unsigned* count, int* out) {
  last_block_sums(partials, count, out, true);
}

extern "C" __global__ void last_block_by_number(int* partials, unsigned* count, int* out) {
  last_block_sums(partials, count, out, false);
}

extern "C" __global__ void message_by_flag(int* data, volatile int* flag, int* out) {
  if (threadIdx.x != 0) return;
  if (blockIdx.x == 0) {
    data[0] = 42;
    __threadfence();
    *flag = 1;
  } else {
    while (*flag == 0) {
    }
    __threadfence();
    out[blockIdx.x] = data[0];
  }
}

// A warp writes or reads 64 bytes and more at once, and another block one word of them.
extern "C" __global__ void race_of_a_row_and_a_word(int4* rows, int* out, int writing) {
  if (blockIdx.x == 0 && writing) rows[threadIdx.x] = make_int4(1, 2, 3, 4);
  else if (blockIdx.x == 0) reinterpret_cast<int4*>(out)[threadIdx.x] = rows[threadIdx.x];
  else if (threadIdx.x == 9 && writing) out[0] = rows[9].z;
  else if (threadIdx.x == 9) rows[9].z = 5;
}

extern "C" __global__ void words_of_a_row_by_blocks(int4* rows, int* out) {
  int4 read = rows[threadIdx.x];  // all blocks do
  out[256 + blockIdx.x * blockDim.x + threadIdx.x] = read.x;
  if (threadIdx.x % gridDim.x == blockIdx.x) out[threadIdx.x] = blockIdx.x;
}

extern "C" __global__ void fetch_elements(cudaTextureObject_t in, float* out, int count) {
  if (threadIdx.x < count) out[threadIdx.x] = tex1Dfetch<float>(in, threadIdx.x);
}

extern "C" __global__ void blocks_write_a_surface(cudaSurfaceObject_t out, int apart) {
  surf1Dwrite(static_cast<int>(blockIdx.x), out, 4 * (threadIdx.x + apart * blockIdx.x * blockDim.x));
}
