// A Slurm of the test's own: one controller and four virtual nodes on this machine.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "tests/support/run_tatami.h"

namespace tatami::testing {

// Each node is a slurmd in a mount namespace with a /tmp and a /dev/shm of its own, as
// if it were another machine: Open MPI on two nodes would else use the same names for
// shared memory, and crash. What they share is all other folders.
class VirtualSlurm {
 public:
  static constexpr int kNodes = 4;

  // Why there can be none here, or "": programs are missing, or mounting is refused.
  static std::string WhyNot();

  // Starts it, with its files in the scratch folder, which must not lie in /tmp, and
  // points the commands of this process and its children to it.
  explicit VirtualSlurm(const Scratch& scratch);
  ~VirtualSlurm();  // ends every process of it and of its jobs
  VirtualSlurm(const VirtualSlurm&) = delete;
  VirtualSlurm& operator=(const VirtualSlurm&) = delete;

  // The node that this process is on, or -1.
  int NodeOf(pid_t pid) const;
  // SIGKILL for all that runs there, as when its power fails.
  void KillNode(int node);
  // What a command of Slurm prints.
  std::string Ask(std::vector<std::string> words) const;

 private:
  void WriteConfig() const;
  pid_t Start(std::vector<std::string> words, const std::string& log) const;

  const std::string folder_;
  std::vector<pid_t> services_;          // munged, slurmctld
  std::vector<pid_t> nodes_;             // slurmd; 0 once killed
  std::vector<std::string> namespaces_;  // of the nodes' mounts
};

}  // namespace tatami::testing
