#include "tools/jobs/web/prometheus.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "tools/jobs/web/test_exposition.h"

namespace tatami::jobs {
namespace {

constexpr int64_t kNowMs = 1'700'000'060'000;

Job MakeJob(int64_t id, JobState state, const std::string& name) {
  Job job;
  job.set_id(id);
  job.set_state(state);
  job.mutable_config()->set_name(name);
  job.mutable_config()->mutable_run()->set_steps(40);
  job.set_submitted_ms(kNowMs - 60'000);
  return job;
}

ServiceFigures ThreeJobs() {
  ServiceFigures figures{.now_ms = kNowMs,
                         .nodes = {.free = 50, .held = 9, .drained = 4, .dead = 1}};
  Job running = MakeJob(1, RUNNING, "main");
  running.set_started_ms(kNowMs - 57'500);
  running.set_step(30);
  running.set_loss(0.1);
  running.set_attempt(2);
  Job ended = MakeJob(2, SUCCEEDED, "main");
  ended.set_started_ms(kNowMs - 59'000);
  figures.jobs = {running, ended, MakeJob(3, QUEUED, "later")};
  figures.running[1] = {
      .steps_per_s = 2.5, .samples_per_s = 20, .computed_steps = 40, .goodput = 0.75};
  return figures;
}

std::map<std::string, std::string> Labels(const std::string& id,
                                          const std::string& name) {
  return {{"job_id", id}, {"name", name}, {"queue", "default"}};
}

TEST(Prometheus, SaysWhatTheServiceKnows) {
  Exposition said = ExpositionParser::Parse(PrometheusText(ThreeJobs()));
  EXPECT_EQ(said.fault, "");
  EXPECT_EQ(said.types["tatami_job_steps_computed_total"], "counter");
  EXPECT_EQ(said.types["tatami_queue_wait_seconds"], "summary");
  auto& samples = said.samples;
  EXPECT_EQ(samples["tatami_jobs"].size(), 8);  // states without a job too
  EXPECT_EQ((samples["tatami_jobs"][{{"state", "RUNNING"}}]), 1);
  EXPECT_EQ((samples["tatami_jobs"][{{"state", "FAILED"}}]), 0);
  EXPECT_EQ((samples["tatami_nodes"][{{"state", "free"}}]), 50);
  EXPECT_EQ((samples["tatami_nodes"][{{"state", "held"}}]), 9);
  EXPECT_EQ((samples["tatami_nodes"][{{"state", "drained"}}]), 4);
  EXPECT_EQ((samples["tatami_nodes"][{{"state", "dead"}}]), 1);
  EXPECT_EQ((samples["tatami_queue_wait_seconds_sum"][{}]), 2.5 + 1);
  EXPECT_EQ((samples["tatami_queue_wait_seconds_count"][{}]), 2);
  EXPECT_EQ((samples["tatami_job_waiting_seconds"][Labels("3", "later")]), 60);
  const std::map<std::string, double> of_main = {
      {"tatami_job_steps_done", 30},
      {"tatami_job_steps_planned", 40},
      {"tatami_job_loss", 0.1},
      {"tatami_job_steps_per_second", 2.5},
      {"tatami_job_samples_per_second", 20},
      {"tatami_job_attempts", 2},
      {"tatami_job_steps_computed_total", 40},
      {"tatami_job_goodput_ratio", 0.75}};
  for (const auto& [name, value] : of_main) {
    ASSERT_EQ(samples[name].size(), 1) << name << ": of running jobs alone";
    EXPECT_EQ((samples[name][Labels("1", "main")]), value) << name;
  }
}

TEST(Prometheus, NothingIsMadeUpWhereNothingIsKnown) {
  ServiceFigures figures{.jobs = {MakeJob(1, RUNNING, "main")}};
  figures.jobs[0].mutable_config()->mutable_run()->clear_steps();
  figures.running[1] = {};
  Exposition said = ExpositionParser::Parse(PrometheusText(figures));
  EXPECT_EQ(said.fault, "");
  for (const char* name :
       {"tatami_job_loss", "tatami_job_steps_planned", "tatami_job_steps_per_second",
        "tatami_job_samples_per_second", "tatami_job_goodput_ratio"}) {
    EXPECT_FALSE(said.samples.contains(name)) << name;
  }
}

TEST(Prometheus, AnyNameArrivesAsItself) {
  for (const std::string name :
       {"\"", "\\", "\n", "\\n", "a\"} 1\ntatami_jobs 7", "{a=\"b\"}", "märz"}) {
    ServiceFigures figures = ThreeJobs();
    figures.jobs[2].mutable_config()->set_name(name);
    Exposition said = ExpositionParser::Parse(PrometheusText(figures));
    EXPECT_EQ(said.fault, "") << name;
    EXPECT_EQ((said.samples["tatami_job_waiting_seconds"][Labels("3", name)]), 60)
        << name;
  }
}

TEST(Prometheus, NumbersReadBackBitForBit) {
  for (const double value : {0.1, 1.0 / 3, 1e-300, 123456789.0, 5e-324}) {
    ServiceFigures figures = ThreeJobs();
    figures.jobs[0].set_loss(value);
    Exposition said = ExpositionParser::Parse(PrometheusText(figures));
    EXPECT_EQ((said.samples["tatami_job_loss"][Labels("1", "main")]), value);
  }
  ServiceFigures figures = ThreeJobs();
  figures.jobs[0].set_loss(std::numeric_limits<double>::quiet_NaN());
  Exposition said = ExpositionParser::Parse(PrometheusText(figures));
  EXPECT_EQ(said.fault, "");
  EXPECT_TRUE(std::isnan(said.samples["tatami_job_loss"][Labels("1", "main")]));
}

TEST(Exposition, TheParserRefusesWhatTheFormatForbids) {
  const std::string head = "# HELP a_b A.\n# TYPE a_b gauge\n";
  EXPECT_EQ(ExpositionParser::Parse(head + "a_b{c=\"d\"} 1\n").fault, "");
  for (const char* bad :
       {"a_b 1", "a_b{c=\"d} 1\n", "a_b{c=\"d\\x\"} 1\n", "a_b{c=d} 1\n", "a_b\n",
        "a_b one\n", "9a 1\n", "a_b{c=\"d\",c=\"e\"} 1\n", "other 1\n",
        "a_b 1\na_b 2\n", "# HELP a_b Again.\n", "a_b{c=\"d\"}1\n", "\n"}) {
    EXPECT_NE(ExpositionParser::Parse(head + bad).fault, "") << bad;
  }
  EXPECT_NE(ExpositionParser::Parse("# HELP a A.\n# TYPE a counter\na 1\n").fault, "");
}

}  // namespace
}  // namespace tatami::jobs
