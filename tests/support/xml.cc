#include "tests/support/xml.h"

#include <regex>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace tatami::testing {
namespace {

bool HasBareAmpersand(const std::string& text) {
  static const std::regex kEntity("&(amp|lt|gt|quot|apos|#[0-9]+);");
  return std::regex_replace(text, kEntity, "").find('&') != std::string::npos;
}

}  // namespace

std::string XmlFault(absl::string_view document) {
  static const std::regex kTag(
      "<(/?)([A-Za-z][A-Za-z0-9]*)((?:\\s+[A-Za-z][A-Za-z0-9:-]*=\"[^\"<]*\")*)"
      "\\s*(/?)>");
  const std::string text(absl::StripAsciiWhitespace(document));
  std::vector<std::string> open;
  size_t at = 0;
  while (at < text.size()) {
    const size_t tag_at = text.find('<', at);
    const std::string between = text.substr(at, tag_at - at);
    if (HasBareAmpersand(between)) return absl::StrCat("a bare & in '", between, "'");
    if (tag_at == std::string::npos) break;
    const std::string tag = text.substr(tag_at, text.find('>', tag_at) - tag_at + 1);
    std::smatch parts;
    if (!std::regex_match(tag, parts, kTag) || HasBareAmpersand(tag)) {
      return absl::StrCat("no quoted value in ", tag);
    }
    const std::string name = parts[2];
    if (parts[1].length() > 0) {
      if (open.empty()) return absl::StrCat("</", name, "> closes nothing");
      if (open.back() != name) {
        return absl::StrCat("</", name, "> closes <", open.back(), ">");
      }
      open.pop_back();
    } else {
      if (open.empty() && tag_at != 0) {
        return absl::StrCat("<", name, "> follows the root");
      }
      if (parts[4].length() == 0) open.push_back(name);
    }
    at = tag_at + tag.size();
  }
  return open.empty() ? "" : absl::StrCat("<", open.back(), "> is not closed");
}

}  // namespace tatami::testing
