# Checks of the source itself, label style.  Each is one script that can be run by hand.
set(STYLE ${PROJECT_SOURCE_DIR}/tests/style)

function(tallyd_style_test name)
	add_test(NAME style_${name} COMMAND ${ARGN} WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
	set_tests_properties(style_${name} PROPERTIES LABELS style TIMEOUT 600)
endfunction()

tallyd_style_test(layering /usr/bin/python3 ${STYLE}/layering.py)
tallyd_style_test(circles /usr/bin/python3 ${STYLE}/circles.py ${PROJECT_BINARY_DIR})
tallyd_style_test(banned /usr/bin/python3 ${STYLE}/banned.py)
tallyd_style_test(messages /usr/bin/python3 ${PROJECT_SOURCE_DIR}/tests/config/messages.py)
tallyd_style_test(format ${STYLE}/format.sh)
tallyd_style_test(headers ${STYLE}/headers.sh)
tallyd_style_test(abi ${STYLE}/abi.sh)
tallyd_style_test(scripts ${STYLE}/scripts.sh)
tallyd_style_test(commit_msg ${STYLE}/commit_msg.sh)
tallyd_style_test(cppcheck ${STYLE}/cppcheck.sh ${PROJECT_BINARY_DIR})
tallyd_style_test(clang_tidy ${STYLE}/clang_tidy.sh ${PROJECT_BINARY_DIR})
# Long, and best begun first, so that the others run beside it.
set_tests_properties(style_clang_tidy PROPERTIES COST 1000)
