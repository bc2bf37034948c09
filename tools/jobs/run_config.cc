#include "tools/jobs/run_config.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/io/tokenizer.h>
#include <google/protobuf/text_format.h>
#include <google/protobuf/util/json_util.h>

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "core/error.h"
#include "core/status_macros.h"

namespace tatami::jobs {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

constexpr int32_t kMeshSideMax = 100'000;

std::vector<std::string> FieldNames(const Descriptor& type) {
  std::vector<std::string> names;
  for (int i = 0; i < type.field_count(); ++i) names.push_back(type.field(i)->name());
  return names;
}

std::string NoField(absl::string_view name, const Descriptor& type) {
  const std::vector<std::string> known = FieldNames(type);
  const std::string nearest = NearestName(std::string(name), known);
  return absl::StrCat("no field '", name, "'", nearest.empty() ? "" : "; ", nearest,
                      " Fields here: ", absl::StrJoin(known, ", "), ".");
}

// Keeps the first error; later ones follow from it.
class FirstError : public google::protobuf::io::ErrorCollector {
 public:
  explicit FirstError(absl::string_view source) : source_(source) {}
  void AddError(int line, google::protobuf::io::ColumnNumber column,
                const std::string& message) override {
    if (!status_.ok()) return;
    // "Message type "tatami.jobs.RunConfig" has no field named "stepz"."
    std::string what = message;
    const std::vector<std::string> words = absl::StrSplit(message, '"');
    if (absl::StrContains(message, "has no field named") && words.size() >= 4) {
      const auto* type =
          google::protobuf::DescriptorPool::generated_pool()->FindMessageTypeByName(
              words[1]);
      if (type != nullptr) what = NoField(words[3], *type);
    }
    status_ =
        MakeError(ErrorCode::kUnknownField,
                  absl::StrCat(source_, ":", line + 1, ":", column + 1, ": ", what));
  }
  const absl::Status& status() const { return status_; }

 private:
  absl::string_view source_;
  absl::Status status_;
};

template <typename Visit>  // Visit(path, field, message that has the field)
void ForEachLeaf(const Message& message, const std::string& prefix, Visit visit) {
  const Descriptor& type = *message.GetDescriptor();
  for (int i = 0; i < type.field_count(); ++i) {
    const FieldDescriptor& field = *type.field(i);
    const std::string path = absl::StrCat(prefix, field.name());
    if (field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
      ForEachLeaf(message.GetReflection()->GetMessage(message, &field), path + ".",
                  visit);
    } else {
      visit(path, field, message);
    }
  }
}

// As the schema's text form has it, but strings without quotes.
std::string LeafText(const FieldDescriptor& field, const Message& message) {
  if (field.cpp_type() == FieldDescriptor::CPPTYPE_STRING) {
    return message.GetReflection()->GetString(message, &field);
  }
  std::string text;
  google::protobuf::TextFormat::PrintFieldValueToString(message, &field, -1, &text);
  return text;
}

void NoteOrigins(const JobConfig& read, absl::string_view source, ConfigSources& into) {
  ForEachLeaf(read, "",
              [&](const std::string& path, const FieldDescriptor& field,
                  const Message& message) {
                if (!message.GetReflection()->HasField(message, &field)) return;
                auto it = std::find_if(into.origins.begin(), into.origins.end(),
                                       [&](const auto& o) { return o.first == path; });
                if (it == into.origins.end()) {
                  into.origins.emplace_back(path, source);
                } else {
                  it->second = std::string(source);
                }
              });
}

absl::Status SetLeaf(const FieldDescriptor& field, absl::string_view path,
                     const std::string& value, Message& message) {
  if (field.cpp_type() == FieldDescriptor::CPPTYPE_STRING) {
    message.GetReflection()->SetString(&message, &field, value);
    return absl::OkStatus();
  }
  google::protobuf::TextFormat::Parser parser;
  FirstError quiet("");
  parser.RecordErrorsTo(&quiet);
  if (parser.ParseFieldValueFromString(value, &field, &message)) {
    return absl::OkStatus();
  }
  return MakeError(ErrorCode::kBadFlag,
                   absl::StrCat("'", value, "' is no value of ", path,
                                ", which is of type ", field.type_name(), "."));
}

}  // namespace

absl::Status MergeConfigText(absl::string_view text, absl::string_view source,
                             ConfigSources& into) {
  JobConfig read;
  if (absl::StartsWith(text, "{")) {
    const auto status = google::protobuf::util::JsonStringToMessage(
        google::protobuf::StringPiece(text.data(), text.size()), &read, {});
    if (!status.ok()) {
      return MakeError(ErrorCode::kUnknownField,
                       absl::StrCat(source, ": ", std::string(status.message())));
    }
  } else {
    FirstError errors(source);
    google::protobuf::TextFormat::Parser parser;
    parser.RecordErrorsTo(&errors);
    if (!parser.ParseFromString(std::string(text), &read)) return errors.status();
  }
  NoteOrigins(read, source, into);
  into.config.MergeFrom(read);
  return absl::OkStatus();
}

absl::Status MergeSetting(absl::string_view assignment, absl::string_view source,
                          ConfigSources& into) {
  const std::pair<absl::string_view, absl::string_view> parts =
      absl::StrSplit(assignment, absl::MaxSplits('=', 1));
  if (!absl::StrContains(assignment, '=')) {
    return MakeError(ErrorCode::kBadFlag,
                     absl::StrCat("--set takes NAME=VALUE, as run.steps=200; got '",
                                  assignment, "'."));
  }
  JobConfig read;
  Message* message = &read;
  const std::vector<std::string> names = absl::StrSplit(parts.first, '.');
  for (size_t i = 0; i < names.size(); ++i) {
    const FieldDescriptor* field = message->GetDescriptor()->FindFieldByName(names[i]);
    if (field == nullptr) {
      return MakeError(ErrorCode::kUnknownField,
                       absl::StrCat(source, " ", assignment, ": ",
                                    NoField(names[i], *message->GetDescriptor())));
    }
    const bool inner = field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE;
    if (inner != (i + 1 < names.size())) {
      return MakeError(ErrorCode::kUnknownField,
                       absl::StrCat(source, " ", assignment, ": '", names[i], "' ",
                                    inner ? "has fields of its own; name one of them."
                                          : "has no fields of its own."));
    }
    if (!inner) {
      TATAMI_RETURN_IF_ERROR(
          SetLeaf(*field, parts.first, std::string(parts.second), *message));
    } else {
      message = message->GetReflection()->MutableMessage(message, field);
    }
  }
  NoteOrigins(read, source, into);
  into.config.MergeFrom(read);
  return absl::OkStatus();
}

std::vector<std::string> ConfigLeaves() {
  std::vector<std::string> leaves;
  ForEachLeaf(JobConfig(), "",
              [&](const std::string& path, const FieldDescriptor&, const Message&) {
                leaves.push_back(path);
              });
  return leaves;
}

std::string ExplainConfig(const ConfigSources& sources) {
  std::string text;
  std::vector<std::string> unset;
  ForEachLeaf(sources.config, "",
              [&](const std::string& path, const FieldDescriptor& field,
                  const Message& message) {
                if (!message.GetReflection()->HasField(message, &field)) {
                  unset.push_back(path);
                  return;
                }
                const auto it =
                    std::find_if(sources.origins.begin(), sources.origins.end(),
                                 [&](const auto& o) { return o.first == path; });
                absl::StrAppend(&text, path, ": ", LeafText(field, message), "  (",
                                it == sources.origins.end() ? "?" : it->second, ")\n");
              });
  if (!unset.empty()) {
    absl::StrAppend(&text, "by default: ", absl::StrJoin(unset, ", "), "\n");
  }
  return text;
}

std::vector<std::string> TrainFlags(const RunConfig& run) {
  std::vector<std::string> words;
  ForEachLeaf(
      run, "",
      [&](const std::string& name, const FieldDescriptor& field,
          const Message& message) {
        if (!message.GetReflection()->HasField(message, &field)) return;
        words.push_back(absl::StrCat("--", name, "=", LeafText(field, message)));
      });
  return words;
}

absl::StatusOr<std::pair<int32_t, int32_t>> ParseMeshSize(absl::string_view text) {
  const std::vector<absl::string_view> parts = absl::StrSplit(text, 'x');
  int32_t rows = 0, cols = 0;
  if (parts.size() == 2 && absl::SimpleAtoi(parts[0], &rows) &&
      absl::SimpleAtoi(parts[1], &cols) && rows >= 1 && cols >= 1 &&
      rows <= kMeshSideMax && cols <= kMeshSideMax) {
    return std::make_pair(rows, cols);
  }
  return MakeError(ErrorCode::kBadFlag,
                   absl::StrCat("a mesh is ROWSxCOLUMNS, as 8x16; got '", text, "'."));
}

absl::Status CheckConfig(const JobConfig& config) {
  const RunConfig& run = config.run();
  for (const auto& [name, value] :
       {std::pair{"run.model", run.model()}, std::pair{"run.data", run.data()},
        std::pair{"run.mesh", run.mesh()}}) {
    if (!value.empty()) continue;
    return MakeError(ErrorCode::kBadFlag,
                     absl::StrCat("a job needs ", name, ". Give --",
                                  absl::string_view(name).substr(4), " or --set ", name,
                                  "=..., or set it in the file."));
  }
  TATAMI_ASSIGN_OR_RETURN(const auto size, ParseMeshSize(run.mesh()));
  const int64_t nodes = int64_t{size.first} * size.second;
  if (run.has_np() && (run.np() < 1 || run.np() > nodes)) {
    return MakeError(ErrorCode::kBadFlag,
                     absl::StrCat("run.np must be 1 to ", nodes,
                                  ", since a rank hosts at least one of the nodes of ",
                                  run.mesh(), "; got ", run.np(), "."));
  }
  if (config.retries() < 0 || config.time_limit_s() < 0) {
    return MakeError(
        ErrorCode::kBadFlag,
        absl::StrCat("retries and time_limit_s are 0 or more; got ", config.retries(),
                     " and ", config.time_limit_s(), "."));
  }
  return absl::OkStatus();
}

}  // namespace tatami::jobs
