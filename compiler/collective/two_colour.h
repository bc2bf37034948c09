// Reduce-scatter and all-gather along rows and columns of a whole mesh, in two colours.
//
// Half of the tensor ("X first") is reduced along rows, each column keeping its part,
// and what a column keeps is then reduced along columns; the other half does columns
// first. The halves never use one link direction in one phase, so all links work. Along
// a line the part of place j comes from both ends, partial sums combined on the way:
// the link between k and k+1 carries the parts beyond k eastwards, the others
// westwards. All-gather is the same turned round. Each takes the least time there is
// for it (the corner's two links are busy throughout); one after the other, as an
// all-reduce, they take about twice what trees do. Needs every node and link.
#pragma once

#include <cstdint>

#include "compiler/collective/link_model.h"
#include "core/sharding.h"

namespace tatami {

// Bytes on each link direction, phase by phase: the first along the first axis of each
// colour, the second along the other one.
struct TwoColourLoad {
  LinkBytes first, second;
};
// Of a reduce-scatter of `bytes`, whose parts are floor splits (core/box.h).
TwoColourLoad ReduceScatterLoad(const Mesh& mesh, int64_t bytes);

// Modelled time of the reduce-scatter, or of the all-gather; chunk_bytes and chunks are
// those of the longer phase.
Pipeline TwoColourPipeline(const Mesh& mesh, int64_t bytes, const LinkModel& link);

}  // namespace tatami
