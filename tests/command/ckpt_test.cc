// tatami ckpt as a user meets it: list, verify, compare, export.
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "core/error.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "runtime/checkpoint/checkpoint.h"
#include "runtime/checkpoint/safetensors.h"
#include "runtime/checkpoint/stored_checkpoint.h"
#include "tests/support/run_tatami.h"

namespace tatami::testing {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

constexpr CheckpointOptions kSmallChunks = {.shard_bytes_max = 200, .chunk_bytes = 64};

NamedTensor Ramp(const std::string& name, int64_t elements) {
  NamedTensor t{.name = name, .type = {DType::kF32, {2, elements / 2}}};
  std::vector<float> values(elements);
  for (int64_t i = 0; i < elements; ++i) values[i] = static_cast<float>(i) / 4;
  t.data.resize(t.type.bytes());
  StoreFromFloat(DType::kF32, values.data(), elements, t.data.data());
  return t;
}

class Ckpt : public ::testing::Test {
 protected:
  void SetUp() override {
    for (const int64_t step : {10, 20}) Save("run", Sample(step), kSmallChunks);
  }
  static Checkpoint Sample(int64_t step) {
    return {.step = step,
            .seed = 3,
            .model = "drivenet-tiny",
            .data_cursor = {.epoch = 0, .batch = step},
            .tensors = {Ramp("first", 40), Ramp("second", 30)}};
  }
  void Save(const std::string& run, const Checkpoint& c, const CheckpointOptions& o) {
    ASSERT_EQ(SaveCheckpoint(disk_, scratch_.path() + "/" + run, c, o),
              absl::OkStatus());
  }
  Outcome Run(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), "ckpt");
    return RunTatami(arguments, {.folder = scratch_.path()});
  }
  // Flips one bit of a shard; its byte offset counts from the end.
  void Flip(const std::string& file, size_t from_end) const {
    std::string bytes = FileText(scratch_.path() + "/" + file);
    bytes[bytes.size() - from_end] ^= 4;
    scratch_.Write(file, bytes);
  }

  PosixStorage disk_;
  Scratch scratch_;
};

TEST_F(Ckpt, LsShowsEachStepWithItsRoot) {
  const auto stored =
      OpenCheckpoint(disk_, scratch_.path() + "/run/step-00000020").value();
  const Outcome outcome = Run({"ls", "run"});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(outcome.out,
              HasSubstr(absl::StrCat("        20        2       5      0.00  ",
                                     stored.merkle_root, "  drivenet-tiny\n")));
  const auto list = Run({"ls", "run", "--json"}).LastJson()["checkpoints"];
  ASSERT_EQ(list.size(), 2u);
  EXPECT_EQ(list[1]["merkle_root"], stored.merkle_root);
  EXPECT_NE(list[0]["merkle_root"], stored.merkle_root);
  EXPECT_EQ(list[0]["bytes"], 280);
}

TEST_F(Ckpt, VerifyReadsARunAStepOrAFolder) {
  const Outcome run = Run({"verify", "run"});
  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_THAT(run.out, HasSubstr("OK  run/step-00000010: 2 tensors, 5 chunks"));
  EXPECT_THAT(run.out, HasSubstr("OK  run/step-00000020: 2 tensors, 5 chunks"));
  const Outcome step = Run({"verify", "run@20"});
  EXPECT_EQ(step.out, Run({"verify", "run/step-00000020/"}).out);
  EXPECT_TRUE(Run({"verify", "run@20", "--json"}).LastJson()["checkpoints"][0]["ok"]);
}

TEST_F(Ckpt, VerifyNamesTensorShardAndChunk) {
  const std::string shard = "run/step-00000020/model-00001-of-00002.safetensors";
  Flip(shard, 1);
  Flip(shard, 160);
  const int64_t bytes = disk_.FileBytes(scratch_.path() + "/" + shard).value();
  const Outcome outcome = Run({"verify", "run"});
  EXPECT_EQ(outcome.exit_code, 7);
  EXPECT_THAT(outcome.out, HasSubstr("OK  run/step-00000010"));
  const std::string first =
      absl::StrCat("E0701: '", shard, "' is corrupt: tensor 'first', chunk 1 of 3 ",
                   "(bytes ", bytes - 160, " to ", bytes - 96, "), has xxh3 ");
  EXPECT_THAT(outcome.out, HasSubstr("BAD run/step-00000020: " + first));
  EXPECT_THAT(outcome.out,
              HasSubstr(absl::StrCat("tensor 'first', chunk 3 of 3 (bytes ", bytes - 32,
                                     " to ", bytes, ")")));
  EXPECT_THAT(outcome.Message(), HasSubstr("1 of 2 checkpoints are bad: " + first));
  EXPECT_THAT(outcome.Message(), HasSubstr("And 1 more damaged chunks in it."));
  const auto object = Run({"verify", "run", "--json"}).LastJson();
  EXPECT_EQ(object["error"]["code"], "E0701");
  EXPECT_EQ(object["checkpoints"][1]["damage"].size(), 2u);
  EXPECT_EQ(Run({"ls", "run"}).exit_code, 0) << "ls reads no data";
}

TEST_F(Ckpt, ALostManifestIsRefusedByLsAndVerify) {
  fs::remove(scratch_.path() + "/run/step-00000020/manifest.json");
  for (const char* const verb : {"ls", "verify"}) {
    const Outcome outcome = Run({verb, "run"});
    EXPECT_EQ(outcome.exit_code, 7) << verb;
    EXPECT_THAT(outcome.Message(),
                HasSubstr("'run/step-00000020/manifest.json' is corrupt: it is "
                          "missing."));
  }
}

TEST_F(Ckpt, DiffOfEqualWeightsIsBitIdenticalWhateverTheLayout) {
  Save("other", Sample(10), {.shard_bytes_max = 1000, .chunk_bytes = 24});
  const Outcome outcome = Run({"diff", "run@10", "other"});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_EQ(outcome.out, "bit-identical: 2 tensors, 70 elements\n");
}

TEST_F(Ckpt, DiffNamesTheFirstElementTheCountAndTheLargest) {
  Checkpoint changed = Sample(10);
  const float ten = 10, minus = -1;
  std::memcpy(&changed.tensors[1].data[4 * 17], &ten, 4);
  std::memcpy(&changed.tensors[1].data[4 * 29], &minus, 4);
  Save("other", changed, kSmallChunks);
  const Outcome outcome = Run({"diff", "run@10", "other@10"});
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_EQ(outcome.out,
            "first difference: tensor 'second' f32[2,15] at [1,2] (element 17): 4.25 "
            "and 10\n1 of 2 tensors and 2 of 70 elements differ; largest difference "
            "8.25\n");
  const Outcome as_json = Run({"diff", "run@10", "other@10", "--json"});
  EXPECT_EQ(as_json.exit_code, 1);
  EXPECT_EQ(as_json.LastJson()["first"]["element"], 17);
  EXPECT_EQ(as_json.LastJson()["largest_difference"], 8.25);
}

TEST_F(Ckpt, DiffNamesTensorsThatOneLacks) {
  Checkpoint changed = Sample(10);
  changed.tensors[0] = Ramp("first", 42);
  changed.tensors[1].name = "third";
  Save("other", changed, kSmallChunks);
  const Outcome outcome = Run({"diff", "run@10", "other@10"});
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_EQ(outcome.out,
            "'first' is f32[2,20] and f32[2,21]\n"
            "'second' is only in run/step-00000010\n"
            "'third' is only in other/step-00000010\n"
            "the 0 tensors of both are bit-identical\n");
}

TEST_F(Ckpt, DiffRefusesADamagedSide) {
  Flip("run/step-00000020/model-00002-of-00002.safetensors", 1);
  const Outcome outcome = Run({"diff", "run@10", "run"});
  EXPECT_EQ(outcome.exit_code, 7);
  EXPECT_THAT(outcome.Message(), HasSubstr("tensor 'second', chunk 2 of 2"));
}

// The independent reader is Python and knows only the format's description.
TEST_F(Ckpt, ExportWritesOneFileThatOthersRead) {
  const Outcome outcome = Run({"export", "run@10", "--to", "out"});
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  const std::string dir = scratch_.path() + "/out";
  EXPECT_EQ(disk_.List(dir).value(), std::vector<std::string>{"model.safetensors"});
  const std::string command = absl::StrCat(
      "/usr/bin/python3 runtime/checkpoint/testdata/read_safetensors.py ", dir);
  FILE* const pipe = popen(command.c_str(), "r");
  ASSERT_NE(pipe, nullptr);
  std::string got;
  char buffer[4096];
  while (const size_t n = fread(buffer, 1, sizeof(buffer), pipe)) got.append(buffer, n);
  EXPECT_EQ(pclose(pipe), 0);
  std::string want;
  for (const auto& [name, n] : {std::pair{"first", 40}, std::pair{"second", 30}}) {
    absl::StrAppend(&want, name, " F32 [2,", n / 2, "]");
    for (int i = 0; i < n; ++i) absl::StrAppendFormat(&want, " %.9g", i / 4.0);
    want += "\n";
  }
  EXPECT_EQ(got, want);
  const Outcome file = Run({"export", "run@10", "--to", "w.safetensors", "--json"});
  EXPECT_EQ(file.LastJson()["tensors"], 2);
  EXPECT_EQ(FileText(scratch_.path() + "/w.safetensors"),
            FileText(dir + "/model.safetensors"));
}

TEST_F(Ckpt, NothingThereIsSaid) {
  ExpectRefused(
      scratch_, {"ckpt", "verify", "run@30"}, 4,
      "E0401: 'run@30' is neither a checkpoint nor the folder of a run that "
      "wrote one. Give a run folder, RUN@STEP or a checkpoint folder; `tatami "
      "ckpt ls RUN` lists the steps.");
}

}  // namespace
}  // namespace tatami::testing
