# Installs the metrics library, then builds and runs the example of docs/metrics.md against it, as a reader would.
# cmake -DBUILD=build folder -DSOURCE=repository -DWORK=scratch folder -DCOMPILER=c++ -DGENERATOR=Ninja -P package_test.cmake
cmake_minimum_required(VERSION 3.25)

function(run)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE code OUTPUT_VARIABLE out ERROR_VARIABLE err)
  if(NOT code EQUAL 0)
    message(FATAL_ERROR "${ARGN}\n${out}${err}")
  endif()
  set(out "${out}" PARENT_SCOPE)
endfunction()

# The text of the code block that follows "<!-- example: NAME -->" in docs/metrics.md.
function(example name result)
  file(READ ${SOURCE}/docs/metrics.md page)
  string(FIND "${page}" "<!-- example: ${name} -->" at)
  if(at EQUAL -1)
    message(FATAL_ERROR "docs/metrics.md has no example ${name}")
  endif()
  string(SUBSTRING "${page}" ${at} -1 page)
  string(REGEX REPLACE "^[^\n]*\n```[a-z]*\n" "" page "${page}")
  string(FIND "${page}" "```" end)
  string(SUBSTRING "${page}" 0 ${end} page)
  set(${result} "${page}" PARENT_SCOPE)
endfunction()

file(REMOVE_RECURSE ${WORK})
file(MAKE_DIRECTORY ${WORK}/example)
run(${CMAKE_COMMAND} --install ${BUILD} --prefix ${WORK}/installed --component metrics)
example(CMakeLists.txt text)
file(WRITE ${WORK}/example/CMakeLists.txt "${text}")
example(main.cc text)
file(WRITE ${WORK}/example/main.cc "${text}")
run(${CMAKE_COMMAND} -S ${WORK}/example -B ${WORK}/build -G ${GENERATOR} -DCMAKE_PREFIX_PATH=${WORK}/installed
    -DCMAKE_CXX_COMPILER=${COMPILER} -DCMAKE_BUILD_TYPE=Release)
run(${CMAKE_COMMAND} --build ${WORK}/build)
run(${WORK}/build/example)
example(output text)
if(NOT out STREQUAL text)
  message(FATAL_ERROR "docs/metrics.md says\n${text}but the example prints\n${out}")
endif()

# Another component is refused in words.
file(WRITE ${WORK}/other/CMakeLists.txt "cmake_minimum_required(VERSION 3.25)\nproject(other CXX)\nfind_package(LookTwice COMPONENTS pictures)\n")
execute_process(COMMAND ${CMAKE_COMMAND} -S ${WORK}/other -B ${WORK}/other/build -G ${GENERATOR} -DCMAKE_PREFIX_PATH=${WORK}/installed
                        -DCMAKE_CXX_COMPILER=${COMPILER} OUTPUT_VARIABLE out ERROR_VARIABLE out)
if(NOT out MATCHES "has no component 'pictures'")
  message(FATAL_ERROR "an unknown component: ${out}")
endif()
