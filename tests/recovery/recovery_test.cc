// A run that dies goes on to the bits of one that does not: `tatami train` under
// mpirun, killed, stopped and told to end in real. docs/recovery.md says what is
// promised.
#include <gtest/gtest.h>

#include <filesystem>
#include <regex>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "core/random.h"
#include "tests/support/run_tatami.h"

namespace tatami::testing {
namespace {

namespace fs = std::filesystem;

constexpr int kRanks = 4, kSteps = 6, kSupersteps = 85;

using Words = std::vector<std::string>;

class Recovery : public ::testing::Test {
 protected:
  Recovery() { scratch_.WriteSmallVideo("drives"); }

  static Words Train(const std::string& name, int ranks, const Words& more) {
    Words words = {
        "train", "--model", "drivenet-tiny",     "--data",     "drives",   "--out",
        name,    "--np",    absl::StrCat(ranks), "--schedule", "constant", "--json"};
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }
  // Six steps, with checkpoints and measurements on the way.
  static Words Six(const std::string& name, int ranks, const Words& more) {
    Words words = Train(name, ranks,
                        {"--steps", absl::StrCat(kSteps), "--checkpoint_every", "2",
                         "--evaluate_every", "3"});
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }
  Outcome Run(const Words& words, const Words& wrapper = {}) const {
    return RunTatami(words,
                     {.folder = scratch_.path(),
                      // mpirun gives dying ranks a second; these need none.
                      .environment = {{"OMPI_MCA_odls_base_sigkill_timeout", "0"}},
                      .wrapper = wrapper});
  }
  // As a job service starts it again and again: always with the same words. The folder
  // of the run's snapshots is NAME-kept.
  static Words Again(const std::string& name, int ranks, const Words& more) {
    Words words = Six(name, ranks, {"--resume_if_any", "--snapshots", name + "-kept"});
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }

  std::string Path(const std::string& name) const {
    return scratch_.path() + "/" + name;
  }
  std::string Metrics(const std::string& name) const {
    return FileText(Path(name) + "/metrics.jsonl");
  }
  nlohmann::json Summary(const std::string& name) const {
    return nlohmann::json::parse(FileText(Path(name) + "/summary.json"));
  }

  // What all runs are to come to.
  void RunUndisturbed() {
    const Outcome outcome = Run(Six("whole", kRanks, {}));
    ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
    EXPECT_TRUE(
        absl::StrContains(outcome.err, absl::StrCat(" ", kSupersteps, " supersteps")))
        << outcome.err;
    EXPECT_FALSE(absl::StrContains(outcome.err, "resumed")) << outcome.err;
  }

  // The run has ended as the undisturbed one did, and left no snapshot.
  void ExpectAsUndisturbed(const std::string& name, const Outcome& outcome) const {
    ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
    EXPECT_EQ(Metrics(name), Metrics("whole")) << outcome.err;
    const nlohmann::json got = Summary(name), want = Summary("whole");
    for (const char* key : {"steps", "total_steps", "stopped", "loss", "metrics",
                            "baselines", "weights_hash"}) {
      EXPECT_EQ(got[key], want[key]) << key << "\n" << outcome.err;
    }
    EXPECT_EQ(outcome.LastJson()["weights_hash"], want["weights_hash"]);
    EXPECT_TRUE(fs::is_empty(Path(name + "-kept")));
  }

  // The step that a start says it went on from; 0 when it began anew.
  static int64_t ResumedStep(const Outcome& outcome) {
    static const std::regex said("resumed [^\n]* after step ([0-9]+)\n");
    std::smatch match;
    int64_t step = 0;
    if (std::regex_search(outcome.err, match, said)) {
      EXPECT_TRUE(absl::SimpleAtoi(match[1].str(), &step));
    }
    return step;
  }

  Scratch scratch_;
};

// One death in each of six starts, at steps 1 to 6; every phase three times in all.
// Checkpoints are at even steps and at the end, snapshots after all but the last.
struct Deaths {
  const char* name;
  const char* phases[kSteps];
};
constexpr Deaths kDeaths[] = {
    {"a", {"load", "exchange", "wait", "compute", "loss", "checkpoint"}},
    {"b", {"snapshot", "checkpoint", "commit", "load", "exchange", "wait"}},
    {"c", {"compute", "loss", "snapshot", "checkpoint", "commit", "load"}},
    {"d", {"commit", "wait", "exchange", "snapshot", "compute", "loss"}},
};

// Where in the supersteps of the step, and which rank, is drawn.
std::string DrawKill(uint64_t stream, int step, const std::string& phase) {
  const auto draw = [&](int64_t index, int below) {
    return static_cast<int>(RandomUniform(/*seed=*/4, stream, 10 * step + index) *
                            below);
  };
  std::string fault =
      absl::StrCat("kill:rank=", draw(0, kRanks), ",step=", step, ",phase=", phase);
  if (phase == "exchange" || phase == "wait" || phase == "compute") {
    absl::StrAppend(&fault, ",superstep=", draw(1, kSupersteps));
  }
  return absl::StrCat(fault, ",incarnation=", step);
}

TEST_F(Recovery, R1AnyRankKilledAnywhereCostsOneStepAndNoBit) {
  RunUndisturbed();
  for (const Deaths& deaths : kDeaths) {
    Words faults, flags;
    for (int step = 1; step <= kSteps; ++step) {
      faults.push_back(DrawKill(deaths.name[0], step, deaths.phases[step - 1]));
      flags.insert(flags.end(), {"--inject", faults.back()});
    }
    for (int start = 1; start <= kSteps + 1; ++start) {
      const Outcome outcome = Run(Again(deaths.name, kRanks, flags));
      // The death before was in step start - 1: none but that is done again.
      EXPECT_GE(ResumedStep(outcome), start - 2) << outcome.err;
      EXPECT_LE(ResumedStep(outcome), start - 1) << outcome.err;
      if (start > kSteps) {
        ExpectAsUndisturbed(deaths.name, outcome);
        break;
      }
      EXPECT_EQ(outcome.exit_code, 6) << outcome.err;
      EXPECT_TRUE(absl::StrContains(outcome.err, "injected " + faults[start - 1]))
          << faults[start - 1] << "\n"
          << outcome.err;
      EXPECT_TRUE(absl::StrContains(outcome.Message(), "ended by signal 9 (Killed)"))
          << outcome.err;
      EXPECT_FALSE(fs::exists(Path(deaths.name) + "/summary.json"));
    }
  }
}

TEST_F(Recovery, R3AnyNumberOfRanksGoesOn) {
  RunUndisturbed();
  const std::string fault = "kill:rank=2,step=4,phase=wait,superstep=40";
  EXPECT_EQ(Run(Again("run", kRanks, {"--inject", fault})).exit_code, 6);
  for (const int ranks : {1, 2, 3, 4}) {
    const std::string name = absl::StrCat("on-", ranks);
    for (const std::string folder : {"", "-kept"}) {
      fs::copy(Path("run" + folder), Path(name + folder), fs::copy_options::recursive);
    }
    const Outcome outcome = Run(Again(name, ranks, {}));
    EXPECT_EQ(ResumedStep(outcome), 3) << outcome.err;
    ExpectAsUndisturbed(name, outcome);
  }
}

TEST_F(Recovery, ADamagedSnapshotIsToldOfAndTheOneBeforeUsed) {
  RunUndisturbed();
  const Words faults = {"--inject", "flip:rank=1,step=3,phase=snapshot", "--inject",
                        "kill:rank=0,step=4,phase=load"};
  EXPECT_EQ(Run(Again("run", kRanks, faults)).exit_code, 6);
  const Outcome outcome = Run(Again("run", kRanks, faults));
  EXPECT_TRUE(absl::StrContains(outcome.err,
                                "warning: snapshot 'run-kept/snapshot-own-rank-1.1' is "
                                "not used: its "))
      << outcome.err;
  EXPECT_EQ(ResumedStep(outcome), 2) << outcome.err;
  ExpectAsUndisturbed("run", outcome);
}

TEST_F(Recovery, R2ARankThatFallsSilentIsNamedAndTheRunGoesOn) {
  RunUndisturbed();
  for (const int rank : {0, 3}) {
    const std::string name = absl::StrCat("stop-", rank);
    const Words more = {
        "--deadline", "1", "--inject",
        absl::StrCat("stop:rank=", rank, ",step=3,phase=compute,superstep=30")};
    const Outcome outcome = Run(Again(name, kRanks, more));
    EXPECT_EQ(outcome.exit_code, 6) << outcome.err;
    // A rank that waits for one that waits names that one; some rank names the cause.
    const std::regex text(absl::StrCat(
        "E0601: rank \\d waited 1s in vain for rank ", rank, "\\. See [^\n]*",
        "\\(superstep \\d+ of ", kSupersteps, ", tensors \\S+(, \\S+)*, rank ", rank,
        " with nodes \\(", rank / 2, ",", rank % 2, "\\) to \\(", rank / 2, ",",
        rank % 2, "\\)\\) \\(step 3\\)\n"));
    EXPECT_TRUE(std::regex_search(outcome.err, text)) << outcome.err;
    const Outcome after = Run(Again(name, kRanks, {}));
    EXPECT_EQ(ResumedStep(after), 2) << after.err;
    ExpectAsUndisturbed(name, after);
  }
}

class Stop : public Recovery {
 protected:
  // More steps than any machine does until it is told to end.
  Words Long(const std::string& name, int ranks, const Words& more) const {
    Words words = Train(
        name, ranks,
        {"--steps", "1000000", "--checkpoint_every", "0", "--evaluate_every", "0"});
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }

  // It stopped in good order; going on for two steps more gives the bits of a run that
  // was never stopped.
  void ExpectStopped(const std::string& name, const Outcome& outcome) const {
    ASSERT_EQ(outcome.exit_code, 0) << outcome.err;
    const nlohmann::json summary = Summary(name);
    EXPECT_EQ(summary["stopped"], true);
    EXPECT_EQ(summary["total_steps"], 1000000);
    const int64_t steps = summary["steps"];
    EXPECT_GE(steps, 1);
    EXPECT_TRUE(fs::exists(Path(absl::StrCat(name, "/step-", Zeros(steps)))));
    const std::string all = absl::StrCat(steps + 2);
    const Outcome after = Run(Train(name, 1, {"--steps", all, "--resume"}));
    EXPECT_EQ(ResumedStep(after), steps) << after.err;
    const Outcome whole = Run(Train(name + "-whole", 1, {"--steps", all}));
    ASSERT_EQ(whole.exit_code, 0) << whole.err;
    EXPECT_EQ(after.LastJson()["weights_hash"], whole.LastJson()["weights_hash"]);
  }
  static std::string Zeros(int64_t step) {
    const std::string digits = absl::StrCat(step);
    return std::string(8 - digits.size(), '0') + digits;
  }
};

TEST_F(Stop, R9SigtermEndsARunInGoodOrder) {
  for (const int ranks : {1, 3}) {
    const std::string name = absl::StrCat("term-", ranks);
    ExpectStopped(name, Run(Long(name, ranks, {}),
                            {"timeout", "--foreground", "--preserve-status",
                             "--kill-after=20", "--signal=TERM", "1.5"}));
  }
}

TEST_F(Stop, R9Sigusr1AndATimeLimitEndARunInGoodOrder) {
  ExpectStopped(
      "usr1", Run(Long("usr1", 2, {}), {"timeout", "--foreground", "--preserve-status",
                                        "--kill-after=20", "--signal=USR1", "1.5"}));
  ExpectStopped("limit",
                Run(Long("limit", 2, {"--time_limit", "800ms"}), {"timeout", "30"}));
}

// The rank sleeps in its first step, far from the end of it.
TEST_F(Stop, ASecondSigtermEndsAtOnce) {
  for (const int ranks : {1, 2}) {
    const Outcome outcome = Run(
        Long("run", ranks, {"--inject", "delay:rank=0,step=1,phase=load,seconds=100"}),
        {"timeout", "50", "sh", "-c",
         "\"$@\" & sleep 1.5; kill -TERM $!; sleep 0.5; kill -TERM $!; wait $!", "sh"});
    EXPECT_TRUE(absl::StrContains(outcome.err, "injected delay:")) << outcome.err;
    EXPECT_NE(outcome.exit_code, 0);
    EXPECT_NE(outcome.exit_code, 124) << "it took 50 s";
    EXPECT_FALSE(fs::exists(Path("run/summary.json")));
  }
}

}  // namespace
}  // namespace tatami::testing
