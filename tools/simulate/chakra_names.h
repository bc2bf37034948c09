// Names of attributes in Chakra traces, which writer and reader share.
#pragma once

#include "absl/strings/string_view.h"

namespace tatami {

// Attributes that other simulators read.
constexpr absl::string_view kIsCpuOp = "is_cpu_op";
constexpr absl::string_view kNumOps = "num_ops";
constexpr absl::string_view kTensorSize = "tensor_size";
constexpr absl::string_view kCommType = "comm_type";
constexpr absl::string_view kCommSize = "comm_size";
constexpr absl::string_view kInvolvedDim = "involved_dim";
constexpr absl::string_view kProcessGroup = "pg_name";

// Ours. Of a node: its time, in nanoseconds and exact; the superstep; what the phase is
// and what it is bound by. Of the whole: where it comes from.
constexpr absl::string_view kExactNs = "tatami.duration_ns";
constexpr absl::string_view kSuperstep = "tatami.superstep";
constexpr absl::string_view kPhase = "tatami.phase";
constexpr absl::string_view kBinding = "tatami.binding";
constexpr absl::string_view kModel = "tatami.model";
constexpr absl::string_view kMachine = "tatami.machine";
constexpr absl::string_view kMesh = "tatami.mesh";

}  // namespace tatami
