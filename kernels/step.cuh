// What the kernels of a step share: the layout of org.talweg.ops.StepState and org.talweg.ops.Segments.
#pragma once

#include "common.cuh"

enum Counter { kIteration, kStep, kSkipped, kCursor };
enum Control { kLearningRate, kMomentum, kClipFactor, kClipLow, kClipHigh, kSkip, kFirstStep, kRule = 8 };
enum Log { kLogLoss, kLogHits, kLogGradientNorm, kLogSkipped, kLogColumns };

constexpr int kRuleScalars = 14;
constexpr int kChunk = 1024;

// A part of the flat buffers that one block takes: never of two parameters.
struct Chunk {
  int64 start;
  int length;
  int segment;
};

// Chunk number i of the table, or of evenly cut elements where there is no table.
__device__ __forceinline__ Chunk chunk_at(const int* chunks, int64 i, int64 length) {
  if (!chunks) {
    int64 rest = length - i * kChunk;
    return {i * kChunk, static_cast<int>(rest < kChunk ? rest : kChunk), 0};
  }
  const int* row = chunks + i * 4;
  return {static_cast<int64>(static_cast<uint32>(row[0])) | static_cast<int64>(row[1]) << 32, row[2], row[3]};
}

// A row of the table of segments.
struct Span {
  int first_chunk;
  int chunks;
  int64 start;
  int first_unit;
  int unit_length;
};

__device__ __forceinline__ Span span_at(const int* spans, int segment) {
  const int* row = spans + segment * 6;
  return {row[0], row[1], static_cast<int64>(static_cast<uint32>(row[2])) | static_cast<int64>(row[3]) << 32, row[4],
          row[5]};
}

// NaN stays NaN.
__device__ __forceinline__ float clamp(float g, float low, float high) {
  return g < low ? low : g > high ? high : g;
}

// Doubles that outlive a step lie in memory as low and high word.
__device__ __forceinline__ double load_double(const int* words, int i) {
  return __hiloint2double(words[2 * i + 1], words[2 * i]);
}

__device__ __forceinline__ void store_double(int* words, int i, double value) {
  words[2 * i] = __double2loint(value);
  words[2 * i + 1] = __double2hiint(value);
}
