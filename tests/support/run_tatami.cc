#include "tests/support/run_tatami.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace tatami::testing {
namespace {

namespace fs = std::filesystem;

// Only calls that are safe between fork and exec.
[[noreturn]] void BecomeCommand(const RunOptions& options,
                                const std::vector<char*>& argv, int out, int err) {
  if (options.file_bytes_max > 0) {
    const rlimit limit{static_cast<rlim_t>(options.file_bytes_max),
                       static_cast<rlim_t>(options.file_bytes_max)};
    setrlimit(RLIMIT_FSIZE, &limit);
    std::signal(SIGXFSZ, SIG_IGN);  // so that write says EFBIG
  }
  if (chdir(options.folder.c_str()) != 0 || dup2(out, 1) < 0 || dup2(err, 2) < 0) {
    _exit(126);
  }
  execvp(argv[0], argv.data());
  _exit(127);
}

}  // namespace

Scratch::Scratch() : Scratch(::testing::TempDir()) {}

Scratch::Scratch(const std::string& parent) {
  const auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
  path_ = absl::StrCat(parent, "tatami_command_", getpid(), "_",
                       test == nullptr ? "suite" : test->name());
  fs::remove_all(path_);
  fs::create_directories(path_);
}

Scratch::~Scratch() { fs::remove_all(path_); }

void Scratch::Write(const std::string& name, const std::string& bytes) const {
  const fs::path file = fs::path(path_) / name;
  fs::create_directories(file.parent_path());
  std::ofstream(file, std::ios::binary) << bytes;
}

void Scratch::WriteSmallVideo(const std::string& name) const {
  Write(name + "/a.mp4", FileText("runtime/ingest/testdata/clip_e_b_frames.mp4"));
}

std::string FileText(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  EXPECT_TRUE(in.good()) << path;
  return {std::istreambuf_iterator<char>(in), {}};
}

std::string Outcome::Message() const {
  const std::string text = "\n" + err;
  const size_t at = text.rfind("\ntatami: ");
  if (at == std::string::npos) return "";
  return text.substr(at + 9, text.size() - at - 10);
}

nlohmann::json Outcome::LastJson() const {
  std::vector<std::string> lines = absl::StrSplit(out, '\n', absl::SkipEmpty());
  nlohmann::json object;
  if (!lines.empty()) object = nlohmann::json::parse(lines.back(), nullptr, false);
  EXPECT_TRUE(object.is_object()) << out;
  return object.is_object() ? object : nlohmann::json::object();
}

Outcome RunTatami(const std::vector<std::string>& arguments,
                  const RunOptions& options) {
  std::vector<std::string> words = options.wrapper;
  words.push_back(TATAMI_COMMAND);
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  // Files, not pipes: no output is so long that it could block.
  std::string out_name = ::testing::TempDir() + "tatami_out_XXXXXX";
  std::string err_name = ::testing::TempDir() + "tatami_err_XXXXXX";
  const int out = mkostemp(out_name.data(), O_CLOEXEC);
  const int err = mkostemp(err_name.data(), O_CLOEXEC);
  std::map<std::string, std::string> before;
  for (const auto& [name, value] : options.environment) {
    const char* old = std::getenv(name.c_str());
    before[name] = old == nullptr ? "" : old;
    setenv(name.c_str(), value.c_str(), 1);
  }
  const pid_t pid = fork();
  if (pid == 0) BecomeCommand(options, argv, out, err);
  for (const auto& [name, value] : before) setenv(name.c_str(), value.c_str(), 1);
  int status = 0;
  waitpid(pid, &status, 0);
  Outcome outcome{
      .exit_code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status),
      .out = FileText(out_name),
      .err = FileText(err_name)};
  close(out);
  close(err);
  unlink(out_name.c_str());
  unlink(err_name.c_str());
  return outcome;
}

void ExpectRefused(const Scratch& scratch, const std::vector<std::string>& arguments,
                   int exit_code, absl::string_view message) {
  const Outcome plain = RunTatami(arguments, {.folder = scratch.path()});
  EXPECT_EQ(plain.exit_code, exit_code);
  EXPECT_EQ(plain.err, absl::StrCat("tatami: ", message, "\n"));
  EXPECT_EQ(plain.out, "");
}

std::string SampleOfPage(absl::string_view code) {
  const std::string page = FileText(absl::StrCat("docs/errors/", code, ".md"));
  const std::vector<std::string> parts = absl::StrSplit(page, "```\n");
  if (parts.size() < 3) {
    ADD_FAILURE() << code << " has no sample";
    return "";
  }
  return parts[1].substr(0, parts[1].size() - 1);
}

}  // namespace tatami::testing
