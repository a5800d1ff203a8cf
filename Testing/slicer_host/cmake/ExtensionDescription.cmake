# Slicer writes the extension's description from these; the catalogue refuses one without them.
foreach(_fact IN ITEMS HOMEPAGE CATEGORY CONTRIBUTORS DESCRIPTION ICONURL SCREENSHOTURLS)
  if(NOT EXTENSION_${_fact})
    message(FATAL_ERROR "the extension does not set EXTENSION_${_fact}")
  endif()
endforeach()
