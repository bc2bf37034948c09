// One node's SRAM: exactly as many bytes as the machine file says, and no others.
#pragma once

#include <cstddef>
#include <cstdint>

#include "absl/status/statusor.h"

namespace tatami {

// Movable, not copyable. The bytes start as zero; the host pages behind them are taken
// only when touched, so a node of `host` may own gigabytes.
class SramArena {
 public:
  static absl::StatusOr<SramArena> Create(int64_t bytes);
  SramArena(SramArena&& other) noexcept : data_(other.data_), bytes_(other.bytes_) {
    other.data_ = nullptr;
  }
  SramArena& operator=(SramArena&&) = delete;
  ~SramArena();

  std::byte* at(int64_t address) const { return data_ + address; }
  int64_t bytes() const { return bytes_; }

 private:
  SramArena(std::byte* data, int64_t bytes) : data_(data), bytes_(bytes) {}
  std::byte* data_;
  int64_t bytes_;
};

}  // namespace tatami
