# Makes the completions in BINARY of what the program says of itself: run by the build (packaging.cmake).
foreach(format IN ITEMS shell fish)
	execute_process(COMMAND ${TALLYD} help --format ${format} OUTPUT_VARIABLE for_${format}
		RESULT_VARIABLE failed)
	if(failed)
		message(FATAL_ERROR "${TALLYD} help --format ${format}: ${failed}")
	endif()
endforeach()
foreach(file IN ITEMS tallyd.bash _tallyd tallyd.fish)
	file(READ ${SOURCE}/packaging/completion/${file}.in ${file})
endforeach()
file(WRITE ${BINARY}/tallyd.bash "${for_shell}\n${tallyd.bash}")
file(WRITE ${BINARY}/_tallyd "#compdef tallyd\n\n${for_shell}${_tallyd}")
file(WRITE ${BINARY}/tallyd.fish "${tallyd.fish}${for_fish}")
