// Which algorithm a collective on a live mesh should use: the cheapest by the time
// model, for each size.
#pragma once

#include <string>
#include <vector>

#include "compiler/collective/bounds.h"
#include "compiler/collective/link_model.h"
#include "compiler/collective/tree_packing.h"
#include "core/live_mesh.h"

namespace tatami {

enum class CollectiveAlgorithm {
  kCentreTree,   // one tree of shortest paths
  kTreePacking,  // several trees, chunks in turn
  kTwoColour,    // reduce-scatter, then all-gather, along rows and columns
};

struct CollectivePlan {
  CollectiveAlgorithm algorithm = CollectiveAlgorithm::kCentreTree;
  int64_t num_trees = 1;  // 0 for kTwoColour
  Pipeline pipeline;      // chunk size and modelled time

  std::string Name() const;  // "centre tree", "16 trees", "two-colour X-Y"
};

// What is made once for a mesh and serves every size. Plans and packings depend on the
// live map alone: equal maps give equal bytes.
class MeshCollectives {
 public:
  // Packs the trees. Some 0.5 s on 18x20.
  MeshCollectives(const LiveMesh& live, const LinkModel& link);

  const LinkGraph& graph() const { return graph_; }
  const LinkModel& link() const { return link_; }
  // The centre tree first, then packings of more and more trees.
  const std::vector<TreePacking>& packings() const { return packings_; }
  // The tightest that any packing met.
  const Bottleneck& bottleneck() const { return bottleneck_; }

  // All ways to all-reduce `bytes`, the cheapest by the model first. Not empty.
  std::vector<CollectivePlan> AllReducePlans(int64_t bytes) const;
  // As AllReducePlans for a broadcast from a node of graph().
  std::vector<CollectivePlan> BroadcastPlans(int32_t source, int64_t bytes) const;
  // The trees of a plan other than kTwoColour; those of BroadcastPlans are to be hung
  // on the source (RootedAt).
  const TreePacking& PackingOf(const CollectivePlan& plan) const;

  // Simulated time of an all-reduce by trees. REQUIRES: not kTwoColour.
  double SimulatedSeconds(const CollectivePlan& plan) const;
  double SimulatedBroadcastSeconds(const CollectivePlan& plan, int32_t source) const;

 private:
  Mesh grid_;
  bool whole_;
  LinkModel link_;
  LinkGraph graph_;
  std::vector<TreePacking> packings_;
  Bottleneck bottleneck_;
};

}  // namespace tatami
