// Counts what crosses each link, hop by hop, as a rank's copies are made: independent
// of the closed forms of core/exchange_links.h, which it is compared with.
#pragma once

#include <cstdint>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "core/box_union.h"
#include "core/embedding.h"
#include "core/line_sum.h"
#include "core/sharding.h"

namespace tatami {

// A link counts where the node at its end is hosted, so that the counts of all ranks
// add up to those of the mesh.
class LinkCounter {
 public:
  // Counts links that end at nodes [begin, end) by NodeIndex of the mesh. With `site`,
  // which must outlive the counter, a crossing of one counts on every link of the grid
  // that is on its path; null: the mesh is its own grid.
  LinkCounter(const Mesh& mesh, const MeshSite* site, int64_t begin, int64_t end)
      : mesh_(mesh),
        site_(site),
        begin_(begin),
        end_(end),
        links_(site == nullptr ? mesh : site->live.grid()) {}

  void BeginExchange() { passed_.clear(); }
  // A box that is copied: what its sender sent over a link before in this exchange
  // needs no second crossing.
  void Copy(NodeCoord source, NodeCoord target, const Box& box, int64_t element_bytes);
  // A term that goes to its destination alone.
  void Term(NodeCoord source, NodeCoord target, int64_t bytes);
  // A part that is summed up along a line and goes out again from its root.
  void Sum(const LineSum& sum, int64_t bytes);

  const LinkBytes& links() const { return links_; }

 private:
  void Cross(int64_t link, int64_t bytes);
  // Calls visit(number of the link) for each link of the route that is counted here.
  template <typename Visit>
  void ForEachLink(NodeCoord from, NodeCoord to, const Visit& visit) const;

  Mesh mesh_;
  const MeshSite* site_;
  int64_t begin_, end_;
  LinkBytes links_;
  // By link and sender.
  absl::flat_hash_map<std::pair<int64_t, int64_t>, BoxUnion> passed_;
};

}  // namespace tatami
