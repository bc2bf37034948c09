// What the commands of the job service say when it is not there, or may not start.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "tests/support/run_tatami.h"

namespace tatami::testing {
namespace {

TEST(Service, NotReached) {
  const Scratch scratch;
  const std::string message =
      "E0604: no job service answers at unix:nowhere/socket (failed to connect to all "
      "addresses; last error: UNKNOWN: unix:nowhere/socket: No such file or "
      "directory). Start one with `tatami serve`, or name another with --service.";
  ExpectRefused(scratch, {"jobs", "--service", "unix:nowhere/socket"}, 6, message);
  EXPECT_EQ(SampleOfPage("E0604"), message);
}

TEST(Service, AFolderThatOthersCanEnterIsRefused) {
  const Scratch scratch;
  scratch.Write("open/file", "");
  chmod((scratch.path() + "/open").c_str(), 0755);
  ExpectRefused(scratch, {"serve", "--folder", "open"}, 6,
                "E0604: 'open' can be entered by others, who could then give orders to "
                "the service. Say chmod 700 'open', or give --folder another folder.");
}

TEST(Service, ABadQueueIsRefused) {
  const Scratch scratch;
  ExpectRefused(scratch, {"serve", "--folder", "f", "--queue", "a=x"}, 2,
                "E0101: a queue is NAME=QUOTA+BORROW@BAND in nodes, as "
                "research=32+16@1, of which only NAME must be there; got 'a=x'.");
}

TEST(Service, APageForOtherMachinesIsRefused) {
  const Scratch scratch;
  ExpectRefused(
      scratch, {"serve", "--folder", "f", "--web", "0.0.0.0:8080"}, 2,
      "E0101: the page is served to this machine alone, at 127.0.0.1:PORT, "
      "[::1]:PORT or localhost:PORT; got '0.0.0.0:8080'. For another "
      "machine's browser, forward the port: ssh -L 8080:127.0.0.1:8080 HOST.");
}

TEST(Submit, WrongFieldsAndValuesAreToldBeforeAnythingIsSent) {
  const Scratch scratch;
  scratch.Write("job.txtpb", "run {\n  modle: 'drivenet-tiny'\n}\n");
  ExpectRefused(
      scratch, {"submit", "job.txtpb"}, 2,
      "E0104: job.txtpb:2:8: no field 'modle'; did you mean 'model'? Fields "
      "here: model, data, machine, mesh, np, threads, steps, batch, seed, "
      "optimizer, learning_rate, weight_decay, clip_norm, schedule, held_out, "
      "checkpoint_every, evaluate_every, precision, micro_batches, stages, "
      "plan.");
  ExpectRefused(scratch, {"submit", "--model", "drivenet-tiny", "--set", "run.np=two"},
                2, "E0101: 'two' is no value of run.np, which is of type int32.");
  ExpectRefused(
      scratch, {"submit", "--model", "drivenet-tiny"}, 2,
      "E0101: a job needs run.data. Give --data or --set run.data=..., or set "
      "it in the file.");
}

}  // namespace
}  // namespace tatami::testing
