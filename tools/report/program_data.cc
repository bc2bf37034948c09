#include "tools/report/program_data.h"

#include <algorithm>
#include <numeric>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "compiler/lower/memory.h"

namespace tatami {
namespace {

using nlohmann::json;

enum Kind { kState, kFeed, kComputed, kGradient, kStaging, kCombined };
constexpr const char* kKindNames[] = {"state",    "input",   "computed",
                                      "gradient", "staging", "combined terms"};

// The nodes whose arithmetic is counted, and how many nodes each stands for.
struct Counted {
  std::vector<NodeCoord> nodes;
  std::vector<int64_t> weight;
  std::vector<int> of_node;  // by NodeIndex, an index into nodes
};

int64_t CellSide(const Mesh& mesh) {
  const int64_t longest = std::max(mesh.rows, mesh.cols);
  return (longest + kCellsPerSideMax - 1) / kCellsPerSideMax;
}

Counted NodesToCount(const Program& p) {
  Counted counted;
  if (CellSide(p.mesh) > 1) {
    for (const NodeClass& c : p.classes) {
      counted.nodes.push_back(c.example);
      counted.weight.push_back(c.nodes);
    }
    counted.of_node = p.class_of_node;
    return counted;
  }
  counted.of_node.resize(p.mesh.nodes());
  std::iota(counted.of_node.begin(), counted.of_node.end(), 0);
  for (int64_t n = 0; n < p.mesh.nodes(); ++n) {
    counted.nodes.push_back(NodeAt(n, p.mesh));
    counted.weight.push_back(1);
  }
  return counted;
}

// Follows the step once: what each superstep costs, and what it adds up to per node.
class StepCounter {
 public:
  explicit StepCounter(const Program& p)
      : p_(p),
        counted_(NodesToCount(p)),
        flops_(counted_.nodes.size()),
        links_(p.grid()) {}

  json Supersteps() {
    json list = json::array();
    std::vector<json> feeds(p_.supersteps.size(), json::array());
    for (const ProgramFeed& f : p_.feeds) {
      if (f.superstep >= static_cast<int>(feeds.size())) continue;  // after the last
      feeds[f.superstep].push_back({{"to", f.buffer},
                                    {"input", f.input},
                                    {"part", f.part.index},
                                    {"parts", f.part.count}});
    }
    int tick = 0;
    for (const Superstep& superstep : p_.supersteps) {
      json exchanges = json::array(), computes = json::array();
      for (const ExchangeOp& e : superstep.exchanges) exchanges.push_back(Count(e));
      ++tick;
      for (const ComputeOp& c : superstep.computes)
        computes.push_back(Count(c, tick++));
      list.push_back({{"feeds", feeds[list.size()]},
                      {"exchanges", exchanges},
                      {"computes", computes}});
    }
    return list;
  }

  // After Supersteps().
  int64_t flops(int64_t node) const { return flops_[counted_.of_node[node]]; }
  const LinkBytes& links() const { return links_; }

 private:
  json Count(const ExchangeOp& e) {
    LinkBytes logical(p_.mesh);
    AddLinkBytes(p_, e, logical);
    const LinkBytes links = p_.site ? LinksOfGrid(*p_.site, logical) : logical;
    links_.Add(links);
    const std::string combine =
        e.resolve.empty()
            ? ""
            : absl::StrCat(e.combine == Combine::kSum ? "sum" : "max", " along ",
                           ToString(e.resolve, p_.stage_mesh()));
    return {{"from", e.from},
            {"to", e.to},
            {"combine", combine},
            {"link_bytes", links.total()},
            {"link_bytes_max", links.max()}};
  }

  json Count(const ComputeOp& c, int tick) {
    const OpCall& call = *p_.calls[c.call].call;
    OpCost all;
    int64_t most = 0;
    const StageGrid grid = p_.stage_grid();
    for (size_t n = 0; n < counted_.nodes.size(); ++n) {
      if (grid.StageOf(counted_.nodes[n]) != p_.buffers[c.out].stage) continue;
      Box factors;
      for (const DimPlacement& f : c.factors) {
        factors.push_back(
            f.FactorAt(grid.ToStage(counted_.nodes[n]), grid.stage_mesh()));
      }
      const OpCost cost = (*call.op->cost)(call, factors);
      all.matrix_flops += cost.matrix_flops * counted_.weight[n];
      all.vector_flops += cost.vector_flops * counted_.weight[n];
      flops_[n] += cost.total();
      most = std::max(most, cost.total());
    }
    return {{"tick", tick},
            {"call", p_.calls[c.call].name},
            {"op", *call.op->name},
            {"cut", Cut(c, (*call.op->rule)(call))},
            {"out", c.out},
            {"matrix_flops", all.matrix_flops},
            {"vector_flops", all.vector_flops},
            {"flops_max", most}};
  }

  // "oh=y ow=x", of the factors that are cut.
  std::string Cut(const ComputeOp& c, const IndexRule& rule) const {
    std::string text;
    for (size_t f = 0; f < c.factors.size(); ++f) {
      if (c.factors[f].axes.empty()) continue;
      absl::StrAppend(&text, text.empty() ? "" : " ", rule.factors[f].name, "=",
                      ToString(c.factors[f].axes, p_.stage_mesh()));
    }
    return text;
  }

  const Program& p_;
  const Counted counted_;
  std::vector<int64_t> flops_;  // by index into counted_.nodes
  LinkBytes links_;
};

// The nodes of the mesh, by NodeIndex on the grid; -1 where the grid hosts none.
std::vector<int64_t> HostedByGrid(const Program& p) {
  std::vector<int64_t> hosted(p.grid().nodes(), -1);
  for (int64_t n = 0; n < p.mesh.nodes(); ++n) {
    hosted[p.site ? NodeIndex(p.site->embedding.physical[n], p.grid()) : n] = n;
  }
  return hosted;
}

// What is dead on the grid, and what its nodes host.
json SiteData(const Program& p, int64_t side, const Mesh& cells) {
  const LiveMesh& live = p.site->live;
  const Mesh& grid = live.grid();
  const std::vector<int64_t> hosted = HostedByGrid(p);
  std::vector<int64_t> dead(cells.nodes(), 0), spare = dead;
  json links = json::array();
  for (int64_t i = 0; i < grid.nodes(); ++i) {
    const NodeCoord node = NodeAt(i, grid);
    const int64_t cell = NodeIndex({node.row / side, node.col / side}, cells);
    dead[cell] += !live.IsLive(node);
    spare[cell] += live.IsLive(node) && hosted[i] < 0;
    // A link that is dead by itself; those of a dead node are dead with it.
    for (const LinkDirection d : {LinkBytes::kEast, LinkBytes::kSouth}) {
      const NodeCoord next = Step(node, d);
      if (next.row >= grid.rows || next.col >= grid.cols) continue;
      if (!live.IsLive(node) || !live.IsLive(next) || live.HasLink(node, d)) continue;
      links.push_back({node.row, node.col, next.row, next.col});
    }
  }
  return {{"map", live.ToString()},
          {"dead", dead},
          {"spare", spare},
          {"dead_links", links},
          {"hosts", side > 1 ? std::vector<int64_t>() : hosted}};
}

json MeshData(const Program& p, const StepCounter& step) {
  const Mesh& grid = p.grid();
  const int64_t side = CellSide(grid);
  const Mesh cells{(grid.rows + side - 1) / side, (grid.cols + side - 1) / side};
  const std::vector<int64_t> zeros(cells.nodes(), 0);
  std::vector<int> class_of_cell(cells.nodes(), -1);
  std::vector<int64_t> peak = zeros, flops = zeros;
  std::vector<int64_t> leaving[4] = {zeros, zeros, zeros, zeros};
  const std::vector<int64_t> hosted = HostedByGrid(p);
  for (int64_t i = 0; i < grid.nodes(); ++i) {
    const NodeCoord node = NodeAt(i, grid);
    const int64_t cell = NodeIndex({node.row / side, node.col / side}, cells);
    for (int d = 0; d < 4; ++d) {
      leaving[d][cell] = std::max(leaving[d][cell], step.links().raw()[i * 4 + d]);
    }
    if (hosted[i] < 0) continue;
    const int node_class = p.class_of_node[hosted[i]];
    if (class_of_cell[cell] < 0 || p.classes[node_class].peak_bytes > peak[cell]) {
      class_of_cell[cell] = node_class;
      peak[cell] = p.classes[node_class].peak_bytes;
    }
    flops[cell] = std::max(flops[cell], step.flops(hosted[i]));
  }
  json data = {{"rows", grid.rows},
               {"cols", grid.cols},
               {"side", side},
               {"cell_rows", cells.rows},
               {"cell_cols", cells.cols},
               {"class", class_of_cell},
               {"peak_bytes", peak},
               {"flops", flops},
               {"flops_of_examples", CellSide(p.mesh) > 1},
               {"east", leaving[LinkBytes::kEast]},
               {"west", leaving[LinkBytes::kWest]},
               {"south", leaving[LinkBytes::kSouth]},
               {"north", leaving[LinkBytes::kNorth]}};
  data["stages"] = {p.stages.rows, p.stages.cols};
  if (p.site) data["site"] = SiteData(p, side, cells);
  return data;
}

// What each buffer is. Gradients are known by the name that differentiation gives them.
std::vector<int> KindsOf(const Program& p) {
  std::vector<int> kinds(p.buffers.size(), kComputed);
  // A state's next value that takes over its bytes is part of the state.
  std::vector<bool> holds_state(p.storage_lifetime.size(), false);
  for (const ProgramState& s : p.states)
    holds_state[p.buffers[s.buffer].storage] = true;
  for (size_t b = 0; b < p.buffers.size(); ++b) {
    const std::string& name = p.buffers[b].name;
    if (absl::StartsWith(name, "d_") || absl::StrContains(name, ".d_")) {
      kinds[b] = kGradient;
    }
    if (holds_state[p.buffers[b].storage]) kinds[b] = kState;
  }
  for (const ProgramFeed& feed : p.feeds) kinds[feed.buffer] = kFeed;
  for (const Superstep& superstep : p.supersteps) {
    for (const ExchangeOp& e : superstep.exchanges) {
      if (kinds[e.to] != kState) kinds[e.to] = e.resolve.empty() ? kStaging : kCombined;
    }
  }
  return kinds;
}

json BufferData(const Program& p, const Ticks& ticks) {
  const std::vector<int> kinds = KindsOf(p);
  json buffers = json::array();
  for (size_t b = 0; b < p.buffers.size(); ++b) {
    const ProgramBuffer& buffer = p.buffers[b];
    buffers.push_back({{"name", buffer.name},
                       {"type", buffer.type.ToString()},
                       {"placement", buffer.placement.ToString(p.stage_mesh())},
                       {"stage", buffer.stage},
                       {"storage", buffer.storage},
                       {"kind", kinds[b]},
                       {"first", ticks.buffer[b].first},
                       {"last", ticks.buffer[b].second}});
  }
  return buffers;
}

json TickData(const Program& p, const Ticks& ticks) {
  std::vector<int> superstep_of_tick;
  for (size_t s = 0; s < p.supersteps.size(); ++s) {
    superstep_of_tick.insert(superstep_of_tick.end(),
                             1 + p.supersteps[s].computes.size(), static_cast<int>(s));
  }
  // The last tick, after all supersteps, counts as part of the last one.
  superstep_of_tick.resize(ticks.count, static_cast<int>(p.supersteps.size()) - 1);
  return {{"names", ticks.names}, {"superstep", superstep_of_tick}};
}

json LayoutData(const Program& p) {
  std::vector<int> order(p.classes.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int a, int b) {
    return p.classes[a].peak_bytes > p.classes[b].peak_bytes;
  });
  const int64_t storages = std::max<int64_t>(1, p.storage_lifetime.size());
  const size_t drawn = std::max<int64_t>(1, kPlacedStoragesMax / storages);
  if (order.size() > drawn) order.resize(drawn);
  json layouts = json::array();
  for (const int c : order) {
    layouts.push_back({{"class", c},
                       {"address", p.classes[c].address},
                       {"bytes", p.classes[c].storage_bytes}});
  }
  return layouts;
}

}  // namespace

json ProgramData(const Program& p) {
  const Ticks ticks = TicksOf(p);
  StepCounter step(p);
  json supersteps = step.Supersteps();
  std::vector<int> first, last;
  for (const auto& [begin, end] : p.storage_lifetime) {
    first.push_back(begin);
    last.push_back(end);
  }
  return {{"mesh", MeshData(p, step)},
          {"ticks", TickData(p, ticks)},
          {"kinds", kKindNames},
          {"buffers", BufferData(p, ticks)},
          {"storages", {{"first", first}, {"last", last}}},
          {"layouts", LayoutData(p)},
          {"supersteps", std::move(supersteps)}};
}

}  // namespace tatami
