// The local search of core/embedding.h: places logical nodes near long pairs anew.
#pragma once

#include "core/embedding.h"
#include "core/live_mesh.h"

namespace tatami::internal_embedding {

// Places small rectangles of logical nodes anew, keeping `embedding` injective, live
// and monotone, until no two logical neighbours are more than 2 hops apart or the
// effort (counted in placements, so equal on every host) is spent. No pair gets longer,
// except that a pair of one hop may end with two.
Embedding ShortenPairs(Embedding embedding, const LiveMesh& live);

}  // namespace tatami::internal_embedding
