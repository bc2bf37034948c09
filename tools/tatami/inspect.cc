// tatami inspect: what is in a Program, a checkpoint or a safetensors file.
#include <algorithm>
#include <filesystem>
#include <iostream>
#include <nlohmann/json.hpp>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "compiler/verify.h"
#include "core/error.h"
#include "core/proto/wire.h"
#include "core/status_macros.h"
#include "ops/all_ops.h"
#include "runtime/checkpoint/checkpoint.h"
#include "runtime/checkpoint/safetensors.h"
#include "tools/report/program_page.h"
#include "tools/tatami/commands.h"
#include "tools/tatami/inspect_program.h"
#include "tools/tatami/write_file.h"

namespace tatami {
namespace {

constexpr int64_t kProgramFileBytesMax = int64_t{1} << 30;
constexpr size_t kTensorsShown = 20;

struct InspectFlags {
  std::string path;
  std::string html;  // where to write a page of the Program; may be empty
  bool json = false;
};

struct TensorLine {
  std::string name;
  TensorType type;
};

nlohmann::json ToJson(const std::vector<TensorLine>& tensors) {
  nlohmann::json list = nlohmann::json::array();
  for (const TensorLine& t : tensors) {
    list.push_back(
        {{"name", t.name}, {"type", t.type.ToString()}, {"bytes", t.type.bytes()}});
  }
  return list;
}

int64_t BytesOf(const std::vector<TensorLine>& tensors) {
  int64_t bytes = 0;
  for (const TensorLine& t : tensors) bytes += t.type.bytes();
  return bytes;
}

// The largest first.
void PrintTensors(std::vector<TensorLine> tensors) {
  std::cout << absl::StreamFormat("tensors   %d, %.1f KiB in all\n", tensors.size(),
                                  BytesOf(tensors) / 1024.0);
  std::stable_sort(tensors.begin(), tensors.end(), [](const auto& a, const auto& b) {
    return a.type.bytes() > b.type.bytes();
  });
  for (size_t i = 0; i < tensors.size() && i < kTensorsShown; ++i) {
    std::string line =
        absl::StrFormat("%10.1f KiB   %s %s", tensors[i].type.bytes() / 1024.0,
                        tensors[i].name, tensors[i].type.ToString());
    if (line.size() > 80) line = line.substr(0, 78) + "..";
    std::cout << line << "\n";
  }
  if (tensors.size() > kTensorsShown) {
    std::cout << "  and " << tensors.size() - kTensorsShown << " more\n";
  }
}

// What does not verify is not drawn: its numbers would mean nothing.
absl::Status WritePage(const Program& program, const nlohmann::json& summary,
                       const std::string& path) {
  TATAMI_RETURN_IF_ERROR(VerifyProgram(program), absl::StrCat(path, " is not written"));
  return WriteFile(path, ProgramPage(program, summary));
}

absl::Status InspectProgram(Storage& storage, const InspectFlags& flags) {
  TATAMI_ASSIGN_OR_RETURN(const std::string bytes,
                          ReadText(storage, flags.path, kProgramFileBytesMax));
  TATAMI_ASSIGN_OR_RETURN(const Program program, ParseProgram(bytes, FindOp),
                          absl::StrCat("program file ", flags.path));
  if (flags.html.empty() && !flags.json) {
    std::cout << DescribeProgram(program) << std::flush;
    return absl::OkStatus();
  }
  const nlohmann::json summary = ProgramJson(program);
  if (!flags.html.empty()) {
    TATAMI_RETURN_IF_ERROR(WritePage(program, summary, flags.html));
  }
  if (flags.json) {
    std::cout << summary.dump() << std::endl;
  } else {
    std::cout << "wrote " << flags.html << ": open it in a browser\n";
  }
  return absl::OkStatus();
}

absl::Status InspectSafetensors(Storage& storage, const InspectFlags& flags) {
  TATAMI_ASSIGN_OR_RETURN(const SafetensorsHeader header,
                          ReadSafetensorsHeader(storage, flags.path));
  std::vector<TensorLine> tensors;
  for (const SafetensorsEntry& e : header.entries) tensors.push_back({e.name, e.type});
  if (flags.json) {
    std::cout << nlohmann::json{{"kind", "safetensors"},
                                {"bytes", BytesOf(tensors)},
                                {"tensors", ToJson(tensors)}}
                     .dump()
              << std::endl;
    return absl::OkStatus();
  }
  PrintTensors(std::move(tensors));
  return absl::OkStatus();
}

// A checkpoint, or a run directory, of which the newest checkpoint is shown. All
// checksums are verified on the way.
absl::Status InspectCheckpoint(Storage& storage, const InspectFlags& flags) {
  TATAMI_ASSIGN_OR_RETURN(const std::vector<int64_t> steps,
                          CheckpointSteps(storage, flags.path));
  const std::string path =
      steps.empty() ? flags.path : CheckpointPath(flags.path, steps.back());
  if (steps.empty() && !storage.Exists(path + "/manifest.json")) {
    return MakeError(ErrorCode::kDataMissing,
                     absl::StrCat("'", path,
                                  "' is neither a checkpoint nor the folder of a run "
                                  "that wrote one."));
  }
  TATAMI_ASSIGN_OR_RETURN(const Checkpoint c, LoadCheckpoint(storage, path));
  std::vector<TensorLine> tensors;
  for (const NamedTensor& t : c.tensors) tensors.push_back({t.name, t.type});
  const std::string hash = WeightsHash(c.tensors);
  if (flags.json) {
    std::cout << nlohmann::json{{"kind", "checkpoint"},
                                {"path", path},
                                {"model", c.model},
                                {"step", c.step},
                                {"seed", c.seed},
                                {"epoch", c.data_cursor.epoch},
                                {"batch", c.data_cursor.batch},
                                {"weights_hash", hash},
                                {"bytes", BytesOf(tensors)},
                                {"tensors", ToJson(tensors)}}
                     .dump()
              << std::endl;
    return absl::OkStatus();
  }
  std::cout << "checkpoint " << path << ", all checksums verified\n"
            << "model     " << c.model << ", " << c.step << " steps done, seed "
            << c.seed << "\n"
            << "data      next is batch " << c.data_cursor.batch << " of epoch "
            << c.data_cursor.epoch << "\n"
            << "weights   " << hash << "\n";
  PrintTensors(std::move(tensors));
  return absl::OkStatus();
}

absl::Status RunInspect(const InspectFlags& flags) {
  PosixStorage storage;
  if (!storage.Exists(flags.path)) {
    return MakeError(ErrorCode::kDataMissing,
                     absl::StrCat("nothing is at '", flags.path,
                                  "'. Give a .tatami file (tatami compile "
                                  "--save_program FILE.tatami), a .safetensors file or "
                                  "a checkpoint directory."));
  }
  std::error_code ignored;
  const bool checkpoint = std::filesystem::is_directory(flags.path, ignored);
  const bool safetensors = absl::EndsWith(flags.path, ".safetensors");
  if (!checkpoint && !safetensors) return InspectProgram(storage, flags);
  if (!flags.html.empty()) {
    return MakeError(ErrorCode::kBadFlag,
                     absl::StrCat("--html draws a program; '", flags.path,
                                  "' holds tensors. Give the FILE.tatami of tatami "
                                  "compile --save_program, or leave --html out."));
  }
  return checkpoint ? InspectCheckpoint(storage, flags)
                    : InspectSafetensors(storage, flags);
}

}  // namespace

void AddInspectCommand(CLI::App& app, CommandOutcome& outcome) {
  auto flags = std::make_shared<InspectFlags>();
  CLI::App* command =
      app.add_subcommand("inspect", "what is in a program, checkpoint or weights file");
  command->footer(
      "Example:\n  tatami compile --model drivenet-small --save_program step.tatami\n"
      "  tatami inspect step.tatami --html step.html");
  command
      ->add_option("file", flags->path,
                   "a .tatami program, a .safetensors file, a checkpoint or run "
                   "directory")
      ->required();
  command->add_option("--html", flags->html,
                      "write a page that draws the program (mesh, memory, schedule) to "
                      "this file");
  command->add_flag("--json", flags->json, "one JSON object");
  command->callback([flags, &outcome] { outcome.status = RunInspect(*flags); });
}

}  // namespace tatami
