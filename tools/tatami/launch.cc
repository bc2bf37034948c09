#include "tools/tatami/launch.h"

#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "core/error.h"

namespace tatami {

std::vector<std::string> OwnCommandLine() {
  std::ifstream file("/proc/self/cmdline", std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  std::vector<std::string> words = absl::StrSplit(text.str(), '\0');
  if (!words.empty() && words.back().empty()) words.pop_back();
  if (!words.empty()) {
    char path[4096];
    const ssize_t n = readlink("/proc/self/exe", path, sizeof path);
    if (n > 0) words[0].assign(path, n);
  }
  return words;
}

absl::Status ExecUnderMpirun(int ranks, int threads) {
  std::vector<std::string> words = {"mpirun",
                                    "-np",
                                    absl::StrCat(ranks),
                                    "--oversubscribe",
                                    "--bind-to",
                                    "none",
                                    "-x",
                                    absl::StrCat("OMP_NUM_THREADS=", threads)};
  if (geteuid() == 0) {
    setenv("OMPI_ALLOW_RUN_AS_ROOT", "1", 1);
    setenv("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1", 1);
  }
  for (std::string& word : OwnCommandLine()) words.push_back(std::move(word));
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  execvp(argv[0], argv.data());
  return MakeError(
      ErrorCode::kLaunch,
      absl::StrCat("cannot start mpirun for --np ", ranks, ": ", std::strerror(errno),
                   "; install Open MPI (Debian: openmpi-bin) or use --np 1"));
}

}  // namespace tatami
