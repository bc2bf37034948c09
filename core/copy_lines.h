// Copies along rows and columns: what the ways of counting them share.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/algorithm/container.h"
#include "absl/types/span.h"
#include "core/box_union.h"
#include "core/link_loads.h"
#include "core/sharding.h"

namespace tatami {

// A box that a node sends to nodes along a line, the furthest on either side.
struct SentBox {
  int64_t first = 0, last = 0;  // places
  Box box;
};

// Calls add(to, elements) for what `sent` puts on a line in the one direction and in
// the other: the furthest destination gets its box over the whole way, a nearer one
// only what does not come past it anyhow.
template <typename Add>
void SendAlongLine(int64_t from, absl::Span<SentBox> sent, const Add& add) {
  if (sent.size() == 1) {
    const SentBox& only = sent[0];
    const int64_t n = NumElements(only.box);
    if (only.last > from) add(only.last, n);
    if (only.first < from) add(only.first, n);
    return;
  }
  for (const bool upward : {true, false}) {
    const auto end = [&](const SentBox& s) { return upward ? s.last : s.first; };
    absl::c_sort(sent, [&](const SentBox& a, const SentBox& b) {
      return upward ? end(a) > end(b) : end(a) < end(b);
    });
    BoxUnion passed;
    for (const SentBox& s : sent) {
      if (upward ? end(s) <= from : end(s) >= from) break;
      const int64_t fresh = passed.Add(s.box);
      if (fresh > 0) add(end(s), fresh);
    }
  }
}

// Where the nodes of an exchange lie in the block whose links are counted. Senders and
// receivers have coordinates on `mesh`; these, shifted, are places of the block. Within
// one mesh both are shifted alike; from one rectangle of a mesh to another, not.
struct ExchangeSite {
  Mesh mesh;
  MeshBlock receivers;
  NodeCoord from_shift, to_shift;
};

// Adds copies of elements of `bytes`, rows and columns counted apart and multiplied:
// O(sides * sources + nodes). False, with nothing added, where a dim is cut over both
// axes.
bool AddProductOfLines(const Placement& from, const Placement& to, int64_t bytes,
                       const ExchangeSite& site, LinkLoads& loads);

}  // namespace tatami
