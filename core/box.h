// Boxes: products of half-open intervals. Every transfer on the mesh is the copy of a
// box.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>

#include "absl/container/inlined_vector.h"
#include "core/tensor_type.h"

namespace tatami {

// [begin, end); empty when end <= begin.
struct Interval {
  int64_t begin = 0, end = 0;

  int64_t size() const { return std::max<int64_t>(0, end - begin); }
  bool empty() const { return end <= begin; }
  bool Contains(const Interval& other) const {
    return other.empty() || (begin <= other.begin && other.end <= end);
  }
  friend bool operator==(const Interval&, const Interval&) = default;
};

inline Interval Intersect(const Interval& a, const Interval& b) {
  return {std::max(a.begin, b.begin), std::min(a.end, b.end)};
}

// Part `index` of `parts` of [0, size): [floor(index*size/parts),
// floor((index+1)*size/parts)). Sizes differ by at most one, so uneven sizes are
// first-class.
inline Interval FloorSplit(int64_t size, int64_t parts, int64_t index) {
  return {index * size / parts, (index + 1) * size / parts};
}

// The part of FloorSplit(size, parts, .) that holds coordinate x, for 0 <= x < size.
inline int64_t FloorSplitOwner(int64_t size, int64_t parts, int64_t x) {
  return ((x + 1) * parts - 1) / size;
}

// A box in global coordinates; rank 0 is the box of a scalar.
using Box = absl::InlinedVector<Interval, 6>;

Box WholeBox(const Dims& dims);
Box Intersect(const Box& a, const Box& b);
bool IsEmpty(const Box& box);
bool Contains(const Box& outer, const Box& inner);
int64_t NumElements(const Box& box);
Dims Extents(const Box& box);
std::string ToString(const Box& box);  // "[0,4)x[2,3)"

// How contributions to one element combine. Order is the caller's duty.
enum class Combine : uint8_t { kSum, kMax };

// Where box `part` begins in a dense row-major buffer that holds `box`, in elements.
// REQUIRES: Contains(box, part).
int64_t OffsetIn(const Box& box, const Box& part);

// The copy of box `part` between two dense row-major buffers that hold `from_box` and
// `to_box`, with its strides worked out once, for copies that repeat every step. Where
// in the buffers the part begins is no part of it (OffsetIn), so that many copies of a
// mesh are equal. REQUIRES: both boxes contain part.
class BoxCopy {
 public:
  BoxCopy(const Box& part, const Box& from_box, const Box& to_box);

  // `from` and `to` point to where the part begins.
  void Copy(int64_t element_bytes, const std::byte* from, std::byte* to) const;
  // Combines into `to`: f32 and i32 as they are, bf16 widened to f32 and rounded once.
  void CombineInto(Combine combine, DType dtype, const std::byte* from,
                   std::byte* to) const;

  friend bool operator==(const BoxCopy&, const BoxCopy&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const BoxCopy& c) {
    return H::combine(std::move(h), c.run_, c.loops_);
  }

 private:
  // Calls run(from_offset, to_offset) for each contiguous run of run_ elements.
  template <typename Run>
  void ForEachRun(Run run) const;

  struct Loop {
    int64_t count, from_step, to_step;
    friend bool operator==(const Loop&, const Loop&) = default;
    template <typename H>
    friend H AbslHashValue(H h, const Loop& l) {
      return H::combine(std::move(h), l.count, l.from_step, l.to_step);
    }
  };
  int64_t run_ = 0;                     // elements; 0: nothing to copy
  absl::InlinedVector<Loop, 3> loops_;  // outer to inner, around the runs
};

// As BoxCopy, once.
void CopyBox(const Box& part, const Box& from_box, const std::byte* from,
             const Box& to_box, std::byte* to, int64_t element_bytes);
void CombineBox(Combine combine, DType dtype, const Box& part, const Box& from_box,
                const std::byte* from, const Box& to_box, std::byte* to);

}  // namespace tatami
