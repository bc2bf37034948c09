#include "tests/conformance/samples.h"

#include <algorithm>
#include <cmath>

#include "core/random.h"
#include "core/status_macros.h"

namespace tatami::conformance {

absl::StatusOr<std::shared_ptr<const OpCall>> CallOfSample(const OpDef& op,
                                                           const OpSample& sample) {
  TATAMI_ASSIGN_OR_RETURN(TensorType out, (*op.infer)(sample.attrs, sample.in),
                          sample.name);
  return std::make_shared<const OpCall>(
      OpCall{&op, sample.attrs, sample.in, std::move(out)});
}

bool IsContinuous(const OpSample& sample, size_t input) {
  if (sample.in[input].dtype == DType::kI32) return false;
  return sample.domains.empty() || !sample.domains[input].integer;
}

Arrays DrawInputs(const OpSample& sample, uint64_t seed) {
  Arrays in(sample.in.size());
  for (size_t i = 0; i < in.size(); ++i) {
    const InputDomain domain =
        sample.domains.empty() ? InputDomain{} : sample.domains[i];
    in[i].resize(sample.in[i].num_elements());
    for (size_t e = 0; e < in[i].size(); ++e) {
      const double u = RandomUniform(seed, i, e);
      in[i][e] = domain.integer
                     ? std::floor(domain.lo + u * (domain.hi - domain.lo + 1))
                     : domain.lo + u * (domain.hi - domain.lo);
    }
  }
  if (sample.derive != nullptr) sample.derive(sample, in);
  return in;
}

Arrays RoundToStorage(const OpSample& sample, Arrays in) {
  for (size_t i = 0; i < in.size(); ++i) {
    for (double& x : in[i]) {
      const float f = static_cast<float>(x);
      x = sample.in[i].dtype == DType::kBF16 ? FloatFromBF16(BF16FromFloat(f)) : f;
    }
  }
  return in;
}

std::vector<double> CutOut(const std::vector<double>& whole, const Dims& dims,
                           const Box& box) {
  std::vector<double> part(NumElements(box));
  CopyBox(box, WholeBox(dims), reinterpret_cast<const std::byte*>(whole.data()), box,
          reinterpret_cast<std::byte*>(part.data()), sizeof(double));
  return part;
}

std::vector<double> RunReference(const LocalCall& at, const Arrays& whole_inputs) {
  const OpCall& call = *at.call;
  Arrays parts;
  for (size_t i = 0; i < at.in.size(); ++i) {
    parts.push_back(CutOut(whole_inputs[i], call.in[i].dims, at.in[i]));
  }
  std::vector<View<const double>> views;
  for (size_t i = 0; i < at.in.size(); ++i) {
    views.emplace_back(parts[i].data(), at.in[i], call.in[i].dims);
  }
  // NaN, so that an element which the reference forgets is seen.
  std::vector<double> out(NumElements(at.out), NAN);
  (*call.op->reference).f64(at, views, View<double>(out.data(), at.out, call.out.dims));
  return out;
}

double LargestMagnitude(const Arrays& arrays) {
  double largest = 0;
  for (const auto& array : arrays) {
    for (double x : array) {
      if (std::isfinite(x)) largest = std::max(largest, std::abs(x));
    }
  }
  return largest;
}

double LargestContinuousMagnitude(const OpSample& sample, const LocalCall& at,
                                  const Arrays& whole_inputs) {
  Arrays parts;
  for (size_t i = 0; i < at.in.size(); ++i) {
    if (!IsContinuous(sample, i)) continue;
    parts.push_back(CutOut(whole_inputs[i], at.call->in[i].dims, at.in[i]));
  }
  return parts.empty() ? 1 : LargestMagnitude(parts);
}

}  // namespace tatami::conformance
