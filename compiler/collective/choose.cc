#include "compiler/collective/choose.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "compiler/collective/simulate_trees.h"
#include "compiler/collective/two_colour.h"
#include "core/check.h"

namespace tatami {
namespace {

// Eight trees are at most 5/8 and sixteen 9/16 on a whole 18x20, where the bound is
// 0.526; with 32 (17/32) little is left to gain.
constexpr int64_t kPackedTrees[] = {8, 16, 32};
constexpr uint64_t kSeed = 1;

void SortByTime(std::vector<CollectivePlan>& plans) {
  std::stable_sort(plans.begin(), plans.end(), [](const auto& a, const auto& b) {
    return a.pipeline.seconds < b.pipeline.seconds;
  });
}

CollectivePlan TreePlan(const TreePacking& packing, int64_t hops, int64_t bytes,
                        const LinkModel& link) {
  return {.algorithm = packing.num_trees() == 1 ? CollectiveAlgorithm::kCentreTree
                                                : CollectiveAlgorithm::kTreePacking,
          .num_trees = packing.num_trees(),
          .pipeline = BestPipeline(bytes, hops, packing.lambda(), link)};
}

// The simulation counts picoseconds: whole numbers, and a packet of a 128 GB/s link
// takes 500 of them.
double Simulate(const LinkGraph& graph, const TreePacking& packing, TreeWork work,
                const Pipeline& pipeline, const LinkModel& link) {
  constexpr double kPerSecond = 1e12;
  if (pipeline.chunks == 0) return 0;
  const ChunkTimes times{
      .chunks = pipeline.chunks,
      .link_time = std::llround(link.ChunkSeconds(pipeline.chunk_bytes) * kPerSecond),
      .hop_time = std::llround(link.hop_s * kPerSecond)};
  return static_cast<double>(SimulateTrees(graph, packing, times, work, nullptr)) /
         kPerSecond;
}

}  // namespace

std::string CollectivePlan::Name() const {
  switch (algorithm) {
    case CollectiveAlgorithm::kCentreTree:
      return "centre tree";
    case CollectiveAlgorithm::kTreePacking:
      return absl::StrCat(num_trees, " trees");
    case CollectiveAlgorithm::kTwoColour:
      break;
  }
  return "two-colour X-Y";
}

MeshCollectives::MeshCollectives(const LiveMesh& live, const LinkModel& link)
    : grid_(live.grid()),
      whole_(live.IsWhole()),
      link_(link),
      graph_(LinkGraphOf(live)) {
  TreePacking centre{.trees = {CentreTree(graph_)}};
  centre.depth_max = centre.trees[0].depth;
  centre.load_max = graph_.num_links() == 0 ? 0 : 1;
  packings_.push_back(std::move(centre));
  bottleneck_ = {graph_.num_nodes(), std::max<int64_t>(1, graph_.num_links())};
  if (graph_.num_links() == 0) return;
  for (const int64_t num_trees : kPackedTrees) {
    packings_.push_back(PackTrees(graph_, num_trees, kSeed));
    if (packings_.back().bottleneck.lambda() > bottleneck_.lambda()) {
      bottleneck_ = packings_.back().bottleneck;
    }
  }
}

std::vector<CollectivePlan> MeshCollectives::AllReducePlans(int64_t bytes) const {
  std::vector<CollectivePlan> plans;
  for (const TreePacking& packing : packings_) {
    plans.push_back(TreePlan(packing, 2 * packing.depth_max, bytes, link_));
  }
  if (whole_) {
    Pipeline pipeline = TwoColourPipeline(grid_, bytes, link_);
    pipeline.seconds *= 2;  // the all-gather takes as long
    plans.push_back({CollectiveAlgorithm::kTwoColour, 0, pipeline});
  }
  SortByTime(plans);
  return plans;
}

std::vector<CollectivePlan> MeshCollectives::BroadcastPlans(int32_t source,
                                                            int64_t bytes) const {
  std::vector<CollectivePlan> plans;
  for (const TreePacking& packing : packings_) {
    const TreePacking hung = RootedAt(graph_, packing, source);
    plans.push_back(TreePlan(hung, hung.depth_max, bytes, link_));
  }
  SortByTime(plans);
  return plans;
}

const TreePacking& MeshCollectives::PackingOf(const CollectivePlan& plan) const {
  for (const TreePacking& packing : packings_) {
    if (packing.num_trees() == plan.num_trees) return packing;
  }
  TATAMI_CHECK(false) << plan.Name() << " has no trees";
  return packings_[0];
}

double MeshCollectives::SimulatedSeconds(const CollectivePlan& plan) const {
  return Simulate(graph_, PackingOf(plan), TreeWork::kAllReduce, plan.pipeline, link_);
}

double MeshCollectives::SimulatedBroadcastSeconds(const CollectivePlan& plan,
                                                  int32_t source) const {
  return Simulate(graph_, RootedAt(graph_, PackingOf(plan), source),
                  TreeWork::kBroadcast, plan.pipeline, link_);
}

}  // namespace tatami
