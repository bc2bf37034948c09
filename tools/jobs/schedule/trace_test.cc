// Random traces, each decision judged by checks that share no code with the scheduler.
#include "gtest/gtest.h"
#include "tools/jobs/schedule/test_trace.h"

namespace tatami::jobs {
namespace {

// tests/soak has a hundred thousand.
TEST(RandomTraces, ObeyEveryRule) { ExpectTracesObeyEveryRule(30'000); }

}  // namespace
}  // namespace tatami::jobs
