// What must hold for every op, as functions: each returns "" or a sentence that says
// what does not hold on the sample. conformance_test.cc runs them on every op,
// faults_are_found_test.cc on ops made wrong on purpose.
#pragma once

#include <string>

#include "core/op_def.h"

namespace tatami::conformance {

// Each kernel, also by WideningKernel where the call has bf16, and the reference in f32
// as the last of them, stays within op.error of
// the reference in f64 on the stored inputs, on the whole and on every part of every
// cut; touches nothing but its output; and serves every call of equal key.
std::string FindKernelFault(const OpDef& op, const OpSample& sample);

// The kernel of `op` supports the whole of some sample. FindKernelFault passes over
// what a kernel refuses, so a kernel that refuses everything would never run there.
std::string FindUntestedKernelFault(const OpDef& op, const Kernel& kernel);

// With all operands of op.narrow in bf16 and the others in f32, `infer` takes the
// sample and FindKernelFault and FindGradientFault find nothing; and an op with work
// for the matrix unit has all its floating operands in op.narrow, for wider ones would
// keep it off that unit.
std::string FindNarrowFault(const OpDef& op, const OpSample& sample);

// A kernel run in the buffer of the input that op.may_overwrite names gives equal bits.
std::string FindOverwriteFault(const OpDef& op, const OpSample& sample);

// op.cost counts exactly the operations of the reference, whole and cut.
std::string FindCostFault(const OpDef& op, const OpSample& sample);

// Every legal cut, each part given exactly the boxes that the rule derives, gives the
// uncut answer once the parts are assembled and their partial results combined.
std::string FindCutFault(const OpDef& op, const OpSample& sample);

// The gradient is the slope of sum(out * R), R random, along random directions. An
// input without a gradient must have slope 0; one with it is given its own type. An op
// without a gradient must say why.
std::string FindGradientFault(const OpDef& op, const OpSample& sample);

// Names are unique, and every op has a summary and a sample.
std::string FindListFault(absl::Span<const OpDef* const> ops);

}  // namespace tatami::conformance
