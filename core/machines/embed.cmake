# cmake -DOUT=file.cc -DFILES="a.textproto|b.textproto" -P embed.cmake
# Writes the machine files into one C++ source, so that the binary needs no path at run time.
string(REPLACE "|" ";" FILES "${FILES}")
set(text "// Made by core/machines/embed.cmake.\n#include \"core/proto/machine_text.h\"\n\n")
string(APPEND text "namespace tatami::internal_machine {\n\n")
string(APPEND text "const std::vector<EmbeddedMachine>& EmbeddedMachines() {\n")
string(APPEND text "  static const auto* const kMachines = new std::vector<EmbeddedMachine>{\n")
foreach(file IN LISTS FILES)
  get_filename_component(name "${file}" NAME_WE)
  file(READ "${file}" body)
  string(APPEND text "      {\"${name}\", R\"textproto(${body})textproto\"},\n")
endforeach()
string(APPEND text "  };\n  return *kMachines;\n}\n\n}  // namespace tatami::internal_machine\n")
file(WRITE "${OUT}" "${text}")
