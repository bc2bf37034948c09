#include "tools/jobs/schedule/rectangle.h"

#include "absl/strings/str_cat.h"

namespace tatami::jobs {

std::string Rectangle::ToString() const {
  return absl::StrCat(shape().ToString(), " at (", row, ",", col, ")");
}

}  // namespace tatami::jobs
