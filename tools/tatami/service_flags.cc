#include "tools/tatami/service_flags.h"

#include <fstream>
#include <sstream>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "core/error.h"
#include "core/status_macros.h"

namespace tatami {

absl::StatusOr<std::string> ReadWholeFile(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  if (file) return text.str();
  return MakeError(ErrorCode::kStorage,
                   absl::StrCat("cannot read '", path, "'. Check the path."));
}

absl::StatusOr<std::unique_ptr<jobs::JobClient>> ServiceFlags::Client() const {
  jobs::ServiceAddress where{.address = address};
  const std::pair<const std::string*, std::string*> files[] = {
      {&ca, &where.ca},
      {&certificate, &where.certificate},
      {&key, &where.key},
      {&token_file, &where.token}};
  for (const auto& [path, text] : files) {
    if (path->empty()) continue;
    TATAMI_ASSIGN_OR_RETURN(*text, ReadWholeFile(*path));
  }
  absl::StripAsciiWhitespace(&where.token);
  return jobs::MakeJobClient(where);
}

void AddServiceFlags(CLI::App& command, ServiceFlags& flags) {
  const char* group = "The service";
  command
      .add_option("--service", flags.address,
                  "unix:PATH, or HOST:PORT, which is always under TLS")
      ->envname("TATAMI_SERVICE")
      ->group(group);
  command.add_option("--ca", flags.ca, "file: who may vouch for the service")
      ->envname("TATAMI_CA")
      ->group(group);
  command.add_option("--certificate", flags.certificate, "file: who calls")
      ->envname("TATAMI_CERTIFICATE")
      ->group(group);
  command.add_option("--key", flags.key, "file: of the certificate")
      ->envname("TATAMI_KEY")
      ->group(group);
  command.add_option("--token_file", flags.token_file, "file: a token of the service")
      ->envname("TATAMI_TOKEN_FILE")
      ->group(group);
}

}  // namespace tatami
