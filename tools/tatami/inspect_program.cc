#include "tools/tatami/inspect_program.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "compiler/verify.h"

namespace tatami {
namespace {

constexpr size_t kRowsMax = 12;  // of each table
constexpr size_t kColumns = 80;

double Kib(int64_t bytes) { return static_cast<double>(bytes) / 1024.0; }

// A line of the text; what does not fit ends in "..".
void AddLine(std::string line, std::string& out) {
  while (!line.empty() && line.back() == ' ') line.pop_back();
  if (line.size() > kColumns) line = absl::StrCat(line.substr(0, kColumns - 2), "..");
  absl::StrAppend(&out, line, "\n");
}

void AddMore(size_t rows, std::string& out) {
  if (rows > kRowsMax) AddLine(absl::StrCat("  and ", rows - kRowsMax, " more"), out);
}

// A buffer that gives its storage a name: the first, hence the one that began it.
struct Held {
  int64_t bytes = 0;  // on the nodes of the class
  int buffer = -1;
};

const NodeClass& FullestClass(const Program& p) {
  return *std::max_element(p.classes.begin(), p.classes.end(),
                           [](const NodeClass& a, const NodeClass& b) {
                             return a.peak_bytes < b.peak_bytes;
                           });
}

std::vector<Held> LargestBuffers(const Program& p, const NodeClass& c) {
  std::vector<Held> held(p.storage_lifetime.size());
  for (size_t b = 0; b < p.buffers.size(); ++b) {
    Held& h = held[p.buffers[b].storage];
    if (h.buffer < 0) h = {c.storage_bytes[p.buffers[b].storage], static_cast<int>(b)};
  }
  std::stable_sort(held.begin(), held.end(),
                   [](const Held& a, const Held& b) { return a.bytes > b.bytes; });
  while (!held.empty() && (held.back().bytes == 0 || held.back().buffer < 0)) {
    held.pop_back();
  }
  return held;
}

struct Counts {
  int64_t exchanges = 0, combining = 0;
  int64_t state_bytes = 0, trainable_elements = 0;
};

Counts CountParts(const Program& p) {
  Counts counts;
  for (const Superstep& s : p.supersteps) {
    counts.exchanges += static_cast<int64_t>(s.exchanges.size());
    for (const ExchangeOp& e : s.exchanges) counts.combining += !e.resolve.empty();
  }
  for (const ProgramState& s : p.states) {
    const TensorType& type = p.buffers[s.buffer].type;
    counts.state_bytes += type.bytes();
    if (s.trainable) counts.trainable_elements += type.num_elements();
  }
  return counts;
}

// "(3,4) south", of the link that carries most.
std::string BusiestLink(const LinkBytes& links, const Mesh& mesh) {
  constexpr absl::string_view kNames[] = {"east", "west", "south", "north"};
  const auto most = std::max_element(links.raw().begin(), links.raw().end());
  const int64_t index = most - links.raw().begin();
  const NodeCoord node = NodeAt(index / 4, mesh);
  return absl::StrCat("(", node.row, ",", node.col, ") ", kNames[index % 4]);
}

void DescribeClasses(const Program& p, std::string& out) {
  AddLine("node classes     nodes   example     peak KiB   of SRAM", out);
  for (size_t c = 0; c < p.classes.size() && c < kRowsMax; ++c) {
    const NodeClass& node_class = p.classes[c];
    AddLine(
        absl::StrFormat(
            "  class %-4d %10d   %-9s %10.1f %8.1f %%", c, node_class.nodes,
            absl::StrCat("(", node_class.example.row, ",", node_class.example.col, ")"),
            Kib(node_class.peak_bytes), 100.0 * node_class.peak_bytes / p.sram_bytes),
        out);
  }
  AddMore(p.classes.size(), out);
}

void DescribeBuffers(const Program& p, std::string& out) {
  const NodeClass& fullest = FullestClass(p);
  const std::vector<Held> largest = LargestBuffers(p, fullest);
  AddLine(absl::StrFormat("largest buffers, node (%d,%d)", fullest.example.row,
                          fullest.example.col),
          out);
  AddLine("       KiB   ticks       part of the node     tensor", out);
  for (size_t i = 0; i < largest.size() && i < kRowsMax; ++i) {
    const ProgramBuffer& b = p.buffers[largest[i].buffer];
    const auto& [first, last] = p.storage_lifetime[b.storage];
    // What the fullest node has bytes of lies on its stage.
    const Dims part = Extents(*p.BoxAt(largest[i].buffer, fullest.example));
    AddLine(absl::StrFormat("%10.1f   %-9s   %-20s %s", Kib(largest[i].bytes),
                            b.persistent ? "always" : absl::StrCat(first, "-", last),
                            absl::StrJoin(part, "x"), b.name),
            out);
  }
  AddMore(largest.size(), out);
}

void DescribeStates(const Program& p, std::string& out) {
  const Counts counts = CountParts(p);
  AddLine(absl::StrFormat("states: %d, %.1f KiB in all, %d trainable numbers",
                          p.states.size(), Kib(counts.state_bytes),
                          counts.trainable_elements),
          out);
  std::vector<const ProgramState*> states;
  for (const ProgramState& s : p.states) states.push_back(&s);
  const auto bytes = [&](const ProgramState* s) {
    return p.buffers[s->buffer].type.bytes();
  };
  std::stable_sort(states.begin(), states.end(),
                   [&](const auto* a, const auto* b) { return bytes(a) > bytes(b); });
  for (size_t i = 0; i < states.size() && i < kRowsMax; ++i) {
    const ProgramBuffer& b = p.buffers[states[i]->buffer];
    AddLine(
        absl::StrFormat("%10.1f   %s %s%s", Kib(b.type.bytes()), states[i]->name,
                        b.type.ToString(), states[i]->trainable ? ", trainable" : ""),
        out);
  }
  AddMore(states.size(), out);
}

}  // namespace

std::string DescribeProgram(const Program& p) {
  const Counts counts = CountParts(p);
  const LinkBytes links = CountLinkBytes(p);
  const absl::Status verified = VerifyProgram(p);
  std::string out;
  AddLine(absl::StrCat("program   ", p.model, ", hash ", p.Hash()), out);
  AddLine(absl::StrFormat(
              "machine   %s, mesh %s, %.1f KiB SRAM a node, %.1f of it code", p.machine,
              p.mesh.ToString(), Kib(p.sram_bytes), Kib(p.code_bytes)),
          out);
  if (p.HasStages()) {
    AddLine(
        absl::StrCat("stages    ", p.stages.ToString(), ", ", p.stage_grid().count(),
                     " of ", p.stage_mesh().ToString(), " nodes"),
        out);
  }
  if (p.site) {
    AddLine(absl::StrCat("laid on   ", p.site->live.ShortText()), out);
    const Dilation dilation = DilationOf(p.site->embedding, p.site->live);
    AddLine(
        absl::StrFormat("          links take at most %d hops, at most %d share one "
                        "of the grid",
                        dilation.hops_max, dilation.links_sharing_max),
        out);
  }
  AddLine(absl::StrFormat(
              "step      %d supersteps, %d calls, %d exchanges of which %d combine",
              p.supersteps.size(), p.calls.size(), counts.exchanges, counts.combining),
          out);
  AddLine(absl::StrFormat("links     %.1f KiB in all, %.1f on the busiest, %s",
                          Kib(links.total()), Kib(links.max()),
                          BusiestLink(links, p.grid())),
          out);
  AddLine(verified.ok() ? "verified  yes"
                        : absl::StrCat("verified  NO: ", verified.message()),
          out);
  AddLine("", out);
  DescribeClasses(p, out);
  AddLine("", out);
  if (!p.classes.empty()) DescribeBuffers(p, out);
  AddLine("", out);
  DescribeStates(p, out);
  return out;
}

nlohmann::json ProgramJson(const Program& p) {
  const LinkBytes links = CountLinkBytes(p);
  nlohmann::json classes = nlohmann::json::array(), states = nlohmann::json::array(),
                 buffers = nlohmann::json::array();
  for (const NodeClass& c : p.classes) {
    classes.push_back({{"nodes", c.nodes},
                       {"example", {c.example.row, c.example.col}},
                       {"peak_bytes", c.peak_bytes}});
  }
  for (const ProgramState& s : p.states) {
    const TensorType& type = p.buffers[s.buffer].type;
    states.push_back({{"name", s.name},
                      {"type", type.ToString()},
                      {"bytes", type.bytes()},
                      {"trainable", s.trainable}});
  }
  if (!p.classes.empty()) {
    std::vector<Held> largest = LargestBuffers(p, FullestClass(p));
    if (largest.size() > kRowsMax) largest.resize(kRowsMax);
    for (const Held& held : largest) {
      const ProgramBuffer& b = p.buffers[held.buffer];
      buffers.push_back({{"name", b.name},
                         {"type", b.type.ToString()},
                         {"placement", b.placement.ToString(p.stage_mesh())},
                         {"bytes", held.bytes},
                         {"persistent", b.persistent}});
    }
  }
  nlohmann::json object = {{"kind", "program"},
                           {"model", p.model},
                           {"machine", p.machine},
                           {"mesh", p.mesh.ToString()},
                           {"stages", p.stages.ToString()},
                           {"program_hash", p.Hash()},
                           {"verified", VerifyProgram(p).ok()},
                           {"sram_bytes", p.sram_bytes},
                           {"code_bytes", p.code_bytes},
                           {"peak_bytes", p.peak_bytes()},
                           {"calls", p.calls.size()},
                           {"supersteps", p.supersteps.size()},
                           {"exchanges", CountParts(p).exchanges},
                           {"link_bytes", links.total()},
                           {"link_bytes_max", links.max()},
                           {"classes", classes},
                           {"largest_buffers", buffers},
                           {"states", states}};
  if (p.site) {
    object["map"] = p.site->live.ToString();
    object["map_hash"] = absl::StrFormat("%016x", p.site->live.Hash());
  }
  return object;
}

}  // namespace tatami
