# Makes tallyd.8.gz and tallyd.conf.5.gz in BINARY: run by the build (packaging.cmake).
# tallyd(8) is made of the table of commands, tallyd.conf(5) is docs/configuration.md, which is made of
# what the core and the plugins declare.

execute_process(COMMAND ${TALLYD} help --format markdown OUTPUT_VARIABLE TALLYD_COMMANDS
	RESULT_VARIABLE failed)
if(failed)
	message(FATAL_ERROR "${TALLYD} help: ${failed}")
endif()
file(READ ${SOURCE}/docs/configuration.md TALLYD_REFERENCE)
# A manual page has its own title, and no links into a web of documents.
string(REGEX REPLACE "^# [^\n]*\n" "" TALLYD_REFERENCE "${TALLYD_REFERENCE}")
string(REGEX REPLACE "\\[([^]]*)\\]\\([^)]*\\)" "\\1" TALLYD_REFERENCE "${TALLYD_REFERENCE}")

foreach(page tallyd.8 tallyd.conf.5)
	configure_file(${SOURCE}/packaging/man/${page}.md.in ${BINARY}/${page}.md @ONLY)
	execute_process(COMMAND ${LOWDOWN} -s --out-no-smarty -T man -o ${BINARY}/${page} ${BINARY}/${page}.md
		RESULT_VARIABLE failed)
	if(failed)
		message(FATAL_ERROR "lowdown cannot make ${page}")
	endif()
	execute_process(COMMAND gzip -9nf ${BINARY}/${page} RESULT_VARIABLE failed)
	if(failed)
		message(FATAL_ERROR "gzip cannot compress ${page}")
	endif()
endforeach()
