#include "core/embedding_repair.h"

#include <algorithm>
#include <array>
#include <bit>
#include <vector>

namespace tatami::internal_embedding {
namespace {

constexpr int64_t kFar = 12;       // hops; all that is further counts as kFar + 1
constexpr int64_t kSide = 8;       // cells: a window of 64 cells is one machine word
constexpr int64_t kWindowMax = 6;  // logical rows and columns
constexpr int64_t kTriesPerWindow = 3000;   // placements before a window is given up
constexpr int64_t kTriesTotal = 1'000'000;  // placements of one repair, about a second

// Hops of each live node to those at most kFar rows and columns away, counted up to
// kFar. Indexed by the offset of the second node.
class NearHops {
 public:
  explicit NearHops(const LiveMesh& live) : grid_(live.grid()) {
    hops_.assign(grid_.nodes() * kCells, kFar + 1);
    for (const NodeCoord from : live.Nodes()) Fill(live, from);
  }

  int64_t operator()(NodeCoord a, NodeCoord b) const {
    const int64_t rows = b.row - a.row, cols = b.col - a.col;
    if (std::abs(rows) > kFar || std::abs(cols) > kFar) {
      return std::abs(rows) + std::abs(cols);
    }
    return hops_[NodeIndex(a, grid_) * kCells + Cell(rows, cols)];
  }

 private:
  static constexpr int64_t kWide = 2 * kFar + 1, kCells = kWide * kWide;
  static int64_t Cell(int64_t rows, int64_t cols) {
    return (rows + kFar) * kWide + cols + kFar;
  }

  void Fill(const LiveMesh& live, NodeCoord from) {
    uint8_t* hops = &hops_[NodeIndex(from, grid_) * kCells];
    hops[Cell(0, 0)] = 0;
    std::vector<NodeCoord> queue = {from};
    for (size_t i = 0; i < queue.size(); ++i) {
      const NodeCoord at = queue[i];
      const uint8_t near = hops[Cell(at.row - from.row, at.col - from.col)];
      if (near == kFar) break;
      for (const NodeCoord n : live.Neighbours(at)) {
        uint8_t& h = hops[Cell(n.row - from.row, n.col - from.col)];
        if (h <= kFar) continue;
        h = near + 1;
        queue.push_back(n);
      }
    }
  }

  Mesh grid_;
  std::vector<uint8_t> hops_;
};

// One window: the logical nodes of a rectangle are lifted off and placed anew on the
// cells that they and the spare nodes nearby leave, every other node staying where it
// is. A backtracking search over bit masks: bit c of a mask is cell c of the box.
class Window {
 public:
  Window(const Embedding& embedding, const std::vector<int64_t>& owner,
         const LiveMesh& live, const NearHops& hops)
      : embedding_(embedding), owner_(owner), live_(live), hops_(hops) {}

  // Places the logical nodes first..last (corners) so that no pair with an end in the
  // window is longer than it is, nor than 2 hops if it was not, and the pair (a, b) has
  // at most `hops_want`. Returns false when there is none or the effort is spent.
  bool Solve(NodeCoord first, NodeCoord last, int64_t a, int64_t b, int64_t hops_want);

  int64_t tries() const { return tries_; }  // placements of the last Solve
  // The nodes of the window and their new places, after Solve returned true.
  const std::vector<int64_t>& nodes() const { return nodes_; }
  NodeCoord PlaceOf(size_t k) const { return CellAt(cell_[k]); }

 private:
  enum Side { kWestOf, kNorthOf, kEastOf, kSouthOf };
  using Domains = std::vector<uint64_t>;

  NodeCoord CellAt(int64_t c) const {
    return {corner_.row + c / kSide, corner_.col + c % kSide};
  }
  bool LayBox();
  // Cells that suit a node whose neighbour on `side` is at `other`.
  uint64_t Beside(NodeCoord other, Side side, int64_t hops_max) const;
  int64_t LimitOf(int64_t node, int64_t other) const;
  bool Place(Domains domains, size_t placed);

  const Embedding& embedding_;
  const std::vector<int64_t>& owner_;
  const LiveMesh& live_;
  const NearHops& hops_;
  NodeCoord first_, last_, corner_;  // corner_: of the physical box
  int64_t a_ = 0, b_ = 0, hops_want_ = 2, tries_ = 0;
  std::vector<int64_t> nodes_;  // logical, row by row
  std::vector<std::array<int64_t, 4>>
      inside_;  // index of the neighbour in nodes_, or -1
  std::vector<std::array<int64_t, 4>> limit_;  // hops allowed to the neighbour
  std::vector<int64_t> home_, cell_;           // cell where a node was; is; -1 for none
};

// Neighbours of logical node i by Window::Side, or -1.
std::array<int64_t, 4> NeighboursOf(int64_t i, const Mesh& mesh) {
  const NodeCoord n = NodeAt(i, mesh);
  return {n.col > 0 ? i - 1 : -1, n.row > 0 ? i - mesh.cols : -1,
          n.col + 1 < mesh.cols ? i + 1 : -1,
          n.row + 1 < mesh.rows ? i + mesh.cols : -1};
}

uint64_t Window::Beside(NodeCoord other, Side side, int64_t hops_max) const {
  uint64_t mask = 0;
  for (int64_t c = 0; c < kSide * kSide; ++c) {
    const NodeCoord n = CellAt(c);
    if (n.row >= live_.grid().rows || n.col >= live_.grid().cols || !live_.IsLive(n)) {
      continue;
    }
    const bool in_order = side == kWestOf    ? other.col <= n.col
                          : side == kNorthOf ? other.row <= n.row
                          : side == kEastOf  ? n.col <= other.col
                                             : n.row <= other.row;
    if (in_order && hops_(other, n) <= hops_max) mask |= uint64_t{1} << c;
  }
  return mask;
}

int64_t Window::LimitOf(int64_t node, int64_t other) const {
  if ((node == a_ && other == b_) || (node == b_ && other == a_)) return hops_want_;
  return std::max<int64_t>(
      2, hops_(embedding_.physical[node], embedding_.physical[other]));
}

// Centres the box on where the nodes are. False when they do not fit into it.
bool Window::LayBox() {
  NodeCoord low = embedding_.physical[nodes_[0]], high = low;
  for (const int64_t i : nodes_) {
    const NodeCoord n = embedding_.physical[i];
    low = {std::min(low.row, n.row), std::min(low.col, n.col)};
    high = {std::max(high.row, n.row), std::max(high.col, n.col)};
  }
  if (high.row - low.row >= kSide || high.col - low.col >= kSide) return false;
  corner_.row = std::max<int64_t>(0, low.row - (kSide - 1 - (high.row - low.row)) / 2);
  corner_.col = std::max<int64_t>(0, low.col - (kSide - 1 - (high.col - low.col)) / 2);
  return true;
}

bool Window::Solve(NodeCoord first, NodeCoord last, int64_t a, int64_t b,
                   int64_t hops_want) {
  const Mesh& mesh = embedding_.logical;
  a_ = a, b_ = b, hops_want_ = hops_want, tries_ = 0;
  nodes_.clear();
  for (int64_t r = first.row; r <= last.row; ++r) {
    for (int64_t c = first.col; c <= last.col; ++c) {
      nodes_.push_back(NodeIndex({r, c}, mesh));
    }
  }
  if (!LayBox()) return false;
  const auto index_of = [&](int64_t i) {
    const NodeCoord n = NodeAt(i, mesh);
    if (n.row < first.row || n.row > last.row || n.col < first.col ||
        n.col > last.col) {
      return int64_t{-1};
    }
    return (n.row - first.row) * (last.col - first.col + 1) + n.col - first.col;
  };
  uint64_t open = 0;  // spare, or held by a node of the window
  for (int64_t c = 0; c < kSide * kSide; ++c) {
    const NodeCoord n = CellAt(c);
    if (n.row >= live_.grid().rows || n.col >= live_.grid().cols) continue;
    const int64_t owner = owner_[NodeIndex(n, live_.grid())];
    if (live_.IsLive(n) && (owner < 0 || index_of(owner) >= 0))
      open |= uint64_t{1} << c;
  }
  Domains domains(nodes_.size(), open);
  inside_.assign(nodes_.size(), {-1, -1, -1, -1});
  limit_.assign(nodes_.size(), {});
  home_.clear();
  cell_.assign(nodes_.size(), -1);
  for (size_t k = 0; k < nodes_.size(); ++k) {
    const NodeCoord at = embedding_.physical[nodes_[k]];
    home_.push_back((at.row - corner_.row) * kSide + at.col - corner_.col);
    const auto beside = NeighboursOf(nodes_[k], mesh);
    for (int side = 0; side < 4; ++side) {
      if (beside[side] < 0) continue;
      inside_[k][side] = index_of(beside[side]);
      limit_[k][side] = LimitOf(nodes_[k], beside[side]);
      if (inside_[k][side] >= 0) continue;
      domains[k] &= Beside(embedding_.physical[beside[side]], static_cast<Side>(side),
                           limit_[k][side]);
    }
  }
  return Place(std::move(domains), 0);
}

// Places the node with the fewest cells left, first where it was, then further away.
bool Window::Place(Domains domains, size_t placed) {
  if (placed == nodes_.size()) return true;
  size_t next = nodes_.size();
  for (size_t k = 0; k < nodes_.size(); ++k) {
    if (cell_[k] >= 0) continue;
    if (domains[k] == 0) return false;
    if (next == nodes_.size() ||
        std::popcount(domains[k]) < std::popcount(domains[next])) {
      next = k;
    }
  }
  const auto away = [&](int64_t c) {
    return std::abs(c / kSide - home_[next] / kSide) +
           std::abs(c % kSide - home_[next] % kSide);
  };
  for (uint64_t left = domains[next]; left != 0;) {
    if (++tries_ > kTriesPerWindow) return false;
    int64_t best = std::countr_zero(left);
    for (uint64_t rest = left; rest != 0; rest &= rest - 1) {
      if (away(std::countr_zero(rest)) < away(best)) best = std::countr_zero(rest);
    }
    left &= ~(uint64_t{1} << best);
    Domains then = domains;
    for (uint64_t& d : then) d &= ~(uint64_t{1} << best);
    for (int side = 0; side < 4; ++side) {
      const int64_t other = inside_[next][side];
      if (other < 0 || cell_[other] >= 0) continue;
      // Seen from the other node, this one lies on the opposite side.
      then[other] &=
          Beside(CellAt(best), static_cast<Side>(side ^ 2), limit_[next][side]);
    }
    cell_[next] = best;
    if (Place(std::move(then), placed + 1)) return true;
    cell_[next] = -1;
  }
  return false;
}

class Repair {
 public:
  Repair(Embedding embedding, const LiveMesh& live)
      : live_(live), hops_(live), at_(std::move(embedding)) {
    owner_.assign(live.grid().nodes(), -1);
    for (int64_t i = 0; i < at_.logical.nodes(); ++i) Owner(at_.physical[i]) = i;
  }

  // Shortens pairs to 2 hops, then what is left to 3 and so on, each until nothing
  // moves any more.
  void Run() {
    for (int64_t hops_want = 2; hops_want < kFar; ++hops_want) {
      while (ShortenSome(hops_want)) {
      }
    }
  }
  Embedding Take() { return std::move(at_); }

 private:
  int64_t& Owner(NodeCoord n) { return owner_[NodeIndex(n, live_.grid())]; }

  bool ShortenSome(int64_t hops_want) {
    bool any = false;
    for (int64_t a = 0; a < at_.logical.nodes(); ++a) {
      const auto beside = NeighboursOf(a, at_.logical);
      for (const int64_t b : {beside[2], beside[3]}) {
        if (b < 0 || hops_(at_.physical[a], at_.physical[b]) <= hops_want) continue;
        any = Shorten(a, b, hops_want) || any;
      }
    }
    return any;
  }

  // Tries windows around the pair, small ones first.
  bool Shorten(int64_t a, int64_t b, int64_t hops_want) {
    const Mesh& mesh = at_.logical;
    const NodeCoord from = NodeAt(a, mesh), to = NodeAt(b, mesh);
    for (int64_t size = 4; size <= 2 * kWindowMax; ++size) {
      for (int64_t rows = 1; rows <= kWindowMax; ++rows) {
        const int64_t cols = size - rows;
        if (cols < 1 || cols > kWindowMax) continue;
        for (int64_t r = to.row - rows + 1; r <= from.row; ++r) {
          for (int64_t c = to.col - cols + 1; c <= from.col; ++c) {
            const NodeCoord last{r + rows - 1, c + cols - 1};
            if (r < 0 || c < 0 || last.row >= mesh.rows || last.col >= mesh.cols) {
              continue;
            }
            if (TryWindow({r, c}, last, a, b, hops_want)) return true;
          }
        }
      }
    }
    return false;
  }

  bool TryWindow(NodeCoord first, NodeCoord last, int64_t a, int64_t b,
                 int64_t hops_want) {
    Window window(at_, owner_, live_, hops_);
    const bool solved = tries_left_ > 0 && window.Solve(first, last, a, b, hops_want);
    tries_left_ -= window.tries();
    if (!solved) return false;
    for (const int64_t i : window.nodes()) Owner(at_.physical[i]) = -1;
    for (size_t k = 0; k < window.nodes().size(); ++k) {
      at_.physical[window.nodes()[k]] = window.PlaceOf(k);
      Owner(window.PlaceOf(k)) = window.nodes()[k];
    }
    return true;
  }

  const LiveMesh& live_;
  const NearHops hops_;
  Embedding at_;
  std::vector<int64_t> owner_;  // logical node by physical node, or -1
  int64_t tries_left_ = kTriesTotal;
};

}  // namespace

Embedding ShortenPairs(Embedding embedding, const LiveMesh& live) {
  // Where there is nothing to shorten, the table of hops is not worth its 625 bytes a
  // node of the grid.
  if (DilationOf(embedding, live).pairs_above_2 == 0) return embedding;
  Repair repair(std::move(embedding), live);
  repair.Run();
  return repair.Take();
}

}  // namespace tatami::internal_embedding
