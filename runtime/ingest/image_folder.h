// A folder of numbered JPEG or PNG pictures, in time order, with a number per picture.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "runtime/ingest/frame_scaler.h"
#include "runtime/ingest/video_reader.h"

namespace tatami {

struct ImageFolder {
  std::string directory;           // where the pictures lie
  std::vector<std::string> names;  // in time order: 9.jpg before 10.jpg
  std::string label_file;          // "" where there is none
  std::vector<float> labels;       // one per name, or empty
};

// Lists the .jpg, .jpeg and .png files of `path`, or of its subfolder "frames" if it
// has none itself, and reads the labels from "data.txt" or "labels.txt" in `path`. A
// label line is `NAME VALUE`, optionally followed by a comma and anything (a date);
// empty lines and lines that start with # are skipped. Errors: kDataMissing without
// folder or pictures; kLabelMismatch, with the line, for a line that is malformed,
// repeats a picture or names one that is not there, and for a picture without a line.
absl::StatusOr<ImageFolder> ListImageFolder(absl::string_view path);

// Decodes one JPEG or PNG file to RGB [height, width, 3] (frame_scaler.h says how it is
// cropped and resized). kDataMissing, kDataUnreadable.
absl::Status ReadImage(absl::string_view path, PictureSize size,
                       absl::Span<uint8_t> rgb);

// Reads all pictures in order. Errors of ReadImage; kDataTooSmall and kDoesNotFit as
// ReadVideo.
absl::StatusOr<RgbFrames> ReadImages(const ImageFolder& folder,
                                     const ReadVideoOptions& options);

}  // namespace tatami
