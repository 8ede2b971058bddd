# LibTorch for the native models, when LOOKTWICE_TORCH asks for it: ON (must be there), AUTO (when it is there). Looked for in
# .venv, where ./scripts/setup torch puts it, then in CMAKE_PREFIX_PATH (a libtorch folder, or site-packages/torch).
# Not find_package(Torch): that demands nvcc of a wheel built for CUDA. Linked are libtorch_cpu and libc10 alone;
# libtorch_cuda is loaded by adapters/nn/device.cc when a run asks for a GPU.
# OpenMP comes with it: at::parallel_for() is a template that runs on one thread where its user is compiled without. Whichever libgomp
# is found first, a program has one, since all go by the same name, and with it one pool of threads for LibTorch's code and ours.
include_guard(GLOBAL)
set(LOOKTWICE_TORCH_VERSION "")
if(NOT LOOKTWICE_TORCH)
  return()
endif()

file(GLOB torch_in_venv ${PROJECT_SOURCE_DIR}/.venv/lib/python3*/site-packages/torch)
find_path(LOOKTWICE_TORCH_INCLUDE ATen/ATen.h HINTS ${torch_in_venv} PATH_SUFFIXES include)
set(torch_library_hints ${LOOKTWICE_TORCH_INCLUDE}/../lib)
find_library(LOOKTWICE_TORCH_CPU torch_cpu HINTS ${torch_library_hints} NO_DEFAULT_PATH)
find_library(LOOKTWICE_TORCH_C10 c10 HINTS ${torch_library_hints} NO_DEFAULT_PATH)
set(torch_lacks "")
if(NOT LOOKTWICE_TORCH_INCLUDE OR NOT LOOKTWICE_TORCH_CPU OR NOT LOOKTWICE_TORCH_C10)
  set(torch_lacks "LibTorch is neither in .venv nor in CMAKE_PREFIX_PATH")
else()
  file(STRINGS ${LOOKTWICE_TORCH_INCLUDE}/torch/headeronly/version.h torch_numbers REGEX "define TORCH_VERSION_(MAJOR|MINOR|PATCH) ")
  list(TRANSFORM torch_numbers REPLACE ".* ([0-9]+)$" "\\1")
  list(JOIN torch_numbers . torch_version)
  if(torch_version VERSION_LESS 2.11)
    set(torch_lacks "LibTorch ${torch_version} in ${LOOKTWICE_TORCH_INCLUDE} is older than 2.11")
  endif()
endif()
if(torch_lacks)
  if(LOOKTWICE_TORCH STREQUAL AUTO)
    message(STATUS "Native models are left out: ${torch_lacks}")
    return()
  endif()
  message(FATAL_ERROR "${torch_lacks}; ./scripts/setup torch fetches it (530 MB). Without the native models, use the preset dev")
endif()

find_package(OpenMP REQUIRED COMPONENTS CXX)
set(LOOKTWICE_TORCH_VERSION ${torch_version})
message(STATUS "Native models are built on LibTorch ${torch_version}: ${LOOKTWICE_TORCH_CPU}")
add_library(looktwice_torch INTERFACE IMPORTED GLOBAL)
target_include_directories(looktwice_torch SYSTEM INTERFACE ${LOOKTWICE_TORCH_INCLUDE})
target_link_libraries(looktwice_torch INTERFACE ${LOOKTWICE_TORCH_CPU} ${LOOKTWICE_TORCH_C10} OpenMP::OpenMP_CXX)
