# tatami_library(NAME SRCS ... DEPS ...) and tatami_test(NAME SRCS ... DEPS ...):
# the only two ways the project makes targets, so that flags have one source.

find_program(CCACHE_PROGRAM ccache)
if(CCACHE_PROGRAM)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE_PROGRAM})
endif()

add_library(tatami_flags INTERFACE)
target_include_directories(tatami_flags INTERFACE ${CMAKE_SOURCE_DIR})
target_compile_options(tatami_flags INTERFACE -Wall -Wextra -Wno-missing-field-initializers)
# GCC 12 reports abseil's InlinedVector as uninitialised whenever it inlines deep enough.
target_compile_options(tatami_flags INTERFACE $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>)
# `#pragma GCC ivdep` says to GCC what Clang finds out by checks at run time.
target_compile_options(tatami_flags INTERFACE $<$<CXX_COMPILER_ID:Clang>:-Wno-unknown-pragmas>)
# One instruction set for all hosts of a mesh, and no contraction that the compiler may or may
# not do: two builds of one source must give equal bits.
target_compile_options(tatami_flags INTERFACE -march=x86-64-v3 -ffp-contract=off)
if(TATAMI_WERROR)
  target_compile_options(tatami_flags INTERFACE -Werror)
endif()
if(TATAMI_SANITIZE)
  target_compile_options(tatami_flags INTERFACE
    -fsanitize=${TATAMI_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  target_link_options(tatami_flags INTERFACE -fsanitize=${TATAMI_SANITIZE})
endif()

function(tatami_library name)
  cmake_parse_arguments(ARG "" "" "SRCS;DEPS;PRIVATE_DEPS" ${ARGN})
  add_library(${name} STATIC ${ARG_SRCS})
  target_link_libraries(${name} PUBLIC tatami_flags ${ARG_DEPS} PRIVATE ${ARG_PRIVATE_DEPS})
endfunction()

# What the sanitizers must know; each suppression has its reason in its file.
set(suppressions ${CMAKE_SOURCE_DIR}/tests/support)
set(sanitizer_environment
  "LSAN_OPTIONS=suppressions=${suppressions}/lsan.supp:print_suppressions=0"
  "TSAN_OPTIONS=suppressions=${suppressions}/tsan.supp:print_suppressions=0:second_deadlock_stack=1"
  "UBSAN_OPTIONS=print_stacktrace=1")

# LABEL sets the CTest label; the default is the folder's name. A test labelled mpi starts
# ranks of its own, so nothing runs beside it.
function(tatami_test name)
  if(NOT TATAMI_TESTS)
    return()
  endif()
  cmake_parse_arguments(ARG "" "LABEL;TIMEOUT" "SRCS;DEPS" ${ARGN})
  add_executable(${name} ${ARG_SRCS})
  target_link_libraries(${name} PRIVATE tatami_flags ${ARG_DEPS} GTest::gmock GTest::gtest_main)
  if(NOT ARG_LABEL)
    get_filename_component(ARG_LABEL ${CMAKE_CURRENT_SOURCE_DIR} NAME)
  endif()
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 300)
  endif()
  if(TATAMI_SANITIZE)
    math(EXPR ARG_TIMEOUT "4 * ${ARG_TIMEOUT}")
  endif()
  add_test(NAME ${name} COMMAND ${name} WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
  set_tests_properties(${name} PROPERTIES LABELS ${ARG_LABEL} TIMEOUT ${ARG_TIMEOUT}
    ENVIRONMENT "OMP_NUM_THREADS=1;OMPI_ALLOW_RUN_AS_ROOT=1;OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1;${sanitizer_environment}")
  if(ARG_LABEL STREQUAL mpi)
    set_tests_properties(${name} PROPERTIES RUN_SERIAL ON)
  endif()
endfunction()
