// Metrics, TensorBoard events and progress lines as their readers see them.
#include <filesystem>
#include <fstream>
#include <limits>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "core/error.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "runtime/storage.h"
#include "runtime/trainer/metrics_writer.h"
#include "runtime/trainer/progress.h"
#include "runtime/trainer/tensorboard_writer.h"

namespace tatami {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string Text(const std::string& path) {
  PosixStorage disk;
  auto text = ReadText(disk, path, int64_t{1} << 20);
  EXPECT_TRUE(text.ok()) << text.status();
  return text.ok() ? *text : "";
}

struct Shell {
  std::string output;
  int status = -1;
};
Shell RunShell(const std::string& command) {
  Shell shell;
  FILE* const pipe = popen(command.c_str(), "r");
  char buffer[4096];
  while (const size_t n = fread(buffer, 1, sizeof(buffer), pipe)) {
    shell.output.append(buffer, n);
  }
  shell.status = pclose(pipe);
  return shell;
}

class OutputTest : public testing::Test {
 protected:
  void SetUp() override {
    const auto* info = testing::UnitTest::GetInstance()->current_test_info();
    dir_ =
        absl::StrCat(testing::TempDir(), "/tatami_out_", getpid(), "_", info->name());
    fs::remove_all(dir_);
  }
  void TearDown() override { fs::remove_all(dir_); }

  std::string dir_;
};

TEST_F(OutputTest, MetricsAreOneObjectALineAndThereAtOnce) {
  const std::string path = dir_ + "/run/metrics.jsonl";
  auto writer = MetricsWriter::Open(path);
  ASSERT_TRUE(writer.ok()) << writer.status();
  const double nan = std::numeric_limits<double>::quiet_NaN();
  ASSERT_TRUE((*writer)->Write(1, {{"train/loss", 0.1}, {"q\"uote", 2}}).ok());
  // The writer is still open: what was written must be in the file.
  EXPECT_EQ(Text(path), "{\"step\":1,\"train/loss\":0.1,\"q\\\"uote\":2.0}\n");
  ASSERT_TRUE((*writer)->Write(2, {{"train/loss", nan}}).ok());
  EXPECT_THAT(Text(path), HasSubstr("\n{\"step\":2,\"train/loss\":null}\n"));
}

TEST_F(OutputTest, MetricsReadBackBitForBit) {
  const std::string path = dir_ + "/metrics.jsonl";
  auto writer = MetricsWriter::Open(path);
  ASSERT_TRUE(writer.ok()) << writer.status();
  ASSERT_TRUE((*writer)->Write(1, {{"a", 0.1 + 0.2}, {"b", 5e-324}}).ok());
  const Shell python = RunShell(
      absl::StrCat("/usr/bin/python3 -c \"import json; d = json.loads(open('", path,
                   "').readline()); print(d['a'].hex(), d['b'].hex(), d['step'])\""));
  EXPECT_EQ(python.status, 0);
  EXPECT_EQ(python.output, "0x1.3333333333334p-2 0x0.0000000000001p-1022 1\n");
}

TEST_F(OutputTest, AResumedRunDropsTheLinesItWillWriteAgain) {
  const std::string path = dir_ + "/metrics.jsonl";
  {
    auto writer = MetricsWriter::Open(path);
    ASSERT_TRUE(writer.ok());
    for (const int64_t step : {10, 20, 30}) {
      ASSERT_TRUE((*writer)->Write(step, {{"loss", 1}}).ok());
    }
  }
  std::ofstream(path, std::ios::app) << R"({"step":5,"los)";  // killed while writing
  {
    auto writer = MetricsWriter::Open(path, {.resume_step = 20});
    ASSERT_TRUE(writer.ok()) << writer.status();
    ASSERT_TRUE((*writer)->Write(30, {{"loss", 2}}).ok());
  }
  EXPECT_EQ(Text(path),
            "{\"step\":10,\"loss\":1.0}\n{\"step\":20,\"loss\":1.0}\n"
            "{\"step\":30,\"loss\":2.0}\n");
  ASSERT_TRUE(MetricsWriter::Open(path).ok());
  EXPECT_EQ(Text(path), "");
}

// A run that died after its last step measures again what stands there.
TEST_F(OutputTest, ALineOfTheResumedStepIsNotWrittenTwice) {
  const std::string path = dir_ + "/metrics.jsonl";
  {
    auto writer = MetricsWriter::Open(path);
    ASSERT_TRUE(writer.ok()) << writer.status();
    EXPECT_EQ((*writer)->Kept("loss"), std::nullopt);
    ASSERT_TRUE((*writer)->Write(1, {{"loss", 0.5}}).ok());
    ASSERT_TRUE((*writer)->Write(2, {{"loss", 0.1}, {"rate", 3}}).ok());
    ASSERT_TRUE((*writer)->Write(2, {{"psnr", 20}}).ok());
  }
  const std::string whole = Text(path);
  auto writer = MetricsWriter::Open(path, {.resume_step = 2});
  ASSERT_TRUE(writer.ok()) << writer.status();
  EXPECT_EQ((*writer)->Kept("loss"), std::optional<double>(0.1));
  EXPECT_EQ((*writer)->Kept("psnr"), std::optional<double>(20));
  EXPECT_EQ((*writer)->Kept("none"), std::nullopt);
  ASSERT_TRUE((*writer)->Write(2, {{"psnr", 20}}).ok());
  EXPECT_EQ(Text(path), whole);
  ASSERT_TRUE((*writer)->Write(2, {{"psnr", 21}}).ok());
  EXPECT_EQ(Text(path), whole + "{\"step\":2,\"psnr\":21.0}\n");
}

TEST_F(OutputTest, AFullDiskAndABadPathAreStorageErrors) {
  auto writer = MetricsWriter::Open("/dev/full");
  if (writer.ok()) {
    const absl::Status s = (*writer)->Write(1, {});
    EXPECT_EQ(GetErrorCode(s), ErrorCode::kStorage);
    EXPECT_THAT(std::string(s.message()), HasSubstr("'/dev/full': No space left"));
  } else {
    ADD_FAILURE() << writer.status();
  }
  EXPECT_EQ(GetErrorCode(MetricsWriter::Open("/dev/null/x").status()),
            ErrorCode::kStorage);
  EXPECT_EQ(GetErrorCode(TensorboardWriter::Open("/dev/null", 0).status()),
            ErrorCode::kStorage);
}

TEST_F(OutputTest, Crc32cHasThePublishedCheckValues) {
  EXPECT_EQ(Crc32c("123456789"), 0xE3069283u);  // RFC 3720's polynomial, check value
  EXPECT_EQ(Crc32c(std::string(32, '\0')), 0x8A9136AAu);  // RFC 3720, B.4
  EXPECT_EQ(Crc32c(std::string(32, '\xff')), 0x62A8AB43u);
  EXPECT_EQ(Crc32c(""), 0u);
}

// The reader is Python and knows only the framing and the protobuf wire format.
TEST_F(OutputTest, AnIndependentReaderSeesTheEvents) {
  auto writer = TensorboardWriter::Open(dir_, 1700000000.5);
  ASSERT_TRUE(writer.ok()) << writer.status();
  const double inf = std::numeric_limits<double>::infinity();
  // Long enough for lengths of two varint bytes, and a step of six.
  const std::string long_name(300, 'n');
  ASSERT_TRUE(
      (*writer)->Write(1, 1700000001.25, {{"loss", 0.1}, {"accuracy", -2}}).ok());
  ASSERT_TRUE((*writer)->Write(int64_t{1} << 40, 1700000002, {{long_name, inf}}).ok());
  ASSERT_TRUE((*writer)->Write(3, 1700000003, {}).ok());
  const Shell python = RunShell(absl::StrCat(
      "/usr/bin/python3 runtime/trainer/testdata/read_events.py ", (*writer)->path()));
  EXPECT_EQ(python.status, 0);
  EXPECT_EQ(python.output, absl::StrCat("1700000000.5 0 file_version=brain.Event:2\n"
                                        "1700000001.25 1 loss=0.100000001 accuracy=-2\n"
                                        "1700000002.0 1099511627776 ",
                                        long_name, "=inf\n1700000003.0 3\n"));
  // A second writer of the same second does not touch the first one's file.
  auto second = TensorboardWriter::Open(dir_, 1700000000.5);
  ASSERT_TRUE(second.ok());
  EXPECT_NE((*second)->path(), (*writer)->path());
}

TEST(Progress, LinesHaveTheFieldsAndFit80Columns) {
  EXPECT_EQ(FormatProgress({.step = 120,
                            .total_steps = 1000,
                            .loss = 0.69314,
                            .samples_per_s = 850.4,
                            .left_s = 3723}),
            "step 120/1000   12%  loss 0.6931  850 samples/s  ETA 1:02:03");
  EXPECT_EQ(FormatProgress({.step = 1, .total_steps = 8, .loss = 2}),
            "step 1/8   12%  loss 2");
  const int64_t most = std::numeric_limits<int64_t>::max() / 100;
  const std::string widest = FormatProgress({.step = most,
                                             .total_steps = most,
                                             .loss = -1.2345e-300,
                                             .samples_per_s = 1e12,
                                             .left_s = 3e9});
  EXPECT_LE(widest.size(), 79u);
  EXPECT_THAT(widest, HasSubstr("loss -1.234e-300"));
  EXPECT_EQ(FormatDuration(59.6), "1:00");
  EXPECT_EQ(FormatDuration(86400 * 3 + 4 * 3600 + 5 * 60 + 6), "3d 04:05:06");
}

// What Progress prints in `style` for 10 steps of 4 samples, half a second each.
std::string Printed(ProgressStyle style, int64_t every) {
  FILE* const out = tmpfile();
  {
    Progress progress(out, {.style = style,
                            .total_steps = 10,
                            .samples_per_step = 4,
                            .plain_every_steps = every,
                            .terminal_interval_s_min = 1});
    for (int64_t step = 1; step <= 10; ++step) {
      progress.Report(step, 1.0 / static_cast<double>(step),
                      static_cast<double>(step) / 2);
      if (step == 6) progress.Note("checkpoint 6");
    }
  }
  std::string text(static_cast<size_t>(ftell(out)), '\0');
  rewind(out);
  EXPECT_EQ(fread(text.data(), 1, text.size(), out), text.size());
  fclose(out);
  return text;
}

TEST(Progress, FilesGetPlainLinesAtTheFirstEachNthAndTheLastStep) {
  EXPECT_EQ(Printed(ProgressStyle::kPlain, 4),
            "step 1/10   10%  loss 1\n"
            "step 4/10   40%  loss 0.25  8.0 samples/s  ETA 0:03\n"
            "checkpoint 6\n"
            "step 8/10   80%  loss 0.125  8.0 samples/s  ETA 0:01\n"
            "step 10/10  100%  loss 0.1  8.0 samples/s  ETA 0:00\n");
}

TEST(Progress, ATerminalGetsOneLineRewrittenNotTooOften) {
  const std::string text = Printed(ProgressStyle::kTerminal, 1);
  EXPECT_THAT(
      absl::StrSplit(text, absl::ByString("\r\033[K")),
      ElementsAre("", "step 1/10   10%  loss 1",
                  "step 3/10   30%  loss 0.3333  8.0 samples/s  ETA 0:04",
                  "step 5/10   50%  loss 0.2  8.0 samples/s  ETA 0:03",
                  "checkpoint 6\nstep 5/10   50%  loss 0.2  8.0 samples/s  ETA 0:03",
                  "step 7/10   70%  loss 0.1429  8.0 samples/s  ETA 0:02",
                  "step 9/10   90%  loss 0.1111  8.0 samples/s  ETA 0:01",
                  "step 10/10  100%  loss 0.1  8.0 samples/s  ETA 0:00\n"));
}

TEST(Progress, AFileIsNoTerminal) {
  FILE* const out = tmpfile();
  EXPECT_EQ(ProgressStyleOf(out), ProgressStyle::kPlain);
  fclose(out);
}

}  // namespace
}  // namespace tatami
