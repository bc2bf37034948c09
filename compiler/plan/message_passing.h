// Sequential reweighted message passing on an assignment problem: raises a lower bound
// by moving costs between variables and edges without changing any total.
#pragma once

#include <vector>

#include "compiler/plan/assignment.h"

namespace tatami {

class MessagePassing {
 public:
  // What was moved from an edge to its variables, by their states. Any amounts leave
  // the totals as they are, so those of one problem are a start for another.
  struct Moved {
    std::vector<double> to_a, to_b;
  };

  // `problem` must outlive this. `start` is by edge of the problem, or empty.
  explicit MessagePassing(const AssignmentProblem& problem,
                          std::vector<Moved> start = {});

  // One pass forward and one back; returns the bound then. Reads every edge's costs
  // twice.
  double Pass();
  // Valid at any time: the sum of every variable's and every edge's least cost.
  double Bound() const;
  // An assignment read off the present costs, variable by variable in order.
  std::vector<int> Decode() const;
  // By variable and state: false where no assignment through that state can cost less
  // than `limit`.
  std::vector<std::vector<bool>> StatesBelow(double limit) const;

  const std::vector<Moved>& moved() const { return moved_; }

 private:
  // Gathers what the edges to one side can spare, then shares out to the other side.
  void Visit(int variable, bool forward);
  // Least cost of an edge by state of its a or its b, what was moved there apart.
  void LeastByState(int edge, bool of_a, std::vector<double>& least) const;
  bool IsA(int edge, int variable) const { return problem_.edges[edge].a == variable; }

  const AssignmentProblem& problem_;
  std::vector<Moved> moved_;                // by edge
  std::vector<std::vector<double>> theta_;  // by variable and state, as moved so far
  std::vector<std::vector<int>> behind_;    // by variable: edges to earlier ones
  std::vector<std::vector<int>> ahead_;     // and to later ones
  std::vector<double> share_;               // by variable: what an edge ahead gets
  std::vector<double> least_, gathered_;    // of Visit
};

}  // namespace tatami
