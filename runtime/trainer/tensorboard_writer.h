// TensorBoard event files: scalars that `tensorboard --logdir` shows.
//
// A file is a row of TFRecords (u64 length, masked CRC-32C of it, payload, masked
// CRC-32C of that), each payload an Event message of TensorFlow's event.proto. Only the
// five fields that scalars need are encoded here, so no schema is needed.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "runtime/trainer/append_file.h"
#include "runtime/trainer/metrics_writer.h"

namespace tatami {

// CRC-32C (Castagnoli, reflected polynomial 0x82F63B78).
uint32_t Crc32c(absl::string_view data);

// Thread-compatible. Failures are kStorage.
class TensorboardWriter {
 public:
  // Makes DIR/events.out.tfevents.SECONDS.tatami.PID.COUNT. A run that resumes opens
  // another file; TensorBoard joins the files of a directory and lets the newer one win
  // from its first step on. `wall_time_s` is in seconds since 1970.
  static absl::StatusOr<std::unique_ptr<TensorboardWriter>> Open(const std::string& dir,
                                                                 double wall_time_s);
  TensorboardWriter(const TensorboardWriter&) = delete;
  TensorboardWriter& operator=(const TensorboardWriter&) = delete;

  const std::string& path() const { return path_; }

  // One event with all scalars, narrowed to f32 as the format has it.
  absl::Status Write(int64_t step, double wall_time_s,
                     absl::Span<const Metric> metrics);

 private:
  TensorboardWriter(std::string path, std::unique_ptr<AppendFile> file)
      : path_(std::move(path)), file_(std::move(file)) {}

  std::string path_;
  std::unique_ptr<AppendFile> file_;
};

}  // namespace tatami
