#include "tests/jobs/running_service.h"

#include <dirent.h>
#include <signal.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

namespace tatami::testing {
namespace {

namespace fs = std::filesystem;

constexpr int kPatience = 600;  // times 100 ms

std::string ReadAll(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

RunningService::RunningService(const Scratch& scratch, std::vector<std::string> flags)
    : scratch_(scratch), folder_(scratch.path() + "/home"), flags_(std::move(flags)) {
  mkdir(folder_.c_str(), 0700);
}

RunningService::~RunningService() {
  if (IsAlive()) Kill();
  for (const char* program : {"tatami", "mpirun", "orted"}) {
    for (const pid_t pid : Processes(program)) kill(pid, SIGKILL);
  }
}

void RunningService::Start() {
  std::vector<std::string> words = {"serve", "--folder", folder_};
  words.insert(words.end(), flags_.begin(), flags_.end());
  RunTatami(words, {.folder = scratch_.path(), .wrapper = {"setsid", "-f"}});
  for (int i = 0; i < kPatience; ++i) {
    if (IsAlive() && Tatami({"jobs"}).exit_code == 0) return;
    absl::SleepFor(absl::Milliseconds(100));
  }
  ADD_FAILURE() << "the service did not start";
}

pid_t RunningService::process() const {
  int pid = 0;
  return absl::SimpleAtoi(ReadAll(folder_ + "/service.lock"), &pid) ? pid : 0;
}

bool RunningService::IsAlive() const {
  const std::string words = ReadAll(absl::StrCat("/proc/", process(), "/cmdline"));
  return process() > 0 && absl::StrContains(words, folder_);
}

void RunningService::Kill() {
  kill(process(), SIGKILL);
  while (IsAlive()) absl::SleepFor(absl::Milliseconds(10));
}

Outcome RunningService::Tatami(std::vector<std::string> arguments) const {
  return RunTatami(arguments, {.folder = scratch_.path(),
                               .environment = {{"TATAMI_HOME", folder_}}});
}

nlohmann::json RunningService::Describe(int64_t id) const {
  return Tatami({"describe", absl::StrCat(id), "--json"}).LastJson();
}

void RunningService::WaitForStep(int64_t id, int64_t step) const {
  for (int i = 0; i < kPatience; ++i) {
    const nlohmann::json job = Describe(id);
    if (job.value("step", 0) >= step || job.value("ended_ms", int64_t{0}) > 0) return;
    absl::SleepFor(absl::Milliseconds(100));
  }
  ADD_FAILURE() << "job " << id << " does not get to step " << step;
}

std::vector<pid_t> RunningService::Processes(const std::string& program) const {
  std::vector<pid_t> found;
  for (const auto& entry : fs::directory_iterator("/proc")) {
    int pid = 0;
    if (!absl::SimpleAtoi(entry.path().filename().string(), &pid)) continue;
    const std::string environment = ReadAll(entry.path().string() + "/environ");
    if (!absl::StrContains(environment, "TATAMI_ATTEMPT=" + folder_)) continue;
    if (ReadAll(entry.path().string() + "/comm") == program + "\n") {
      found.push_back(pid);
    }
  }
  return found;
}

std::vector<pid_t> RunningService::Ranks() const {
  std::vector<pid_t> ranks;
  for (const pid_t pid : Processes("tatami")) {
    const std::string environment = ReadAll(absl::StrCat("/proc/", pid, "/environ"));
    if (absl::StrContains(environment, "OMPI_COMM_WORLD_RANK=")) ranks.push_back(pid);
  }
  return ranks;
}

std::vector<std::string> RunWords(const std::string& command, int ranks, int steps) {
  return {command, "--model=drivenet-tiny", "--data=drives",
          absl::StrCat("--np=", ranks), absl::StrCat("--steps=", steps)};
}

Undisturbed Train(const Scratch& scratch, int ranks, int steps) {
  std::vector<std::string> words = RunWords("train", ranks, steps);
  words.insert(words.end(), {"--out=plain", "--json"});
  const Outcome outcome = RunTatami(words, {.folder = scratch.path()});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  return {outcome.LastJson()["weights_hash"],
          FileText(scratch.path() + "/plain/metrics.jsonl")};
}

int64_t Submit(const RunningService& service, std::vector<std::string> words) {
  words.push_back("--json");
  const Outcome outcome = service.Tatami(words);
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  return outcome.LastJson()["id"];
}

int CountOf(const nlohmann::json& job, const std::string& state) {
  int count = 0;
  for (const auto& event : job["events"]) count += event["to"] == state;
  return count;
}

}  // namespace tatami::testing
