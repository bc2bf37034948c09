#include "runtime/recovery/fault_injector.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <csignal>

#include "core/error.h"

namespace tatami {
namespace {

constexpr char kForm[] =
    " Its form is KIND:rank=R,step=S,phase=P, as "
    "kill:rank=1,step=3,phase=wait,superstep=12.";

TEST(ParseFault, ReadsWhatToStringWrites) {
  for (const std::string text :
       {"kill:rank=1,step=3,phase=wait,superstep=12,incarnation=2",
        "stop:rank=0,step=1,phase=load,incarnation=1",
        "exit:rank=7,step=2,phase=commit,incarnation=1",
        "flip:rank=0,step=9,phase=snapshot,incarnation=1",
        "delay:rank=0,step=1,phase=compute,superstep=0,incarnation=1,seconds=0.5"}) {
    const auto fault = ParseFault(text);
    ASSERT_TRUE(fault.ok()) << fault.status();
    EXPECT_EQ(ToString(*fault), text);
  }
  const auto least = ParseFault("kill:step=3,phase=loss,rank=1");
  ASSERT_TRUE(least.ok()) << least.status();
  EXPECT_EQ(ToString(*least), "kill:rank=1,step=3,phase=loss,incarnation=1");
}

TEST(ParseFault, SaysWhatIsWrong) {
  const auto expect = [](const std::string& text, const std::string& why) {
    const auto fault = ParseFault(text);
    EXPECT_EQ(GetErrorCode(fault.status()), ErrorCode::kBadFlag) << text;
    EXPECT_EQ(fault.status().message(),
              "E0101: --inject '" + text + "': " + why + kForm);
  };
  expect("kil:rank=1",
         "no kind 'kil' among kill, stop, exit, delay, flip; did you mean 'kill'?");
  expect("kill", "it does not say where.");
  expect("kill:rank", "'rank' is no KEY=VALUE.");
  expect("kill:rank=1,stp=2",
         "no key 'stp' among rank, step, phase, superstep, incarnation, seconds; did "
         "you mean 'step'?");
  expect("kill:rank=1,rank=2", "rank is given twice.");
  expect("kill:step=2,phase=load", "rank is missing.");
  expect("kill:rank=1,phase=load", "step is missing.");
  expect("kill:rank=1,step=2", "phase is missing.");
  expect("kill:rank=-1,step=2,phase=load",
         "rank must be a whole number of at least 0; got '-1'.");
  expect("kill:rank=1,step=0,phase=load",
         "step must be a whole number of at least 1; got '0'.");
  expect("kill:rank=1,step=2,phase=lod",
         "no phase 'lod' among load, exchange, wait, compute, loss, checkpoint, "
         "snapshot, commit; did you mean 'load'?");
  expect("kill:rank=1,step=2,phase=load,superstep=3",
         "superstep belongs to exchange, wait and compute.");
  expect("kill:rank=1,step=2,phase=load,seconds=3",
         "seconds belong to delay, and delay needs them.");
  expect("delay:rank=1,step=2,phase=load",
         "seconds belong to delay, and delay needs them.");
  expect("delay:rank=1,step=2,phase=load,seconds=0",
         "seconds must be above 0 and at most 86400; got '0'.");
}

TEST(CheckHappens, RefusesWhatTheRunDoesNotHave) {
  const Fault fault = *ParseFault("kill:rank=3,step=6,phase=wait,superstep=84");
  EXPECT_TRUE(CheckHappens(fault, 4, 6, 85).ok());
  EXPECT_THAT(std::string(CheckHappens(fault, 3, 6, 85).message()),
              ::testing::HasSubstr("': the last rank of this run is 2."));
  EXPECT_THAT(std::string(CheckHappens(fault, 4, 5, 85).message()),
              ::testing::HasSubstr("': the last step of this run is 5."));
  EXPECT_THAT(std::string(CheckHappens(fault, 4, 6, 84).message()),
              ::testing::HasSubstr("': the last superstep of this run is 83."));
}

// A bit that is flipped shows where faults happen, and that each happens once.
TEST(FaultInjector, HappensAtItsPlaceAlone) {
  const std::vector<Fault> faults = {
      *ParseFault("flip:rank=1,step=2,phase=wait,superstep=5,incarnation=3"),
      *ParseFault("flip:rank=0,step=1,phase=load,incarnation=3"),
      *ParseFault("flip:rank=1,step=1,phase=load")};
  int64_t flips = 0;
  FaultInjector injector(faults, /*rank=*/1, /*incarnation=*/3);
  for (int64_t step = 1; step <= 3; ++step) {
    injector.BeginStep(step);
    for (int round = 0; round < 2; ++round) {
      for (const FaultPhase phase :
           {FaultPhase::kLoad, FaultPhase::kExchange, FaultPhase::kWait}) {
        for (int64_t superstep = 0; superstep < 8; ++superstep) {
          std::vector<std::byte> memory(9);
          injector.At(phase, superstep, absl::MakeSpan(memory));
          if (memory == std::vector<std::byte>(9)) continue;
          ++flips;
          EXPECT_EQ(memory[4], std::byte{1});
          EXPECT_EQ(step, 2);
          EXPECT_EQ(phase, FaultPhase::kWait);
          EXPECT_EQ(superstep, 5);
        }
      }
    }
  }
  EXPECT_EQ(flips, 1);
}

TEST(FaultInjectorDeathTest, KillsAndExits) {
  const auto fire = [](const char* text) {
    FaultInjector injector({*ParseFault(text)}, 0, 1);
    injector.BeginStep(1);
    injector.At(FaultPhase::kLoad, 0, {});
  };
  EXPECT_EXIT(fire("kill:rank=0,step=1,phase=load"), ::testing::KilledBySignal(SIGKILL),
              "injected kill:rank=0,step=1,phase=load,incarnation=1");
  EXPECT_EXIT(fire("exit:rank=0,step=1,phase=load"), ::testing::ExitedWithCode(1),
              "injected exit:");
}

}  // namespace
}  // namespace tatami
