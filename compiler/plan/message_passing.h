// Sequential reweighted message passing on an assignment problem: raises a lower bound
// by moving costs between variables and edges without changing any total.
#pragma once

#include <vector>

#include "compiler/plan/assignment.h"

namespace tatami {

class MessagePassing {
 public:
  explicit MessagePassing(const AssignmentProblem& problem);

  // One pass forward and one back.
  void Pass();
  // Valid at any time: the sum of every variable's and every edge's least cost.
  double Bound() const;
  // An assignment read off the present costs, variable by variable in order.
  std::vector<int> Decode() const;
  // By variable and state: false where no assignment through that state can cost less
  // than `limit`.
  std::vector<std::vector<bool>> StatesBelow(double limit) const;

 private:
  struct Edge {
    int a, b;  // a < b
    int rows, cols;
    const std::vector<double>* cost;
    bool turned;               // `cost` has b's states in rows
    std::vector<double> to_a;  // what was moved from the edge to a, by a's state
    std::vector<double> to_b;
    double At(int i, int j) const {
      return (turned ? (*cost)[j * rows + i] : (*cost)[i * cols + j]) - to_a[i] -
             to_b[j];
    }
  };

  void Visit(int variable, bool forward);
  void LeastByState(const Edge& edge, bool of_a, std::vector<double>& least) const;

  std::vector<std::vector<double>> theta_;     // by variable and state, as moved so far
  std::vector<Edge> edges_;                    // each joins two variables
  std::vector<std::vector<int>> of_variable_;  // by variable: its edges
  std::vector<double> share_;                  // by variable: what an edge ahead gets
};

}  // namespace tatami
