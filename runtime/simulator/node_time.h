// How long a node takes for its part of a call. Analytic: times are modelled.
#pragma once

#include <cstdint>

#include "absl/strings/string_view.h"
#include "core/machine.h"
#include "core/op_def.h"

namespace tatami {

enum NodeUnit : uint8_t { kMatrixUnit, kVectorUnit, kSramLoad, kSramStore, kCallStart };
constexpr int kNodeUnits = 5;
absl::string_view NodeUnitName(int unit);

// Units work at the same time: the slowest of them decides, after the start.
struct NodeTime {
  double ns = 0;
  NodeUnit unit = kCallStart;  // that takes longest
};

// Of a part with factors of these extents, in the middle of the whole. Operands are
// read from SRAM once. Where all operands are narrower than f32, matrix arithmetic is
// the matrix unit's, which works on whole blocks; f32 is the vector unit's, on whole
// vectors along the last dim.
NodeTime TimeOfCall(const OpCall& call, const IndexRule& rule, const Box& factors,
                    const MachineSpec& machine);

// The middle part of each factor, `extents` of it.
Box MiddlePart(const IndexRule& rule, const Dims& extents);

}  // namespace tatami
