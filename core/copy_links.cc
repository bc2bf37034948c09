#include "core/copy_links.h"

#include <algorithm>
#include <map>
#include <optional>
#include <vector>

#include "absl/algorithm/container.h"
#include "absl/container/flat_hash_map.h"
#include "core/block_parts.h"
#include "core/copy_lines.h"

namespace tatami {
namespace {

// The nodes that differ from one another in some digits alone, as offsets from the one
// whose digits are zero: each row offset with each column offset.
struct Lattice {
  AxisList digits;
  std::vector<int64_t> rows, cols;  // ascending

  Lattice(AxisList varying, const Mesh& mesh) : digits(std::move(varying)) {
    AxisList along[2];
    for (const AxisRef& ref : digits) along[static_cast<int>(ref.axis)].push_back(ref);
    for (int64_t t = 0; t < Parts(along[0]); ++t) {
      rows.push_back(WithPart(along[0], t, {0, 0}, mesh).row);
    }
    for (int64_t t = 0; t < Parts(along[1]); ++t) {
      cols.push_back(WithPart(along[1], t, {0, 0}, mesh).col);
    }
    absl::c_sort(rows);
    absl::c_sort(cols);
  }
  // Calls visit(node) for the node of each such set of the block whose digits are zero.
  template <typename Visit>
  void ForEachOrigin(const MeshBlock& block, const Mesh& mesh,
                     const Visit& visit) const {
    // A digit is of one axis, so rows and columns are apart.
    std::vector<int64_t> origins;
    for (int64_t c = block.first.col; c < block.col_end(); ++c) {
      if (PartOf(digits, {0, c}, mesh) == 0) origins.push_back(c);
    }
    for (int64_t r = block.first.row; r < block.row_end(); ++r) {
      if (PartOf(digits, {r, 0}, mesh) != 0) continue;
      for (const int64_t c : origins) visit({r, c});
    }
  }
};

AxisList AllMovingDigits(const Placement& from, const Placement& to) {
  AxisList all;
  for (size_t d = 0; d < from.dims.size(); ++d) {
    const AxisList moving = MovingDigits(from.dims[d], to.dims[d]);
    all.insert(all.end(), moving.begin(), moving.end());
  }
  return all;
}

// Copies in which who sends and who receives are independent choices within each set of
// nodes: all-gathers, all-to-alls, a cut that changes its axis. Every dim is either one
// that senders hold different parts of and receivers want the same of, or the other way
// round.
class DenseCopies {
 public:
  // Nullopt for exchanges of another kind.
  static std::optional<DenseCopies> Of(const Placement& from, const Placement& to,
                                       const Mesh& mesh) {
    if (!from.IsPartition() || !to.IsPartition()) return std::nullopt;
    AxisList varying;
    std::vector<int> sent, received;
    for (size_t d = 0; d < from.dims.size(); ++d) {
      const AxisList moving = MovingDigits(from.dims[d], to.dims[d]);
      varying.insert(varying.end(), moving.begin(), moving.end());
      (moving.empty() ? received : sent).push_back(static_cast<int>(d));
    }
    for (const int d : sent) {
      for (const AxisRef& a : to.dims[d].axes) {
        for (const AxisRef& b : varying) {
          if (ShareADigit(a, b)) return std::nullopt;
        }
      }
    }
    return DenseCopies(from, to, mesh, Lattice(varying, mesh), sent, received);
  }

  void AddTo(int64_t bytes, LinkLoads& loads) {
    from_parts_ = PartsOfBlock(from_, loads.block(), mesh_);
    to_parts_ = PartsOfBlock(to_, loads.block(), mesh_);
    lattice_.ForEachOrigin(loads.block(), mesh_, [&](NodeCoord origin) {
      AddRows(origin, bytes, loads);
      AddColumns(origin, bytes, loads);
    });
  }

 private:
  DenseCopies(const Placement& from, const Placement& to, const Mesh& mesh,
              Lattice lattice, std::vector<int> sent, std::vector<int> received)
      : from_(from),
        to_(to),
        mesh_(mesh),
        lattice_(std::move(lattice)),
        sent_(std::move(sent)),
        received_(std::move(received)) {}

  NodeCoord Member(NodeCoord origin, size_t row, size_t col) const {
    return {origin.row + lattice_.rows[row], origin.col + lattice_.cols[col]};
  }

  // Of what all receivers want, the part that lies at `node`, in elements of the dims
  // that senders differ in.
  int64_t Sends(NodeCoord node) const {
    int64_t n = 1;
    for (const int d : sent_) {
      n *= Intersect(from_parts_[d].At(node), to_parts_[d].At(node)).size();
    }
    return n;
  }

  // What different receivers want of every sender: by part, the elements of the dims
  // that they differ in, and the first and the last place where the part is wanted.
  struct Part {
    int64_t elements = 0;
    size_t first = 0, last = 0;
  };
  using PartsAlong = absl::flat_hash_map<int64_t, Part>;
  void Want(NodeCoord node, size_t place, PartsAlong& parts) const {
    int64_t key = 0;  // dims share no digit of the mesh: below its nodes
    for (const int d : received_) {
      key = key * to_parts_[d].parts() + to_parts_[d].PartAt(node);
    }
    const auto [it, added] = parts.try_emplace(key, Part{1, place, place});
    it->second.first = std::min(it->second.first, place);
    it->second.last = std::max(it->second.last, place);
    if (!added) return;
    for (const int d : received_) {
      it->second.elements *= to_parts_[d].At(node).size();
    }
  }
  // By place: elements wanted further on, and before.
  struct Beyond {
    std::vector<int64_t> after, before;
  };
  static Beyond BeyondEach(const PartsAlong& parts, size_t places) {
    Beyond out{std::vector<int64_t>(places + 1, 0),
               std::vector<int64_t>(places + 1, 0)};
    for (const auto& [key, part] : parts) {
      out.after[part.last] += part.elements;
      out.before[part.first] += part.elements;
    }
    int64_t after = 0, before = 0;
    for (size_t i = places; i-- > 0;) {
      const int64_t here = out.after[i];
      out.after[i] = after;
      after += here;
    }
    for (size_t i = 0; i < places; ++i) {
      const int64_t here = out.before[i];
      out.before[i] = before;
      before += here;
    }
    return out;
  }

  void AddRows(NodeCoord origin, int64_t bytes, LinkLoads& loads) const {
    const size_t rows = lattice_.rows.size(), cols = lattice_.cols.size();
    if (cols == 1) return;
    loads.MeasureRow(Member(origin, 0, 0).col, Member(origin, 0, cols - 1).col);
    PartsAlong parts;
    for (size_t r = 0; r < rows; ++r) {
      for (size_t c = 0; c < cols; ++c) Want(Member(origin, r, c), c, parts);
    }
    const Beyond wanted = BeyondEach(parts, cols);
    for (size_t r = 0; r < rows; ++r) {
      int64_t sends = 0, west = 0;
      for (size_t c = 0; c + 1 < cols; ++c) {
        const NodeCoord node = Member(origin, r, c), next = Member(origin, r, c + 1);
        sends += Sends(node) * bytes;
        loads.AddAlongRow(node, next.col, sends * wanted.after[c]);
      }
      for (size_t c = cols; c-- > 1;) {
        const NodeCoord node = Member(origin, r, c), next = Member(origin, r, c - 1);
        west += Sends(node) * bytes;
        loads.AddAlongRow(node, next.col, west * wanted.before[c]);
      }
    }
  }

  void AddColumns(NodeCoord origin, int64_t bytes, LinkLoads& loads) const {
    const size_t rows = lattice_.rows.size(), cols = lattice_.cols.size();
    if (rows == 1) return;
    loads.MeasureColumn(Member(origin, 0, 0).row, Member(origin, rows - 1, 0).row);
    std::vector<int64_t> sends(rows, 0);  // by row, of all its senders
    for (size_t r = 0; r < rows; ++r) {
      for (size_t c = 0; c < cols; ++c) {
        sends[r] += Sends(Member(origin, r, c)) * bytes;
      }
    }
    for (size_t c = 0; c < cols; ++c) {
      PartsAlong parts;
      for (size_t r = 0; r < rows; ++r) Want(Member(origin, r, c), r, parts);
      const Beyond wanted = BeyondEach(parts, rows);
      int64_t south = 0, north = 0;
      for (size_t r = 0; r + 1 < rows; ++r) {
        south += sends[r];
        loads.AddAlongColumn(Member(origin, r, c), Member(origin, r + 1, c).row,
                             south * wanted.after[r]);
      }
      for (size_t r = rows; r-- > 1;) {
        north += sends[r];
        loads.AddAlongColumn(Member(origin, r, c), Member(origin, r - 1, c).row,
                             north * wanted.before[r]);
      }
    }
  }

  const Placement &from_, &to_;
  const Mesh mesh_;
  const Lattice lattice_;
  const std::vector<int> sent_, received_;         // dims
  std::vector<BlockParts> from_parts_, to_parts_;  // by dim, of the block at work
};

// Copies of any kind, source by source: its row first and then every column. A node's
// sources differ from it in moving digits alone, so sets of such nodes are
// done one after the other; nodes of a set that want the same have the same sources;
// and sets that differ in no more than their place are counted once.
class EveryCopy {
 public:
  EveryCopy(const Placement& from, const Placement& to, const Mesh& mesh)
      : from_(from), to_(to), mesh_(mesh), lattice_(AllMovingDigits(from, to), mesh) {}

  void AddTo(int64_t bytes, LinkLoads& loads) {
    std::map<std::vector<int64_t>, std::vector<NodeCoord>> origins;  // by what is alike
    const bool alike = PartsTellSets();
    lattice_.ForEachOrigin(loads.block(), mesh_, [&](NodeCoord origin) {
      std::vector<int64_t> key = PartsAt(origin);
      if (!alike) key = {origin.row, origin.col};
      origins[std::move(key)].push_back(origin);
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
      for (const auto& [source, boxes] : sent_) {
        Send(NodeAt(source, mesh_), boxes, add);
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

  void FindWanted(NodeCoord origin) {
    wanted_.clear();
    sent_.clear();
    std::map<std::vector<int64_t>, size_t> known;  // by parts of `to`
    // Columns in which the same is wanted in the same rows are of one kind.
    std::map<std::map<size_t, Span>, std::vector<int64_t>> kinds;
    for (const int64_t c : lattice_.cols) {
      std::map<size_t, Span> rows;  // by what is wanted
      for (const int64_t r : lattice_.rows) {
        const NodeCoord node{origin.row + r, origin.col + c};
        const size_t w = known.emplace(PartsAt(node), wanted_.size()).first->second;
        if (w == wanted_.size()) wanted_.push_back({node, {node.col, node.col}, {}});
        wanted_[w].cols.Include(node.col);
        rows.try_emplace(w, Span{node.row, node.row}).first->second.Include(node.row);
      }
      kinds[std::move(rows)].push_back(origin.col + c);
    }
    columns_.clear();
    for (auto& [rows, cols] : kinds) {
      for (const auto& [w, span] : rows) {
        wanted_[w].rows.emplace_back(columns_.size(), span);
      }
      columns_.push_back(std::move(cols));
    }
    for (size_t w = 0; w < wanted_.size(); ++w) {
      const NodeCoord node = wanted_[w].node;
      ForEachSource(from_, {}, to_.BoxAt(node, mesh_), node, mesh_,
                    [&](NodeCoord source, const Box& box) {
                      sent_[NodeIndex(source, mesh_)].emplace_back(w, box);
                    });
    }
  }

  std::vector<int64_t> PartsAt(NodeCoord node) const {
    std::vector<int64_t> parts;
    for (const DimPlacement& dim : to_.dims) {
      parts.push_back(PartOf(dim.axes, node, mesh_));
    }
    return parts;
  }

  // Calls add(node, end, elements) for each stretch of a row or a column that elements
  // of the source cross.
  template <typename Add>
  void Send(NodeCoord source, const std::vector<std::pair<size_t, Box>>& boxes,
            const Add& add) {
    std::vector<SentBox> along_row;
    std::map<size_t, std::vector<SentBox>> along_column;  // by kind
    for (const auto& [w, box] : boxes) {
      along_row.push_back({wanted_[w].cols.first, wanted_[w].cols.last, box});
      for (const auto& [kind, rows] : wanted_[w].rows) {
        along_column[kind].push_back({rows.first, rows.last, box});
      }
    }
    SendAlongLine(source.col, along_row, [&](int64_t col, int64_t n) {
      add(source, {source.row, col}, n);
    });
    for (auto& [kind, column] : along_column) {
      SendAlongLine(source.row, column, [&, k = kind](int64_t row, int64_t n) {
        for (const int64_t col : columns_[k]) {
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
  // By NodeIndex: boxes, and who wants them.
  std::map<int64_t, std::vector<std::pair<size_t, Box>>> sent_;
};

}  // namespace

void AddCopyLinks(const Placement& from, const Placement& to, int64_t bytes,
                  const Mesh& mesh, LinkLoads& loads) {
  if (auto dense = DenseCopies::Of(from, to, mesh)) {
    dense->AddTo(bytes, loads);
    return;
  }
  const MeshBlock& block = loads.block();
  const NodeCoord shift{-block.first.row, -block.first.col};
  const ExchangeSite site{
      .mesh = mesh, .receivers = block, .from_shift = shift, .to_shift = shift};
  if (!AddProductOfLines(from, to, bytes, site, loads)) {
    EveryCopy(from, to, mesh).AddTo(bytes, loads);
  }
}

}  // namespace tatami
