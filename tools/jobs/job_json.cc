#include "tools/jobs/job_json.h"

#include "tools/jobs/job_states.h"

namespace tatami::jobs {

int64_t StepsInAll(const Job& job) {
  return job.total_steps() > 0 ? job.total_steps() : job.config().run().steps();
}

nlohmann::json JobJson(const Job& job) {
  return {{"id", job.id()},
          {"name", job.config().name()},
          {"owner", job.owner()},
          {"queue", job.config().queue()},
          {"model", job.config().run().model()},
          {"priority", job.config().priority()},
          {"state", StateName(job.state())},
          {"reason", job.reason()},
          {"rows", job.rows()},
          {"cols", job.cols()},
          {"rectangle", job.has_rectangle()
                            ? nlohmann::json{{"row", job.rectangle().row()},
                                             {"col", job.rectangle().col()},
                                             {"rows", job.rectangle().rows()},
                                             {"cols", job.rectangle().cols()}}
                            : nlohmann::json()},
          {"attempt", job.attempt()},
          {"step", job.step()},
          {"total_steps", StepsInAll(job)},
          {"loss", job.loss()},
          {"weights_hash", job.weights_hash()},
          {"exit_code", job.exit_code()},
          {"submitted_ms", job.submitted_ms()},
          {"started_ms", job.started_ms()},
          {"ended_ms", job.ended_ms()},
          {"earliest_start_ms", job.earliest_start_ms()},
          {"folder", job.folder()}};
}

}  // namespace tatami::jobs
