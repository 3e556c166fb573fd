extern "C"
__global__ void reduce(float *g_idata, float *g_odata, unsigned int n)
{
    extern __shared__ float sdata[];
    unsigned int tid = threadIdx.x;
    unsigned int i = blockIdx.x * blockDim.x * 2 + tid;
    unsigned int gridSize = blockDim.x * 2 * gridDim.x;
    float mySum = 0;
    while (i < n)
    {
        mySum += g_idata[i];
        if (i + blockDim.x < n) mySum += g_idata[i + blockDim.x];
        i += gridSize;
    }
    sdata[tid] = mySum;
    __syncthreads();
    for (unsigned int s = blockDim.x / 2; s > 32; s >>= 1)
    {
        if (tid < s) sdata[tid] = mySum = mySum + sdata[tid + s];
        __syncthreads();
    }
    if (tid < 32)
    {
        if (blockDim.x >= 64) mySum += sdata[tid + 32];
        for (int offset = 16; offset > 0; offset /= 2) mySum += __shfl_down_sync(0xffffffff, mySum, offset);
        if (tid == 0) g_odata[blockIdx.x] = mySum;
    }
}
