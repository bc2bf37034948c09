// The bytes of one snapshot file: a header, then the states of some nodes.
//
// An image is written in place while its process may end at any instruction. So it is
// marked as not whole before its first byte changes and as whole after its last one
// did; and what is read is believed only where both checksums hold.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <type_traits>

#include "absl/types/span.h"

namespace tatami {

// As it lies in the file: little-endian, no padding.
struct SnapshotHeader {
  char magic[8] = {'t', 'a', 't', 'a', 'm', 'i', 's', '1'};
  char program[16] = {};  // Program::Hash
  uint64_t seed = 0;
  int64_t step = 0;         // steps done
  int64_t incarnation = 0;  // of the run that wrote it, from 1
  int64_t node_begin = 0, node_end = 0;
  int64_t body_bytes = 0;
  uint64_t body_hash = 0;    // xxh3 of the bytes that follow
  uint64_t header_hash = 0;  // xxh3 of all above
  uint64_t whole = 0;        // 1 or 0; not in header_hash
};
static_assert(std::is_trivially_copyable_v<SnapshotHeader>);
static_assert(sizeof(SnapshotHeader) == 96);

// Marks the image as not whole, copies the pieces behind one another into its body and
// writes the header with all that follows from them. MarkWhole is left to the caller.
// REQUIRES: the image has room for them.
void WriteUnmarked(SnapshotHeader header,
                   absl::Span<const absl::Span<std::byte>> pieces,
                   absl::Span<std::byte> image);
// Marks it as not whole, before anything that is stored after can be seen.
void MarkTorn(absl::Span<std::byte> image);
// Marks it as whole, after all that was stored before can be seen.
void MarkWhole(absl::Span<std::byte> image);

enum class ImageState {
  kWhole,
  kTorn,    // its writer ended, or has not begun: the header alone may be used
  kDamaged  // nothing may be used; `why` says it
};
struct ImageCheck {
  ImageState state = ImageState::kDamaged;
  SnapshotHeader header;
  std::string why;  // as "its header does not match its checksum"
};

// The image may be longer than what its header tells of. Reads every byte.
ImageCheck CheckImage(absl::Span<const std::byte> image);

}  // namespace tatami
