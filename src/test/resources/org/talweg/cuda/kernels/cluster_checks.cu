// What clusters and bulk copies can do wrong, each beside a twin that does it right; two blocks of 32 threads are a
// cluster. cluster_checks.ptx is made from this file by
//   nvcc -ptx -arch=sm_90 -lineinfo cluster_checks.cu
// with its .file directives shortened to the names. Macros and not functions, so that lines are those of the kernels.

#define KERNEL extern "C" __global__ void __cluster_dims__(2, 1, 1)
#define ARRIVE() asm volatile("barrier.cluster.arrive.aligned;" ::: "memory")
#define WAIT() asm volatile("barrier.cluster.wait.aligned;" ::: "memory")
#define ADDRESS(variable) static_cast<unsigned>(__cvta_generic_to_shared(variable))
#define INIT(barrier, count) \
  asm volatile("mbarrier.init.shared::cta.b64 [%0], %1; fence.mbarrier_init.release.cluster;" ::"r"(ADDRESS(&barrier)), "r"(count) : "memory")
#define EXPECT(barrier, bytes) \
  asm volatile("mbarrier.arrive.expect_tx.release.cta.shared::cta.b64 _, [%0], %1;" ::"r"(ADDRESS(&barrier)), "r"(bytes) : "memory")
#define AWAIT(barrier) \
  asm volatile("{ .reg .pred p; AGAIN_%=: mbarrier.try_wait.parity.acquire.cluster.shared::cta.b64 p, [%0], 0; @!p bra AGAIN_%=; }" \
               ::"r"(ADDRESS(&barrier)) : "memory")
#define COPY_IN(to, from, bytes, barrier) \
  asm volatile("cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1], %2, [%3];" \
               ::"r"(ADDRESS(to)), "l"(__cvta_generic_to_global(from)), "r"(bytes), "r"(ADDRESS(&barrier)) : "memory")
#define COPY_OUT(to, from, bytes) \
  asm volatile("cp.async.bulk.global.shared::cta.bulk_group [%0], [%1], %2; cp.async.bulk.commit_group;" \
               ::"l"(__cvta_generic_to_global(to)), "r"(ADDRESS(from)), "r"(bytes) : "memory")
#define READ_OUT() asm volatile("cp.async.bulk.wait_group.read 0;" ::: "memory")
#define FENCE() asm volatile("fence.proxy.async.shared::cta;" ::: "memory")

__device__ __forceinline__ unsigned rank() {
  unsigned r;
  asm volatile("mov.u32 %0, %%cluster_ctarank;" : "=r"(r));
  return r;
}

// The same variable in another block of the cluster.
template <class T>
__device__ __forceinline__ volatile T* in_block(T* variable, unsigned r) {
  T* there;
  asm volatile("mapa.u64 %0, %1, %2;" : "=l"(there) : "l"(variable), "r"(r));
  return there;
}
template <class T>
__device__ __forceinline__ T* plain(volatile T* pointer) { return const_cast<T*>(pointer); }

KERNEL block_gone(int* out) {
  __shared__ int words[32];
  words[threadIdx.x] = threadIdx.x;
  ARRIVE();
  WAIT();
  if (rank() == 1) return;
  // Nobody says that block 1 is still there.
  out[threadIdx.x] = plain(in_block(words, 1))[threadIdx.x];
}
KERNEL block_still_there(int* out) {
  __shared__ int words[32];
  words[threadIdx.x] = threadIdx.x;
  ARRIVE();
  WAIT();
  if (rank() == 1) out[threadIdx.x] = plain(in_block(words, 0))[threadIdx.x];
  ARRIVE();
  WAIT();
}

KERNEL read_without_barrier(int* out) {
  __shared__ int words[32];
  words[threadIdx.x] = threadIdx.x;
  out[blockIdx.x * 32 + threadIdx.x] = plain(in_block(words, rank() ^ 1))[threadIdx.x];
  ARRIVE();
  WAIT();
}
KERNEL read_after_barrier(int* out) {
  __shared__ int words[32];
  words[threadIdx.x] = threadIdx.x;
  ARRIVE();
  WAIT();
  out[blockIdx.x * 32 + threadIdx.x] = plain(in_block(words, rank() ^ 1))[threadIdx.x];
  ARRIVE();
  WAIT();
}

KERNEL write_after_barrier_alone(int* out) {
  __shared__ int words[32];
  words[threadIdx.x] = threadIdx.x;
  ARRIVE();
  WAIT();
  plain(in_block(words, rank() ^ 1))[threadIdx.x] = 7;
  out[blockIdx.x * 32 + threadIdx.x] = words[threadIdx.x];
  ARRIVE();
  WAIT();
}
KERNEL write_between_barriers(int* out) {
  __shared__ int words[32];
  words[threadIdx.x] = threadIdx.x;
  ARRIVE();
  WAIT();
  plain(in_block(words, rank() ^ 1))[threadIdx.x] = 7;
  ARRIVE();
  WAIT();
  out[blockIdx.x * 32 + threadIdx.x] = words[threadIdx.x];
}

KERNEL both_write_one_word(int* out) {
  __shared__ int word;
  ARRIVE();
  WAIT();
  if (threadIdx.x == 0) *plain(in_block(&word, 0)) = rank();
  ARRIVE();
  WAIT();
  if (rank() == 0) out[threadIdx.x] = word;
}
KERNEL both_add_to_one_word(int* out) {
  __shared__ int word;
  word = 0;
  ARRIVE();
  WAIT();
  atomicAdd(plain(in_block(&word, 0)), 1);
  ARRIVE();
  WAIT();
  if (rank() == 0) out[threadIdx.x] = word;
}

// Block 1 writes into block 0 and arrives at its mbarrier: after writing, or before.
__device__ __forceinline__ void produce_and_consume(int* out, bool too_early) {
  __shared__ int words[32];
  __shared__ unsigned long long barrier;
  if (threadIdx.x == 0) INIT(barrier, 32);
  ARRIVE();
  WAIT();
  if (rank() == 1) {
    unsigned there = ADDRESS(&barrier);
    asm volatile("mapa.shared::cluster.u32 %0, %0, 0;" : "+r"(there));
    if (!too_early) plain(in_block(words, 0))[threadIdx.x] = threadIdx.x;
    asm volatile("mbarrier.arrive.release.cluster.shared::cluster.b64 _, [%0];" ::"r"(there) : "memory");
    if (too_early) plain(in_block(words, 0))[threadIdx.x] = threadIdx.x;
  } else {
    AWAIT(barrier);
    out[threadIdx.x] = words[31 - threadIdx.x];
  }
  ARRIVE();
  WAIT();
}
KERNEL arrives_too_early(int* out) { produce_and_consume(out, true); }
KERNEL arrives_after_writing(int* out) { produce_and_consume(out, false); }

KERNEL flag_in_another_block(int* out) {
  __shared__ int data, flag;
  flag = 0;
  ARRIVE();
  WAIT();
  if (threadIdx.x == 0 && rank() == 1) {
    *plain(in_block(&data, 0)) = 5;
    asm volatile("st.release.cluster.b32 [%0], 1;" ::"l"(plain(in_block(&flag, 0))) : "memory");
  }
  if (threadIdx.x == 0 && rank() == 0) {
    int seen;
    do asm volatile("ld.acquire.cluster.b32 %0, [%1];" : "=r"(seen) : "l"(&flag) : "memory");
    while (seen == 0);
    out[0] = data;
  }
  ARRIVE();
  WAIT();
}

KERNEL divergent_cluster_barrier(int* out) {
  if (threadIdx.x < 16) {
    asm volatile("// one\n barrier.cluster.arrive.aligned;" ::: "memory");
    out[threadIdx.x] = 1;
  } else {
    asm volatile("// other\n barrier.cluster.arrive.aligned;" ::: "memory");
  }
  asm volatile("barrier.cluster.wait;" ::: "memory");
}
KERNEL barrier_of_either_kind(int* out) {
  if (threadIdx.x < 16) {
    asm volatile("// one\n barrier.cluster.arrive;" ::: "memory");
    out[threadIdx.x] = 1;
  } else {
    asm volatile("// other\n barrier.cluster.arrive;" ::: "memory");
  }
  asm volatile("barrier.cluster.wait;" ::: "memory");
}
KERNEL barrier_that_never_completes(int* out) {
  if (rank() == 1) asm volatile("barrier.sync 1, 64;" ::: "memory");
  ARRIVE();
  WAIT();
  out[threadIdx.x] = 1;
}

__device__ __forceinline__ void copy_in(const int* in, int* out, bool waits) {
  __shared__ alignas(16) int words[32];
  __shared__ unsigned long long barrier;
  if (threadIdx.x == 0) INIT(barrier, 1);
  __syncthreads();
  if (threadIdx.x == 0) {
    EXPECT(barrier, 128);
    COPY_IN(words, in, 128, barrier);
  }
  __syncthreads();
  if (waits) AWAIT(barrier);
  out[threadIdx.x] = words[threadIdx.x];
}
extern "C" __global__ void bulk_copy_not_waited_for(const int* in, int* out) { copy_in(in, out, false); }
extern "C" __global__ void bulk_copy_waited_for(const int* in, int* out) { copy_in(in, out, true); }

extern "C" __global__ void block_ends_before_its_copy(const int* in, int* out) {
  __shared__ alignas(16) int words[32];
  __shared__ unsigned long long barrier;
  if (threadIdx.x != 0) return;
  INIT(barrier, 1);
  EXPECT(barrier, 128);
  COPY_IN(words, in, 128, barrier);
  out[0] = 1;
}

__device__ __forceinline__ void copy_out(int* out, bool waits, bool overwrites) {
  __shared__ alignas(16) int words[32];
  words[threadIdx.x] = threadIdx.x;
  FENCE();
  __syncthreads();
  if (threadIdx.x != 0) return;
  COPY_OUT(out, words, 128);
  if (waits) READ_OUT();
  if (overwrites) words[3] = 9;
  READ_OUT();
}
extern "C" __global__ void source_overwritten(int* out) { copy_out(out, false, true); }
extern "C" __global__ void source_overwritten_after_the_wait(int* out) { copy_out(out, true, true); }
extern "C" __global__ void source_given_up(int* out) {
  __shared__ alignas(16) int words[32];
  words[threadIdx.x] = threadIdx.x;
  FENCE();
  __syncthreads();
  if (threadIdx.x == 0) COPY_OUT(out, words, 128);
}

__device__ __forceinline__ void copy_some(const int* in, int* out, int first, unsigned bytes) {
  __shared__ alignas(16) int words[32];
  __shared__ unsigned long long barrier;
  if (threadIdx.x == 0) {
    INIT(barrier, 1);
    EXPECT(barrier, bytes);
    COPY_IN(words, in + first, bytes, barrier);
  }
  __syncthreads();
  AWAIT(barrier);
  out[threadIdx.x] = words[threadIdx.x & 7];
}
extern "C" __global__ void bulk_copy_past_the_end(const int* in, int* out) { copy_some(in, out, 4, 128); }
extern "C" __global__ void bulk_copy_misaligned(const int* in, int* out) { copy_some(in, out, 1, 64); }
extern "C" __global__ void bulk_copy_of_odd_size(const int* in, int* out) { copy_some(in, out, 0, 40); }
extern "C" __global__ void bulk_copy_within(const int* in, int* out) { copy_some(in, out, 4, 64); }
