#include "core/live_mesh.h"

#include <algorithm>
#include <random>
#include <tuple>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "core/check.h"
#include "core/error.h"
#include "core/random.h"
#include "core/status_macros.h"

namespace tatami {
namespace {

std::string Text(NodeCoord n) { return absl::StrCat("(", n.row, ",", n.col, ")"); }

std::string Text(const DeadPart& part) {
  return part.a == part.b ? Text(part.a)
                          : absl::StrCat(Text(part.a), "-", Text(part.b));
}

bool Inside(NodeCoord n, const Mesh& grid) {
  return n.row >= 0 && n.row < grid.rows && n.col >= 0 && n.col < grid.cols;
}

// Nodes before links; then by place.
auto OrderOf(const DeadPart& part) {
  return std::tuple(!(part.a == part.b), part.a.row, part.a.col, part.b.row,
                    part.b.col);
}

absl::Status PartError(const DeadPart& part, absl::string_view what) {
  return MakeError(ErrorCode::kBadDeadMap, absl::StrCat(part.where, ": ", what));
}

// "(3,7)" at the start of `text`, which is cut off.
bool ConsumeNode(absl::string_view& text, NodeCoord& node) {
  const size_t comma = text.find(','), close = text.find(')');
  if (text.empty() || text[0] != '(' || close == text.npos || comma > close) {
    return false;
  }
  const bool numbers =
      absl::SimpleAtoi(text.substr(1, comma - 1), &node.row) &&
      absl::SimpleAtoi(text.substr(comma + 1, close - comma - 1), &node.col);
  text = absl::StripLeadingAsciiWhitespace(text.substr(close + 1));
  return numbers;
}

// A node or a link at the start of `text`, which is cut off.
absl::StatusOr<DeadPart> ConsumePart(absl::string_view& text, absl::string_view where) {
  const absl::string_view all = text;
  DeadPart part{.where = std::string(where)};
  bool good = ConsumeNode(text, part.a);
  part.b = part.a;
  if (good && !text.empty() && text[0] == '-') {
    text = absl::StripLeadingAsciiWhitespace(text.substr(1));
    good = ConsumeNode(text, part.b);
    if (good && part.a == part.b) {
      return PartError(part, absl::StrCat("the link ", Text(part.a), "-", Text(part.b),
                                          " joins a node to itself. Write a dead node "
                                          "as ",
                                          Text(part.a), "."));
    }
  }
  if (good) return part;
  return PartError(part, absl::StrCat("'", all,
                                      "' does not start with a dead node (row,col) or "
                                      "a dead link (row,col)-(row,col), as in "
                                      "(3,7),(0,0) or (4,1)-(4,2)."));
}

}  // namespace

NodeCoord Step(NodeCoord node, LinkDirection direction) {
  switch (direction) {
    case LinkBytes::kEast:
      return {node.row, node.col + 1};
    case LinkBytes::kWest:
      return {node.row, node.col - 1};
    case LinkBytes::kSouth:
      return {node.row + 1, node.col};
    case LinkBytes::kNorth:
      break;
  }
  return {node.row - 1, node.col};
}

LinkDirection DirectionTo(NodeCoord from, NodeCoord neighbour) {
  for (const LinkDirection d : kLinkDirections) {
    if (Step(from, d) == neighbour) return d;
  }
  TATAMI_CHECK(false) << Text(from) << " and " << Text(neighbour)
                      << " are not neighbours";
  return LinkBytes::kEast;
}

absl::Status LiveMesh::Kill(const DeadPart& part) {
  for (const NodeCoord n : {part.a, part.b}) {
    if (Inside(n, grid_)) continue;
    return PartError(
        part,
        absl::StrCat(Text(n), " lies outside the ", grid_.ToString(),
                     " grid: rows are 0 to ", grid_.rows - 1, ", columns 0 to ",
                     grid_.cols - 1,
                     ". Correct it, or name the machine or grid that it belongs to."));
  }
  if (part.a == part.b) {
    if (!IsLive(part.a)) {
      return PartError(part, absl::StrCat("the dead node ", Text(part.a),
                                          " is listed twice. Remove one of the two."));
    }
    live_[NodeIndex(part.a, grid_)] = 0;
    return absl::OkStatus();
  }
  const int64_t distance =
      std::abs(part.a.row - part.b.row) + std::abs(part.a.col - part.b.col);
  if (distance != 1) {
    return PartError(
        part, absl::StrCat("the dead link ", Text(part), " joins nodes ", distance,
                           " hops apart; a link joins neighbours. Correct one "
                           "of its ends."));
  }
  for (const NodeCoord n : {part.a, part.b}) {
    if (IsLive(n)) continue;
    return PartError(part,
                     absl::StrCat("the dead link ", Text(part), " ends at ", Text(n),
                                  ", which is listed as a dead node: "
                                  "its links are dead with it. Remove the link."));
  }
  const LinkDirection d = DirectionTo(part.a, part.b);
  if (!HasLink(part.a, d)) {
    return PartError(part, absl::StrCat("the dead link ", Text(part),
                                        " is listed twice. Remove one of the two."));
  }
  links_[NodeIndex(part.a, grid_)] &= ~(1 << d);
  links_[NodeIndex(part.b, grid_)] &= ~(1 << Opposite(d));
  return absl::OkStatus();
}

absl::StatusOr<LiveMesh> LiveMesh::Make(const Mesh& grid, std::vector<DeadPart> dead) {
  LiveMesh mesh;
  mesh.grid_ = grid;
  mesh.live_.assign(grid.nodes(), 1);
  mesh.links_.assign(grid.nodes(), 15);
  for (DeadPart& part : dead) {
    if (std::tie(part.b.row, part.b.col) < std::tie(part.a.row, part.a.col)) {
      std::swap(part.a, part.b);
    }
  }
  // Nodes are killed first, so that a link of one is found whichever came first.
  std::stable_sort(dead.begin(), dead.end(), [](const DeadPart& x, const DeadPart& y) {
    return OrderOf(x) < OrderOf(y);
  });
  for (const DeadPart& part : dead) TATAMI_RETURN_IF_ERROR(mesh.Kill(part));
  for (int64_t i = 0; i < grid.nodes(); ++i) {
    const NodeCoord n = NodeAt(i, grid);
    for (const LinkDirection d : kLinkDirections) {
      const NodeCoord next = Step(n, d);
      if (!mesh.IsLive(n) || !Inside(next, grid) || !mesh.IsLive(next)) {
        mesh.links_[i] &= ~(1 << d);
      }
      mesh.live_links_ += mesh.HasLink(n, d);
    }
    mesh.live_nodes_ += mesh.live_[i];
  }
  mesh.live_links_ /= 2;  // each was counted from both ends
  mesh.dead_ = std::move(dead);
  TATAMI_RETURN_IF_ERROR(mesh.CheckConnected());
  return mesh;
}

absl::Status LiveMesh::CheckConnected() const {
  if (live_nodes_ == 0) {
    return MakeError(
        ErrorCode::kBadDeadMap,
        absl::StrCat("all ", grid_.nodes(), " nodes of the ", grid_.ToString(),
                     " grid are dead: nothing is left to compute on. "
                     "Correct the dead map."));
  }
  const std::vector<NodeCoord> nodes = Nodes();
  const std::vector<int32_t> hops = HopsTo(nodes[0]);
  const int64_t reached =
      std::count_if(hops.begin(), hops.end(), [](int32_t h) { return h >= 0; });
  if (reached == live_nodes_) return absl::OkStatus();
  const auto cut_off = std::find_if(nodes.begin(), nodes.end(), [&](NodeCoord n) {
    return hops[NodeIndex(n, grid_)] < 0;
  });
  return MakeError(
      ErrorCode::kBadDeadMap,
      absl::StrCat("the ", dead_.size(), " dead parts cut the ", grid_.ToString(),
                   " grid apart: from ", Text(nodes[0]), " live links reach ", reached,
                   " of ", live_nodes_, " live nodes, and not ", Text(*cut_off),
                   ". List the smaller piece as dead too."));
}

std::vector<NodeCoord> LiveMesh::Nodes() const {
  std::vector<NodeCoord> nodes;
  nodes.reserve(live_nodes_);
  for (int64_t i = 0; i < grid_.nodes(); ++i) {
    if (live_[i] != 0) nodes.push_back(NodeAt(i, grid_));
  }
  return nodes;
}

absl::InlinedVector<NodeCoord, 4> LiveMesh::Neighbours(NodeCoord node) const {
  absl::InlinedVector<NodeCoord, 4> out;
  for (const LinkDirection d : kLinkDirections) {
    if (HasLink(node, d)) out.push_back(Step(node, d));
  }
  return out;
}

std::string LiveMesh::ToString() const {
  if (IsWhole()) return grid_.ToString();
  return absl::StrCat(grid_.ToString(), " minus ",
                      absl::StrJoin(dead_, ",", [](std::string* out, const auto& part) {
                        absl::StrAppend(out, Text(part));
                      }));
}

uint64_t LiveMesh::Hash() const { return StreamOf(ToString()); }

std::string LiveMesh::ShortText() const { return ShortMap(ToString()); }

std::vector<int32_t> LiveMesh::HopsTo(NodeCoord to) const {
  std::vector<int32_t> hops(grid_.nodes(), -1);
  std::vector<NodeCoord> queue = {to};
  hops[NodeIndex(to, grid_)] = 0;
  for (size_t next = 0; next < queue.size(); ++next) {
    const NodeCoord at = queue[next];
    for (const NodeCoord n : Neighbours(at)) {
      int32_t& h = hops[NodeIndex(n, grid_)];
      if (h >= 0) continue;
      h = hops[NodeIndex(at, grid_)] + 1;
      queue.push_back(n);
    }
  }
  return hops;
}

std::vector<NodeCoord> LiveMesh::Route(NodeCoord from, NodeCoord to) const {
  TATAMI_CHECK(IsLive(from) && IsLive(to)) << Text(from) << " to " << Text(to);
  std::vector<NodeCoord> route = {from};
  while (!(route.back() == to)) {
    const NodeCoord at = route.back();
    const LinkDirection d = at.col < to.col   ? LinkBytes::kEast
                            : at.col > to.col ? LinkBytes::kWest
                            : at.row < to.row ? LinkBytes::kSouth
                                              : LinkBytes::kNorth;
    if (!HasLink(at, d)) break;
    route.push_back(Step(at, d));
  }
  if (route.back() == to) return route;
  const std::vector<int32_t> hops = HopsTo(to);
  route = {from};
  while (!(route.back() == to)) {
    const NodeCoord at = route.back();
    for (const NodeCoord n : Neighbours(at)) {
      if (hops[NodeIndex(n, grid_)] != hops[NodeIndex(at, grid_)] - 1) continue;
      route.push_back(n);
      break;
    }
  }
  return route;
}

std::string ShortMap(absl::string_view map) {
  constexpr size_t kCharacters = 80, kParts = 4;
  if (map.size() <= kCharacters) return std::string(map);
  // Parts end in ")"; those of a link have one in the middle, before "-".
  const auto end_of_part = [&](size_t from) {
    size_t at = map.find(')', from);
    while (at + 1 < map.size() && map[at + 1] == '-') at = map.find(')', at + 1);
    return at + 1;
  };
  size_t parts = 0, shown = 0;
  for (size_t end = 0; end < map.size(); ++parts) {
    end = end_of_part(end);
    if (parts < kParts) shown = end;
  }
  if (parts <= kParts) return std::string(map);
  return absl::StrFormat("%s and %d more (map %016x)", map.substr(0, shown),
                         parts - kParts, StreamOf(map));
}

absl::StatusOr<LiveMesh> ParseDeadList(const Mesh& grid, absl::string_view text,
                                       absl::string_view source) {
  std::vector<DeadPart> dead;
  text = absl::StripAsciiWhitespace(text);
  while (!text.empty()) {
    TATAMI_ASSIGN_OR_RETURN(dead.emplace_back(), ConsumePart(text, source));
    if (text.empty()) break;
    if (text[0] != ',' || text.size() == 1) {
      return PartError(dead.back(),
                       absl::StrCat("after ", Text(dead.back()), " comes '", text,
                                    "'; parts are separated by one comma, as in "
                                    "(3,7),(0,0)."));
    }
    text = absl::StripLeadingAsciiWhitespace(text.substr(1));
  }
  return LiveMesh::Make(grid, std::move(dead));
}

absl::StatusOr<LiveMesh> ParseDeadMap(const Mesh& grid, absl::string_view text,
                                      absl::string_view source) {
  std::vector<DeadPart> dead;
  int64_t number = 0;
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    ++number;
    line = absl::StripAsciiWhitespace(line.substr(0, line.find('#')));
    if (line.empty()) continue;
    const std::string where = absl::StrCat(source, " line ", number);
    TATAMI_ASSIGN_OR_RETURN(dead.emplace_back(), ConsumePart(line, where));
    if (line.empty()) continue;
    return PartError(dead.back(), absl::StrCat("after ", Text(dead.back()), " comes '",
                                               line, "'; a line holds one dead part."));
  }
  return LiveMesh::Make(grid, std::move(dead));
}

absl::StatusOr<LiveMesh> ParseLiveMesh(absl::string_view text, int64_t nodes_max,
                                       absl::string_view source) {
  const std::pair<absl::string_view, absl::string_view> parts =
      absl::StrSplit(text, absl::MaxSplits(" minus ", 1));
  const absl::StatusOr<Mesh> grid = ParseMesh(absl::StripAsciiWhitespace(parts.first));
  // Sides first: their product may not be an int64_t.
  if (!grid.ok() || grid->rows > nodes_max || grid->cols > nodes_max / grid->rows) {
    return MakeError(
        ErrorCode::kBadDeadMap,
        absl::StrCat(source, ": '", absl::StripAsciiWhitespace(parts.first),
                     "' is no grid ROWSxCOLS of at most ", nodes_max,
                     " nodes. Write a map as 18x20 minus (3,7),(4,1)-(4,2)."));
  }
  return ParseDeadList(*grid, parts.second, source);
}

absl::StatusOr<LiveMesh> RandomDeadNodes(const Mesh& grid, int64_t count,
                                         uint64_t seed) {
  constexpr int kDraws = 100;
  if (count < 0 || count >= grid.nodes()) {
    return MakeError(
        ErrorCode::kBadFlag,
        absl::StrCat("cannot draw ", count, " dead nodes on a ", grid.ToString(),
                     " grid: give 0 to ", grid.nodes() - 1, "."));
  }
  std::mt19937_64 bits(seed);
  for (int draw = 0; draw < kDraws; ++draw) {
    std::vector<int64_t> order(grid.nodes());
    for (int64_t i = 0; i < grid.nodes(); ++i) order[i] = i;
    std::vector<DeadPart> dead;
    for (int64_t i = 0; i < count; ++i) {
      std::swap(order[i], order[i + bits() % (grid.nodes() - i)]);
      const NodeCoord n = NodeAt(order[i], grid);
      dead.push_back({n, n, "drawn"});
    }
    absl::StatusOr<LiveMesh> mesh = LiveMesh::Make(grid, std::move(dead));
    if (mesh.ok()) return mesh;
  }
  return MakeError(
      ErrorCode::kBadFlag,
      absl::StrCat("each of ", kDraws, " draws of ", count, " dead nodes cut the ",
                   grid.ToString(), " grid apart. Draw fewer, or list them."));
}

void AddRoute(const LiveMesh& mesh, NodeCoord from, NodeCoord to, int64_t bytes,
              LinkBytes& links) {
  const std::vector<NodeCoord> route = mesh.Route(from, to);
  for (size_t i = 1; i < route.size(); ++i) {
    links.raw()[NodeIndex(route[i - 1], mesh.grid()) * 4 +
                DirectionTo(route[i - 1], route[i])] += bytes;
  }
}

}  // namespace tatami
