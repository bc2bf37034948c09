#include "core/copy_links.h"

#include <algorithm>
#include <map>
#include <optional>
#include <vector>

#include "absl/algorithm/container.h"
#include "absl/container/flat_hash_map.h"
#include "absl/types/span.h"
#include "core/block_parts.h"
#include "core/copy_lines.h"
#include "core/dense_copies.h"
#include "core/lattice.h"

namespace tatami {
namespace {

AxisList AllMovingDigits(const Placement& from, const Placement& to) {
  AxisList all;
  for (size_t d = 0; d < from.dims.size(); ++d) {
    const AxisList moving = MovingDigits(from.dims[d], to.dims[d]);
    all.insert(all.end(), moving.begin(), moving.end());
  }
  return all;
}

// Copies of any kind, source by source: its row first and then every column. A node's
// sources differ from it in moving digits alone, so sets of such nodes are
// done one after the other; nodes of a set that want the same have the same sources;
// and sets that differ in no more than their place are counted once.
class EveryCopy {
 public:
  EveryCopy(const Placement& from, const Placement& to, const Mesh& mesh)
      : from_(from), to_(to), mesh_(mesh), lattice_(AllMovingDigits(from, to), mesh) {}

  void AddTo(int64_t bytes, LinkLoads& loads) {
    from_parts_ = PartsOfBlock(from_, loads.block(), mesh_);
    to_parts_ = PartsOfBlock(to_, loads.block(), mesh_);
    std::map<int64_t, std::vector<NodeCoord>> origins;  // by what is alike
    const bool alike = PartsTellSets();
    lattice_.ForEachOrigin(loads.block(), mesh_, [&](NodeCoord origin) {
      origins[alike ? PartsAt(origin) : NodeIndex(origin, mesh_)].push_back(origin);
    });
    for (const auto& sets : origins) {
      const std::vector<NodeCoord>& places = sets.second;
      FindWanted(places[0]);
      // What the first of the sets does, the others do at their places.
      const auto add = [&](NodeCoord node, NodeCoord end, int64_t elements) {
        for (const NodeCoord place : places) {
          const int64_t down = place.row - places[0].row;
          const int64_t on = place.col - places[0].col;
          const NodeCoord begin{node.row + down, node.col + on};
          if (node.row == end.row) {
            loads.AddAlongRow(begin, end.col + on, elements * bytes);
          } else {
            loads.AddAlongColumn(begin, end.row + down, elements * bytes);
          }
        }
      };
      for (size_t i = 0; i < sent_.size();) {
        const size_t begin = i;
        while (i < sent_.size() && sent_[i].first == sent_[begin].first) ++i;
        Send(NodeAt(sent_[begin].first, mesh_),
             absl::MakeConstSpan(sent_).subspan(begin, i - begin), add);
      }
    }
  }

 private:
  // True when sets whose first nodes want the same parts want the same throughout: what
  // a node wants then follows from its digits within the set, and from others that are
  // the set's own. Along an axis that the sets cover there is but one place.
  bool PartsTellSets() const {
    for (const DimPlacement& dim : to_.dims) {
      for (const AxisRef& ref : dim.axes) {
        const auto covered = ref.axis == MeshAxis::kY ? lattice_.rows : lattice_.cols;
        if (static_cast<int64_t>(covered.size()) == AxisSize(mesh_, ref.axis)) continue;
        for (const AxisRef& digit : lattice_.digits) {
          if (!(digit == ref) && ShareADigit(digit, ref)) return false;
        }
      }
    }
    return true;
  }

  struct Span {
    int64_t first, last;
    void Include(int64_t place) {
      first = std::min(first, place);
      last = std::max(last, place);
    }
    friend auto operator<=>(const Span&, const Span&) = default;
  };
  // What some nodes want, and where they are.
  struct Wanted {
    NodeCoord node;  // one of them
    Span cols;
    std::vector<std::pair<size_t, Span>> rows;  // by kind of column
  };

  // Ascending, with no two for the same.
  using SpanOfEach = std::vector<std::pair<size_t, Span>>;  // by what is wanted

  void FindWanted(NodeCoord origin) {
    wanted_.clear();
    sent_.clear();
    absl::flat_hash_map<int64_t, size_t> known;  // by parts of `to`
    // Columns in which the same is wanted in the same rows are of one kind.
    std::map<SpanOfEach, std::vector<int64_t>> kinds;
    SpanOfEach rows;
    for (const int64_t c : lattice_.cols) {
      rows.clear();
      for (const int64_t r : lattice_.rows) {
        const NodeCoord node{origin.row + r, origin.col + c};
        const size_t w = known.try_emplace(PartsAt(node), wanted_.size()).first->second;
        if (w == wanted_.size()) wanted_.push_back({node, {node.col, node.col}, {}});
        wanted_[w].cols.Include(node.col);
        rows.emplace_back(w, Span{node.row, node.row});
      }
      Merge(rows);
      kinds[rows].push_back(origin.col + c);
    }
    columns_.clear();
    for (auto& [spans, cols] : kinds) {
      for (const auto& [w, span] : spans) {
        wanted_[w].rows.emplace_back(columns_.size(), span);
      }
      columns_.push_back(std::move(cols));
    }
    for (size_t w = 0; w < wanted_.size(); ++w) {
      const NodeCoord node = wanted_[w].node;
      ForEachSource(from_, {}, to_.BoxAt(node, mesh_), node, mesh_,
                    [&](NodeCoord source, const Box&) {
                      sent_.emplace_back(NodeIndex(source, mesh_), w);
                    });
    }
    absl::c_sort(sent_);
  }
  static void Merge(SpanOfEach& spans) {
    absl::c_sort(spans);
    size_t last = 0;
    for (size_t i = 1; i < spans.size(); ++i) {
      if (spans[i].first == spans[last].first) {
        spans[last].second.Include(spans[i].second.first);
      } else {
        spans[++last] = spans[i];
      }
    }
    spans.resize(last + 1);
  }

  // As one number: dims share no digit of the mesh.
  int64_t PartsAt(NodeCoord node) const {
    int64_t parts = 0;
    for (const BlockParts& dim : to_parts_) {
      parts = parts * dim.parts() + dim.PartAt(node);
    }
    return parts;
  }
  Box BoxAt(const std::vector<BlockParts>& parts, NodeCoord node) const {
    Box box;
    for (const BlockParts& dim : parts) box.push_back(dim.At(node));
    return box;
  }

  // Calls add(node, end, elements) for each stretch of a row or a column that elements
  // of the source cross, for what it sends.
  template <typename Add>
  void Send(NodeCoord source, absl::Span<const std::pair<int64_t, size_t>> sends,
            const Add& add) {
    const Box own = BoxAt(from_parts_, source);
    along_row_.clear();
    along_column_.clear();
    for (const auto& [at, w] : sends) {
      const Wanted& wanted = wanted_[w];
      const Box box = Intersect(own, BoxAt(to_parts_, wanted.node));
      along_row_.push_back({wanted.cols.first, wanted.cols.last, box});
      for (const auto& [kind, rows] : wanted.rows) {
        along_column_.push_back({kind, {rows.first, rows.last, box}});
      }
    }
    SendAlongLine(source.col, absl::MakeSpan(along_row_), [&](int64_t col, int64_t n) {
      add(source, {source.row, col}, n);
    });
    absl::c_sort(along_column_,
                 [](const auto& a, const auto& b) { return a.first < b.first; });
    for (size_t i = 0; i < along_column_.size();) {
      const size_t kind = along_column_[i].first;
      along_row_.clear();
      for (; i < along_column_.size() && along_column_[i].first == kind; ++i) {
        along_row_.push_back(std::move(along_column_[i].second));
      }
      SendAlongLine(source.row, absl::MakeSpan(along_row_),
                    [&](int64_t row, int64_t n) {
                      for (const int64_t col : columns_[kind]) {
                        add({source.row, col}, {row, col}, n);
                      }
                    });
    }
  }

  const Placement &from_, &to_;
  const Mesh mesh_;
  const Lattice lattice_;
  std::vector<Wanted> wanted_;
  std::vector<std::vector<int64_t>> columns_;  // by kind
  // NodeIndex of a source, and which of wanted_ takes a part of what it has; ascending.
  std::vector<std::pair<int64_t, size_t>> sent_;
  std::vector<BlockParts> from_parts_, to_parts_;  // by dim, of the block at work
  // Room for Send.
  std::vector<SentBox> along_row_;
  std::vector<std::pair<size_t, SentBox>> along_column_;  // by kind
};

}  // namespace

void AddCopyLinks(const Placement& from, const Placement& to, int64_t bytes,
                  const Mesh& mesh, LinkLoads& loads) {
  if (AddDenseCopies(from, to, bytes, mesh, loads)) return;
  const MeshBlock& block = loads.block();
  const NodeCoord shift{-block.first.row, -block.first.col};
  const ExchangeSite site{
      .mesh = mesh, .receivers = block, .from_shift = shift, .to_shift = shift};
  if (AddProductOfLines(from, to, bytes, site, loads)) return;
  EveryCopy(from, to, mesh).AddTo(bytes, loads);
}

}  // namespace tatami
