# looktwice_embed(looktwice_reports looktwice::reports reports/embedded.h published_files published/a.json ...): the files become part
# of the library, so that an installed program needs no data folder. Defines `std::span<const EmbeddedFile> published_files()` in that
# namespace; the header declares it.
include_guard(GLOBAL)

function(looktwice_embed target namespace header function)
  set(script ${CMAKE_CURRENT_FUNCTION_LIST_DIR}/embed_files.cmake)
  set(output ${CMAKE_CURRENT_BINARY_DIR}/${function}.cc)
  list(JOIN ARGN "|" joined)
  add_custom_command(
    OUTPUT ${output}
    COMMAND ${CMAKE_COMMAND} -DNAMESPACE=${namespace} -DHEADER=${header} -DFUNCTION=${function} "-DFILES=${joined}" -DOUTPUT=${output}
            -P ${script}
    DEPENDS ${ARGN} ${script}
    COMMENT "Embedding ${function}"
    VERBATIM)
  target_sources(${target} PRIVATE ${output})
endfunction()
