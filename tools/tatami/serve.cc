// tatami serve, and the hidden tatami run_attempt that it starts.
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <fstream>
#include <iostream>
#include <optional>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "core/error.h"
#include "core/live_mesh.h"
#include "core/status_macros.h"
#include "tools/jobs/attempt_runner.h"
#include "tools/jobs/job_client.h"
#include "tools/jobs/job_server.h"
#include "tools/jobs/job_service.h"
#include "tools/jobs/local_launcher.h"
#include "tools/jobs/run_config.h"
#include "tools/jobs/slurm_launcher.h"
#include "tools/jobs/web/web_server.h"
#include "tools/tatami/commands.h"
#include "tools/tatami/dead_flag.h"
#include "tools/tatami/launch.h"
#include "tools/tatami/parse_failure.h"
#include "tools/tatami/service_flags.h"

namespace tatami {
namespace {

constexpr absl::Duration kTick = absl::Milliseconds(100);

struct ServeFlags {
  std::string folder = jobs::DefaultServiceFolder();
  std::string mesh = "8x8", dead, web;
  std::string listen, certificate, key, client_ca;
  std::string launcher = "local";
  std::vector<std::string> queues = {"default"};
  double grace_s = 60, stall_s = 60, first_step_s = 600;
  int crash_at_commit = 0;
};

std::atomic<bool> asked_to_end = false;
void AskToEnd(int) { asked_to_end = true; }

// One service at a time works on a folder. The kernel gives the lock back when its
// holder dies, however that happens.
absl::Status LockFolder(const std::string& folder) {
  const std::string path = folder + "/service.lock";
  const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0) {
    const std::string pid = absl::StrCat(getpid(), "\n");
    const bool written =
        ftruncate(fd, 0) == 0 &&
        pwrite(fd, pid.data(), pid.size(), 0) == static_cast<ssize_t>(pid.size());
    if (written) return absl::OkStatus();  // held until this process ends
  }
  std::ifstream holder(path);
  std::string pid;
  holder >> pid;
  return MakeError(
      ErrorCode::kService,
      absl::StrCat("'", folder, "' is served already, by process ", pid,
                   ". Use that service, or give --folder another folder."));
}

// Nobody but this user can enter: that is what lets the socket trust its callers.
absl::Status MakePrivateFolder(const std::string& folder) {
  if (mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) {
    return MakeError(
        ErrorCode::kStorage,
        absl::StrCat("cannot make '", folder, "': ", std::strerror(errno), "."));
  }
  struct stat info;
  if (stat(folder.c_str(), &info) == 0 && S_ISDIR(info.st_mode) &&
      info.st_uid == geteuid() && (info.st_mode & 077) == 0) {
    return absl::OkStatus();
  }
  return MakeError(ErrorCode::kService,
                   absl::StrCat("'", folder,
                                "' can be entered by others, who could "
                                "then give orders to the service. Say chmod 700 '",
                                folder, "', or give --folder another folder."));
}

absl::StatusOr<std::vector<jobs::MeshNode>> DeadNodes(const std::string& text, int rows,
                                                      int cols) {
  std::vector<jobs::MeshNode> nodes;
  if (text.empty()) return nodes;
  TATAMI_ASSIGN_OR_RETURN(const LiveMesh live, ReadDeadFlag(text, {rows, cols}));
  for (int row = 0; row < rows; ++row) {
    for (int col = 0; col < cols; ++col) {
      if (live.IsLive({row, col})) continue;
      nodes.emplace_back().set_row(row);
      nodes.back().set_col(col);
      nodes.back().set_reason("dead");
    }
  }
  return nodes;
}

// A name without a port would be taken for one of gRPC's other schemes.
absl::StatusOr<jobs::TlsOptions> ReadTls(const ServeFlags& flags) {
  jobs::TlsOptions tls{.address = flags.listen};
  if (flags.listen.empty()) return tls;
  if (!absl::StrContains(flags.listen, ':') || absl::StrContains(flags.listen, '/') ||
      flags.certificate.empty() || flags.key.empty()) {
    return MakeError(
        ErrorCode::kBadFlag,
        absl::StrCat("--listen takes HOST:PORT and needs --certificate and "
                     "--key, for nothing is said over TCP without TLS; got "
                     "'",
                     flags.listen, "'."));
  }
  TATAMI_ASSIGN_OR_RETURN(tls.certificate, ReadWholeFile(flags.certificate));
  TATAMI_ASSIGN_OR_RETURN(tls.key, ReadWholeFile(flags.key));
  if (!flags.client_ca.empty()) {
    TATAMI_ASSIGN_OR_RETURN(tls.client_ca, ReadWholeFile(flags.client_ca));
  }
  return tls;
}

// Appends a line to the file for each call that was refused, and says it.
std::function<void(const std::string&)> DeniedLog(const std::string& path) {
  return [path](const std::string& text) {
    const std::string line = absl::StrCat(
        absl::FormatTime(absl::RFC3339_sec, absl::Now(), absl::UTCTimeZone()),
        " denied ", text, "\n");
    std::ofstream(path, std::ios::app) << line;  // one write: lines stay whole
    std::cerr << line;
  };
}

absl::StatusOr<std::unique_ptr<jobs::WebServer>> StartWeb(
    const std::optional<jobs::WebAddress>& address, jobs::WebState& state) {
  if (!address) return nullptr;
  TATAMI_ASSIGN_OR_RETURN(auto server, jobs::StartWebServer(state, *address));
  std::cout << "its page is at " << server->url() << std::endl;
  return server;
}

std::unique_ptr<jobs::Launcher> MakeLauncher(const std::string& name,
                                             const std::string& self) {
  if (name == "slurm") {
    return std::make_unique<jobs::SlurmLauncher>(jobs::SlurmOptions{.tatami = self});
  }
  return std::make_unique<jobs::LocalLauncher>(
      std::vector<std::string>{self, "run_attempt"});
}

absl::Status Serve(const ServeFlags& flags) {
  TATAMI_ASSIGN_OR_RETURN(const auto size, jobs::ParseMeshSize(flags.mesh));
  std::optional<jobs::WebAddress> web_address;
  if (!flags.web.empty()) {
    TATAMI_ASSIGN_OR_RETURN(web_address, jobs::ParseWebAddress(flags.web));
  }
  TATAMI_RETURN_IF_ERROR(MakePrivateFolder(flags.folder));
  TATAMI_RETURN_IF_ERROR(LockFolder(flags.folder));
  const std::string self = OwnCommandLine().at(0);
  char* const absolute = realpath(flags.folder.c_str(), nullptr);
  jobs::JobServiceOptions options{.folder = absolute,
                                  .train = {self, "train"},
                                  .cluster = {.mesh = {size.first, size.second}},
                                  .grace = absl::Seconds(flags.grace_s),
                                  .first_step = absl::Seconds(flags.first_step_s),
                                  .stall_min = absl::Seconds(flags.stall_s)};
  std::free(absolute);
  const std::string folder = options.folder;
  TATAMI_ASSIGN_OR_RETURN(options.cluster.dead,
                          DeadNodes(flags.dead, size.first, size.second));
  for (const std::string& text : flags.queues) {
    TATAMI_ASSIGN_OR_RETURN(options.cluster.queues.emplace_back(),
                            jobs::ParseQueue(text));
  }
  const std::unique_ptr<jobs::Launcher> launcher = MakeLauncher(flags.launcher, self);
  TATAMI_ASSIGN_OR_RETURN(const std::unique_ptr<jobs::JobService> service,
                          jobs::JobService::Open(options, *launcher, absl::Now));
  if (flags.crash_at_commit > 0) {
    service->store().set_after_commit([left = flags.crash_at_commit]() mutable {
      if (--left == 0) raise(SIGKILL);
    });
  }
  std::signal(SIGTERM, AskToEnd);
  std::signal(SIGINT, AskToEnd);
  std::signal(SIGPIPE, SIG_IGN);
  const std::string address = jobs::SocketOf(folder);
  TATAMI_ASSIGN_OR_RETURN(const std::unique_ptr<jobs::TokenBook> tokens,
                          jobs::TokenBook::Open(folder + "/jobs.db"));
  TATAMI_ASSIGN_OR_RETURN(const jobs::TlsOptions tls, ReadTls(flags));
  TATAMI_ASSIGN_OR_RETURN(
      const std::unique_ptr<jobs::JobServer> server,
      jobs::StartJobServer(*service, *tokens,
                           {.socket = address,
                            .tls = tls,
                            .on_denied = DeniedLog(folder + "/denied.log")}));
  std::cout << absl::StreamFormat(
                   "serving %s nodes at %s%s, process %d\n", flags.mesh, address,
                   tls.address.empty() ? "" : " and " + tls.address, getpid())
            << std::flush;
  jobs::WebState web_state(*service, absl::Now);
  TATAMI_ASSIGN_OR_RETURN(const std::unique_ptr<jobs::WebServer> web,
                          StartWeb(web_address, web_state));
  std::string said;
  while (!asked_to_end) {
    const absl::Status status = service->Tick();
    if (const std::string now(status.message()); now != said) {
      said = now;  // once, not ten times a second
      if (!now.empty()) std::cerr << "tatami: " << now << std::endl;
    }
    absl::SleepFor(kTick);
  }
  std::cout << "ended; jobs that run go on, and the next service takes them over\n";
  return absl::OkStatus();
}

}  // namespace

void AddServeCommand(CLI::App& app, CommandOutcome& outcome) {
  auto flags = std::make_shared<ServeFlags>();
  CLI::App* command =
      app.add_subcommand("serve", "take jobs, and run them on the nodes of a mesh");
  command->footer(
      "Ended or killed, it leaves running jobs running; started again, it takes them "
      "over.\nExample:\n  tatami serve --mesh 16x16 &\n"
      "  tatami submit --model drivenet-tiny --data data/udacity_highway");
  command->add_option("--folder", flags->folder,
                      "of its store, its socket and its jobs' files; $TATAMI_HOME or "
                      "~/.tatami");
  command->add_option("--mesh", flags->mesh, "rows x columns of the nodes it hands out")
      ->capture_default_str();
  command->add_option("--dead", flags->dead, kDeadHelp);
  command->add_option("--web", flags->web,
                      "also serve a page and /metrics to this machine at this address, "
                      "as 127.0.0.1:8080; port 0: any that is free");
  command
      ->add_option("--launcher", flags->launcher,
                   "what starts processes: local, on this machine, or slurm")
      ->check(CLI::IsMember({"local", "slurm"}))
      ->capture_default_str();
  command
      ->add_option("--queue", flags->queues,
                   "NAME=QUOTA+BORROW@BAND, in nodes; repeat it for each queue")
      ->capture_default_str();
  command->add_option("--listen", flags->listen,
                      "HOST:PORT to serve at as well, under TLS");
  command->add_option("--certificate", flags->certificate, "PEM file, of --listen");
  command->add_option("--key", flags->key, "PEM file, of --certificate");
  command->add_option("--client_ca", flags->client_ca,
                      "PEM file: callers over TCP need a certificate of this "
                      "authority; without it, a token");
  command
      ->add_option("--grace", flags->grace_s,
                   "seconds from the request to end until processes are killed")
      ->check(AtLeast(0))
      ->capture_default_str();
  command
      ->add_option("--stall", flags->stall_s,
                   "seconds without a step, at least, after which a run is started "
                   "again")
      ->check(AtLeast(0))
      ->capture_default_str();
  command
      ->add_option("--first_step", flags->first_step_s,
                   "seconds that a run may take to its first step")
      ->check(AtLeast(0))
      ->capture_default_str();
  command
      ->add_option("--crash_at_commit", flags->crash_at_commit,
                   "for tests: kills itself after so many changes of the store")
      ->group("");
  command->callback([flags, &outcome] { outcome.status = Serve(*flags); });
}

void AddRunAttemptCommand(CLI::App& app, CommandOutcome& outcome) {
  auto folder = std::make_shared<std::string>();
  CLI::App* command = app.add_subcommand("run_attempt", "started by tatami serve");
  command->group("");
  command->add_option("folder", *folder)->required();
  command->callback(
      [folder, &outcome] { outcome.reported_exit_code = jobs::RunAttempt(*folder); });
}

}  // namespace tatami
