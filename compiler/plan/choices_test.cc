// The account of a plan against the plan's own figures, and against plans that were
// really made otherwise.
#include "compiler/plan/choices.h"

#include "compiler/compile.h"
#include "compiler/pipeline.h"
#include "compiler/plan/search.h"
#include "compiler/test_graphs.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace tatami {
namespace {

MachineSpec Die() { return *LoadMachine("d1_die"); }

class Choices : public ::testing::TestWithParam<int64_t> {
 protected:
  void SetUp() override {
    MachineSpec machine = Die();
    machine.sram_bytes = machine.code_bytes_reserved + GetParam();
    graph_ = *RunPipeline(ConvNetTrainingStep());
    capacity_.assign(graph_.calls.size(), GetParam());
    PlanSearch search(graph_, machine, {.mesh = {2, 3}});
    found_ = search.Run(capacity_);
    choices_ = search.ChoicesAround(found_, capacity_);
  }
  // The same with one call's choice pinned and all others as found.
  SearchResult With(size_t call, const CallPlan& plan) const {
    MachineSpec machine = Die();
    machine.sram_bytes = machine.code_bytes_reserved + GetParam();
    Plan pinned = found_.plan;
    for (auto& [name, call_plan] : pinned.calls) {
      if (!call_plan.recompute) call_plan.recompute = false;
    }
    CallPlan& own = pinned.calls[graph_.calls[call].name] = plan;
    if (!own.recompute) own.recompute = false;
    PlanSearch search(graph_, machine, {.mesh = {2, 3}, .pinned = pinned});
    return search.Run(capacity_);
  }

  Graph graph_;
  std::vector<int64_t> capacity_;
  SearchResult found_;
  std::vector<std::vector<PlanChoice>> choices_;
};

TEST_P(Choices, TheSharesOfAllCallsAddUpToTheStep) {
  double sum = 0;
  for (const auto& of_call : choices_) {
    int chosen = 0;
    for (const PlanChoice& choice : of_call) {
      if (!choice.chosen) continue;
      ++chosen;
      sum += choice.compute_ns + choice.combine_ns + choice.brought_ns;
      EXPECT_EQ(choice.peak_bytes,
                *std::max_element(found_.bytes.begin(), found_.bytes.end()));
      EXPECT_EQ(choice.fits(), found_.fits);
    }
    EXPECT_EQ(chosen, 1);
  }
  EXPECT_NEAR(sum, found_.step_ns, 1e-9 * found_.step_ns);
}

TEST_P(Choices, NoOtherChoiceOfOneCallIsFasterAndFits) {
  if (!found_.fits) return;  // what does not fit need not be fast
  for (size_t c = 0; c < choices_.size(); ++c) {
    const auto& chosen = *std::find_if(choices_[c].begin(), choices_[c].end(),
                                       [](const auto& k) { return k.chosen; });
    for (const PlanChoice& other : choices_[c]) {
      if (!other.fits()) continue;
      EXPECT_GE(other.ns(), chosen.ns() * (1 - 1e-8)) << graph_.calls[c].name;
    }
  }
}

TEST_P(Choices, AnotherChoiceReallyMadeCostsWhatItsLineSays) {
  for (size_t c = 0; c < choices_.size(); ++c) {
    const auto& chosen = *std::find_if(choices_[c].begin(), choices_[c].end(),
                                       [](const auto& k) { return k.chosen; });
    for (size_t i = 0; i < choices_[c].size(); i += 2) {
      const PlanChoice& other = choices_[c][i];
      const SearchResult made = With(c, other.plan);
      EXPECT_NEAR(made.step_ns - found_.step_ns, other.ns() - chosen.ns(),
                  1e-6 * found_.step_ns)
          << graph_.calls[c].name << " " << other.plan.ToString({2, 3});
      EXPECT_EQ(*std::max_element(made.bytes.begin(), made.bytes.end()),
                other.peak_bytes)
          << graph_.calls[c].name << " " << other.plan.ToString({2, 3});
    }
  }
}

// Ample, just enough, and too little.
INSTANTIATE_TEST_SUITE_P(Sram, Choices, ::testing::Values(1 << 20, 2560, 2048));

}  // namespace
}  // namespace tatami
