#include "core/box_union.h"

#include <algorithm>

namespace tatami {
namespace {

// Appends what is left of `box` outside `hole`: slabs below and above the hole, dim by
// dim.
void Subtract(Box box, const Box& hole, std::vector<Box>& left) {
  if (IsEmpty(Intersect(box, hole))) {
    left.push_back(std::move(box));
    return;
  }
  for (size_t d = 0; d < box.size(); ++d) {
    const Interval inside = Intersect(box[d], hole[d]);
    for (const Interval slab :
         {Interval{box[d].begin, inside.begin}, Interval{inside.end, box[d].end}}) {
      if (slab.empty()) continue;
      left.push_back(box);
      left.back()[d] = slab;
    }
    box[d] = inside;
  }
}

}  // namespace

int64_t BoxUnion::Add(const Box& box) {
  if (IsEmpty(box)) return 0;
  for (const Box& piece : pieces_) {
    if (Contains(piece, box)) return 0;
  }
  std::vector<Box> fresh = {box}, left;
  for (const Box& piece : pieces_) {
    left.clear();
    for (Box& part : fresh) Subtract(std::move(part), piece, left);
    fresh.swap(left);
  }
  int64_t elements = 0;
  for (const Box& part : fresh) elements += NumElements(part);
  pieces_.insert(pieces_.end(), fresh.begin(), fresh.end());
  return elements;
}

}  // namespace tatami
