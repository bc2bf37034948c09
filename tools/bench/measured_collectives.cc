#include "tools/bench/measured_collectives.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>
#include <functional>
#include <memory>

#include "absl/strings/str_cat.h"
#include "compiler/lower/lower.h"
#include "compiler/verify.h"
#include "core/status_macros.h"
#include "ops/arithmetic.h"
#include "ops/reduce.h"
#include "runtime/emulator/emulator.h"

namespace tatami {
namespace {

using Bytes = std::vector<std::byte>;

// A program whose one exchange between nodes is the collective.
struct OnMesh {
  Graph graph;
  Plan plan;
};

// The terms are the rows of a matrix, one a node; their sum comes to lie on all nodes
// or in parts.
absl::StatusOr<OnMesh> SumOfRows(Collective collective, int64_t ranks, int64_t n) {
  GraphBuilder g("sum");
  const Value x = g.State("x", {DType::kF32, {ranks, n}}, {}, /*trainable=*/false);
  g.Output("y", ReduceSum(g, x, {0}));
  OnMesh out{.plan = {.mesh = {1, ranks}}};
  TATAMI_ASSIGN_OR_RETURN(out.graph, g.Finish());
  const GraphCall& sum = out.graph.calls[0];
  const IndexRule rule = (*sum.op->rule)(out.graph.CallOf(0));
  const AxisList across = {WholeAxis(out.plan.mesh, MeshAxis::kX)};
  CallPlan& plan = out.plan.calls[sum.name];
  plan.cuts[rule.factors[rule.inputs[0][0].factor].name] = across;
  plan.result.emplace();
  if (collective == Collective::kReduceScatter) {
    (*plan.result)[rule.factors[rule.output[0].factor].name] = across;
  }
  return out;
}

// A vector made in parts and read whole.
absl::StatusOr<OnMesh> GatherOfParts(int64_t ranks, int64_t n) {
  GraphBuilder g("gather");
  const Value x = g.State("x", {DType::kF32, {n}}, {}, /*trainable=*/false);
  g.Output("y", Affine(g, Affine(g, x, 1, 0), 1, 0));
  OnMesh out{.plan = {.mesh = {1, ranks}}};
  TATAMI_ASSIGN_OR_RETURN(out.graph, g.Finish());
  const IndexRule rule = (*out.graph.calls[0].op->rule)(out.graph.CallOf(0));
  out.plan.calls[out.graph.calls[0].name].cuts[rule.factors[0].name] = {
      WholeAxis(out.plan.mesh, MeshAxis::kX)};
  out.plan.calls[out.graph.calls[1].name];
  return out;
}

absl::StatusOr<std::shared_ptr<const Program>> MakeProgram(Collective collective,
                                                           int64_t ranks, int64_t n) {
  TATAMI_ASSIGN_OR_RETURN(const OnMesh on, collective == Collective::kAllGather
                                               ? GatherOfParts(ranks, n)
                                               : SumOfRows(collective, ranks, n));
  constexpr int64_t kAnySram = int64_t{1} << 40;
  TATAMI_ASSIGN_OR_RETURN(
      Program program,
      Lower(on.graph, on.plan, {.machine = "host", .sram_bytes = kAnySram}));
  program.sram_bytes = program.peak_bytes();
  TATAMI_RETURN_IF_ERROR(VerifyProgram(program));
  return std::make_shared<const Program>(std::move(program));
}

// Small whole numbers, whose sums are exact in any order; no two neighbours alike.
float Term(int64_t rank, int64_t i) {
  return static_cast<float>((i * 7 + rank * 13) % 101);
}

absl::Status Meet(Transport& transport) {
  TATAMI_RETURN_IF_ERROR(transport.GatherToRoot({}).status());
  Bytes nothing;
  return transport.BroadcastFromRoot(nothing);
}

template <typename T>
absl::Span<const std::byte> AsBytes(const T& values) {
  return {reinterpret_cast<const std::byte*>(values.data()),
          values.size() * sizeof(values[0])};
}

absl::StatusOr<double> AgreeOn(Transport& transport, double roots) {
  Bytes bytes(sizeof roots);
  std::memcpy(bytes.data(), &roots, sizeof roots);
  TATAMI_RETURN_IF_ERROR(transport.BroadcastFromRoot(bytes));
  std::memcpy(&roots, bytes.data(), sizeof roots);
  return roots;
}

// The largest of all ranks on rank 0, elsewhere the rank's own.
absl::StatusOr<double> Slowest(Transport& transport, double mine) {
  TATAMI_ASSIGN_OR_RETURN(const std::vector<Bytes> all,
                          transport.GatherToRoot(AsBytes(std::vector<double>{mine})));
  for (const Bytes& bytes : all) {
    double theirs = 0;
    std::memcpy(&theirs, bytes.data(), sizeof theirs);
    mine = std::max(mine, theirs);
  }
  return mine;
}

double SecondsOf(const std::function<absl::Status()>& work, absl::Status& status) {
  const auto start = std::chrono::steady_clock::now();
  status = work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start)
      .count();
}

// One collective of one size, on both sides.
class Duel {
 public:
  static absl::StatusOr<Duel> Create(Collective collective, int64_t bytes,
                                     Transport& transport, CollectivePeer& peer) {
    Duel duel(collective, bytes / static_cast<int64_t>(sizeof(float)), transport, peer);
    const int64_t ranks = transport.size(), n = duel.n_;
    TATAMI_ASSIGN_OR_RETURN(const auto program, MakeProgram(collective, ranks, n));
    TATAMI_ASSIGN_OR_RETURN(duel.emulator_, Emulator::Create(program, transport, {}));
    const bool gathers = collective == Collective::kAllGather;
    std::vector<float> x(gathers ? n : ranks * n);
    for (int64_t i = 0; i < static_cast<int64_t>(x.size()); ++i) {
      x[i] = Term(i / n, i % n);
    }
    TATAMI_RETURN_IF_ERROR(duel.emulator_->WriteState("x", AsBytes(x)));
    const int64_t mine_size = gathers ? n / ranks : n;
    const auto begin = x.begin() + transport.rank() * mine_size;
    duel.mine_.assign(begin, begin + mine_size);
    duel.result_.resize(collective == Collective::kReduceScatter ? n / ranks : n);
    return duel;
  }

  absl::Status CheckThatBothAgree() {
    TATAMI_RETURN_IF_ERROR(emulator_->Step());
    TATAMI_ASSIGN_OR_RETURN(const Bytes ours, emulator_->Fetch("y"));
    TATAMI_RETURN_IF_ERROR(RunPeer());
    TATAMI_ASSIGN_OR_RETURN(const std::vector<Bytes> parts,
                            transport_.GatherToRoot(AsBytes(result_)));
    if (transport_.rank() != 0) return absl::OkStatus();
    Bytes theirs = parts[0];  // all of it, unless it is scattered
    for (size_t r = 1; r < parts.size() && theirs.size() < ours.size(); ++r) {
      theirs.insert(theirs.end(), parts[r].begin(), parts[r].end());
    }
    if (theirs == ours) return absl::OkStatus();
    const auto differ = std::mismatch(ours.begin(), ours.end(), theirs.begin());
    return absl::InternalError(
        absl::StrCat("element ", (differ.first - ours.begin()) / int64_t{sizeof(float)},
                     " of ", n_, " is another here than in ", peer_.name()));
  }

  // Seconds of one collective. Ours leaves out the compute that makes its terms.
  absl::StatusOr<double> TimeOurs(int64_t times) {
    TATAMI_RETURN_IF_ERROR(Meet(transport_));
    const StepTimes before = emulator_->times();
    absl::Status status;
    const double seconds = SecondsOf(
        [&]() -> absl::Status {
          for (int64_t i = 0; i < times; ++i) {
            TATAMI_RETURN_IF_ERROR(emulator_->Step());
          }
          return absl::OkStatus();
        },
        status);
    TATAMI_RETURN_IF_ERROR(status);
    const StepTimes after = emulator_->times();
    copy_s_ += after.exchange_s - before.exchange_s;
    wait_s_ += after.wait_s - before.wait_s;
    const double own = seconds - (after.compute_s - before.compute_s);
    return Slowest(transport_, own / static_cast<double>(times));
  }
  absl::StatusOr<double> TimePeer(int64_t times) {
    TATAMI_RETURN_IF_ERROR(Meet(transport_));
    absl::Status status;
    const double seconds = SecondsOf(
        [&]() -> absl::Status {
          for (int64_t i = 0; i < times; ++i) TATAMI_RETURN_IF_ERROR(RunPeer());
          return absl::OkStatus();
        },
        status);
    TATAMI_RETURN_IF_ERROR(status);
    return Slowest(transport_, seconds / static_cast<double>(times));
  }
  double copy_share() const { return copy_s_ / (copy_s_ + wait_s_); }

 private:
  Duel(Collective collective, int64_t n, Transport& transport, CollectivePeer& peer)
      : collective_(collective), n_(n), transport_(transport), peer_(peer) {}

  absl::Status RunPeer() {
    switch (collective_) {
      case Collective::kAllReduce:
        return peer_.AllReduce(mine_, absl::MakeSpan(result_));
      case Collective::kReduceScatter:
        return peer_.ReduceScatter(mine_, absl::MakeSpan(result_));
      case Collective::kAllGather:
        return peer_.AllGather(mine_, absl::MakeSpan(result_));
    }
    return absl::InternalError("no such collective");
  }

  Collective collective_;
  int64_t n_;  // elements of the whole vector
  Transport& transport_;
  CollectivePeer& peer_;
  std::unique_ptr<Emulator> emulator_;
  std::vector<float> mine_, result_;  // the peer's operands
  double copy_s_ = 0, wait_s_ = 0;
};

std::string NameOf(Collective collective) {
  switch (collective) {
    case Collective::kAllReduce:
      return "all-reduce";
    case Collective::kReduceScatter:
      return "reduce-scatter";
    case Collective::kAllGather:
      return "all-gather";
  }
  return "";
}

// How often a run repeats what takes `once` on rank 0.
absl::StatusOr<int64_t> Repeats(Transport& transport, double run_seconds, double once) {
  TATAMI_ASSIGN_OR_RETURN(const double times,
                          AgreeOn(transport, std::ceil(run_seconds / once)));
  return std::max<int64_t>(1, static_cast<int64_t>(times));
}

absl::StatusOr<MeasuredCollective> Measure(Collective collective, int64_t bytes,
                                           Transport& transport, CollectivePeer& peer,
                                           const MeasureCollectivesOptions& options) {
  TATAMI_ASSIGN_OR_RETURN(Duel duel, Duel::Create(collective, bytes, transport, peer));
  TATAMI_RETURN_IF_ERROR(duel.CheckThatBothAgree());
  TATAMI_ASSIGN_OR_RETURN(const double our_once, duel.TimeOurs(1));
  TATAMI_ASSIGN_OR_RETURN(const double peer_once, duel.TimePeer(1));
  TATAMI_ASSIGN_OR_RETURN(const int64_t our_times,
                          Repeats(transport, options.run_seconds, our_once));
  TATAMI_ASSIGN_OR_RETURN(const int64_t peer_times,
                          Repeats(transport, options.run_seconds, peer_once));
  std::vector<double> ours, theirs;
  for (int run = 0; run < options.runs; ++run) {
    TATAMI_ASSIGN_OR_RETURN(ours.emplace_back(), duel.TimeOurs(our_times));
    TATAMI_ASSIGN_OR_RETURN(theirs.emplace_back(), duel.TimePeer(peer_times));
  }
  MeasuredCollective result{.name = NameOf(collective),
                            .bytes = bytes,
                            .ours_s = SpreadOf(ours),
                            .peer_s = SpreadOf(theirs),
                            .copy_share = duel.copy_share()};
  result.ratio = result.peer_s.median / result.ours_s.median;
  return result;
}

}  // namespace

absl::StatusOr<std::vector<MeasuredCollective>> MeasureCollectives(
    Transport& transport, CollectivePeer& peer,
    const MeasureCollectivesOptions& options) {
  std::vector<MeasuredCollective> results;
  for (Collective collective :
       {Collective::kAllReduce, Collective::kReduceScatter, Collective::kAllGather}) {
    for (int64_t bytes : options.sizes) {
      TATAMI_ASSIGN_OR_RETURN(
          results.emplace_back(), Measure(collective, bytes, transport, peer, options),
          absl::StrCat(NameOf(collective), " of ", bytes, " bytes"));
    }
  }
  return results;
}

}  // namespace tatami
