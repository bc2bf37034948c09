#include "tests/jobs/virtual_slurm.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <random>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/time/clock.h"
#include "tools/jobs/program.h"

namespace tatami::testing {
namespace {

namespace fs = std::filesystem;

constexpr absl::Duration kPatience = absl::Seconds(60);

// Ports that nobody has, side by side for as long as all of them are open.
std::vector<int> FreePorts(int count) {
  std::vector<int> ports, sockets;
  for (int i = 0; i < count; ++i) {
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    socklen_t size = sizeof address;
    EXPECT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size), 0);
    ports.push_back(ntohs(address.sin_port));
    sockets.push_back(fd);
  }
  for (const int fd : sockets) close(fd);
  return ports;
}

std::string HostName() {
  char name[256] = {};
  gethostname(name, sizeof name - 1);
  return std::string(absl::string_view(name).substr(0, std::string(name).find('.')));
}

std::string MountNamespace(pid_t pid) {
  std::error_code error;
  return fs::read_symlink(absl::StrCat("/proc/", pid, "/ns/mnt"), error).string();
}

std::string FileBytes(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// SIGKILL for all of them, until there are none.
void EndAll(const std::string& whose, const std::function<bool(pid_t)>& is_one) {
  for (const absl::Time end = absl::Now() + kPatience; absl::Now() < end;
       absl::SleepFor(absl::Milliseconds(20))) {
    bool any = false;
    for (const auto& entry : fs::directory_iterator("/proc")) {
      int pid = 0;
      if (!absl::SimpleAtoi(entry.path().filename().string(), &pid)) continue;
      if (!is_one(pid)) continue;
      kill(pid, SIGKILL);
      any = true;
    }
    if (!any) return;
  }
  ADD_FAILURE() << "processes of " << whose << " outlive SIGKILL";
}

bool Runs(std::vector<std::string> words) {
  const auto end = jobs::RunProgram(std::move(words), jobs::EnvironmentWith({}), "",
                                    absl::Seconds(30));
  return end.ok() && end->exit_code == 0;
}

// Of slurm.conf(5). No cgroups, which a container may not change, and no accounting.
constexpr char kConfig[] = R"(ClusterName=tatami
SlurmctldHost=HOST(127.0.0.1)
SlurmctldPort=CONTROLLER
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=FOLDER/munge/socket
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerType=sched/backfill
SlurmdParameters=config_overrides
ReturnToService=2
MpiDefault=none
SlurmdTimeout=15
KillWait=5
MailProg=/bin/true
SlurmctldPidFile=FOLDER/slurmctld.pid
SlurmctldLogFile=FOLDER/log/slurmctld
SlurmdSpoolDir=FOLDER/spool/%n
SlurmdPidFile=FOLDER/slurmd.%n.pid
SlurmdLogFile=FOLDER/log/slurmd.%n
StateSaveLocation=FOLDER/state
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
)";

// $0 is the node's folder, $1 that of the programs, which the node must see even where
// it lies in /tmp.
constexpr char kNodeScript[] =
    "programs=$1; shift; "
    "case \"$programs\" in /tmp/*) "
    "mkdir -p \"$0${programs#/tmp}\" && "
    "mount --bind \"$programs\" \"$0${programs#/tmp}\" || exit 1;; esac; "
    "mount --rbind \"$0\" /tmp && mount -t tmpfs tmpfs /dev/shm && exec \"$@\"";

}  // namespace

std::string VirtualSlurm::WhyNot() {
  if (geteuid() != 0) return "only root can start a Slurm with nodes of its own";
  for (const char* program :
       {"munged", "slurmctld", "slurmd", "sbatch", "squeue", "scancel", "sinfo"}) {
    if (!Runs({"sh", "-c", "command -v \"$0\"", program})) {
      return absl::StrCat(program,
                          " is missing; apt-get install --no-install-recommends munge "
                          "slurmctld slurmd slurm-client slurm-wlm-basic-plugins");
    }
  }
  if (!Runs({"unshare", "-m", "mount", "-t", "tmpfs", "tmpfs", "/dev/shm"})) {
    return "`unshare -m` or a mount in it is refused here";
  }
  return "";
}

VirtualSlurm::VirtualSlurm(const Scratch& scratch)
    : folder_(scratch.path() + "/slurm") {
  for (const std::string name : {"munge", "log", "state"}) {
    fs::create_directories(folder_ + "/" + name);
  }
  WriteConfig();
  setenv("SLURM_CONF", (folder_ + "/slurm.conf").c_str(), 1);
  const std::string munge = folder_ + "/munge";
  services_.push_back(
      Start({"munged", "--foreground", "--force", "--key-file=" + munge + "/key",
             "--socket=" + munge + "/socket", "--pid-file=" + munge + "/pid",
             "--log-file=" + munge + "/log", "--seed-file=" + munge + "/seed"},
            "munged"));
  for (const absl::Time end = absl::Now() + kPatience;
       !fs::exists(munge + "/socket") && absl::Now() < end;) {
    absl::SleepFor(absl::Milliseconds(50));
  }
  services_.push_back(Start({"slurmctld", "-D"}, "slurmctld"));
  // This program lies beside the command.
  const std::string programs = fs::read_symlink("/proc/self/exe").parent_path();
  for (int node = 0; node < kNodes; ++node) {
    const std::string name = absl::StrCat("n", node);
    const std::string tmp = absl::StrCat(folder_, "/tmp/", name);
    fs::create_directories(tmp);
    fs::create_directories(folder_ + "/spool/" + name);
    nodes_.push_back(Start({"unshare", "-m", "sh", "-c", kNodeScript, tmp, programs,
                            "slurmd", "-D", "-N", name},
                           name));
  }
  for (const absl::Time end = absl::Now() + kPatience; absl::Now() < end;
       absl::SleepFor(absl::Milliseconds(200))) {
    if (Ask({"sinfo", "--noheader", "--format=%D %t"}) ==
        absl::StrCat(kNodes, " idle\n")) {
      for (const pid_t pid : nodes_) namespaces_.push_back(MountNamespace(pid));
      return;
    }
  }
  ADD_FAILURE() << "Slurm did not start: " << Ask({"sinfo"})
                << FileText(folder_ + "/log/slurmctld");
}

VirtualSlurm::~VirtualSlurm() {
  for (int node = 0; node < kNodes; ++node) KillNode(node);
  for (const pid_t pid : services_) {
    kill(pid, SIGKILL);
    waitpid(pid, nullptr, 0);
  }
  unsetenv("SLURM_CONF");
  const std::string variable = "SLURM_CONF=" + folder_;
  EndAll(variable, [&](pid_t pid) {
    return absl::StrContains(FileBytes(absl::StrCat("/proc/", pid, "/environ")),
                             variable);
  });
}

void VirtualSlurm::WriteConfig() const {
  std::random_device random;
  std::string key(1024, '\0');
  for (char& c : key) c = static_cast<char>(random());
  std::ofstream(folder_ + "/munge/key", std::ios::binary) << key;
  chmod((folder_ + "/munge/key").c_str(), 0400);
  const std::vector<int> ports = FreePorts(kNodes + 1);
  std::ofstream config(folder_ + "/slurm.conf");
  for (int node = 0; node < kNodes; ++node) {
    config << absl::StrCat("NodeName=n", node, " NodeHostname=", HostName(),
                           " NodeAddr=127.0.0.1 Port=", ports[node],
                           " CPUs=1 RealMemory=1000\n");
  }
  config << absl::StrReplaceAll(kConfig, {{"HOST", HostName()},
                                          {"FOLDER", folder_},
                                          {"CONTROLLER", absl::StrCat(ports[kNodes])}});
}

pid_t VirtualSlurm::Start(std::vector<std::string> words,
                          const std::string& log) const {
  // They end with this process, however that ends.
  words.insert(words.begin(), {"setpriv", "--pdeathsig", "KILL"});
  const std::string path = folder_ + "/log/" + log + ".out";
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 1, path.c_str(),
                                   O_WRONLY | O_CREAT | O_APPEND, 0600);
  posix_spawn_file_actions_adddup2(&actions, 1, 2);
  pid_t pid = 0;
  EXPECT_EQ(posix_spawnp(&pid, words[0].c_str(), &actions, nullptr,
                         jobs::Pointers(words).data(), environ),
            0);
  posix_spawn_file_actions_destroy(&actions);
  return pid;
}

int VirtualSlurm::NodeOf(pid_t pid) const {
  const std::string mounts = MountNamespace(pid);
  for (size_t node = 0; node < namespaces_.size(); ++node) {
    if (mounts == namespaces_[node]) return static_cast<int>(node);
  }
  return -1;
}

void VirtualSlurm::KillNode(int node) {
  if (nodes_[node] == 0) return;
  kill(nodes_[node], SIGKILL);
  waitpid(nodes_[node], nullptr, 0);
  nodes_[node] = 0;
  EndAll(absl::StrCat("node ", node), [&](pid_t pid) { return NodeOf(pid) == node; });
}

std::string VirtualSlurm::Ask(std::vector<std::string> words) const {
  const auto end = jobs::RunProgram(std::move(words), jobs::EnvironmentWith({}), "",
                                    absl::Seconds(30));
  return end.ok() ? end->said : std::string(end.status().message());
}

}  // namespace tatami::testing
