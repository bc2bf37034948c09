#include "runtime/emulator/link_counter.h"

namespace tatami {

template <typename Visit>
void LinkCounter::ForEachLink(NodeCoord from, NodeCoord to, const Visit& visit) const {
  while (!(from == to)) {
    NodeCoord next = from;
    LinkBytes::Direction direction;
    if (from.col != to.col) {
      direction = to.col > from.col ? LinkBytes::kEast : LinkBytes::kWest;
      next.col += to.col > from.col ? 1 : -1;
    } else {
      direction = to.row > from.row ? LinkBytes::kSouth : LinkBytes::kNorth;
      next.row += to.row > from.row ? 1 : -1;
    }
    const int64_t head = NodeIndex(next, mesh_);
    if (begin_ <= head && head < end_) visit(NodeIndex(from, mesh_) * 4 + direction);
    from = next;
  }
}

void LinkCounter::Cross(int64_t link, int64_t bytes) {
  if (site_ == nullptr) {
    links_.raw()[link] += bytes;
    return;
  }
  const NodeCoord from = NodeAt(link / 4, mesh_);
  const NodeCoord to = Step(from, static_cast<LinkDirection>(link % 4));
  AddRoute(site_->live, site_->At(from), site_->At(to), bytes, links_);
}

void LinkCounter::Copy(NodeCoord source, NodeCoord target, const Box& box,
                       int64_t element_bytes) {
  ForEachLink(source, target, [&](int64_t link) {
    Cross(link, passed_[{link, NodeIndex(source, mesh_)}].Add(box) * element_bytes);
  });
}

void LinkCounter::Term(NodeCoord source, NodeCoord target, int64_t bytes) {
  ForEachLink(source, target, [&](int64_t link) { Cross(link, bytes); });
}

void LinkCounter::Sum(const LineSum& sum, int64_t bytes) {
  for (int64_t t = 0; t < sum.root; ++t) Term(sum.terms[t], sum.terms[t + 1], bytes);
  for (auto t = static_cast<int64_t>(sum.terms.size()) - 1; t > sum.root; --t) {
    Term(sum.terms[t], sum.terms[t - 1], bytes);
  }
  Term(sum.terms[sum.root], sum.terms[sum.first], bytes);
  Term(sum.terms[sum.root], sum.terms[sum.last], bytes);
}

}  // namespace tatami
