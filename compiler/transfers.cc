#include "compiler/transfers.h"

#include <algorithm>

#include "core/line_sum.h"

namespace tatami {
namespace {

class Attribution {
 public:
  explicit Attribution(const Program& program)
      : program_(program),
        origins_(OriginsOf(program)),
        filled_by_(program.buffers.size(), nullptr) {
    for (const Superstep& superstep : program.supersteps) {
      for (const ExchangeOp& e : superstep.exchanges) {
        // What a state gets at the end of the step is no reader's.
        if (!program.buffers[e.to].persistent) filled_by_[e.to] = &e;
      }
    }
  }

  ProgramTransfers Run() {
    out_.of_call.resize(program_.calls.size());
    std::vector<const ExchangeOp*> combined(program_.buffers.size(), nullptr);
    for (const Superstep& superstep : program_.supersteps) {
      for (const ExchangeOp& e : superstep.exchanges) {
        if (!e.resolve.empty()) combined[e.from] = &e;
      }
    }
    for (const Superstep& superstep : program_.supersteps) {
      for (const ComputeOp& compute : superstep.computes) {
        std::vector<Transfer>& transfers = out_.of_call[compute.call];
        for (const int in : compute.in) AddChain(in, transfers);
        std::vector<const ExchangeOp*> phases;
        for (int b = compute.out; combined[b] != nullptr; b = combined[b]->to) {
          phases.push_back(combined[b]);
          filled_by_[combined[b]->to] = nullptr;
        }
        if (!phases.empty()) transfers.push_back(Describe(phases));
      }
    }
    for (const Superstep& superstep : program_.supersteps) {
      for (const ExchangeOp& e : superstep.exchanges) {
        if (program_.buffers[e.to].persistent) out_.at_end.push_back(Describe({&e}));
      }
    }
    return std::move(out_);
  }

 private:
  // The exchanges that lead to `buffer` and that no earlier reader has.
  void AddChain(int buffer, std::vector<Transfer>& transfers) {
    std::vector<const ExchangeOp*> chain;
    while (filled_by_[buffer] != nullptr) {
      chain.push_back(filled_by_[buffer]);
      filled_by_[buffer] = nullptr;
      buffer = chain.back()->from;
    }
    if (!chain.empty()) transfers.push_back(Describe(chain));
  }

  Transfer Describe(const std::vector<const ExchangeOp*>& chain) const {
    std::vector<int64_t> bytes(program_.mesh.nodes(), 0);
    for (const ExchangeOp* e : chain) {
      const ProgramBuffer &from = program_.buffers[e->from],
                          &to = program_.buffers[e->to];
      const bool line = SumsAlongLine(from.placement, to.placement, e->resolve);
      for (int64_t n = 0; n < program_.mesh.nodes(); ++n) {
        const NodeCoord node = NodeAt(n, program_.mesh);
        if (line) {
          if (program_.stage_grid().StageOf(node) != to.stage) continue;
          bytes[n] += ArrivingSums(*e, node) * program_.BytesAt(e->to, node);
          continue;
        }
        ForEachSource(program_, *e, node, [&](NodeCoord source, const Box& box) {
          if (source == node) return;
          bytes[n] += NumElements(box) * ByteSize(from.type.dtype);
        });
      }
    }
    return {.from = origins_[chain.back()->from],
            .combines = !chain.front()->resolve.empty(),
            .exchanges = static_cast<int>(chain.size()),
            .bytes_max = *std::max_element(bytes.begin(), bytes.end())};
  }

  // How often a node gets the part that it takes: a root gets what came together on
  // either side of it, others the result.
  int64_t ArrivingSums(const ExchangeOp& e, NodeCoord node) const {
    const LineSum sum = LineSumAt(program_, e, node);
    if (!(sum.terms[sum.root] == node)) return 1;
    const auto last = static_cast<int64_t>(sum.terms.size()) - 1;
    return (sum.root > 0) + (sum.root < last);
  }

  const Program& program_;
  const std::vector<BufferOrigin> origins_;
  std::vector<const ExchangeOp*> filled_by_;  // by buffer; null once attributed
  ProgramTransfers out_;
};

}  // namespace

std::vector<BufferOrigin> OriginsOf(const Program& program) {
  std::vector<BufferOrigin> out(program.buffers.size());
  for (const ProgramFeed& feed : program.feeds) {
    out[feed.buffer] = {BufferOrigin::kInput, feed.input};
  }
  for (const Superstep& superstep : program.supersteps) {
    for (const ComputeOp& compute : superstep.computes) {
      out[compute.out] = {BufferOrigin::kCall, program.calls[compute.call].name};
    }
  }
  // After the calls: the next value of a state may have a buffer of its own.
  for (const ProgramState& state : program.states) {
    out[state.buffer] = {BufferOrigin::kState, state.name};
  }
  for (const Superstep& superstep : program.supersteps) {
    for (const ExchangeOp& e : superstep.exchanges) {
      if (program.buffers[e.to].persistent) continue;
      out[e.to] = out[e.from];
      out[e.to].staged = e.resolve.empty();
    }
  }
  return out;
}

ProgramTransfers TransfersOf(const Program& program) {
  return Attribution(program).Run();
}

}  // namespace tatami
