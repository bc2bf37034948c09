// The flags that say which job service a command speaks to, and as whom.
#pragma once

#include <CLI/CLI.hpp>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "tools/jobs/job_client.h"

namespace tatami {

struct ServiceFlags {
  std::string address = jobs::SocketOf(jobs::DefaultServiceFolder());
  std::string ca, certificate, key, token_file;  // paths

  // E0602 when a file cannot be read.
  absl::StatusOr<std::unique_ptr<jobs::JobClient>> Client() const;
};
void AddServiceFlags(CLI::App& command, ServiceFlags& flags);

// The whole file. E0602.
absl::StatusOr<std::string> ReadWholeFile(const std::string& path);

}  // namespace tatami
