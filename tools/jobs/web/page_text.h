// The page's files, as tools/report/embed.cmake compiled them in.
#pragma once

#include "absl/strings/string_view.h"

namespace tatami::jobs {

absl::string_view PageHtml();
absl::string_view PageCss();
absl::string_view PageScript();

}  // namespace tatami::jobs
