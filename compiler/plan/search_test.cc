#include "compiler/plan/search.h"

#include <algorithm>

#include "absl/algorithm/container.h"
#include "absl/time/clock.h"
#include "compiler/plan/branching.h"
#include "compiler/plan/plan_model.h"
#include "compiler/plan/pricing.h"
#include "compiler/test_graphs.h"
#include "core/check.h"
#include "core/test_draw.h"
#include "gtest/gtest.h"
#include "ops/activation.h"
#include "ops/arithmetic.h"
#include "ops/concat.h"
#include "ops/conv.h"
#include "ops/pool.h"

namespace tatami {
namespace {

constexpr size_t kStates = 6;

// A chain, a U-Net, a pyramid or a residual net of up to six calls.
class DrawnNet {
 public:
  explicit DrawnNet(Draw& draw) : draw_(draw) {
    channels_ = 4 * draw(1, 3);
    const int64_t side = 4 * draw(2, 4);
    x_ = g_.Input("x", {DType::kF32, {draw(1, 4), side, side, channels_}});
  }

  Graph Build(int kind) {
    const WindowOptions halves{.stride = {2, 2}};
    if (kind == 0) {  // chain
      const int64_t calls = draw_(2, 6);
      for (int64_t i = 0; i < calls; ++i) x_ = Step(x_);
    } else if (kind == 1) {  // U-Net
      const Value left = Step(x_);
      const Value down = Step(Step(left));
      x_ = Step(Concat(g_, {left, down}, 3));
    } else if (kind == 2) {  // pyramid
      const Value fine = Step(x_);
      const Value half = AveragePool(g_, fine, {{.kernel = {2, 2}, .window = halves}});
      g_.Output("half", Step(half));
      x_ = Relu(g_, Step(fine));
    } else {  // residual
      x_ = Add(g_, Step(Step(x_)), x_);
      x_ = Add(g_, Step(x_), x_);
    }
    g_.Output("y", x_);
    absl::StatusOr<Graph> graph = g_.Finish();
    TATAMI_CHECK(graph.ok()) << graph.status();
    return *std::move(graph);
  }

 private:
  Value Step(Value x) {
    if (draw_(0, 2) == 0) return Relu(g_, x);
    const int64_t c = g_.type(x).dim(3), kernel = draw_(0, 1) == 0 ? 1 : 3;
    const Value w = g_.State("w", {DType::kF32, {c, c, kernel, kernel}}, {}, true);
    const int64_t pad = kernel / 2;
    return Conv(g_, x, w, {.window = {.pad_lo = {pad, pad}, .pad_hi = {pad, pad}}});
  }

  Draw& draw_;
  GraphBuilder g_{"drawn"};
  int64_t channels_ = 0;
  Value x_;
};

struct Optimum {
  bool fits = false;
  double ns = 0;
};

// All combinations of states, one by one.
Optimum Exhaustive(const PlanModel& model, int64_t capacity) {
  std::vector<int> state(model.points(), 0);
  Optimum best;
  while (true) {
    const std::vector<int64_t> bytes = model.Memory(state);
    if (*absl::c_max_element(bytes) <= capacity) {
      const double ns = model.TimeNs(state);
      if (!best.fits || ns < best.ns) best = {true, ns};
    }
    int c = 0;
    while (c < model.points() && ++state[c] == model.num_states(c)) state[c++] = 0;
    if (c == model.points()) return best;
  }
}

TEST(PlanSearch, EqualsExhaustiveSearchOnSmallNets) {
  const MachineSpec die = *LoadMachine("d1_die");
  int tight = 0, impossible = 0;
  for (uint64_t seed = 0; seed < 1000; ++seed) {
    Draw draw{.bits = std::mt19937_64(seed)};
    const Graph graph = DrawnNet(draw).Build(static_cast<int>(seed % 4));
    ASSERT_LE(graph.calls.size(), 6u);
    const Mesh mesh{draw(1, 4), draw(2, 4)};
    const SearchOptions options{.mesh = mesh, .candidates_max = kStates};
    const PlanModel model(graph, die, {mesh, {1, 1}}, {}, kStates);
    for (int c = 0; c < model.points(); ++c) {
      ASSERT_LE(model.num_states(c), static_cast<int>(kStates));
    }
    PlanSearch planner(graph, die, options);
    const auto with = [&](int64_t bytes) {
      return planner.Run(std::vector<int64_t>(graph.calls.size(), bytes));
    };
    // Room for all, then a random part of what the fastest plan holds.
    const SearchResult roomy = with(die.sram_bytes);
    const Optimum best = Exhaustive(model, die.sram_bytes);
    ASSERT_TRUE(roomy.fits && best.fits);
    ASSERT_NEAR(roomy.step_ns, best.ns, 1e-9 * best.ns) << "seed " << seed;
    ASSERT_LE(roomy.bound_ns, roomy.step_ns * (1 + 1e-12));
    const int64_t less = *absl::c_max_element(roomy.bytes) * draw(70, 99) / 100;
    const SearchResult found = with(less);
    const Optimum best_of_less = Exhaustive(model, less);
    ASSERT_EQ(found.fits, best_of_less.fits) << "seed " << seed;
    if (!found.fits) {
      ++impossible;
      continue;
    }
    ++tight;
    ASSERT_NEAR(found.step_ns, best_of_less.ns, 1e-9 * best_of_less.ns)
        << "seed " << seed;
    ASSERT_LE(found.bound_ns, best_of_less.ns * (1 + 1e-12)) << "seed " << seed;
  }
  EXPECT_GT(tight, 50);
  EXPECT_GT(impossible, 10);
}

// Graphs so small are tried whole by the search; here prices and branching must do, and
// with so little work to spare that parts of the tree stay open in some.
TEST(Branching, BracketsTheOptimumOfSmallNets) {
  const MachineSpec die = *LoadMachine("d1_die");
  int fit = 0, impossible = 0, proven = 0;
  for (uint64_t seed = 0; seed < 1000; ++seed) {
    Draw draw{.bits = std::mt19937_64(seed)};
    const Graph graph = DrawnNet(draw).Build(static_cast<int>(seed % 4));
    const Mesh mesh{draw(1, 4), draw(2, 4)};
    const PlanModel model(graph, die, {mesh, {1, 1}}, {}, kStates);
    Pricing pricing(model);
    const auto run = [&](int64_t bytes, double work) {
      pricing.SetCapacity(std::vector<int64_t>(model.points(), bytes));
      PricedNode root = pricing.Root();
      pricing.Raise(root, 4);
      return Branch(pricing, std::move(root), pricing.work() + work);
    };
    run(die.sram_bytes, 0);
    const int64_t less =
        *absl::c_max_element(pricing.best().bytes) * draw(70, 99) / 100;
    const double bound = run(less, seed % 2 == 0 ? 1e9 : 3e3);
    const Optimum best = Exhaustive(model, less);
    if (!best.fits) {
      ++impossible;
      ASSERT_FALSE(pricing.best().fits()) << "seed " << seed;
      continue;
    }
    ++fit;
    ASSERT_LE(bound, best.ns * (1 + 1e-12)) << "seed " << seed;
    if (!pricing.best().fits()) continue;
    ASSERT_GE(pricing.best().ns, best.ns * (1 - 1e-12)) << "seed " << seed;
    const bool near = bound >= 0.99 * pricing.best().ns;
    EXPECT_TRUE(near || seed % 2 == 1)
        << "seed " << seed << " bound " << bound << " best " << pricing.best().ns
        << " opt " << best.ns;
    proven += near;
  }
  std::cout << fit << " fit, " << proven << " of them within 1 % of their bound; "
            << impossible << " cannot\n";
  EXPECT_GT(fit, 50);
  EXPECT_GT(impossible, 10);
}

// Sanitizers make everything ten times slower.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr uint64_t kTrainingSteps = 4;
#else
constexpr uint64_t kTrainingSteps = 26;
#endif

// With room, and with less memory than the fastest plan takes.
TEST(PlanSearch, GapOfTrainingStepsIsAtMostOnePercent) {
  const MachineSpec die = *LoadMachine("d1_die");
  for (uint64_t seed = 0; seed < kTrainingSteps; ++seed) {
    const Graph graph = DrawTrainingStep(seed, 30);
    const Mesh mesh = seed % 2 == 0 ? Mesh{8, 8} : Mesh{6, 10};
    PlanSearch planner(graph, die, {.mesh = mesh});
    std::vector<int64_t> capacity(graph.calls.size(), int64_t{1} << 40);
    for (const int percent : {100, 85}) {
      const absl::Time start = absl::Now();
      const SearchResult found = planner.Run(capacity);
      const double gap = 1 - found.bound_ns / found.step_ns;
      std::cout << "seed " << seed << ", " << graph.calls.size() << " calls, "
                << percent << " %: " << (found.fits ? "fits" : "does not fit")
                << ", step " << found.step_ns << " ns, gap " << 100 * gap << " %, "
                << absl::FormatDuration(absl::Now() - start) << "\n";
      if (percent == 100) {
        EXPECT_TRUE(found.fits);
        capacity.assign(capacity.size(), *absl::c_max_element(found.bytes));
      }
      if (found.fits) {
        EXPECT_LE(gap, 0.01) << "seed " << seed;
      }
      for (int64_t& c : capacity) c = c * 85 / 100;
    }
  }
}

}  // namespace
}  // namespace tatami
