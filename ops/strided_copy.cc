#include "ops/strided_copy.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "absl/types/span.h"
#include "core/check.h"

namespace tatami {
namespace {

// One dim of the copy; strides in bytes.
struct Loop {
  int64_t extent, from, to;
};

// Side of the square tiles in which a transposition walks: 16 rows of 4-byte elements
// fill 16 cache lines on each side.
constexpr int64_t kTile = 16;

template <typename Word>
void CopyWord(const std::byte* from, std::byte* to) {
  Word word;  // memcpy: the buffers hold floats, halves or integers
  std::memcpy(&word, from, sizeof(Word));
  std::memcpy(to, &word, sizeof(Word));
}

template <typename Word>
void CopyRow(const Loop& row, const std::byte* from, std::byte* to) {
  if (row.from == sizeof(Word) && row.to == sizeof(Word)) {
    std::memcpy(to, from, row.extent * sizeof(Word));
    return;
  }
  for (int64_t i = 0; i < row.extent; ++i) {
    CopyWord<Word>(from + i * row.from, to + i * row.to);
  }
}

template <typename Word>
void CopyPlane(const Loop& outer, const Loop& inner, const std::byte* from,
               std::byte* to) {
  for (int64_t i = 0; i < outer.extent; i += kTile) {
    const int64_t i_end = std::min(i + kTile, outer.extent);
    for (int64_t j = 0; j < inner.extent; j += kTile) {
      const Loop row{std::min(kTile, inner.extent - j), inner.from, inner.to};
      for (int64_t r = i; r < i_end; ++r) {
        CopyRow<Word>(row, from + r * outer.from + j * inner.from,
                      to + r * outer.to + j * inner.to);
      }
    }
  }
}

template <typename Word>
void CopyLoops(absl::Span<const Loop> loops, const std::byte* from, std::byte* to) {
  if (loops.empty()) return CopyWord<Word>(from, to);
  if (loops.size() == 1) return CopyRow<Word>(loops[0], from, to);
  const bool rows = loops.back().from == sizeof(Word);
  if (loops.size() == 2 && !rows) return CopyPlane<Word>(loops[0], loops[1], from, to);
  for (int64_t i = 0; i < loops[0].extent; ++i) {
    CopyLoops<Word>(loops.subspan(1), from + i * loops[0].from, to + i * loops[0].to);
  }
}

// The loops without extents of one, neighbours that walk both sides as one dim merged,
// and the dim that is dense on the `from` side next to the innermost.
std::vector<Loop> Normalize(const StridedCopy& copy) {
  std::vector<Loop> loops;
  for (size_t d = 0; d < copy.extents.size(); ++d) {
    if (copy.extents[d] == 1) continue;
    const Loop loop{copy.extents[d], copy.from_strides[d] * copy.element_bytes,
                    copy.to_strides[d] * copy.element_bytes};
    if (!loops.empty() && loops.back().from == loop.extent * loop.from &&
        loops.back().to == loop.extent * loop.to) {
      loops.back() = {loops.back().extent * loop.extent, loop.from, loop.to};
    } else {
      loops.push_back(loop);
    }
  }
  if (loops.size() > 2) {
    for (size_t d = 0; d + 2 < loops.size(); ++d) {
      if (loops[d].from != copy.element_bytes) continue;
      std::rotate(loops.begin() + d, loops.begin() + d + 1, loops.end() - 1);
      break;
    }
  }
  return loops;
}

}  // namespace

void RunStridedCopy(const StridedCopy& copy, const std::byte* from, std::byte* to) {
  for (int64_t extent : copy.extents) {
    if (extent <= 0) return;
  }
  const std::vector<Loop> loops = Normalize(copy);
  TATAMI_CHECK(copy.element_bytes == 2 || copy.element_bytes == 4)
      << copy.element_bytes;
  if (copy.element_bytes == 4) {
    CopyLoops<uint32_t>(loops, from, to);
  } else {
    CopyLoops<uint16_t>(loops, from, to);
  }
}

Dims RowMajorStrides(const Box& box) {
  Dims strides(box.size());
  int64_t stride = 1;
  for (size_t d = box.size(); d-- > 0;) {
    strides[d] = stride;
    stride *= box[d].size();
  }
  return strides;
}

}  // namespace tatami
