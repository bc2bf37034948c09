#include "tests/style/include_table.h"

#include <algorithm>
#include <map>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace tatami::style {
namespace {

// Our own folders. What is not a key (tools, tests) may include everything.
const std::map<std::string, std::set<std::string>>& FoldersAllowed() {
  static const auto* const kAllowed = new std::map<std::string, std::set<std::string>>{
      {"core", {"core"}},
      {"ops", {"core", "ops"}},
      {"compiler", {"core", "ops", "compiler"}},
      {"runtime", {"core", "ops", "runtime"}},
      {"models", {"core", "ops", "models"}},
  };
  return *kAllowed;
}

// Libraries by the start of their headers' names, and the folders that may see them.
// Unit tests beside the code count as tests.
struct Library {
  absl::string_view header_prefix;
  std::vector<absl::string_view> owners;
};

const std::vector<Library>& Libraries() {
  static const auto* const kLibraries = new std::vector<Library>{
      {"absl/", {""}},
      {"CLI/", {"tools/"}},
      {"dnnl", {"ops/kernels/"}},
      {"oneapi/dnnl", {"ops/kernels/"}},
      {"omp.h", {"ops/kernels/"}},
      {"gmock/", {"tests/"}},
      {"gtest/", {"tests/"}},
      {"google/protobuf/", {"core/proto/", "tools/jobs/"}},
      {"grpc", {"tools/jobs/"}},
      {"openssl/", {"tools/jobs/"}},
      {"httplib.h", {"tools/jobs/web/"}},
      {"sqlite3.h", {"tools/jobs/"}},
      {"libav", {"runtime/ingest/"}},
      {"libsw", {"runtime/ingest/"}},
      {"png.h", {"runtime/ingest/"}},
      {"mpi.h", {"runtime/transport_mpi.cc"}},
      {"nlohmann/", {"runtime/checkpoint/", "runtime/trainer/", "tools/", "tests/"}},
      {"xxhash.h", {"runtime/checkpoint/", "runtime/recovery/"}},
  };
  return *kLibraries;
}

// Headers of the C++ library, which alone have neither an ending nor a folder, and
// those of POSIX and C that have no C++ name.
bool IsSystemHeader(absl::string_view name) {
  static const auto* const kPosix = new std::set<absl::string_view>{
      "dirent.h", "fcntl.h", "poll.h", "pwd.h",    "sched.h",     "signal.h",
      "spawn.h",  "stdio.h", "time.h", "unistd.h", "immintrin.h", "netinet/in.h"};
  const bool is_cpp = !absl::StrContains(name, ".") && !absl::StrContains(name, "/");
  return is_cpp || absl::StartsWith(name, "sys/") || kPosix->contains(name);
}

bool IsOurs(absl::string_view name) {
  static const auto* const kOurs = new std::set<absl::string_view>{
      "core", "ops", "compiler", "runtime", "models", "tools", "tests"};
  return kOurs->contains(TopFolder(name));
}

// A test beside the code, or what such tests share (test_files.h), is judged as tests/
// for libraries, as its folder for our own.
std::string Owner(absl::string_view path) {
  const bool test =
      absl::EndsWith(path, "_test.cc") || absl::StrContains(path, "/test_");
  return test ? absl::StrCat("tests/", path) : std::string(path);
}

std::string WhyForbidden(absl::string_view path, absl::string_view name) {
  if (absl::EndsWith(name, ".pb.h")) {
    if (absl::StartsWith(name, "tools/jobs/proto/")) {
      return absl::StartsWith(path, "tools/")
                 ? ""
                 : "the schema of jobs is for tools and their tests";
    }
    return absl::StartsWith(path, "core/proto/")
               ? ""
               : "generated Protobuf headers stay in core/proto";
  }
  if (IsOurs(name)) {
    const auto allowed = FoldersAllowed().find(std::string(TopFolder(path)));
    const bool fine = allowed == FoldersAllowed().end() ||
                      allowed->second.contains(std::string(TopFolder(name)));
    return fine ? ""
                : absl::StrCat(TopFolder(path), " may not include ", TopFolder(name));
  }
  if (IsSystemHeader(name)) return "";
  for (const Library& library : Libraries()) {
    if (!absl::StartsWith(name, library.header_prefix)) continue;
    const bool fine = std::any_of(
        library.owners.begin(), library.owners.end(), [&](absl::string_view owner) {
          return absl::StartsWith(path, owner) || absl::StartsWith(Owner(path), owner);
        });
    return fine ? "" : absl::StrCat("this library belongs to ", library.owners.front());
  }
  return "a library that tests/style/include_table.cc does not know; a new dependency "
         "also needs a line in third_party/README.md";
}

struct Include {
  int line;
  std::string name;
};

std::vector<Include> IncludesOf(const SourceFile& file) {
  std::vector<Include> includes;
  int number = 0;
  for (absl::string_view line : absl::StrSplit(file.text, '\n')) {
    ++number;
    if (!absl::ConsumePrefix(&line, "#include ")) continue;
    const size_t open = line.find_first_of("<\"");
    const size_t close = line.find_first_of(">\"", open + 1);
    if (open == absl::string_view::npos || close == absl::string_view::npos) continue;
    includes.push_back({number, std::string(line.substr(open + 1, close - open - 1))});
  }
  return includes;
}

}  // namespace

Faults FindIncludeFaults(const SourceFile& file) {
  Faults faults;
  for (const Include& include : IncludesOf(file)) {
    const std::string why = WhyForbidden(file.path, include.name);
    if (why.empty()) continue;
    faults.push_back(
        absl::StrCat(file.path, ":", include.line, ": ", include.name, ": ", why, "."));
  }
  return faults;
}

std::vector<std::string> FilesThatIncludeMpi(const std::vector<SourceFile>& files) {
  std::vector<std::string> paths;
  for (const SourceFile& file : files) {
    for (const Include& include : IncludesOf(file)) {
      if (include.name == "mpi.h") paths.push_back(file.path);
    }
  }
  return paths;
}

}  // namespace tatami::style
