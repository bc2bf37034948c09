#include "compiler/pipeline.h"

#include "absl/strings/str_cat.h"
#include "compiler/passes/fuse_pointwise.h"
#include "compiler/passes/remove_dead_calls.h"
#include "core/status_macros.h"

namespace tatami {
namespace {

struct Pass {
  absl::string_view name;
  absl::Status (*run)(Graph&);
};

constexpr Pass kPipeline[] = {
    {"remove_dead_calls", RemoveDeadCalls},
    {"fuse_pointwise", FusePointwise},
};

}  // namespace

absl::StatusOr<Graph> RunPipeline(Graph graph) {
  TATAMI_RETURN_IF_ERROR(VerifyGraph(graph), "before any pass");
  for (const Pass& pass : kPipeline) {
    const std::string where = absl::StrCat("pass ", pass.name);
    TATAMI_RETURN_IF_ERROR(pass.run(graph), where);
    TATAMI_RETURN_IF_ERROR(VerifyGraph(graph), where);
  }
  return graph;
}

}  // namespace tatami
