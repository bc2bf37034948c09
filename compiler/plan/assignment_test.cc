#include "compiler/plan/assignment.h"

#include <algorithm>
#include <cmath>

#include "compiler/plan/message_passing.h"
#include "core/test_draw.h"
#include "gtest/gtest.h"

namespace tatami {
namespace {

enum Shape { kChain, kUNet, kPyramid, kResidual, kDense, kShapes };

// Edges of a network of `n` variables.
std::vector<std::pair<int, int>> EdgesOf(Shape shape, int n) {
  std::vector<std::pair<int, int>> edges;
  for (int v = 0; v + 1 < n; ++v) edges.emplace_back(v, v + 1);
  for (int v = 0; v < n; ++v) {
    if (shape == kUNet && v < n - 1 - v) edges.emplace_back(v, n - 1 - v);
    if (shape == kResidual && v % 2 == 0 && v + 2 < n) edges.emplace_back(v + 2, v);
    if (shape == kPyramid && v + 3 < n) edges.emplace_back(v, v + 3);
    if (shape == kDense) {
      for (int w = v + 2; w < n; ++w) edges.emplace_back(v, w);
    }
  }
  return edges;
}

AssignmentProblem DrawProblem(Draw& draw, Shape shape, int n, int states_max) {
  AssignmentProblem problem;
  for (int v = 0; v < n; ++v) {
    problem.unary.emplace_back(draw(1, states_max));
    for (double& cost : problem.unary.back()) cost = static_cast<double>(draw(0, 100));
  }
  for (const auto& [a, b] : EdgesOf(shape, n)) {
    problem.edges.push_back({a, b, {}});
    const size_t size = problem.unary[a].size() * problem.unary[b].size();
    for (size_t i = 0; i < size; ++i) {
      problem.edges.back().cost.push_back(static_cast<double>(draw(0, 100)));
    }
  }
  return problem;
}

double Exhaustive(const AssignmentProblem& problem) {
  std::vector<int> state(problem.unary.size(), 0);
  double best = problem.Cost(state);
  while (true) {
    size_t v = 0;
    while (v < state.size() &&
           ++state[v] == static_cast<int>(problem.unary[v].size())) {
      state[v++] = 0;
    }
    if (v == state.size()) return best;
    best = std::min(best, problem.Cost(state));
  }
}

TEST(Assignment, EqualsExhaustiveSearch) {
  for (uint64_t seed = 0; seed < 1000; ++seed) {
    Draw draw{.bits = std::mt19937_64(seed)};
    const Shape shape = static_cast<Shape>(seed % kShapes);
    const AssignmentProblem problem =
        DrawProblem(draw, shape, static_cast<int>(draw(1, 6)), 6);
    const Assignment found = SolveAssignment(problem, {});
    ASSERT_EQ(found.cost, Exhaustive(problem)) << "seed " << seed;
    ASSERT_EQ(found.cost, problem.Cost(found.state)) << "seed " << seed;
    ASSERT_EQ(found.bound, found.cost) << "seed " << seed;
  }
}

// Without tables, message passing and the removal of states must still bracket the
// optimum.
TEST(Assignment, BoundsHoldWithoutElimination) {
  int proven = 0;
  for (uint64_t seed = 0; seed < 1000; ++seed) {
    Draw draw{.bits = std::mt19937_64(seed)};
    const AssignmentProblem problem =
        DrawProblem(draw, kDense, static_cast<int>(draw(4, 6)), 5);
    const Assignment found =
        SolveAssignment(problem, {.table_limit = 0, .work_limit = 0, .passes = 20});
    const double best = Exhaustive(problem);
    ASSERT_LE(found.bound, best + 1e-9) << "seed " << seed;
    ASSERT_GE(found.cost, best) << "seed " << seed;
    ASSERT_EQ(found.cost, problem.Cost(found.state)) << "seed " << seed;
    proven += found.bound >= best - 1e-9 && found.cost == best;
  }
  EXPECT_GT(proven, 500);
}

TEST(MessagePassing, KeepsTheTotalAndRaisesTheBound) {
  for (uint64_t seed = 0; seed < 100; ++seed) {
    Draw draw{.bits = std::mt19937_64(seed)};
    const AssignmentProblem problem = DrawProblem(draw, kDense, 6, 4);
    MessagePassing messages(problem);
    double bound = messages.Bound();
    const double best = Exhaustive(problem);
    for (int pass = 0; pass < 10; ++pass) {
      messages.Pass();
      ASSERT_GE(messages.Bound(), bound - 1e-9) << "seed " << seed;
      bound = messages.Bound();
      ASSERT_LE(bound, best + 1e-9) << "seed " << seed;
    }
    const auto below = messages.StatesBelow(best + 1);
    // Every variable keeps a state of a best assignment.
    for (const auto& states : below) {
      EXPECT_NE(std::count(states.begin(), states.end(), true), 0) << "seed " << seed;
    }
  }
}

// Other costs on the same edges, from what was moved before: still a bound, and the one
// that is returned is the sum that can be looked up.
TEST(MessagePassing, StartsFromTheMovedCostsOfAnotherProblem) {
  for (uint64_t seed = 0; seed < 100; ++seed) {
    Draw draw{.bits = std::mt19937_64(seed)};
    AssignmentProblem problem = DrawProblem(draw, kDense, 6, 4);
    MessagePassing before(problem);
    for (int pass = 0; pass < 10; ++pass) before.Pass();
    const std::vector<MessagePassing::Moved> moved = before.moved();
    for (AssignmentProblem::Edge& edge : problem.edges) {
      for (double& cost : edge.cost) cost += static_cast<double>(draw(0, 10));
    }
    MessagePassing messages(problem, moved);
    const double best = Exhaustive(problem);
    ASSERT_LE(messages.Bound(), best + 1e-9) << "seed " << seed;
    double bound = 0;
    for (int pass = 0; pass < 10; ++pass) {
      bound = messages.Pass();
      ASSERT_NEAR(bound, messages.Bound(), 1e-9) << "seed " << seed;
      ASSERT_LE(bound, best + 1e-9) << "seed " << seed;
    }
    // Nor is anything lost: from nothing it comes no further.
    MessagePassing afresh(problem);
    for (int pass = 0; pass < 10; ++pass) afresh.Pass();
    ASSERT_GE(bound, 0.95 * afresh.Bound()) << "seed " << seed;
  }
}

// A grid is too wide for tables of this size; the gap stays small.
TEST(Assignment, GapOfAWideGrid) {
  Draw draw{.bits = std::mt19937_64(1)};
  AssignmentProblem problem;
  constexpr int kSide = 12, kStates = 8;
  for (int v = 0; v < kSide * kSide; ++v) {
    problem.unary.emplace_back(kStates);
    for (double& cost : problem.unary.back()) cost = static_cast<double>(draw(0, 100));
  }
  const auto join = [&](int a, int b) {
    problem.edges.push_back({a, b, std::vector<double>(kStates * kStates, 0.0)});
    for (double& cost : problem.edges.back().cost) {
      cost = static_cast<double>(draw(0, 30));
    }
  };
  for (int y = 0; y < kSide; ++y) {
    for (int x = 0; x < kSide; ++x) {
      if (x + 1 < kSide) join(y * kSide + x, y * kSide + x + 1);
      if (y + 1 < kSide) join(y * kSide + x, (y + 1) * kSide + x);
    }
  }
  const Assignment found = SolveAssignment(problem, {.table_limit = 1e4});
  EXPECT_EQ(found.cost, problem.Cost(found.state));
  EXPECT_LE(found.bound, found.cost);
  EXPECT_GE(found.bound, 0.99 * found.cost);
}

}  // namespace
}  // namespace tatami
