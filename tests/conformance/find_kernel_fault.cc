#include <cmath>
#include <map>

#include "absl/strings/str_cat.h"
#include "core/status_macros.h"
#include "tests/conformance/cuts.h"
#include "tests/conformance/find_fault.h"
#include "tests/conformance/guarded_buffer.h"
#include "tests/conformance/samples.h"

namespace tatami::conformance {
namespace {

GuardedBuffer Store(const std::vector<double>& values, DType dtype) {
  GuardedBuffer buffer(values.size() * ByteSize(dtype));
  const std::vector<float> narrow(values.begin(), values.end());
  StoreFromFloat(dtype, narrow.data(), narrow.size(), buffer.data());
  return buffer;
}

std::vector<float> Load(const GuardedBuffer& buffer, DType dtype) {
  std::vector<float> values(buffer.size() / ByteSize(dtype));
  LoadAsFloat(dtype, buffer.data(), values.size(), values.data());
  return values;
}

std::vector<GuardedBuffer> StoreInputs(const LocalCall& at, const Arrays& whole) {
  std::vector<GuardedBuffer> buffers;
  for (size_t i = 0; i < at.in.size(); ++i) {
    const TensorType& type = at.call->in[i];
    buffers.push_back(Store(CutOut(whole[i], type.dims, at.in[i]), type.dtype));
  }
  return buffers;
}

std::vector<const std::byte*> Pointers(const std::vector<GuardedBuffer>& buffers) {
  std::vector<const std::byte*> pointers;
  for (const GuardedBuffer& b : buffers) pointers.push_back(b.data());
  return pointers;
}

// Half a unit in the last place of a stored result: what rounding to storage adds.
double HalfUlp(DType dtype, double magnitude) {
  if (dtype != DType::kBF16) return 0;
  // bf16 has 8 significant bits; its smallest normal is 2^-126.
  return std::ldexp(1.0, std::max(std::ilogb(magnitude), -126) - 8);
}

// What the error model allows for each element of at.out.
std::vector<double> Bounds(const OpSample& sample, const LocalCall& at,
                           const Arrays& whole, const std::vector<double>& want) {
  std::vector<double> bounds(want.size(), 0);
  const OpDef& op = *at.call->op;
  const ErrorModel& model = *op.error;
  if (model.kind == ErrorModel::kUlps) {
    const double largest = LargestContinuousMagnitude(sample, at, whole);
    for (size_t e = 0; e < want.size(); ++e) {
      // A unit in the last place of x is at most 2^-23 |x|, and at least 2^-149.
      bounds[e] = model.ulps *
                  std::max(0x1p-23 * std::max(std::abs(want[e]), largest), 0x1p-149);
    }
  } else if (model.kind == ErrorModel::kSumOfProducts) {
    Arrays magnitudes = whole;
    for (auto& array : magnitudes) {
      for (double& x : array) x = std::abs(x);
    }
    const std::vector<double> sums = RunReference(at, magnitudes);
    const double t = std::ceil(double((*op.cost)(*at.call, at.factors).total()) /
                               std::max<size_t>(1, want.size())) +
                     2;
    const double u = 0x1p-24, gamma = t * u / (1 - t * u);
    // Each of the t roundings may also underflow by half the smallest f32.
    for (size_t e = 0; e < want.size(); ++e) bounds[e] = gamma * sums[e] + t * 0x1p-150;
  }
  for (size_t e = 0; e < want.size(); ++e) {
    bounds[e] += HalfUlp(at.call->out.dtype, std::abs(want[e]) + bounds[e]);
  }
  return bounds;
}

bool SameBits(const GuardedBuffer& a, const GuardedBuffer& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size()) == 0;
}

std::string CompareOutput(const OpSample& sample, const LocalCall& at,
                          const Arrays& whole, const GuardedBuffer& out) {
  const std::vector<double> want = RunReference(at, whole);
  const DType dtype = at.call->out.dtype;
  const std::vector<float> got = Load(out, dtype);
  if ((*at.call->op->error).kind == ErrorModel::kExact) {
    // Stored and loaded again, so that the output's own rounding is on both sides.
    const std::vector<float> stored = Load(Store(want, dtype), dtype);
    for (size_t e = 0; e < want.size(); ++e) {
      if (std::memcmp(&got[e], &stored[e], sizeof(float)) != 0) {
        return absl::StrCat("element ", e, " is ", got[e], ", exact is ", stored[e]);
      }
    }
    return "";
  }
  const std::vector<double> bounds = Bounds(sample, at, whole, want);
  for (size_t e = 0; e < want.size(); ++e) {
    if (std::isnan(want[e]) && std::isnan(got[e])) continue;
    if (!(std::abs(got[e] - want[e]) <= bounds[e])) {
      return absl::StrCat("element ", e, " is ", got[e], ", the reference ", want[e],
                          ": off by ", std::abs(got[e] - want[e]), ", allowed ",
                          bounds[e]);
    }
  }
  return "";
}

// The kernels of the op, the reference last.
std::vector<Kernel> KernelsAndReference(const OpDef& op) {
  std::vector<Kernel> kernels((*op.kernels).begin(), (*op.kernels).end());
  kernels.push_back(
      {"reference", [](const LocalCall&) { return absl::OkStatus(); }, nullptr,
       [](const LocalCall&) -> absl::StatusOr<std::shared_ptr<PreparedKernel>> {
         return ReferenceKernel();
       }});
  return kernels;
}

// The kernels prepared before, as the runtime shares them.
using Shared = std::map<std::string, std::shared_ptr<PreparedKernel>>;

absl::StatusOr<std::shared_ptr<PreparedKernel>> Prepare(const Kernel& kernel,
                                                        const LocalCall& at,
                                                        Shared& shared) {
  if (kernel.key == nullptr) return kernel.prepare(at);
  auto& known = shared[kernel.key(at)];
  if (known == nullptr) {
    TATAMI_ASSIGN_OR_RETURN(known, kernel.prepare(at));
  }
  return known;
}

std::string RunAndCompare(const OpSample& sample,
                          const absl::StatusOr<std::shared_ptr<PreparedKernel>>& made,
                          const LocalCall& at, const Arrays& whole) {
  if (!made.ok()) return std::string(made.status().message());
  const PreparedKernel& prepared = **made;
  const std::vector<GuardedBuffer> in = StoreInputs(at, whole);
  const std::vector<GuardedBuffer> in_before = StoreInputs(at, whole);
  GuardedBuffer out(NumElements(at.out) * ByteSize(at.call->out.dtype));
  prepared.Run(at, Pointers(in), out.data());
  if (!out.GuardsUntouched()) return "writes outside its output";
  for (size_t i = 0; i < in.size(); ++i) {
    if (!in[i].GuardsUntouched()) return absl::StrCat("writes around input ", i);
    if (!SameBits(in[i], in_before[i])) return absl::StrCat("changes input ", i);
  }
  return CompareOutput(sample, at, whole, out);
}

}  // namespace

std::string FindKernelFault(const OpDef& op, const OpSample& sample) {
  const auto call = CallOfSample(op, sample);
  if (!call.ok()) return std::string(call.status().message());
  const IndexRule rule = (*op.rule)(**call);
  const Arrays in = RoundToStorage(sample, DrawInputs(sample, /*seed=*/2));
  const std::vector<Box> parts = WholeAndParts(rule);
  for (const Kernel& kernel : KernelsAndReference(op)) {
    Shared shared;
    for (const Box& factors : parts) {
      const LocalCall at = MakeLocalCall(*call, rule, factors);
      std::string fault;
      if (kernel.supports(at).ok()) {
        fault = RunAndCompare(sample, Prepare(kernel, at, shared), at, in);
      }
      const std::optional<LocalCall> wide = Widened(at);
      if (fault.empty() && wide && kernel.supports(*wide).ok()) {
        auto made = Prepare(kernel, *wide, shared);
        if (made.ok()) made = WideningKernel(at, *std::move(made));
        fault = RunAndCompare(sample, made, at, in);
        if (!fault.empty()) fault = "widened: " + fault;
      }
      if (!fault.empty()) {
        return absl::StrCat("kernel ", kernel.name, " on factors ", ToString(factors),
                            " of ", rule.ToString(), ": ", fault);
      }
    }
  }
  return "";
}

std::string FindNarrowFault(const OpDef& op, const OpSample& sample) {
  OpSample narrow = sample;
  bool all = true;
  for (size_t i = 0; i < narrow.in.size(); ++i) {
    if (narrow.in[i].dtype == DType::kI32) continue;
    const bool chosen = (*op.narrow).Has(i);
    narrow.in[i].dtype = chosen ? DType::kBF16 : DType::kF32;
    all &= chosen;
  }
  const auto call = CallOfSample(op, narrow);
  if (!call.ok()) return std::string(call.status().message());
  const Box whole = (*op.rule)(**call).WholeFactors();
  if (!all && (*op.cost)(**call, whole).matrix_flops > 0) {
    return "has work for the matrix unit and an operand that is not narrow";
  }
  const std::string fault = FindKernelFault(op, narrow);
  return fault.empty() ? FindGradientFault(op, narrow) : fault;
}

std::string FindUntestedKernelFault(const OpDef& op, const Kernel& kernel) {
  std::string refusals;
  for (const OpSample& sample : (*op.samples)()) {
    const auto call = CallOfSample(op, sample);
    if (!call.ok()) return std::string(call.status().message());
    const IndexRule rule = (*op.rule)(**call);
    const absl::Status supported =
        kernel.supports(MakeLocalCall(*call, rule, rule.WholeFactors()));
    if (supported.ok()) return "";
    absl::StrAppend(&refusals, "; ", sample.name, ": ", supported.message());
  }
  return absl::StrCat("kernel ", kernel.name, " of ", *op.name,
                      " supports no sample, so nothing tests it", refusals);
}

std::string FindOverwriteFault(const OpDef& op, const OpSample& sample) {
  const auto call = CallOfSample(op, sample);
  if (!call.ok()) return std::string(call.status().message());
  const int reused = *op.may_overwrite;
  if (reused == kNoAlias || (*call)->in[reused] != (*call)->out) return "";
  const IndexRule rule = (*op.rule)(**call);
  const Arrays whole = RoundToStorage(sample, DrawInputs(sample, /*seed=*/4));
  for (const Box& factors : WholeAndParts(rule)) {
    const LocalCall at = MakeLocalCall(*call, rule, factors);
    if (at.in[reused] != at.out) continue;
    for (const Kernel& kernel : KernelsAndReference(op)) {
      if (!kernel.supports(at).ok()) continue;
      const auto prepared = kernel.prepare(at);
      if (!prepared.ok()) return std::string(prepared.status().message());
      std::vector<GuardedBuffer> in = StoreInputs(at, whole);
      GuardedBuffer apart(NumElements(at.out) * ByteSize((*call)->out.dtype));
      (*prepared)->Run(at, Pointers(in), apart.data());
      (*prepared)->Run(at, Pointers(in), in[reused].data());
      if (!SameBits(apart, in[reused])) {
        return absl::StrCat("kernel ", kernel.name, " on factors ", ToString(factors),
                            " gives another result in the buffer of input ", reused);
      }
    }
  }
  return "";
}

}  // namespace tatami::conformance
