# cmake -DOUT=file.cc -DFOLDER=data/baselines -P embed_baselines.cmake
# Writes the files of published figures into one C++ source, so that the binary needs no
# path at run time.
set(text "// Made by tools/bench/embed_baselines.cmake.\n#include \"tools/bench/baselines.h\"\n\n")
string(APPEND text "namespace tatami {\n\nBaselineTexts EmbeddedBaselines() {\n  return {\n")
foreach(field "training=mlperf_training" "figures=throughput_and_cost" "sources=sources")
  string(REPLACE "=" ";" parts "${field}")
  list(GET parts 0 member)
  list(GET parts 1 name)
  file(READ "${FOLDER}/${name}.csv" body)
  string(APPEND text "      .${member} = R\"csv(${body})csv\",\n")
endforeach()
string(APPEND text "  };\n}\n\n}  // namespace tatami\n")
file(WRITE "${OUT}" "${text}")
