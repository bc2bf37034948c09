// page.html with its style and scripts in place, as embed.cmake compiled it in.
#pragma once

#include "absl/strings/string_view.h"

namespace tatami {

// "@data@" stands where the page's data belong.
absl::string_view PageText();

}  // namespace tatami
