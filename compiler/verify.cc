#include "compiler/verify.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "compiler/lower/memory.h"
#include "core/status_macros.h"

namespace tatami {
namespace {

class Verifier {
 public:
  explicit Verifier(const Program& program)
      : p_(program), written_(program.buffers.size(), false) {}

  absl::Status Run() {
    for (const ProgramFeed& f : p_.feeds) written_[f.buffer] = true;
    for (const ProgramState& s : p_.states) written_[s.buffer] = true;
    for (size_t s = 0; s < p_.supersteps.size(); ++s) {
      std::vector<int> filled;
      for (const ExchangeOp& e : p_.supersteps[s].exchanges) {
        TATAMI_RETURN_IF_ERROR(CheckExchange(e), absl::StrCat("superstep ", s));
        filled.push_back(e.to);
      }
      for (int b : filled) written_[b] = true;
      for (const ComputeOp& c : p_.supersteps[s].computes) {
        TATAMI_RETURN_IF_ERROR(CheckCompute(c), absl::StrCat("superstep ", s));
        written_[c.out] = true;
      }
    }
    for (const ProgramFetch& f : p_.fetches) {
      if (!written_[f.buffer]) return Bug("output never made", f.buffer);
    }
    return CheckMemory();
  }

 private:
  absl::Status Bug(absl::string_view what, int buffer) const {
    return absl::InternalError(
        absl::StrCat("verifier: ", what, ": ", p_.buffers[buffer].name));
  }

  absl::Status CheckCompute(const ComputeOp& c) const {
    const OpCall& call = *p_.calls[c.call].call;
    const IndexRule rule = (*call.op->rule)(call);
    std::vector<AxisList> axes;
    for (const DimPlacement& f : c.factors) axes.push_back(f.axes);
    for (size_t i = 0; i < c.in.size(); ++i) {
      if (!written_[c.in[i]]) return Bug("read before it is written", c.in[i]);
      const Placement need =
          OperandPlacement(rule.inputs[i], rule, axes, call.in[i].dims);
      if (!(p_.buffers[c.in[i]].placement == need)) {
        return Bug(absl::StrCat("not placed as ", p_.calls[c.call].name, " needs"),
                   c.in[i]);
      }
    }
    return absl::OkStatus();
  }

  // Each node's needed box is covered, every element once per term.
  absl::Status CheckExchange(const ExchangeOp& e) const {
    const ProgramBuffer &from = p_.buffers[e.from], &to = p_.buffers[e.to];
    if (!written_[e.from]) return Bug("sent before it is written", e.from);
    if (!from.placement.IsPartition())
      return Bug("copied from, but not a partition", e.from);
    for (const NodeClass& c : p_.classes) {
      const Box need = to.placement.BoxAt(c.example, p_.mesh);
      int64_t got = 0;
      absl::Status status;
      ForEachSource(from.placement, e.resolve, need, c.example, p_.mesh,
                    [&](NodeCoord source, const Box& box) {
                      got += NumElements(box);
                      if (!Contains(from.placement.BoxAt(source, p_.mesh), box)) {
                        status = Bug("a source lacks what it should send", e.from);
                      }
                    });
      TATAMI_RETURN_IF_ERROR(status);
      if (got != NumElements(need) * Parts(e.resolve)) {
        return Bug(
            absl::StrCat("node (", c.example.row, ",", c.example.col, ") gets ", got,
                         " elements of ", NumElements(need) * Parts(e.resolve)),
            e.to);
      }
    }
    return absl::OkStatus();
  }

  // Buffers whose lifetimes meet do not share bytes, unless one takes over the other's.
  absl::Status CheckMemory() const {
    const Ticks ticks = TicksOf(p_);
    for (const NodeClass& c : p_.classes) {
      std::vector<int> order;
      for (size_t s = 0; s < c.address.size(); ++s) {
        if (c.storage_bytes[s] > 0) order.push_back(static_cast<int>(s));
        const int64_t end = c.address[s] + c.storage_bytes[s];
        if (c.storage_bytes[s] > 0 &&
            (c.address[s] < p_.code_bytes || end > p_.sram_bytes)) {
          return absl::InternalError(absl::StrCat("verifier: storage ", s, " ends at ",
                                                  end, " of ", p_.sram_bytes,
                                                  " bytes"));
        }
      }
      std::sort(order.begin(), order.end(),
                [&](int a, int b) { return c.address[a] < c.address[b]; });
      for (size_t i = 0; i < order.size(); ++i) {
        for (size_t j = i + 1; j < order.size(); ++j) {
          const int a = order[i], b = order[j];
          if (c.address[b] >= c.address[a] + c.storage_bytes[a]) break;
          const auto &x = p_.storage_lifetime[a], &y = p_.storage_lifetime[b];
          if (x.first <= y.second && y.first <= x.second) {
            return absl::InternalError(absl::StrCat("verifier: storages ", a, " and ",
                                                    b, " overlap while alive"));
          }
        }
      }
    }
    return CheckLifetimes(ticks);
  }

  // A storage is alive whenever one of its buffers is.
  absl::Status CheckLifetimes(const Ticks& ticks) const {
    for (size_t b = 0; b < p_.buffers.size(); ++b) {
      if (p_.buffers[b].storage < 0 || ticks.buffer[b].first < 0) continue;
      const auto& life = p_.storage_lifetime[p_.buffers[b].storage];
      if (ticks.buffer[b].first < life.first || ticks.buffer[b].second > life.second) {
        return Bug("its storage dies first", static_cast<int>(b));
      }
    }
    return absl::OkStatus();
  }

  const Program& p_;
  std::vector<bool> written_;
};

}  // namespace

absl::Status VerifyProgram(const Program& program) { return Verifier(program).Run(); }

}  // namespace tatami
