#include "compiler/verify_memory.h"

#include <algorithm>
#include <optional>
#include <set>

#include "absl/strings/str_cat.h"
#include "compiler/lower/memory.h"
#include "core/status_macros.h"

namespace tatami {
namespace {

class MemoryVerifier {
 public:
  explicit MemoryVerifier(const Program& program) : p_(program) {}

  absl::Status Run() const {
    TATAMI_RETURN_IF_ERROR(CheckSizes());
    for (size_t c = 0; c < p_.classes.size(); ++c) {
      TATAMI_RETURN_IF_ERROR(CheckAddresses(p_.classes[c]),
                             absl::StrCat("node class ", c));
      TATAMI_RETURN_IF_ERROR(CheckOverlaps(p_.classes[c]),
                             absl::StrCat("node class ", c));
    }
    return CheckLifetimes();
  }

 private:
  absl::Status Bug(absl::string_view what) const {
    return absl::InternalError(absl::StrCat("verifier: ", what));
  }

  // A buffer of the storage, to name it by.
  std::string NameOf(int storage) const {
    for (const ProgramBuffer& b : p_.buffers) {
      if (b.storage == storage) return b.name;
    }
    return absl::StrCat("storage ", storage);
  }

  // Every node's box fits the storage of the node's class.
  absl::Status CheckSizes() const {
    std::vector<int64_t> nodes(p_.classes.size(), 0);
    for (const int c : p_.class_of_node) ++nodes[c];
    for (size_t c = 0; c < nodes.size(); ++c) {
      if (nodes[c] == p_.classes[c].nodes) continue;
      return Bug(absl::StrCat("class ", c, " says ", p_.classes[c].nodes,
                              " nodes and has ", nodes[c]));
    }
    const StageGrid grid = p_.stage_grid();
    const Mesh one = grid.stage_mesh();
    const std::vector<const NodeClass*> of_stage = ClassesOfStages();
    for (size_t b = 0; b < p_.buffers.size(); ++b) {
      const ProgramBuffer& buffer = p_.buffers[b];
      if (of_stage[buffer.stage] != nullptr && one.nodes() > 1) {
        const int64_t most =
            MostElements(buffer.placement, one) * ByteSize(buffer.type.dtype);
        TATAMI_RETURN_IF_ERROR(
            CheckSize(buffer, *of_stage[buffer.stage], most, std::nullopt));
        continue;
      }
      for (int64_t i = 0; i < one.nodes(); ++i) {
        const NodeCoord node = grid.FromStage(buffer.stage, NodeAt(i, one));
        const int64_t bytes = p_.BytesAt(static_cast<int>(b), node);
        const int node_class = p_.class_of_node[NodeIndex(node, p_.mesh)];
        TATAMI_RETURN_IF_ERROR(CheckSize(buffer, p_.classes[node_class], bytes, node));
      }
    }
    return absl::OkStatus();
  }

  // By stage: the class of all its nodes, or null where there are several.
  std::vector<const NodeClass*> ClassesOfStages() const {
    const StageGrid grid = p_.stage_grid();
    std::vector<std::set<int>> known(grid.count());
    for (int64_t n = 0; n < p_.mesh.nodes(); ++n) {
      known[grid.StageOf(NodeAt(n, p_.mesh))].insert(p_.class_of_node[n]);
    }
    std::vector<const NodeClass*> out;
    for (const std::set<int>& classes : known) {
      out.push_back(classes.size() == 1 ? &p_.classes[*classes.begin()] : nullptr);
    }
    return out;
  }

  absl::Status CheckSize(const ProgramBuffer& b, const NodeClass& c, int64_t bytes,
                         const std::optional<NodeCoord>& node) const {
    if (bytes <= c.storage_bytes[b.storage]) return absl::OkStatus();
    const std::string where =
        node ? absl::StrCat("node (", node->row, ",", node->col, ")") : "some node";
    return Bug(absl::StrCat("storage too small: ", b.name, " has ", bytes, " bytes on ",
                            where, ", its storage ", c.storage_bytes[b.storage]));
  }

  absl::Status CheckAddresses(const NodeClass& c) const {
    if (c.peak_bytes > p_.sram_bytes) {
      return Bug(absl::StrCat("the peak is ", c.peak_bytes, " of ", p_.sram_bytes,
                              " bytes of SRAM"));
    }
    for (size_t s = 0; s < c.address.size(); ++s) {
      if (c.storage_bytes[s] == 0) continue;
      const int64_t begin = c.address[s], end = begin + c.storage_bytes[s];
      const auto fail = [&](absl::string_view why) {
        return Bug(absl::StrCat(NameOf(static_cast<int>(s)), " lies at [", begin, ",",
                                end, "): ", why));
      };
      if (begin < p_.code_bytes) return fail("over the code");
      if (end > p_.sram_bytes) return fail("beyond the SRAM");
      if (end > c.peak_bytes) return fail("above the peak of its class");
      if (begin % kSramAlignment != 0) return fail("not aligned");
    }
    return absl::OkStatus();
  }

  // Storages that are alive at one tick do not share bytes.
  absl::Status CheckOverlaps(const NodeClass& c) const {
    std::vector<int> order;
    for (size_t s = 0; s < c.address.size(); ++s) {
      if (c.storage_bytes[s] > 0) order.push_back(static_cast<int>(s));
    }
    std::sort(order.begin(), order.end(),
              [&](int a, int b) { return c.address[a] < c.address[b]; });
    for (size_t i = 0; i < order.size(); ++i) {
      for (size_t j = i + 1; j < order.size(); ++j) {
        const int a = order[i], b = order[j];
        if (c.address[b] >= c.address[a] + c.storage_bytes[a]) break;
        const auto &x = p_.storage_lifetime[a], &y = p_.storage_lifetime[b];
        if (x.first <= y.second && y.first <= x.second) {
          return Bug(
              absl::StrCat(NameOf(a), " and ", NameOf(b), " overlap while alive"));
        }
      }
    }
    return absl::OkStatus();
  }

  // A storage is alive whenever one of its buffers is.
  absl::Status CheckLifetimes() const {
    const Ticks ticks = TicksOf(p_);
    for (size_t b = 0; b < p_.buffers.size(); ++b) {
      std::pair<int, int> needed = ticks.buffer[b];
      if (p_.buffers[b].persistent) needed = {0, ticks.count - 1};
      if (needed.first < 0) continue;
      const auto& life = p_.storage_lifetime[p_.buffers[b].storage];
      if (needed.first >= life.first && needed.second <= life.second) continue;
      return Bug(absl::StrCat("its storage lives ticks ", life.first, "-", life.second,
                              " and it ", needed.first, "-", needed.second, ": ",
                              p_.buffers[b].name));
    }
    return absl::OkStatus();
  }

  const Program& p_;
};

}  // namespace

absl::Status VerifyMemory(const Program& program) {
  return MemoryVerifier(program).Run();
}

}  // namespace tatami
