// tatami ckpt: list, verify, compare and export checkpoints.
#include <algorithm>
#include <iostream>
#include <nlohmann/json.hpp>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/error.h"
#include "core/status_macros.h"
#include "runtime/checkpoint/checkpoint.h"
#include "runtime/checkpoint/compare.h"
#include "runtime/checkpoint/safetensors.h"
#include "runtime/checkpoint/stored_checkpoint.h"
#include "tools/tatami/commands.h"

namespace tatami {
namespace {

using nlohmann::json;

constexpr char kNames[] = "a run folder, RUN@STEP or a checkpoint folder";
constexpr double kMib = 1 << 20;

struct CkptFlags {
  std::string a, b;
  std::string to;
  bool json = false;
};

absl::Status NothingThere(const std::string& name) {
  return MakeError(
      ErrorCode::kDataMissing,
      absl::StrCat("'", name,
                   "' is neither a checkpoint nor the folder of a run that wrote one. "
                   "Give ",
                   kNames, "; `tatami ckpt ls RUN` lists the steps."));
}

// The checkpoints that a word of the command line names, ascending by step.
absl::StatusOr<std::vector<std::string>> Named(Storage& storage, std::string name) {
  while (name.size() > 1 && name.back() == '/') name.pop_back();
  if (storage.Exists(name + "/manifest.json")) return std::vector{name};
  const size_t at = name.rfind('@');
  int64_t step = 0;
  if (!storage.Exists(name) && at != std::string::npos &&
      absl::SimpleAtoi(name.substr(at + 1), &step) && step >= 0) {
    const std::string path = CheckpointPath(name.substr(0, at), step);
    if (!storage.Exists(path)) return NothingThere(name);
    return std::vector{path};
  }
  TATAMI_ASSIGN_OR_RETURN(const std::vector<int64_t> steps,
                          CheckpointSteps(storage, name));
  std::vector<std::string> paths;
  for (const int64_t s : steps) paths.push_back(CheckpointPath(name, s));
  // A checkpoint that lost its manifest is one still: it is to be refused by name.
  if (paths.empty() && storage.Exists(name + "/model.safetensors")) return {{name}};
  if (paths.empty()) return NothingThere(name);
  return paths;
}

absl::StatusOr<StoredCheckpoint> OpenNamed(Storage& storage, const std::string& name) {
  TATAMI_ASSIGN_OR_RETURN(const std::vector<std::string> paths, Named(storage, name));
  return OpenCheckpoint(storage, paths.back());
}

int64_t ChunkCount(const StoredCheckpoint& checkpoint) {
  int64_t chunks = 0;
  for (const StoredTensor& t : checkpoint.tensors) {
    chunks += static_cast<int64_t>(t.chunk_checksums.size());
  }
  return chunks;
}

// A checkpoint and what is wrong with it.
struct Finding {
  std::string path;
  std::optional<StoredCheckpoint> checkpoint;
  std::vector<absl::Status> damage;
};

json ToJson(const Finding& finding) {
  json object{{"path", finding.path}, {"ok", finding.damage.empty()}};
  if (finding.checkpoint) {
    const StoredCheckpoint& c = *finding.checkpoint;
    object.update({{"step", c.step},
                   {"model", c.model},
                   {"seed", c.seed},
                   {"tensors", c.tensors.size()},
                   {"chunks", ChunkCount(c)},
                   {"bytes", c.data_bytes()},
                   {"merkle_root", c.merkle_root}});
  }
  object["damage"] = json::array();
  for (const absl::Status& s : finding.damage) object["damage"].push_back(s.message());
  return object;
}

json ToJson(const std::vector<Finding>& findings) {
  json list = json::array();
  for (const Finding& f : findings) list.push_back(ToJson(f));
  return {{"checkpoints", list}};
}

Finding Open(Storage& storage, const std::string& path) {
  Finding finding{.path = path};
  auto opened = OpenCheckpoint(storage, path);
  if (opened.ok()) {
    finding.checkpoint = *std::move(opened);
  } else {
    finding.damage.push_back(opened.status());
  }
  return finding;
}

// OK, or an error that begins with the first damage of the newest bad checkpoint.
absl::Status Verdict(const std::vector<Finding>& findings) {
  int64_t bad = 0;
  const Finding* newest = nullptr;
  for (const Finding& f : findings) {
    if (f.damage.empty()) continue;
    ++bad;
    newest = &f;
  }
  if (newest == nullptr) return absl::OkStatus();
  const absl::Status& first = newest->damage[0];
  return MakeError(
      GetErrorCode(first).value_or(ErrorCode::kCheckpointCorrupt),
      absl::StrCat(bad, " of ", findings.size(), " checkpoint",
                   findings.size() == 1 ? " is" : "s are", " bad: ", first.message(),
                   newest->damage.size() > 1
                       ? absl::StrCat(" And ", newest->damage.size() - 1,
                                      " more damaged chunks in it.")
                       : "",
                   " Copy it again from where it is whole, or resume: that passes "
                   "over bad ones."));
}

// Says what was found, for a program or for a person, and what the exit code says.
absl::Status Tell(const std::vector<Finding>& findings, const CkptFlags& flags,
                  CommandOutcome& outcome, const std::string& text) {
  absl::Status verdict = Verdict(findings);
  if (!flags.json) {
    std::cout << text << std::flush;
  } else if (verdict.ok()) {
    std::cout << ToJson(findings).dump() << std::endl;
  } else {
    outcome.failure = ToJson(findings);
  }
  return verdict;
}

absl::Status RunList(const CkptFlags& flags, CommandOutcome& outcome) {
  PosixStorage storage;
  TATAMI_ASSIGN_OR_RETURN(const std::vector<std::string> paths,
                          Named(storage, flags.a));
  std::vector<Finding> findings;
  std::string text = absl::StrFormat("%10s %8s %7s %9s  %-16s  %s\n", "STEP", "TENSORS",
                                     "CHUNKS", "MiB", "ROOT", "MODEL");
  for (const std::string& path : paths) {
    const Finding& f = findings.emplace_back(Open(storage, path));
    if (!f.checkpoint) {
      absl::StrAppend(&text, "bad: ", f.damage[0].message(), "\n");
      continue;
    }
    const StoredCheckpoint& c = *f.checkpoint;
    absl::StrAppendFormat(&text, "%10d %8d %7d %9.2f  %s  %s\n", c.step,
                          c.tensors.size(), ChunkCount(c), c.data_bytes() / kMib,
                          c.merkle_root, c.model);
  }
  text += "Manifests and headers are verified; `tatami ckpt verify` reads the data.\n";
  return Tell(findings, flags, outcome, text);
}

absl::Status RunVerify(const CkptFlags& flags, CommandOutcome& outcome) {
  PosixStorage storage;
  TATAMI_ASSIGN_OR_RETURN(const std::vector<std::string> paths,
                          Named(storage, flags.a));
  std::vector<Finding> findings;
  std::string text;
  for (const std::string& path : paths) {
    Finding& f = findings.emplace_back(Open(storage, path));
    if (f.checkpoint) f.damage = DamagedChunks(storage, *f.checkpoint);
    for (const absl::Status& s : f.damage) {
      absl::StrAppend(&text, "BAD ", path, ": ", s.message(), "\n");
    }
    if (!f.damage.empty()) continue;
    const StoredCheckpoint& c = *f.checkpoint;
    absl::StrAppendFormat(&text, "OK  %s: %d tensors, %d chunks, %.2f MiB, root %s\n",
                          path, c.tensors.size(), ChunkCount(c), c.data_bytes() / kMib,
                          c.merkle_root);
  }
  return Tell(findings, flags, outcome, text);
}

// "[1,2]" of the element in row-major order.
std::string IndexText(const TensorType& type, int64_t element) {
  std::vector<int64_t> index(type.dims.size());
  for (size_t d = type.dims.size(); d-- > 0;) {
    index[d] = element % type.dims[d];
    element /= type.dims[d];
  }
  std::string text = "[";
  for (size_t d = 0; d < index.size(); ++d) {
    absl::StrAppend(&text, d > 0 ? "," : "", index[d]);
  }
  return text + "]";
}

std::string DifferenceText(const CheckpointDifference& d) {
  if (d.identical()) {
    return absl::StrFormat("bit-identical: %d tensors, %d elements\n", d.tensors,
                           d.elements);
  }
  std::string text;
  for (const std::string& line : d.structure) absl::StrAppend(&text, line, "\n");
  if (!d.first) {
    return absl::StrCat(text, "the ", d.tensors,
                        " tensors of both are bit-identical\n");
  }
  absl::StrAppendFormat(
      &text,
      "first difference: tensor '%s' %s at %s (element %d): %.9g and %.9g\n"
      "%d of %d tensors and %d of %d elements differ; largest difference %.9g\n",
      d.first->tensor, d.first->type.ToString(),
      IndexText(d.first->type, d.first->element), d.first->element, d.first->a,
      d.first->b, d.tensors_different, d.tensors, d.elements_different, d.elements,
      d.largest);
  return text;
}

json ToJson(const CheckpointDifference& d) {
  json object{{"identical", d.identical()},
              {"structure", d.structure},
              {"tensors", d.tensors},
              {"elements", d.elements},
              {"tensors_different", d.tensors_different},
              {"elements_different", d.elements_different},
              {"largest_difference", d.largest}};
  if (d.first) {
    object["first"] = {{"tensor", d.first->tensor},
                       {"type", d.first->type.ToString()},
                       {"element", d.first->element},
                       {"a", d.first->a},
                       {"b", d.first->b}};
  }
  return object;
}

absl::Status RunDiff(const CkptFlags& flags, CommandOutcome& outcome) {
  PosixStorage storage;
  TATAMI_ASSIGN_OR_RETURN(const StoredCheckpoint a, OpenNamed(storage, flags.a));
  TATAMI_ASSIGN_OR_RETURN(const StoredCheckpoint b, OpenNamed(storage, flags.b));
  TATAMI_ASSIGN_OR_RETURN(const CheckpointDifference difference,
                          CompareCheckpoints(storage, a, b));
  if (flags.json) {
    json object = ToJson(difference);
    object["a"] = a.dir;
    object["b"] = b.dir;
    std::cout << object.dump() << std::endl;
  } else {
    std::cout << DifferenceText(difference) << std::flush;
  }
  if (!difference.identical()) outcome.reported_exit_code = 1;
  return absl::OkStatus();
}

// Written beside and renamed, so that a reader never sees half a file.
absl::Status WriteSafetensors(Storage& storage, const std::string& path,
                              std::vector<NamedTensor> tensors) {
  std::stable_sort(tensors.begin(), tensors.end(), [](const auto& x, const auto& y) {
    return ByteSize(x.type.dtype) > ByteSize(y.type.dtype);  // keeps data aligned
  });
  std::vector<SafetensorsEntry> entries;
  int64_t at = 0;
  for (const NamedTensor& t : tensors) {
    entries.push_back({t.name, t.type, at, at + t.type.bytes()});
    at = entries.back().end;
  }
  const std::string head = EncodeSafetensorsHeader(entries);
  std::vector<Bytes> pieces = {AsBytes(head)};
  for (const NamedTensor& t : tensors) pieces.push_back(t.data);
  return ReplaceFile(storage, path, pieces);
}

absl::Status RunExport(const CkptFlags& flags) {
  PosixStorage storage;
  TATAMI_ASSIGN_OR_RETURN(const std::vector<std::string> paths,
                          Named(storage, flags.a));
  TATAMI_ASSIGN_OR_RETURN(Checkpoint checkpoint, LoadCheckpoint(storage, paths.back()));
  std::string file = flags.to;
  if (!absl::EndsWith(file, ".safetensors")) {
    TATAMI_RETURN_IF_ERROR(storage.MakeDirectory(file));
    file += "/model.safetensors";
  }
  const size_t count = checkpoint.tensors.size();
  const std::string hash = WeightsHash(checkpoint.tensors);
  TATAMI_RETURN_IF_ERROR(
      WriteSafetensors(storage, file, std::move(checkpoint.tensors)));
  TATAMI_ASSIGN_OR_RETURN(const int64_t bytes, storage.FileBytes(file));
  if (flags.json) {
    std::cout << json{{"from", paths.back()},
                      {"to", file},
                      {"tensors", count},
                      {"bytes", bytes},
                      {"weights_hash", hash}}
                     .dump()
              << std::endl;
  } else {
    std::cout << absl::StreamFormat("wrote %s: %d tensors, %.2f MiB, weights %s\n",
                                    file, count, bytes / kMib, hash);
  }
  return absl::OkStatus();
}

CLI::App* Subcommand(CLI::App& group, const char* name, const char* what,
                     const char* example, CkptFlags& flags) {
  CLI::App* command = group.add_subcommand(name, what);
  command->footer(absl::StrCat("Example:\n  ", example));
  command->add_flag("--json", flags.json, "one JSON object");
  return command;
}

}  // namespace

void AddCkptCommand(CLI::App& app, CommandOutcome& outcome) {
  auto flags = std::make_shared<CkptFlags>();
  CLI::App* group =
      app.add_subcommand("ckpt", "list, verify, compare and export checkpoints");
  group->require_subcommand(1);
  group->footer("Example:\n  tatami ckpt verify runs/quickstart");

  CLI::App* list = Subcommand(*group, "ls", "the checkpoints of a run",
                              "tatami ckpt ls runs/quickstart", *flags);
  list->add_option("run", flags->a, kNames)->required();
  list->callback([flags, &outcome] { outcome.status = RunList(*flags, outcome); });

  CLI::App* verify = Subcommand(
      *group, "verify", "read every byte against its checksum; exit 7 when one is bad",
      "tatami ckpt verify runs/quickstart@200", *flags);
  verify->add_option("checkpoint", flags->a, std::string(kNames) + "; a run: all of it")
      ->required();
  verify->callback([flags, &outcome] { outcome.status = RunVerify(*flags, outcome); });

  CLI::App* diff =
      Subcommand(*group, "diff", "where two checkpoints differ; exit 1 when they do",
                 "tatami ckpt diff runs/mesh_2x2@100 runs/mesh_8x4@100", *flags);
  diff->add_option("a", flags->a, std::string(kNames) + "; a run: its newest")
      ->required();
  diff->add_option("b", flags->b, "the other one")->required();
  diff->callback([flags, &outcome] { outcome.status = RunDiff(*flags, outcome); });

  CLI::App* write = Subcommand(
      *group, "export", "one file that any reader of safetensors loads",
      "tatami ckpt export runs/quickstart@200 --to weights.safetensors", *flags);
  write->add_option("checkpoint", flags->a, std::string(kNames) + "; a run: its newest")
      ->required();
  write
      ->add_option("--to", flags->to,
                   "FILE.safetensors, or a folder for model.safetensors")
      ->required();
  write->callback([flags, &outcome] { outcome.status = RunExport(*flags); });
}

}  // namespace tatami
