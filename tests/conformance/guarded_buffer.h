// A buffer of exactly the bytes asked for, with guard bytes on both sides.
#pragma once

#include <cstring>
#include <vector>

#include "core/tensor_type.h"

namespace tatami::conformance {

class GuardedBuffer {
 public:
  explicit GuardedBuffer(int64_t bytes)
      : bytes_(bytes), storage_(kGuard + bytes + kGuard + kAlign, kPattern) {
    const auto address = reinterpret_cast<uintptr_t>(storage_.data() + kGuard);
    begin_ = storage_.data() + kGuard + (kAlign - address % kAlign) % kAlign;
    // All ones are a NaN in every float type: an element never written is seen.
    std::memset(begin_, 0xff, bytes_);
  }
  GuardedBuffer(GuardedBuffer&&) = default;  // moving a vector keeps its storage
  GuardedBuffer(const GuardedBuffer&) = delete;

  std::byte* data() { return begin_; }
  const std::byte* data() const { return begin_; }
  int64_t size() const { return bytes_; }

  bool GuardsUntouched() const {
    const std::byte* end = storage_.data() + storage_.size();
    for (const std::byte* p = storage_.data(); p < end; ++p) {
      if ((p < begin_ || p >= begin_ + bytes_) && *p != kPattern) return false;
    }
    return true;
  }

 private:
  static constexpr int64_t kGuard = 128, kAlign = 64;
  static constexpr std::byte kPattern{0xa5};
  int64_t bytes_;
  std::vector<std::byte> storage_;
  std::byte* begin_;
};

}  // namespace tatami::conformance
