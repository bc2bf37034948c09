// The wire forms of real graphs, plans and Programs (core/proto/wire.h).
#include "core/proto/wire.h"

#include <random>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "compiler/lower/lower.h"
#include "compiler/test_graphs.h"
#include "compiler/training_step.h"
#include "compiler/verify.h"
#include "core/error.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "ops/all_ops.h"
#include "ops/arithmetic.h"
#include "ops/loss.h"

namespace tatami {
namespace {

using ::testing::HasSubstr;

constexpr WireForm kForms[] = {WireForm::kBinary, WireForm::kText};

// On a 3x4 grid that has lost a node and a link.
Program ProgramOnDamagedGrid(uint64_t seed) {
  Program p = LoweredTrainingStep({2, 3}, seed);
  p.site = *LayMesh(*ParseDeadList({3, 4}, "(1,1),(0,2)-(0,3)"), p.mesh);
  return p;
}

TEST(ProgramWire, RoundTripsInBothForms) {
  for (uint64_t seed = 0; seed < 6; ++seed) {
    Program p =
        seed < 3 ? LoweredTrainingStep({2, 3}, seed) : ProgramOnDamagedGrid(seed);
    if (seed % 3 == 2) p = LoweredStagedStep({{4, 6}, {2, 2}}, seed);
    for (const WireForm form : kForms) {
      const std::string bytes = SerializeProgram(p, form);
      EXPECT_EQ(SerializeProgram(p, form), bytes);
      const auto read = ParseProgram(bytes, FindOp);
      ASSERT_TRUE(read.ok()) << read.status();
      EXPECT_EQ(read->ToString(), p.ToString());
      EXPECT_EQ(SerializeProgram(*read, form), bytes);
      EXPECT_TRUE(VerifyProgram(*read).ok()) << VerifyProgram(*read);
    }
  }
}

TEST(GraphWire, RoundTripsInBothForms) {
  const Graph graph = ConvNetTrainingStep();
  for (const WireForm form : kForms) {
    const std::string bytes = SerializeGraph(graph, form);
    const auto read = ParseGraph(bytes, FindOp);
    ASSERT_TRUE(read.ok()) << read.status();
    EXPECT_EQ(read->ToString(), graph.ToString());
    EXPECT_EQ(SerializeGraph(*read, form), bytes);
    for (size_t v = 0; v < graph.values.size(); ++v) {
      EXPECT_EQ(read->values[v].producer, graph.values[v].producer);
      EXPECT_EQ(read->values[v].init.scale, graph.values[v].init.scale);
      EXPECT_EQ(read->values[v].trainable, graph.values[v].trainable);
    }
  }
}

// Parts of inputs and of the batch, in graph and Program.
TEST(GraphWire, KeepsMicroBatches) {
  GraphBuilder g("parts");
  const Value x = g.BatchInput("x", {DType::kF32, {3}});
  const Value w = g.State("w", {DType::kF32, {3}}, {}, true);
  AddTrainingStep(g, MeanAll(g, Mul(g, x, w)), {w}, {.name = "sgd"}, 2);
  const auto graph = g.Finish();
  ASSERT_TRUE(graph.ok()) << graph.status();
  for (const WireForm form : kForms) {
    const auto read = ParseGraph(SerializeGraph(*graph, form), FindOp);
    ASSERT_TRUE(read.ok()) << read.status();
    EXPECT_EQ(read->ToString(), graph->ToString());
    for (size_t v = 0; v < graph->values.size(); ++v) {
      EXPECT_EQ(read->values[v].fed_as, graph->values[v].fed_as);
      EXPECT_EQ(read->values[v].part, graph->values[v].part);
      EXPECT_EQ(read->values[v].counts_samples, graph->values[v].counts_samples);
    }
    for (size_t c = 0; c < graph->calls.size(); ++c) {
      EXPECT_EQ(read->calls[c].micro_batch, graph->calls[c].micro_batch);
      EXPECT_EQ(read->calls[c].place, graph->calls[c].place);
      EXPECT_EQ(read->calls[c].backward, graph->calls[c].backward);
    }
    const auto program =
        Lower(*graph, {.mesh = {1, 2}}, {.machine = "m", .sram_bytes = 1 << 20});
    ASSERT_TRUE(program.ok()) << program.status();
    const auto read_program = ParseProgram(SerializeProgram(*program, form), FindOp);
    ASSERT_TRUE(read_program.ok()) << read_program.status();
    EXPECT_EQ(read_program->ToString(), program->ToString());
    EXPECT_THAT(program->ToString(), HasSubstr("part 1/2"));
  }
}

TEST(PlanWire, RoundTripsInBothForms) {
  const Graph graph = ConvNetTrainingStep();
  for (uint64_t seed = 0; seed < 20; ++seed) {
    Plan plan = DrawPlan(graph, {4, 6}, seed);
    if (seed % 3 == 2) plan = DrawStagedPlan(graph, {{4, 6}, {2, 3}}, seed);
    if (seed % 2 == 1) plan.map = "5x7 minus (0,0),(1,1)-(1,2)";
    for (const WireForm form : kForms) {
      const std::string bytes = SerializePlan(plan, form);
      const auto read = ParsePlanWire(bytes, graph);
      ASSERT_TRUE(read.ok()) << read.status();
      EXPECT_EQ(read->ToString(graph), plan.ToString(graph));
      EXPECT_EQ(SerializePlan(*read, form), bytes);
    }
  }
}

// The text form without its checksum, so that an edit is judged by what it says.
std::string EditableText(const Program& p) {
  std::vector<std::string> lines =
      absl::StrSplit(SerializeProgram(p, WireForm::kText), '\n');
  std::erase_if(lines, [](const std::string& line) {
    return absl::StartsWith(line, "checksum");
  });
  return absl::StrJoin(lines, "\n");
}

std::string Message(const absl::StatusOr<Program>& program) {
  if (!program.ok()) {
    EXPECT_EQ(GetErrorCode(program.status()), ErrorCode::kUnknownField);
  }
  return std::string(program.status().message());
}

// Replaces the first `from` of the text form by `to`; what the reader says of it.
std::string AfterEdit(absl::string_view from, absl::string_view to) {
  std::string text = EditableText(ProgramOnDamagedGrid(0));
  const size_t at = text.find(std::string(from));
  EXPECT_NE(at, std::string::npos) << from;
  text.replace(at, from.size(), std::string(to));
  return Message(ParseProgram(text, FindOp));
}

TEST(ProgramWire, NamesTheFieldThatIsWrong) {
  EXPECT_EQ(AfterEdit("version: 2", "version: 2"), "");
  EXPECT_THAT(AfterEdit("version: 2", "version: 1"),
              HasSubstr("version is 1; this build reads version 2"));
  EXPECT_THAT(AfterEdit("tatami.program", "tatami.plan"),
              HasSubstr("format is 'tatami.plan'; must be 'tatami.program'"));
  EXPECT_THAT(AfterEdit("op: \"conv\"", "op: \"konv\""),
              HasSubstr("op 'konv' is not known to this build (calls["));
  EXPECT_THAT(AfterEdit("name: \"groups\"", "name: \"group\""),
              HasSubstr("are not those of op conv"));
  EXPECT_THAT(AfterEdit("rows: 2", "rows: 0"),
              HasSubstr("mesh.rows is 0; must be 1 to 1048576"));
  EXPECT_THAT(AfterEdit("rows: 2", "rows: 3"),
              HasSubstr("is not a sub-axis of 3 nodes (placement.dims[1]) "
                        "(buffers[0])"));
  EXPECT_THAT(AfterEdit("sram_bytes: ", "sram_bytes: -"),
              HasSubstr("sram_bytes is -1048576"));
  EXPECT_THAT(AfterEdit("  storage: 0", "  storage: 9999"),
              HasSubstr("storage is 9999; must be 0 to "));
  EXPECT_THAT(AfterEdit("    from: ", "    from: 99999"),
              HasSubstr("(exchanges[0]) (supersteps["));
  EXPECT_THAT(AfterEdit("machine: ", "machin: "), HasSubstr("named \"machin\""));
  EXPECT_THAT(AfterEdit("model: \"conv_net\"", ""), HasSubstr("missing field model"));
  EXPECT_THAT(AfterEdit("dims: 7", "dims: 70000000000000"),
              HasSubstr("a dim is 70000000000000; must be 1 to "));
  EXPECT_THAT(AfterEdit("dtype: \"f32\"", "dtype: \"f64\""), HasSubstr("'f64'"));
  EXPECT_THAT(AfterEdit("axis: \"y\"", "axis: \"z\""),
              HasSubstr("axis is 'z'; must be y or x"));
}

TEST(ProgramWire, ASiteThatCannotBeIsRefused) {
  const Program p = ProgramOnDamagedGrid(0);
  const std::string map = "map: \"3x4 minus (1,1),(0,2)-(0,3)\"";
  EXPECT_EQ(AfterEdit(map, map), "");
  const auto edited = [&](absl::string_view text) {
    return AfterEdit(map, absl::StrCat("map: \"", text, "\""));
  };
  EXPECT_THAT(edited("3x4 minus (1,1),(0,3)-(0,2)"),
              HasSubstr("map is not written as '3x4 minus (1,1),(0,2)-(0,3)'"));
  EXPECT_THAT(edited("3x4"), HasSubstr("map has no dead part: leave it out"));
  EXPECT_THAT(edited("3x4 minus (9,9)"), HasSubstr("lies outside the 3x4 grid"));
  EXPECT_THAT(edited("3000x4000 minus (0,0)"),
              HasSubstr("is no grid ROWSxCOLS of at most 12 nodes"));
  EXPECT_THAT(edited("3x3 minus (0,0)"),
              HasSubstr("the length of site.hosted is 12; must be 9 to 9"));
  const NodeCoord first = p.site->embedding.physical[0];
  EXPECT_THAT(edited(absl::StrCat("3x4 minus (", first.row, ",", first.col, ")")),
              HasSubstr("is 0, and this node of the grid is dead"));
  EXPECT_THAT(AfterEdit("hosted: 5", "hosted: -1"),
              HasSubstr("site.hosted names 5 nodes and must name each of the 6"));
  EXPECT_THAT(AfterEdit("hosted: 5", "hosted: 4"),
              HasSubstr("site.hosted names 6 nodes and must name each of the 6"));
  EXPECT_THAT(AfterEdit("hosted: 5", "hosted: 6"),
              HasSubstr("site.hosted is 6; must be -1 to 5"));
}

TEST(ProgramWire, StagesThatCannotBeAreRefused) {
  const auto after_edit = [](absl::string_view from, absl::string_view to) {
    std::string text = EditableText(LoweredStagedStep({{4, 6}, {2, 2}}, 1));
    const size_t at = text.find(std::string(from));
    EXPECT_NE(at, std::string::npos) << from;
    text.replace(at, from.size(), std::string(to));
    return Message(ParseProgram(text, FindOp));
  };
  EXPECT_EQ(after_edit("stages {\n  rows: 2", "stages {\n  rows: 2"), "");
  EXPECT_THAT(after_edit("stages {\n  rows: 2", "stages {\n  rows: 3"),
              HasSubstr("stages 3x2 do not cut mesh 4x6 into equal rectangles"));
  EXPECT_THAT(after_edit("stages {\n  rows: 2", "stages {\n  rows: 0"),
              HasSubstr("stages.rows is 0; must be 1 to 4"));
  EXPECT_THAT(after_edit("  stage: ", "  stage: 4"), HasSubstr("; must be 1 to 3"));
  EXPECT_THAT(after_edit("  stage: ", "  stage: -"), HasSubstr("; must be 1 to 3"));
}

TEST(ProgramWire, WorkBetweenStagesIsRefused) {
  Program p = LoweredStagedStep({{4, 6}, {2, 2}}, 1);
  int read = -1;
  for (const Superstep& superstep : p.supersteps) {
    for (const ComputeOp& c : superstep.computes) {
      if (!c.in.empty()) read = c.in[0];
    }
  }
  ASSERT_GE(read, 0);
  p.buffers[read].stage = (p.buffers[read].stage + 1) % 4;
  EXPECT_THAT(Message(ParseProgram(SerializeProgram(p, WireForm::kText), FindOp)),
              HasSubstr("and writes "));
  p = LoweredStagedStep({{4, 6}, {2, 2}}, 1);
  for (const Superstep& superstep : p.supersteps) {
    for (const ExchangeOp& e : superstep.exchanges) {
      if (e.resolve.empty()) continue;
      p.buffers[e.to].stage = (p.buffers[e.to].stage + 1) % 4;
      EXPECT_THAT(Message(ParseProgram(SerializeProgram(p, WireForm::kText), FindOp)),
                  HasSubstr("combines between stages"));
      return;
    }
  }
  ADD_FAILURE() << "nothing is combined";
}

TEST(ProgramWire, ADamagedFileIsRefusedByItsChecksum) {
  const Program p = LoweredTrainingStep({2, 3}, 0);
  const std::string text = SerializeProgram(p, WireForm::kText);
  const std::string changed =
      absl::StrReplaceAll(text, {{"peak_bytes: ", "peak_bytes: 1"}});
  ASSERT_NE(changed, text);
  EXPECT_THAT(Message(ParseProgram(changed, FindOp)),
              testing::AnyOf(HasSubstr("checksum is"), HasSubstr("peak_bytes is")));
  EXPECT_THAT(Message(ParseProgram("", FindOp)), HasSubstr("length of the file is 0"));
  EXPECT_THAT(Message(ParseProgram(
                  SerializeProgram(p, WireForm::kBinary).substr(0, 400), FindOp)),
              HasSubstr("encoding is broken"));
  EXPECT_THAT(Message(ParseProgram(SerializePlan({}, WireForm::kBinary), FindOp)),
              HasSubstr("E0104"));
}

// The binary form without its checksum.
std::string UnsealedBytes(const Program& p) {
  std::string bytes = SerializeProgram(p, WireForm::kBinary);
  // Behind format (2 + 14 bytes) and version (2 bytes) come 2 + 16 bytes of checksum.
  return bytes.erase(18, 18);
}

TEST(ProgramWire, FieldsOfAnotherSchemaAreRefused) {
  const std::string bytes = UnsealedBytes(LoweredTrainingStep({2, 3}, 0));
  ASSERT_EQ(Message(ParseProgram(bytes, FindOp)), "");
  // Field 111 as a varint of 1, at the end of the message and inside a lifetime.
  EXPECT_EQ(Message(ParseProgram(bytes + "\xf8\x06\x01", FindOp)),
            "E0104: unknown field number 111 of Program");
  const std::string lifetime = std::string("\x8a\x01\x07\x08\x00\x10\x01", 7);
  EXPECT_THAT(Message(ParseProgram(bytes + lifetime + "\xf8\x06\x01", FindOp)),
              HasSubstr("unknown field number 111 of Lifetime in storage_lifetime["));
}

struct Draw {
  std::mt19937_64 bits;
  size_t operator()(size_t count) { return bits() % count; }
};

// One to four byte-wise changes: flips, new values, removed, doubled and moved ranges.
std::string Mutated(std::string bytes, Draw& draw) {
  for (size_t n = 1 + draw(4); n > 0 && bytes.size() > 1; --n) {
    const size_t at = draw(bytes.size());
    const size_t length = std::min(bytes.size() - at, 1 + draw(12));
    switch (draw(5)) {
      case 0:
        bytes[at] = static_cast<char>(bytes[at] ^ (1 << draw(8)));
        break;
      case 1:
        bytes[at] = static_cast<char>(draw(256));
        break;
      case 2:
        bytes.erase(at, length);
        break;
      case 3:
        bytes.insert(at, bytes.substr(at, length));
        break;
      default:
        bytes.replace(draw(bytes.size() - length + 1), length,
                      bytes.substr(at, length));
    }
  }
  return bytes;
}

// Other numbers and other lines in the text form: gets deeper than broken encodings.
std::string MutatedText(const std::string& text, Draw& draw) {
  static const auto* const kNumbers =
      new std::vector<std::string>{"0",
                                   "1",
                                   "2",
                                   "3",
                                   "7",
                                   "-1",
                                   "64",
                                   "1000000",
                                   "2147483647",
                                   "4294967296",
                                   "9223372036854775807",
                                   "-9223372036854775808"};
  std::vector<std::string> lines = absl::StrSplit(text, '\n');
  for (size_t n = 1 + draw(3); n > 0; --n) {
    const size_t at = draw(lines.size());
    const size_t colon = lines[at].find(": ");
    switch (draw(4)) {
      case 0:
        lines.erase(lines.begin() + static_cast<int64_t>(at));
        break;
      case 1: {
        const std::string copy = lines[draw(lines.size())];
        lines.insert(lines.begin() + static_cast<int64_t>(at), copy);
        break;
      }
      default:
        if (colon == std::string::npos) break;
        lines[at] =
            lines[at].substr(0, colon + 2) + (*kNumbers)[draw(kNumbers->size())];
    }
  }
  return absl::StrJoin(lines, "\n");
}

// What is accepted must be usable: it prints, counts, verifies or is refused by the
// verifier, and is the same when written and read again.
void UseAccepted(const Program& p) {
  EXPECT_FALSE(p.ToString().empty());
  if (p.mesh.nodes() <= 64) CountLinkBytes(p);
  VerifyProgram(p).IgnoreError();
  const std::string bytes = SerializeProgram(p, WireForm::kBinary);
  const auto again = ParseProgram(bytes, FindOp);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->ToString(), p.ToString());
}

constexpr int kMutations = 10000;

// With its checksum: whatever is accepted is what was written.
TEST(ProgramWire, NoMutationOfTheBinaryFormIsMistakenForAProgram) {
  const Program p = ProgramOnDamagedGrid(0);
  const std::string bytes = SerializeProgram(p, WireForm::kBinary);
  Draw draw{std::mt19937_64(1)};
  int accepted = 0;
  for (int i = 0; i < kMutations; ++i) {
    const std::string mutated = Mutated(bytes, draw);
    const auto read = ParseProgram(mutated, FindOp);
    if (!read.ok()) continue;
    ++accepted;
    ASSERT_EQ(SerializeProgram(*read, WireForm::kBinary), bytes) << "mutation " << i;
  }
  std::printf("%d of %d mutations changed nothing\n", accepted, kMutations);
}

// Without: the structure alone must keep the reader and its users from harm.
TEST(ProgramWire, NoMutationWithoutChecksumDoesHarm) {
  const Program p = ProgramOnDamagedGrid(0);
  const std::string bytes = UnsealedBytes(p);
  ASSERT_TRUE(ParseProgram(bytes, FindOp).ok());
  const std::string text = EditableText(p);
  Draw draw{std::mt19937_64(2)};
  int accepted = 0, verified = 0;
  for (int i = 0; i < kMutations; ++i) {
    const auto read = ParseProgram(
        i % 2 == 0 ? Mutated(bytes, draw) : MutatedText(text, draw), FindOp);
    if (!read.ok()) {
      ASSERT_EQ(GetErrorCode(read.status()), ErrorCode::kUnknownField) << read.status();
      continue;
    }
    ++accepted;
    verified += VerifyProgram(*read).ok();
    UseAccepted(*read);
  }
  std::printf("%d of %d mutations read, %d of them also verified\n", accepted,
              kMutations, verified);
  EXPECT_GT(accepted, 100) << "the mutations do not reach beyond the first checks";
}

TEST(GraphWire, NoMutationDoesHarm) {
  const std::string text = SerializeGraph(ConvNetTrainingStep(), WireForm::kText);
  const std::string bytes = SerializeGraph(ConvNetTrainingStep(), WireForm::kBinary);
  std::vector<std::string> lines = absl::StrSplit(text, '\n');
  std::erase_if(lines, [](const std::string& line) {
    return absl::StartsWith(line, "checksum");
  });
  const std::string editable = absl::StrJoin(lines, "\n");
  ASSERT_TRUE(ParseGraph(editable, FindOp).ok());
  Draw draw{std::mt19937_64(3)};
  int accepted = 0;
  for (int i = 0; i < kMutations; ++i) {
    const auto read = ParseGraph(
        i % 2 == 0 ? Mutated(bytes, draw) : MutatedText(editable, draw), FindOp);
    if (!read.ok()) continue;
    ++accepted;
    ASSERT_TRUE(VerifyGraph(*read).ok());
    ASSERT_FALSE(read->ToString().empty());
  }
  std::printf("%d of %d mutations read\n", accepted, kMutations);
  EXPECT_GT(accepted, 10);
}

TEST(PlanWire, NoMutationDoesHarm) {
  const Graph graph = ConvNetTrainingStep();
  const Plan plan = DrawPlan(graph, {4, 6}, 1);
  const std::string text = SerializePlan(plan, WireForm::kText);
  const std::string bytes = SerializePlan(plan, WireForm::kBinary);
  Draw draw{std::mt19937_64(4)};
  int accepted = 0;
  for (int i = 0; i < kMutations; ++i) {
    const auto read = ParsePlanWire(
        i % 2 == 0 ? Mutated(bytes, draw) : MutatedText(text, draw), graph);
    if (!read.ok()) continue;
    ++accepted;
    const auto again = ParsePlan(read->ToString(graph), graph);
    ASSERT_TRUE(again.ok()) << again.status() << "\n" << read->ToString(graph);
  }
  EXPECT_GT(accepted, 10);
}

}  // namespace
}  // namespace tatami
