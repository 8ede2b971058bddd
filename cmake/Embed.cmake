# looktwice_embed(looktwice_reports published_files published/a.json ...): the files become part of the library, so that an installed
# program needs no data folder. Defines `std::span<const EmbeddedFile> FUNCTION()` in the namespace of reports/embedded.h.
include_guard(GLOBAL)
set(LOOKTWICE_EMBED_SCRIPT ${CMAKE_CURRENT_LIST_DIR}/embed_files.cmake)

function(looktwice_embed target function)
  set(output ${CMAKE_CURRENT_BINARY_DIR}/${function}.cc)
  list(JOIN ARGN "|" joined)
  add_custom_command(
    OUTPUT ${output}
    COMMAND ${CMAKE_COMMAND} -DFUNCTION=${function} "-DFILES=${joined}" -DOUTPUT=${output} -P ${LOOKTWICE_EMBED_SCRIPT}
    DEPENDS ${ARGN} ${LOOKTWICE_EMBED_SCRIPT}
    COMMENT "Embedding ${function}"
    VERBATIM)
  target_sources(${target} PRIVATE ${output})
endfunction()
