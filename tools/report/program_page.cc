#include "tools/report/program_page.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "core/check.h"
#include "tools/report/page_text.h"
#include "tools/report/program_data.h"

namespace tatami {

std::string ProgramPage(const Program& program, const nlohmann::json& summary) {
  nlohmann::json data = ProgramData(program);
  data["summary"] = summary;
  // Inside a script element only "<" can end it or begin a comment; as an escape it
  // means the same to JSON. Bytes that are no UTF-8 become U+FFFD.
  const std::string json = absl::StrReplaceAll(
      data.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace),
      {{"<", "\\u003c"}});
  constexpr absl::string_view kMark = "@data@";
  const absl::string_view page = PageText();
  const size_t mark = page.find(kMark);
  TATAMI_CHECK(mark != absl::string_view::npos) << "page.html lost its " << kMark;
  return absl::StrCat(page.substr(0, mark), json, page.substr(mark + kMark.size()));
}

}  // namespace tatami
