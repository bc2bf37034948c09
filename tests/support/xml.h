// Whether a document that we write is well-formed, without a library.
#pragma once

#include <string>

#include "absl/strings/string_view.h"

namespace tatami::testing {

// "" for one root element whose tags nest, whose attributes are quoted and whose text
// has no bare '&'; else the first fault. No comments, declarations or CDATA.
std::string XmlFault(absl::string_view document);

}  // namespace tatami::testing
