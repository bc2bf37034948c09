#include "runtime/emulator/sram_arena.h"

#include <sys/mman.h>

#include "absl/strings/str_cat.h"
#include "core/error.h"

namespace tatami {

absl::StatusOr<SramArena> SramArena::Create(int64_t bytes) {
  void* data = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (data == MAP_FAILED) {
    return MakeError(ErrorCode::kStorage, absl::StrCat("this host has no ", bytes,
                                                       " bytes for a node's SRAM; use "
                                                       "fewer nodes per rank"));
  }
  // A wish: nodes lie side by side, and large pages spare the host address misses.
  (void)madvise(data, bytes, MADV_HUGEPAGE);
  return SramArena(static_cast<std::byte*>(data), bytes);
}

SramArena::~SramArena() {
  if (data_ != nullptr) munmap(data_, bytes_);
}

}  // namespace tatami
