#include "compiler/verify.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <tuple>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "compiler/lower/placement.h"
#include "compiler/verify_memory.h"
#include "core/status_macros.h"

namespace tatami {
namespace {

constexpr int64_t kNodesCheckedOneByOne = 1024;

// Whether the axes are sub-axes of the mesh of which no two share a digit.
bool AreApart(const AxisList& axes, const Mesh& mesh) {
  for (size_t i = 0; i < axes.size(); ++i) {
    const AxisRef& a = axes[i];
    if (!IsSubAxis(a, mesh)) return false;
    for (size_t j = 0; j < i; ++j) {
      if (ShareADigit(a, axes[j])) return false;
    }
  }
  return true;
}

bool Has(const AxisList& axes, const AxisRef& ref) {
  return std::find(axes.begin(), axes.end(), ref) != axes.end();
}

// Follows the program and keeps, for each storage, the buffer whose value it holds.
class Verifier {
 public:
  explicit Verifier(const Program& program)
      : p_(program), combine_(program.buffers.size(), Combine::kSum) {}

  absl::Status Run() {
    TATAMI_RETURN_IF_ERROR(CheckSite());
    TATAMI_RETURN_IF_ERROR(CheckTables());
    TATAMI_RETURN_IF_ERROR(CheckIndices());
    TATAMI_RETURN_IF_ERROR(CheckFeeds());
    holds_.assign(p_.storage_lifetime.size(), -1);
    for (const ProgramState& s : p_.states) {
      TATAMI_RETURN_IF_ERROR(Enter(s.buffer), "states");
    }
    for (size_t s = 0; s < p_.supersteps.size(); ++s) {
      const std::string where = absl::StrCat("superstep ", s);
      FollowFeeds(static_cast<int>(s));
      TATAMI_RETURN_IF_ERROR(FollowExchanges(p_.supersteps[s]), where);
      for (const ComputeOp& c : p_.supersteps[s].computes) {
        TATAMI_RETURN_IF_ERROR(CheckCompute(c), where);
        TATAMI_RETURN_IF_ERROR(FollowCompute(c), where);
      }
    }
    FollowFeeds(static_cast<int>(p_.supersteps.size()));
    TATAMI_RETURN_IF_ERROR(CheckEnd());
    return VerifyMemory(p_);
  }

 private:
  absl::Status Bug(absl::string_view what, int buffer) const {
    return absl::InternalError(
        absl::StrCat("verifier: ", what, ": ", p_.buffers[buffer].name));
  }

  const ProgramBuffer& At(int buffer) const { return p_.buffers[buffer]; }

  // Each node of the mesh has a live node of the grid to itself.
  absl::Status CheckSite() const {
    if (!p_.site) return absl::OkStatus();
    const auto bad = [](auto... what) {
      return absl::InternalError(absl::StrCat("verifier: ", what...));
    };
    const auto& [live, embedding] = *p_.site;
    if (live.IsWhole()) return bad("a site on a grid without dead parts");
    if (!(embedding.logical == p_.mesh) ||
        static_cast<int64_t>(embedding.physical.size()) != p_.mesh.nodes()) {
      return bad("the site is of another mesh than ", p_.mesh.ToString());
    }
    const Mesh& grid = live.grid();
    std::vector<bool> taken(grid.nodes(), false);
    for (int64_t i = 0; i < p_.mesh.nodes(); ++i) {
      const NodeCoord node = NodeAt(i, p_.mesh), at = embedding.physical[i];
      const std::string where = absl::StrCat("node (", node.row, ",", node.col,
                                             ") lies on (", at.row, ",", at.col, ")");
      if (!Contains(WholeBox({grid.rows, grid.cols}),
                    Box{{at.row, at.row + 1}, {at.col, at.col + 1}})) {
        return bad(where, ", outside the grid ", grid.ToString());
      }
      if (!live.IsLive(at)) return bad(where, ", which is dead");
      if (taken[NodeIndex(at, grid)]) return bad(where, ", which another node has");
      taken[NodeIndex(at, grid)] = true;
    }
    return absl::OkStatus();
  }

  // The tables have the sizes that others rely on; placements suit types and mesh.
  absl::Status CheckTables() const {
    const size_t storages = p_.storage_lifetime.size();
    bool sizes_agree = static_cast<int64_t>(p_.class_of_node.size()) == p_.mesh.nodes();
    for (const int c : p_.class_of_node) {
      sizes_agree &= c >= 0 && c < static_cast<int>(p_.classes.size());
    }
    for (const NodeClass& c : p_.classes) {
      sizes_agree &= c.address.size() == storages && c.storage_bytes.size() == storages;
    }
    if (!sizes_agree) {
      return absl::InternalError("verifier: node classes do not suit the mesh");
    }
    for (size_t b = 0; b < p_.buffers.size(); ++b) {
      const ProgramBuffer& buffer = p_.buffers[b];
      if (buffer.storage < 0 || buffer.storage >= static_cast<int>(storages)) {
        return Bug("has no storage", static_cast<int>(b));
      }
      AxisList axes = buffer.placement.partial;
      bool dims_agree = buffer.placement.dims.size() == buffer.type.dims.size();
      for (size_t d = 0; d < buffer.placement.dims.size(); ++d) {
        const DimPlacement& dim = buffer.placement.dims[d];
        axes.insert(axes.end(), dim.axes.begin(), dim.axes.end());
        dims_agree &= dims_agree && dim.dim_size == buffer.type.dims[d];
      }
      if (!dims_agree) return Bug("placed as another shape", static_cast<int>(b));
      if (buffer.stage < 0 || buffer.stage >= p_.stage_grid().count()) {
        return Bug("of a stage that there is not", static_cast<int>(b));
      }
      if (!AreApart(axes, p_.stage_mesh())) {
        return Bug("an axis of its placement is used twice or is none",
                   static_cast<int>(b));
      }
    }
    return absl::OkStatus();
  }

  absl::Status CheckIndices() const {
    bool good = true;
    const auto check = [&](int buffer) {
      good &= buffer >= 0 && buffer < static_cast<int>(p_.buffers.size());
    };
    for (const ProgramFeed& f : p_.feeds) check(f.buffer);
    for (const ProgramState& s : p_.states) check(s.buffer);
    for (const ProgramFetch& f : p_.fetches) check(f.buffer);
    for (const Superstep& superstep : p_.supersteps) {
      for (const ExchangeOp& e : superstep.exchanges) check(e.from), check(e.to);
      for (const ComputeOp& c : superstep.computes) {
        for (const int in : c.in) check(in);
        check(c.out);
        good &= c.call >= 0 && c.call < static_cast<int>(p_.calls.size());
      }
    }
    return good ? absl::OkStatus()
                : absl::InternalError(
                      "verifier: an index of a buffer or call is out "
                      "of range");
  }

  // The host gives each input once, as one array, in time for some superstep.
  absl::Status CheckFeeds() const {
    std::map<std::string, TensorType> whole;
    for (const ProgramFeed& f : p_.feeds) {
      const auto [known, added] = whole.emplace(f.input, p_.FedType(f));
      const int count = static_cast<int>(p_.supersteps.size());
      if (f.part.index < 0 || f.part.index >= f.part.count ||
          (f.part.count > 1 && At(f.buffer).type.dims.empty())) {
        return Bug("fed a part that there is not", f.buffer);
      }
      if (known->second != p_.FedType(f)) {
        return Bug("fed as part of another whole than before", f.buffer);
      }
      if (f.superstep < 0 || f.superstep > count) {
        return Bug("fed before a superstep that there is not", f.buffer);
      }
      if (!At(f.buffer).placement.partial.empty()) {
        return Bug("begins as terms", f.buffer);
      }
    }
    return absl::OkStatus();
  }

  void FollowFeeds(int superstep) {
    for (const ProgramFeed& f : p_.feeds) {
      if (f.superstep == superstep) holds_[At(f.buffer).storage] = f.buffer;
    }
  }

  // A buffer that holds its value before the step.
  absl::Status Enter(int buffer) {
    int& held = holds_[At(buffer).storage];
    if (held >= 0) return Bug("shares the storage of " + At(held).name, buffer);
    if (!At(buffer).placement.partial.empty()) return Bug("begins as terms", buffer);
    held = buffer;
    return absl::OkStatus();
  }

  absl::Status CheckHeld(int buffer, absl::string_view act) const {
    const int held = holds_[At(buffer).storage];
    if (held == buffer) return absl::OkStatus();
    if (held < 0) return Bug(absl::StrCat(act, " before it is written"), buffer);
    return Bug(absl::StrCat(act, " while its storage holds ", At(held).name), buffer);
  }

  // All exchanges of a superstep happen at once: none may write what another reads.
  absl::Status FollowExchanges(const Superstep& superstep) {
    std::set<int> read, written;
    for (const ExchangeOp& e : superstep.exchanges) {
      TATAMI_RETURN_IF_ERROR(CheckHeld(e.from, "sent"));
      TATAMI_RETURN_IF_ERROR(CheckExchange(e));
      read.insert(At(e.from).storage);
    }
    for (const ExchangeOp& e : superstep.exchanges) {
      const int storage = At(e.to).storage;
      if (read.contains(storage)) return Bug("written while it is sent", e.to);
      if (!written.insert(storage).second) return Bug("filled twice at once", e.to);
      holds_[storage] = e.to;
      combine_[e.to] = e.resolve.empty() ? combine_[e.from] : e.combine;
    }
    return absl::OkStatus();
  }

  absl::Status CheckExchange(const ExchangeOp& e) {
    const ProgramBuffer &from = At(e.from), &to = At(e.to);
    if (from.type != to.type) return Bug("sent as another type", e.to);
    if (!from.placement.IsPartition()) {
      return Bug("copied from, but not a partition", e.from);
    }
    if (from.stage != to.stage && !from.placement.partial.empty()) {
      return Bug("terms sent to another stage", e.from);
    }
    AxisList left;
    for (const AxisRef& ref : from.placement.partial) {
      if (!Has(e.resolve, ref)) left.push_back(ref);
    }
    if (left.size() + e.resolve.size() != from.placement.partial.size()) {
      return Bug("combined along an axis that holds no terms", e.from);
    }
    if (left != to.placement.partial) {
      return Bug("loses or invents terms of a sum", e.to);
    }
    if (!e.resolve.empty() && e.combine != combine_[e.from]) {
      return Bug("combined in another way than its call says", e.to);
    }
    // Exchanges between equal placements are covered alike.
    if (!covered_.emplace(from.placement, to.placement, e.resolve, from.stage, to.stage)
             .second) {
      return absl::OkStatus();
    }
    const StageGrid grid = p_.stage_grid();
    const Mesh one = grid.stage_mesh();
    if (one.nodes() <= kNodesCheckedOneByOne) {
      for (int64_t n = 0; n < one.nodes(); ++n) {
        const NodeCoord node = grid.FromStage(to.stage, NodeAt(n, one));
        TATAMI_RETURN_IF_ERROR(CheckCoverage(e, node));
      }
      return absl::OkStatus();
    }
    // Each row and each column once: a part is told by the digits of either.
    for (int64_t i = 0; i < std::max(one.rows, one.cols); ++i) {
      const NodeCoord node = grid.FromStage(to.stage, {i % one.rows, i % one.cols});
      TATAMI_RETURN_IF_ERROR(CheckCoverage(e, node));
    }
    return absl::OkStatus();
  }

  // The node's needed box is covered, every element once per term.
  absl::Status CheckCoverage(const ExchangeOp& e, NodeCoord node) const {
    int64_t got = 0;
    bool sources_have_it = true;
    ForEachSource(p_, e, node, [&](NodeCoord source, const Box& box) {
      got += NumElements(box);
      const std::optional<Box> has = p_.BoxAt(e.from, source);
      sources_have_it &= has && Contains(*has, box);
    });
    if (!sources_have_it) return Bug("a source lacks what it should send", e.from);
    const int64_t want = NumElements(*p_.BoxAt(e.to, node)) * Parts(e.resolve);
    if (got == want) return absl::OkStatus();
    return Bug(absl::StrCat("node (", node.row, ",", node.col, ") gets ", got,
                            " elements of ", want),
               e.to);
  }

  // The call's operands have the types, factors and placements that its rule says.
  absl::Status CheckCompute(const ComputeOp& c) const {
    const OpCall& call = *p_.calls[c.call].call;
    const auto disagrees = [&](absl::string_view what) {
      return Bug(absl::StrCat(what, " of ", p_.calls[c.call].name), c.out);
    };
    bool types_agree = c.in.size() == call.in.size() && At(c.out).type == call.out;
    for (size_t i = 0; types_agree && i < c.in.size(); ++i) {
      types_agree = At(c.in[i]).type == call.in[i];
    }
    if (!types_agree) return disagrees("the buffers have not the types");
    for (const int in : c.in) {
      if (At(in).stage == At(c.out).stage) continue;
      return Bug(absl::StrCat("not on the stage of ", p_.calls[c.call].name), in);
    }
    TATAMI_ASSIGN_OR_RETURN(const TensorType out,
                            (*call.op->infer)(call.attrs, call.in),
                            p_.calls[c.call].name);
    if (out != call.out) return disagrees("the output has not the type");
    const IndexRule rule = (*call.op->rule)(call);
    std::vector<AxisList> axes;
    AxisList all;
    bool factors_agree = c.factors.size() == rule.factors.size();
    for (size_t f = 0; factors_agree && f < c.factors.size(); ++f) {
      const DimPlacement& given = c.factors[f];
      factors_agree =
          given.factor_size == rule.factors[f].size && given.map.IsIdentity() &&
          (given.axes.empty() || rule.factors[f].kind != FactorKind::kWhole);
      axes.push_back(given.axes);
      all.insert(all.end(), given.axes.begin(), given.axes.end());
    }
    if (!factors_agree || !AreApart(all, p_.stage_mesh())) {
      return disagrees("the cut factors are not those");
    }
    const CallPlacement placed = PlaceCall(call, rule, axes);
    for (size_t i = 0; i < c.in.size(); ++i) {
      if (At(c.in[i]).placement == placed.needs[i]) continue;
      return Bug(absl::StrCat("not placed as ", p_.calls[c.call].name, " needs"),
                 c.in[i]);
    }
    if (!(At(c.out).placement == placed.made)) {
      return disagrees("not placed as the output");
    }
    return absl::OkStatus();
  }

  absl::Status FollowCompute(const ComputeOp& c) {
    const OpCall& call = *p_.calls[c.call].call;
    const int storage = At(c.out).storage;
    for (size_t i = 0; i < c.in.size(); ++i) {
      TATAMI_RETURN_IF_ERROR(CheckHeld(c.in[i], "read"));
      if (At(c.in[i]).storage != storage) continue;
      if (static_cast<int>(i) != *call.op->may_overwrite ||
          !(At(c.in[i]).placement == At(c.out).placement) ||
          At(c.in[i]).type != At(c.out).type) {
        return Bug(absl::StrCat("overwritten while ", p_.calls[c.call].name, " reads"),
                   c.in[i]);
      }
    }
    holds_[storage] = c.out;
    combine_[c.out] = (*call.op->rule)(call).combine;
    return absl::OkStatus();
  }

  absl::Status CheckEnd() const {
    for (const ProgramState& s : p_.states) {
      const ProgramBuffer& buffer = At(s.buffer);
      const ProgramBuffer& last = At(holds_[buffer.storage]);
      if (!buffer.persistent) return Bug("a state that does not persist", s.buffer);
      if (!buffer.placement.IsPartition()) {
        return Bug("a state that is not a partition", s.buffer);
      }
      if (!(last.placement == buffer.placement) || last.type != buffer.type ||
          last.stage != buffer.stage) {
        return Bug("at the end holds " + last.name + ", placed otherwise", s.buffer);
      }
    }
    for (const ProgramFetch& f : p_.fetches) {
      TATAMI_RETURN_IF_ERROR(CheckHeld(f.buffer, "fetched"), f.output);
      if (!At(f.buffer).placement.IsPartition() ||
          !At(f.buffer).placement.partial.empty()) {
        return Bug("an output that is not a partition", f.buffer);
      }
    }
    return absl::OkStatus();
  }

  const Program& p_;
  std::vector<int> holds_;        // storage -> buffer, or -1
  std::vector<Combine> combine_;  // buffer -> how its terms combine
  absl::flat_hash_set<std::tuple<Placement, Placement, AxisList, int, int>> covered_;
};

}  // namespace

absl::Status VerifyProgram(const Program& program) { return Verifier(program).Run(); }

}  // namespace tatami
