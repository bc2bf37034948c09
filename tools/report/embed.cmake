# cmake -DOUT=file.cc -DHEADER=page_text.h -DNAMESPACE=tatami -DFUNCTION=PageText
#   -DPAGE=page.html -DPARTS="page.css|page.js" -P embed.cmake
# Puts each part where the page says @NAME@, and the page into one C++ source that defines
# FUNCTION of HEADER, so that the binary needs no path at run time.
string(REPLACE "|" ";" PARTS "${PARTS}")
file(READ "${PAGE}" page)
foreach(part IN LISTS PARTS)
  get_filename_component(name "${part}" NAME)
  file(READ "${part}" body)
  string(REPLACE "@${name}@" "${body}" page "${page}")
endforeach()
set(text "// Made by tools/report/embed.cmake.\n#include \"${HEADER}\"\n\n")
string(APPEND text "namespace ${NAMESPACE} {\n\nabsl::string_view ${FUNCTION}() {\n")
string(APPEND text "  return R\"page_html(${page})page_html\";\n}\n\n}  // namespace ${NAMESPACE}\n")
file(WRITE "${OUT}" "${text}")
