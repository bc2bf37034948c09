#include "core/dense_copies.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "core/block_parts.h"
#include "core/lattice.h"

namespace tatami {
namespace {

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

}  // namespace

bool AddDenseCopies(const Placement& from, const Placement& to, int64_t bytes,
                    const Mesh& mesh, LinkLoads& loads) {
  auto dense = DenseCopies::Of(from, to, mesh);
  if (!dense) return false;
  dense->AddTo(bytes, loads);
  return true;
}

}  // namespace tatami
