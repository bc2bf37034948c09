#include "runtime/simulator/phase_loads.h"

#include <algorithm>

#include "core/exchange_links.h"
#include "runtime/simulator/port_loads.h"

namespace tatami {
namespace {

class Counter {
 public:
  Counter(const Mesh& mesh, const MeshLinks& links, const MeshSite* site)
      : mesh_(mesh), links_(links), site_(site) {
    if (site != nullptr) {
      hops_ = std::max<int64_t>(1, DilationOf(site->embedding, site->live).hops_max);
    }
  }

  // Where nothing moves, what a node needs of its own is copied.
  void AddLocal(const Exchange& e) {
    out_.copied_bytes += MostElements(e.to, mesh_) * e.element_bytes;
  }

  void AddMoving(absl::Span<const Exchange> exchanges, NodeClasses classes) {
    const bool flat = classes == NodeClasses::kFlat || site_ != nullptr;
    const Mesh block = flat ? mesh_ : BlockSize(exchanges, mesh_);
    const AlikeBlocks alike = FindAlikeBlocks(exchanges, block, links_.kinds, mesh_);
    int64_t local = 0;
    for (size_t k = 0; k < alike.example.size(); ++k) {
      AddBlock(exchanges, alike.example[k], alike.count[k], local);
    }
    out_.copied_bytes += local;
  }

  PhaseLoads Take() {
    for (int l = 0; l < kLegs; ++l) {
      for (int k = 0; k < kLinkKinds; ++k) {
        out_.way.links[k] += along_row_[l].links[k] + along_column_[l].links[k];
      }
    }
    return out_;
  }

 private:
  void AddBlock(absl::Span<const Exchange> exchanges, const MeshBlock& block,
                int64_t count, int64_t& local) {
    LinkLoads loads(block, &links_.distances);
    PortLoads ports(block);
    for (const Exchange& e : exchanges) {
      AddExchangeLinks(e.from, e.to, e.resolve, e.element_bytes, 1, mesh_, loads);
      AddPortLoads(e, mesh_, ports);
    }
    const auto raise = [](int64_t& most, const std::vector<int64_t>& values) {
      most = std::max(most, *std::max_element(values.begin(), values.end()));
    };
    raise(out_.port_bytes, ports.bytes_in);
    raise(out_.added, ports.added);
    raise(local, ports.copied);
    out_.chain = std::max(out_.chain, ports.chain);
    if (site_ != nullptr) {
      CountLinks(LinksOfGrid(*site_, loads.Sum()), MeshBlock::Whole(site_->live.grid()),
                 count, links_, out_);
    } else {
      CountLinks(loads.Sum(), block, count, links_, out_);
    }
    for (const Leg leg : {Leg::kIn, Leg::kOut}) {
      const int l = static_cast<int>(leg);
      AddWay(loads.longest_along_row(leg), links_.kinds.col, along_row_[l]);
      AddWay(loads.longest_along_column(leg), links_.kinds.row, along_column_[l]);
    }
  }

  // Ways along rows and columns apart: the longest of each, wherever they are.
  void AddWay(const Stretch& stretch, const std::vector<int>& kinds,
              WayLinks& longest) {
    WayLinks way;
    const auto [begin, end] = std::minmax(stretch.from, stretch.to);
    for (int64_t p = begin; p < end; ++p) way.links[kinds[p]] += hops_;
    if (Ns(way) > Ns(longest)) longest = way;
  }
  double Ns(const WayLinks& way) const {
    double ns = 0;
    for (int k = 0; k < kLinkKinds; ++k) {
      ns += static_cast<double>(way.links[k]) * links_.crossing_ns[k];
    }
    return ns;
  }

  const Mesh mesh_;
  const MeshLinks& links_;
  const MeshSite* site_;
  int64_t hops_ = 1;  // most between neighbours of the mesh
  WayLinks along_row_[kLegs], along_column_[kLegs];
  PhaseLoads out_;
};

}  // namespace

void CountLinks(const LinkBytes& bytes, const MeshBlock& block, int64_t count,
                const MeshLinks& links, PhaseLoads& loads) {
  const auto add = [&](int kind, int64_t load) {
    loads.busiest[kind] = std::max(loads.busiest[kind], load);
    loads.total[kind] += load * count;
  };
  const int64_t* load = bytes.raw().data();
  for (int64_t r = block.first.row; r < block.row_end(); ++r) {
    for (int64_t c = block.first.col; c < block.col_end(); ++c, load += 4) {
      // A link that leaves northwards is of the kind of the row above.
      add(links.kinds.col[c], load[LinkBytes::kEast]);
      add(links.kinds.row[r], load[LinkBytes::kSouth]);
      if (c > 0) add(links.kinds.col[c - 1], load[LinkBytes::kWest]);
      if (r > 0) add(links.kinds.row[r - 1], load[LinkBytes::kNorth]);
    }
  }
}

PhaseLoads LoadsOf(absl::Span<const Exchange> exchanges, const Mesh& mesh,
                   const MeshLinks& links, const MeshSite* site, NodeClasses classes) {
  Counter counter(mesh, links, site);
  std::vector<Exchange> moving;
  for (const Exchange& e : exchanges) {
    if (BlockSize({&e, 1}, mesh).nodes() == 1) {
      counter.AddLocal(e);
    } else {
      moving.push_back(e);
    }
  }
  if (!moving.empty()) counter.AddMoving(moving, classes);
  return counter.Take();
}

}  // namespace tatami
