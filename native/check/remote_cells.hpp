// Who of the other blocks of a cluster touched a block's shared memory: for each word the last that wrote it and the last
// that read it.
#pragma once

#include <cstdint>
#include <vector>

namespace talweg::check {

struct RemoteTouch {
  uint32_t time = 0;  // in the SyncTimes of its block; 0: nobody
  uint32_t instruction = 0;
  uint8_t block = 0, warp = 0, lane = 0;  // block: its rank
  uint8_t bytes = 0;                      // of the word, as bits
  bool strong = false;
};

class RemoteCells {
 public:
  explicit RemoteCells(uint32_t bytes) : cells_(bytes / 4 + 1) {}

  // The first touch that an access races with, or null; `ordered` says of a touch that it happened before.
  template <class Ordered>
  const RemoteTouch* conflict(uint32_t address, uint32_t bytes, bool writes, bool strong, Ordered ordered) const {
    for (uint32_t word = address / 4; word * 4 < address + bytes; word++) {
      const auto races = [&](const RemoteTouch& touch) {
        return touch.time != 0 && (touch.bytes & mask(word, address, bytes)) != 0 && !(strong && touch.strong) &&
               !ordered(touch);
      };
      if (races(cells_[word].writer)) return &cells_[word].writer;
      if (writes && races(cells_[word].reader)) return &cells_[word].reader;
    }
    return nullptr;
  }

  void note(uint32_t address, uint32_t bytes, bool writes, RemoteTouch touch) {
    for (uint32_t word = address / 4; word * 4 < address + bytes; word++) {
      touch.bytes = mask(word, address, bytes);
      (writes ? cells_[word].writer : cells_[word].reader) = touch;
    }
  }

 private:
  struct Cell {
    RemoteTouch writer, reader;
  };

  static uint8_t mask(uint32_t word, uint32_t address, uint32_t bytes) {
    uint8_t bits = 0;
    for (uint32_t i = 0; i < 4; i++) bits |= word * 4 + i >= address && word * 4 + i < address + bytes ? 1u << i : 0u;
    return bits;
  }

  std::vector<Cell> cells_;
};

}  // namespace talweg::check
