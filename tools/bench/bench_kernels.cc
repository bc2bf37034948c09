#include "tools/bench/bench_kernels.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/error.h"
#include "core/status_macros.h"
#include "tools/bench/kernel_agreement.h"
#include "tools/bench/kernel_run.h"
#include "tools/bench/pytorch_operator.h"

namespace tatami {
namespace {

struct DistinctCall {
  LocalCall at;
  std::string name;
  int64_t count = 0;
  double step_s = 0;  // of all of them in a step, estimated
};

// A call on one node: all of it.
LocalCall WholeCall(std::shared_ptr<const OpCall> call) {
  const IndexRule rule = (*call->op->rule)(*call);
  const Box factors = rule.WholeFactors();
  return MakeLocalCall(std::move(call), rule, factors);
}

// The call with f32 operands taken as `dtype`; an error when the op refuses that.
absl::StatusOr<LocalCall> InDType(const LocalCall& at, DType dtype) {
  auto call = std::make_shared<OpCall>(*at.call);
  for (TensorType& type : call->in) {
    if (type.dtype == DType::kF32) type.dtype = dtype;
  }
  TATAMI_ASSIGN_OR_RETURN(call->out, (*call->op->infer)(call->attrs, call->in));
  return WholeCall(std::move(call));
}

std::string ShapesOf(const OpCall& call) {
  return absl::StrCat(absl::StrJoin(call.in, " ",
                                    [](std::string* out, const TensorType& type) {
                                      absl::StrAppend(out, type.ToString());
                                    }),
                      " -> ", call.out.ToString());
}

absl::StatusOr<std::vector<DistinctCall>> CallsOfStep(const StepSetup& setup) {
  StepSetup host = setup;
  TATAMI_ASSIGN_OR_RETURN(host.machine, LoadMachine("host"));
  host.mesh = {1, 1};
  TATAMI_ASSIGN_OR_RETURN(const Compiled compiled, CompileStep(host));
  std::map<std::string, size_t> known;
  std::vector<DistinctCall> calls;
  for (const ProgramCall& call : compiled.program.calls) {
    const LocalCall at = WholeCall(call.call);
    const auto [it, is_new] = known.emplace(ShapeKey(at), calls.size());
    if (is_new) calls.push_back({.at = at, .name = call.name});
    ++calls[it->second].count;
  }
  return calls;
}

// Sorts by what they take of a step and keeps those that make up `share` of it.
absl::Status KeepHeavy(double share, std::vector<DistinctCall>& calls,
                       BenchKernelsResult& result) {
  double total = 0;
  for (DistinctCall& call : calls) {
    const absl::StatusOr<KernelRun> run = KernelRun::Create(call.at);
    if (run.ok()) {
      run->Run();  // the first touches its memory
      call.step_s = run->SecondsPerCall(0) * static_cast<double>(call.count);
    }
    total += call.step_s;
  }
  std::stable_sort(
      calls.begin(), calls.end(),
      [](const DistinctCall& a, const DistinctCall& b) { return a.step_s > b.step_s; });
  double kept_s = 0;
  size_t kept = 0;
  while (kept < calls.size() && kept_s < share * total) kept_s += calls[kept++].step_s;
  result.light_calls = static_cast<int64_t>(calls.size() - kept);
  result.light_share = total > 0 ? std::max(0.0, 1 - kept_s / total) : 0;
  calls.resize(kept);
  return absl::OkStatus();
}

std::vector<float> AsFloats(DType dtype, absl::Span<const std::byte> bytes) {
  const int64_t n = static_cast<int64_t>(bytes.size()) / ByteSize(dtype);
  std::vector<float> values(n);
  LoadAsFloat(dtype, bytes.data(), n, values.data());
  return values;
}

// Gives our kernel PyTorch's inputs and compares what both make of them.
std::string FindDisagreement(const LocalCall& at,
                             const PytorchOperators::Opened& opened, KernelRun& ours) {
  ResultsToCompare results{.magnitude = opened.magnitude};
  for (size_t i = 0; i < opened.in.size(); ++i) {
    // A kernel's box may leave out what no tap meets, as of a 1x1 window of stride 2.
    CopyBox(at.in[i], WholeBox(at.call->in[i].dims), opened.in[i].data(), at.in[i],
            ours.input(i), ByteSize(at.call->in[i].dtype));
    if (at.call->in[i].dtype == DType::kI32) continue;
    for (float x : AsFloats(at.call->in[i].dtype, opened.in[i])) {
      results.largest_input = std::max(results.largest_input, std::abs(double{x}));
    }
  }
  ours.Run();
  const DType dtype = at.call->out.dtype;
  results.ours = AsFloats(dtype, ours.output());
  for (const auto& out : opened.out) {
    results.peer = AsFloats(dtype, out);
    const std::string fault = FindDisagreement(at, results);
    if (!fault.empty()) return fault;
  }
  return "";
}

absl::Status TimeBoth(const BenchKernelsOptions& options, const KernelRun& ours,
                      const PytorchOperators::Opened& opened, PytorchOperators& peer,
                      KernelTimes& times) {
  std::vector<double> our_runs;
  std::vector<std::vector<double>> peer_runs(opened.formats.size());
  for (int run = 0; run < options.runs; ++run) {
    our_runs.push_back(ours.SecondsPerCall(options.run_seconds));
    for (size_t f = 0; f < opened.formats.size(); ++f) {
      TATAMI_ASSIGN_OR_RETURN(peer_runs[f].emplace_back(),
                              peer.SecondsPerCall(f, options.run_seconds));
    }
  }
  times.ours_s = SpreadOf(our_runs);
  for (size_t f = 0; f < opened.formats.size(); ++f) {
    const Spread spread = SpreadOf(peer_runs[f]);
    if (f > 0 && spread.median >= times.peer_s.median) continue;
    times.peer_s = spread;
    times.peer_format = opened.formats[f];
  }
  times.ratio = times.peer_s.median / times.ours_s.median;
  times.peer_differs = opened.differs;
  return absl::OkStatus();
}

absl::StatusOr<KernelTimes> BenchCall(const DistinctCall& call,
                                      const BenchKernelsOptions& options,
                                      PytorchOperators& peer) {
  const absl::StatusOr<LocalCall> at = InDType(call.at, options.dtype);
  KernelTimes times{.op = std::string(*call.at.call->op->name),
                    .call = call.name,
                    .shapes = ShapesOf(at.ok() ? *at->call : *call.at.call),
                    .count = call.count};
  absl::StatusOr<KernelRun> ours = at.ok() ? KernelRun::Create(*at) : at.status();
  if (!ours.ok()) {
    times.not_timed = absl::StrCat("no kernel of ours in ", Name(options.dtype));
    return times;
  }
  TATAMI_ASSIGN_OR_RETURN(const auto opened, peer.Open(*at));
  times.not_timed = opened.none;
  if (!times.not_timed.empty()) return times;
  const std::string fault = FindDisagreement(*at, opened, *ours);
  if (!fault.empty()) {
    times.not_timed = absl::StrCat("the results differ: ", fault);
    return times;
  }
  TATAMI_RETURN_IF_ERROR(TimeBoth(options, *ours, opened, peer, times));
  return times;
}

void Conclude(BenchKernelsResult& result) {
  double sum_of_logs = 0;
  for (const KernelTimes& k : result.kernels) {
    if (!k.not_timed.empty() || !k.peer_differs.empty()) continue;
    ++result.compared;
    sum_of_logs += std::log(k.ratio);
    result.ours_s += static_cast<double>(k.count) * k.ours_s.median;
    result.peer_s += static_cast<double>(k.count) * k.peer_s.median;
  }
  if (result.compared == 0) return;
  result.mean_ratio = std::exp(sum_of_logs / static_cast<double>(result.compared));
}

absl::Status KeepOp(const std::string& op, std::vector<DistinctCall>& calls) {
  if (op.empty()) return absl::OkStatus();
  std::set<std::string> names;
  for (const DistinctCall& call : calls) names.emplace(*call.at.call->op->name);
  std::erase_if(
      calls, [&](const DistinctCall& call) { return *call.at.call->op->name != op; });
  if (!calls.empty()) return absl::OkStatus();
  return MakeError(ErrorCode::kBadFlag,
                   absl::StrCat("--op: the step does not call '", op, "'; it calls ",
                                absl::StrJoin(names, ", "), "."));
}

}  // namespace

absl::StatusOr<BenchKernelsResult> BenchKernels(const StepSetup& setup,
                                                const BenchKernelsOptions& options) {
  BenchKernelsResult result{.name =
                                absl::StrCat(setup.preset.name, " batch ", setup.batch,
                                             " kernels in ", Name(options.dtype))};
  TATAMI_ASSIGN_OR_RETURN(std::vector<DistinctCall> calls, CallsOfStep(setup));
  TATAMI_RETURN_IF_ERROR(KeepOp(options.op, calls));
  TATAMI_RETURN_IF_ERROR(KeepHeavy(options.heavy_share, calls, result));
  TATAMI_ASSIGN_OR_RETURN(const auto peer, PytorchOperators::Start());
  for (const DistinctCall& call : calls) {
    TATAMI_ASSIGN_OR_RETURN(result.kernels.emplace_back(),
                            BenchCall(call, options, *peer), call.name);
  }
  Conclude(result);
  return result;
}

}  // namespace tatami
