// The traces of tools/jobs/schedule/trace_test.cc, and more of them.
#include "gtest/gtest.h"
#include "tools/jobs/schedule/test_trace.h"

namespace tatami::jobs {
namespace {

TEST(RandomTraces, ObeyEveryRule) { ExpectTracesObeyEveryRule(100'000); }

}  // namespace
}  // namespace tatami::jobs
