// Bytes that the copies of an exchange send over each link.
#pragma once

#include "core/link_loads.h"
#include "core/sharding.h"

namespace tatami {

// As AddExchangeLinks (core/exchange_links.h, which says how copies travel) where
// nothing is combined, for elements of `bytes` each.
void AddCopyLinks(const Placement& from, const Placement& to, int64_t bytes,
                  const Mesh& mesh, LinkLoads& loads);

}  // namespace tatami
