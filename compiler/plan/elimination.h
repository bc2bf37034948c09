// Exact elimination of variables from an assignment problem: a variable's factors are
// added up and minimised over its states, which leaves one table over its neighbours.
#pragma once

#include <cstdint>
#include <vector>

#include "compiler/plan/assignment.h"

namespace tatami {

class Elimination {
 public:
  explicit Elimination(const AssignmentProblem& problem);

  // Eliminates variables while one has at most two neighbours: pairwise stays pairwise.
  void EliminateNarrow();
  // Eliminates all that are left, cheapest table first; false, with nothing done, when
  // a table or the work would exceed its limit.
  bool EliminateAll(double table_limit, double work_limit);

  // The pairwise problem that is left, and its variables' numbers here. REQUIRES: only
  // EliminateNarrow ran.
  AssignmentProblem Core(std::vector<int>& variables) const;
  double constant() const { return constant_; }

  // Fills the states of all eliminated variables, given those of the others.
  void Extend(std::vector<int>& state) const;

 private:
  struct Factor {
    std::vector<int> scope;     // ascending
    std::vector<double> table;  // row-major in the order of scope
  };
  // How an eliminated variable answers its neighbours.
  struct Answer {
    int variable = 0;
    std::vector<int> scope;
    std::vector<uint16_t> state;
  };

  void Eliminate(int variable);
  std::vector<int> Neighbours(int variable) const;
  double TableSize(const std::vector<int>& scope) const;
  void AddFactor(Factor factor);
  bool Affordable(double table_limit, double work_limit, std::vector<int>& order) const;

  std::vector<int> states_;              // by variable: how many
  std::vector<bool> left_;               // by variable
  std::vector<Factor> factors_;          // dead ones are empty
  std::vector<std::vector<int>> touch_;  // by variable: factors with it in scope
  std::vector<Answer> answers_;          // in order of elimination
  double constant_ = 0;
};

}  // namespace tatami
