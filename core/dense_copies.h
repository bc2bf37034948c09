// Links of copies in which senders and receivers pair freely.
#pragma once

#include "core/link_loads.h"
#include "core/sharding.h"

namespace tatami {

// Copies in which who sends and who receives are independent choices within each set of
// nodes: all-gathers, all-to-alls, a cut that changes its axis. Every dim is either one
// that senders hold different parts of and receivers want the same of, or the other way
// round.
//
// As AddCopyLinks (core/copy_links.h) for these; false, with nothing added, for
// exchanges of another kind.
bool AddDenseCopies(const Placement& from, const Placement& to, int64_t bytes,
                    const Mesh& mesh, LinkLoads& loads);

}  // namespace tatami
