// The collectives of the library behind a Transport, between the same ranks: what
// benchmarks hold ours against. Nothing else calls them, since the order of their sums
// is the library's own.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/types/span.h"

namespace tatami {

// Every call is collective and returns when this rank has its result. Parts are equal:
// `all` and `mine` of a scatter are as long as the parts of all ranks. E0603 when the
// library says that it failed.
class CollectivePeer {
 public:
  virtual ~CollectivePeer() = default;
  virtual std::string name() const = 0;  // with its version

  virtual absl::Status AllReduce(absl::Span<const float> mine,
                                 absl::Span<float> sum) = 0;
  virtual absl::Status ReduceScatter(absl::Span<const float> mine,
                                     absl::Span<float> part) = 0;
  virtual absl::Status AllGather(absl::Span<const float> part,
                                 absl::Span<float> all) = 0;
};

}  // namespace tatami
