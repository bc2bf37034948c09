# cmake -DOUT=file.cc -DPAGE=page.html -DPARTS="page.css|page.js" -P embed.cmake
# Puts each part where the page says @NAME@, and the page into one C++ source, so that
# the binary needs no path at run time.
string(REPLACE "|" ";" PARTS "${PARTS}")
file(READ "${PAGE}" page)
foreach(part IN LISTS PARTS)
  get_filename_component(name "${part}" NAME)
  file(READ "${part}" body)
  string(REPLACE "@${name}@" "${body}" page "${page}")
endforeach()
set(text "// Made by tools/report/embed.cmake.\n#include \"tools/report/page_text.h\"\n\n")
string(APPEND text "namespace tatami {\n\nabsl::string_view PageText() {\n")
string(APPEND text "  return R\"page_html(${page})page_html\";\n}\n\n}  // namespace tatami\n")
file(WRITE "${OUT}" "${text}")
