# The CUDA language, when LOOKTWICE_CUDA asks for it: machine code for sm_80 (A100) and sm_90 (H100, H200), PTX for what
# comes after. Without it looktwice_library() leaves .cu sources out and the kernels run on the CPU alone.
include_guard(GLOBAL)
if(NOT LOOKTWICE_CUDA)
  return()
endif()

if(NOT DEFINED CMAKE_CUDA_COMPILER AND NOT DEFINED ENV{CUDACXX})
  find_program(LOOKTWICE_NVCC nvcc HINTS ENV CUDA_HOME ENV CUDA_PATH PATHS /usr/local/cuda PATH_SUFFIXES bin)
  if(NOT LOOKTWICE_NVCC)
    message(FATAL_ERROR "LOOKTWICE_CUDA needs nvcc on PATH, in CUDA_HOME or in /usr/local/cuda; "
                        "without the toolkit use the preset dev")
  endif()
  set(CMAKE_CUDA_COMPILER ${LOOKTWICE_NVCC})
endif()
if(NOT DEFINED CMAKE_CUDA_ARCHITECTURES)
  set(CMAKE_CUDA_ARCHITECTURES 80-real 90)
endif()
enable_language(CUDA)
find_package(CUDAToolkit 12.0 REQUIRED)

# -std as a plain option: CMake 3.25 does not know that nvcc has C++20.
# Multiply-add stays separate here as on the CPU, so that twins can agree to the last bit where their order is the same.
target_compile_options(
  looktwice_flags INTERFACE $<$<COMPILE_LANGUAGE:CUDA>:-std=c++20;--fmad=false;-Xcompiler=-Wall,-Wextra,-ffp-contract=off>
                            $<$<AND:$<COMPILE_LANGUAGE:CUDA>,$<BOOL:${LOOKTWICE_WERROR}>>:-Werror=all-warnings>)
