# What is installed besides program and plugins, and the Debian package:
#   cmake --preset package && cmake --build --preset package && (cd build-package && cpack)

# Below /usr, configuration is in /etc; below any other prefix, with the rest.
if(CMAKE_INSTALL_PREFIX STREQUAL "/usr")
	set(TALLYD_CONF_DESTINATION ${CMAKE_INSTALL_FULL_SYSCONFDIR}/tallyd)
else()
	set(TALLYD_CONF_DESTINATION ${CMAKE_INSTALL_SYSCONFDIR}/tallyd)
endif()

# The .pc file knows its prefix by where it lies, so that a tree can be installed anywhere.
file(RELATIVE_PATH TALLYD_PC_TO_PREFIX
	${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig ${CMAKE_INSTALL_PREFIX})
string(REGEX REPLACE "/$" "" TALLYD_PC_TO_PREFIX ${TALLYD_PC_TO_PREFIX})
configure_file(packaging/tallyd.pc.in tallyd.pc @ONLY)
configure_file(packaging/tallyd.service.in tallyd.service @ONLY)

install(DIRECTORY include/tallyd DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(FILES ${CMAKE_BINARY_DIR}/tallyd.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
install(FILES ${CMAKE_BINARY_DIR}/tallyd.service DESTINATION lib/systemd/system)
install(FILES conf.d/tallyd.conf DESTINATION ${TALLYD_CONF_DESTINATION} OPTIONAL)
install(DIRECTORY conf.d DESTINATION ${TALLYD_CONF_DESTINATION}
	FILES_MATCHING PATTERN *.conf PATTERN tallyd.conf EXCLUDE)
install(DIRECTORY examples/plugin DESTINATION ${CMAKE_INSTALL_DATADIR}/tallyd/examples
	PATTERN *.so EXCLUDE)
install(FILES sql/timescale/roles.sql DESTINATION ${CMAKE_INSTALL_DATADIR}/tallyd)
install(DIRECTORY docs/ DESTINATION ${CMAKE_INSTALL_DOCDIR})

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_CONTACT "the tallyd authors <tallyd@localhost>")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION admin)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS "docker.io | docker-ce")
# Files of the operator's: an upgrade asks before it overwrites one that was changed.
file(GLOB TALLYD_CONF_FILES RELATIVE ${PROJECT_SOURCE_DIR}/conf.d conf.d/*.conf)
set(conffiles "")
foreach(file IN LISTS TALLYD_CONF_FILES)
	if(file STREQUAL "tallyd.conf")
		string(APPEND conffiles "/etc/tallyd/${file}\n")
	else()
		string(APPEND conffiles "/etc/tallyd/conf.d/${file}\n")
	endif()
endforeach()
file(WRITE ${CMAKE_BINARY_DIR}/deb/conffiles "${conffiles}")
configure_file(packaging/deb/postinst ${CMAKE_BINARY_DIR}/deb/postinst COPYONLY)
configure_file(packaging/deb/prerm ${CMAKE_BINARY_DIR}/deb/prerm COPYONLY)
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA ${CMAKE_BINARY_DIR}/deb/conffiles
	${CMAKE_BINARY_DIR}/deb/postinst ${CMAKE_BINARY_DIR}/deb/prerm)
include(CPack)
