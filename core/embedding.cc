#include "core/embedding.h"

#include <algorithm>
#include <numeric>

#include "absl/strings/str_cat.h"
#include "core/embedding_repair.h"
#include "core/error.h"
#include "core/status_macros.h"

namespace tatami {
namespace {

// Which way the grid is read: as it is, or with rows and columns exchanged.
enum class Turn { kNone, kQuarter };

NodeCoord Turned(NodeCoord n, Turn turn) {
  return turn == Turn::kNone ? n : NodeCoord{n.col, n.row};
}
Mesh Turned(const Mesh& mesh, Turn turn) {
  return turn == Turn::kNone ? mesh : Mesh{mesh.cols, mesh.rows};
}

// Live nodes of each row of the turned grid.
std::vector<int64_t> LiveCounts(const LiveMesh& live, Turn turn) {
  std::vector<int64_t> counts(Turned(live.grid(), turn).rows, 0);
  for (const NodeCoord n : live.Nodes()) ++counts[Turned(n, turn).row];
  return counts;
}

// The rows of the turned grid that host rows: the r emptiest of dead nodes, and of
// equals those that leave the others at the edges, where skipping one costs no hop.
std::vector<int64_t> ChooseRows(const std::vector<int64_t>& counts,
                                const Mesh& logical) {
  std::vector<int64_t> rows;
  for (size_t i = 0; i < counts.size(); ++i) {
    if (counts[i] >= logical.cols) rows.push_back(static_cast<int64_t>(i));
  }
  const auto at_the_edge = [&](int64_t i) {
    return std::min(i, static_cast<int64_t>(counts.size()) - 1 - i);
  };
  std::stable_sort(rows.begin(), rows.end(), [&](int64_t a, int64_t b) {
    if (counts[a] != counts[b]) return counts[a] > counts[b];
    return at_the_edge(a) > at_the_edge(b);
  });
  if (static_cast<int64_t>(rows.size()) < logical.rows) return {};
  rows.resize(logical.rows);
  std::sort(rows.begin(), rows.end());
  return rows;
}

// Columns that a row uses, ascending.
using Columns = std::vector<int64_t>;

// Live columns of one row less those that it skips beyond its dead nodes. Skips are
// chosen one at a time, each where the columns then differ least from the row above.
Columns ChooseColumns(Columns live_cols, int64_t want, const Columns* above) {
  while (static_cast<int64_t>(live_cols.size()) > want) {
    const int64_t n = static_cast<int64_t>(live_cols.size());
    if (above == nullptr) {
      live_cols.pop_back();  // a skip at the end of a row needs no jump
      continue;
    }
    // Skipping position k moves every later column one logical place to the left, so
    // the sum over k of |difference| is a prefix of one and a suffix of the other.
    std::vector<int64_t> kept(n + 1, 0), moved(n + 1, 0);
    const auto differs = [&](int64_t place, int64_t col) {
      if (place < 0 || place >= want) return int64_t{0};
      const int64_t d = std::abs(col - (*above)[place]);
      return d * d;
    };
    for (int64_t k = 0; k < n; ++k) {
      kept[k + 1] = kept[k] + differs(k, live_cols[k]);
    }
    for (int64_t k = n - 1; k >= 0; --k) {
      moved[k] = moved[k + 1] + differs(k - 1, live_cols[k]);
    }
    int64_t best = 0;
    for (int64_t k = 1; k < n; ++k) {
      if (kept[k] + moved[k + 1] < kept[best] + moved[best + 1]) best = k;
    }
    live_cols.erase(live_cols.begin() + best);
  }
  return live_cols;
}

absl::Status NoPlace(const LiveMesh& live, const Mesh& logical) {
  const Mesh largest = LargestLogicalMesh(live);
  return MakeError(
      ErrorCode::kMeshTooLarge,
      absl::StrCat("a logical mesh ", logical.ToString(), " has no place on ",
                   live.ShortText(), ": fewer than ", logical.rows, " rows have ",
                   logical.cols, " live nodes, and fewer than ", logical.cols,
                   " columns have ", logical.rows, ". The largest that fits is ",
                   largest.ToString(), " (", largest.nodes(), " of ", live.live_nodes(),
                   " live nodes). Give --mesh ", largest.ToString(),
                   " or one inside it."));
}

// Guarantees 1 to 3 of the header, by rows of the turned grid. Rows are settled from
// the one with fewest spare nodes outwards, so that the free ones follow the bound
// ones.
absl::StatusOr<Embedding> EmbedByRows(const LiveMesh& live, const Mesh& logical,
                                      Turn turn) {
  const Mesh grid = Turned(live.grid(), turn), want = Turned(logical, turn);
  const std::vector<int64_t> counts = LiveCounts(live, turn);
  const std::vector<int64_t> rows = ChooseRows(counts, want);
  if (rows.empty()) return NoPlace(live, logical);
  std::vector<Columns> columns(want.rows);
  for (int64_t i = 0; i < want.rows; ++i) {
    for (int64_t c = 0; c < grid.cols; ++c) {
      if (live.IsLive(Turned(NodeCoord{rows[i], c}, turn))) columns[i].push_back(c);
    }
  }
  int64_t first = 0;
  for (int64_t i = 1; i < want.rows; ++i) {
    if (counts[rows[i]] < counts[rows[first]]) first = i;
  }
  const auto settle = [&](int64_t i, const Columns* beside) {
    columns[i] = ChooseColumns(std::move(columns[i]), want.cols, beside);
  };
  settle(first, nullptr);
  for (int64_t i = first + 1; i < want.rows; ++i) settle(i, &columns[i - 1]);
  for (int64_t i = first - 1; i >= 0; --i) settle(i, &columns[i + 1]);
  Embedding out{.logical = logical};
  out.physical.resize(logical.nodes());
  for (int64_t i = 0; i < want.rows; ++i) {
    for (int64_t j = 0; j < want.cols; ++j) {
      out.physical[NodeIndex(Turned(NodeCoord{i, j}, turn), logical)] =
          Turned(NodeCoord{rows[i], columns[i][j]}, turn);
    }
  }
  return out;
}

// For each number of columns, how many rows have as many live nodes.
Mesh LargestByRows(const LiveMesh& live, Turn turn) {
  std::vector<int64_t> counts = LiveCounts(live, turn);
  std::sort(counts.rbegin(), counts.rend());
  Mesh best{0, 0};
  for (size_t i = 0; i < counts.size(); ++i) {
    const Mesh mesh = {static_cast<int64_t>(i) + 1, counts[i]};
    if (mesh.nodes() >= best.nodes()) best = mesh;
  }
  return Turned(best, turn);
}

bool IsBetter(const Dilation& a, const Dilation& b) {
  if (a.hops_max != b.hops_max) return a.hops_max < b.hops_max;
  if (a.pairs_above_2 != b.pairs_above_2) return a.pairs_above_2 < b.pairs_above_2;
  return a.hops_total < b.hops_total;
}

}  // namespace

absl::StatusOr<Embedding> Embed(const LiveMesh& live, const Mesh& logical) {
  absl::StatusOr<Embedding> best;
  Dilation best_dilation;
  for (const Turn turn : {Turn::kNone, Turn::kQuarter}) {
    absl::StatusOr<Embedding> found = EmbedByRows(live, logical, turn);
    if (found.ok()) *found = internal_embedding::ShortenPairs(*std::move(found), live);
    const Dilation dilation = found.ok() ? DilationOf(*found, live) : Dilation{};
    if (turn == Turn::kNone || !best.ok() ||
        (found.ok() && IsBetter(dilation, best_dilation))) {
      best = std::move(found);
      best_dilation = dilation;
    }
  }
  return best;
}

absl::Status CheckHosts(const LiveMesh& live, const Mesh& logical) {
  for (const Turn turn : {Turn::kNone, Turn::kQuarter}) {
    const Mesh want = Turned(logical, turn);
    if (!ChooseRows(LiveCounts(live, turn), want).empty()) return absl::OkStatus();
  }
  return NoPlace(live, logical);
}

absl::StatusOr<MeshSite> LayMesh(const LiveMesh& live, const Mesh& logical) {
  TATAMI_ASSIGN_OR_RETURN(Embedding embedding, Embed(live, logical));
  return MeshSite{.live = live, .embedding = std::move(embedding)};
}

Mesh LargestLogicalMesh(const LiveMesh& live) {
  const Mesh by_rows = LargestByRows(live, Turn::kNone);
  const Mesh by_cols = LargestByRows(live, Turn::kQuarter);
  if (by_rows.nodes() != by_cols.nodes()) {
    return by_rows.nodes() > by_cols.nodes() ? by_rows : by_cols;
  }
  return by_rows.rows >= by_cols.rows ? by_rows : by_cols;
}

Dilation DilationOf(const Embedding& embedding, const LiveMesh& live) {
  Dilation out;
  const Mesh& mesh = embedding.logical;
  LinkBytes sharing(live.grid());  // logical links, not bytes
  for (int64_t i = 0; i < mesh.nodes(); ++i) {
    const NodeCoord n = NodeAt(i, mesh);
    for (const NodeCoord next : {NodeCoord{n.row, n.col + 1}, {n.row + 1, n.col}}) {
      if (next.row >= mesh.rows || next.col >= mesh.cols) continue;
      const auto hops = static_cast<int64_t>(
          live.Route(embedding.At(n), embedding.At(next)).size() - 1);
      AddRoute(live, embedding.At(n), embedding.At(next), 1, sharing);
      AddRoute(live, embedding.At(next), embedding.At(n), 1, sharing);
      out.hops_max = std::max(out.hops_max, hops);
      out.hops_total += hops;
      out.pairs_above_2 += hops > 2;
      ++out.pairs;
    }
  }
  out.links_sharing_max = sharing.max();
  return out;
}

LinkBytes LinksOfGrid(const MeshSite& site, const LinkBytes& logical) {
  const Mesh& mesh = site.embedding.logical;
  LinkBytes links(site.live.grid());
  for (int64_t i = 0; i < mesh.nodes(); ++i) {
    const NodeCoord node = NodeAt(i, mesh);
    for (const LinkDirection d : kLinkDirections) {
      if (logical.at(node, d) == 0) continue;
      AddRoute(site.live, site.At(node), site.At(Step(node, d)), logical.at(node, d),
               links);
    }
  }
  return links;
}

}  // namespace tatami
