# What is installed besides program and plugins, and the Debian packages:
#   cmake --preset package && cmake --build --preset package && (cd build-package && cpack)
# gives tallyd, tallyd-dev (headers, sdk/, examples) and, apart for their libraries, tallyd-timescale
# and tallyd-redis.

# Below /usr, configuration is in /etc; below any other prefix, with the rest.
if(CMAKE_INSTALL_PREFIX STREQUAL "/usr")
	set(TALLYD_CONF_DESTINATION ${CMAKE_INSTALL_FULL_SYSCONFDIR}/tallyd)
else()
	set(TALLYD_CONF_DESTINATION ${CMAKE_INSTALL_SYSCONFDIR}/tallyd)
endif()

# One service, and a template for several on one machine: tallyd@worker reads /etc/tallyd/worker.
set(TALLYD_ETC ${CMAKE_INSTALL_FULL_SYSCONFDIR}/tallyd)
set(TALLYD_STATE tallyd)
set(TALLYD_OF_INSTANCE "")
configure_file(packaging/systemd/tallyd.service.in tallyd.service @ONLY)
set(TALLYD_ETC ${CMAKE_INSTALL_FULL_SYSCONFDIR}/tallyd/%i)
set(TALLYD_STATE tallyd-%i)
set(TALLYD_OF_INSTANCE " (%i)")
configure_file(packaging/systemd/tallyd.service.in tallyd@.service @ONLY)
set(TALLYD_ETC ${CMAKE_INSTALL_FULL_SYSCONFDIR}/tallyd)

install(DIRECTORY include/tallyd DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT dev)
install(DIRECTORY examples/plugin examples/cpp examples/rust
	DESTINATION ${CMAKE_INSTALL_DATADIR}/tallyd/examples COMPONENT dev
	PATTERN *.so EXCLUDE PATTERN target EXCLUDE PATTERN Cargo.lock EXCLUDE)
install(FILES ${CMAKE_BINARY_DIR}/tallyd.service ${CMAKE_BINARY_DIR}/tallyd@.service
	DESTINATION lib/systemd/system COMPONENT tallyd)
install(FILES packaging/systemd/tallyd.sysusers DESTINATION lib/sysusers.d RENAME tallyd.conf
	COMPONENT tallyd)
install(FILES conf.d/tallyd.conf DESTINATION ${TALLYD_CONF_DESTINATION} COMPONENT tallyd)
file(GLOB TALLYD_CONF_FILES RELATIVE ${PROJECT_SOURCE_DIR}/conf.d conf.d/*.conf)
list(REMOVE_ITEM TALLYD_CONF_FILES tallyd.conf)
set(TALLYD_CONFFILES_tallyd "/etc/tallyd/tallyd.conf\n")
foreach(file IN LISTS TALLYD_CONF_FILES)
	get_filename_component(name ${file} NAME_WE)
	tallyd_component(${name} component)
	string(APPEND TALLYD_CONFFILES_${component} "/etc/tallyd/conf.d/${file}\n")
	install(FILES conf.d/${file} DESTINATION ${TALLYD_CONF_DESTINATION}/conf.d
		COMPONENT ${component})
endforeach()
# Among the documents, or the package would have to depend on Python.
install(DIRECTORY examples/exec DESTINATION ${CMAKE_INSTALL_DOCDIR}/examples
	USE_SOURCE_PERMISSIONS COMPONENT tallyd)
install(DIRECTORY examples/split DESTINATION ${CMAKE_INSTALL_DATADIR}/tallyd/examples
	COMPONENT tallyd)
install(FILES packaging/prometheus/rules.yml DESTINATION ${CMAKE_INSTALL_DATADIR}/tallyd/prometheus
	COMPONENT tallyd)
install(FILES packaging/grafana/containers.json packaging/grafana/prometheus.json
	packaging/grafana/tallyd.json packaging/grafana/provisioning.yaml
	DESTINATION ${CMAKE_INSTALL_DATADIR}/tallyd/grafana COMPONENT tallyd)
install(FILES sql/timescale/roles.sql DESTINATION ${CMAKE_INSTALL_DATADIR}/tallyd
	COMPONENT timescale)
install(DIRECTORY docs/ DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT tallyd)
install(DIRECTORY packaging/container DESTINATION ${CMAKE_INSTALL_DOCDIR}/examples COMPONENT tallyd)
install(FILES CHANGELOG.md DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT tallyd)
install(CODE "set(DOCS \${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_DOCDIR})
set(DATA \${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_DATADIR}/tallyd)
set(INCLUDE \${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_INCLUDEDIR})
include(${PROJECT_SOURCE_DIR}/packaging/links.cmake)" COMPONENT tallyd)
# Completions from the table of commands.
set(completion ${CMAKE_BINARY_DIR}/completion)
set(completions ${completion}/tallyd.bash ${completion}/_tallyd ${completion}/tallyd.fish)
add_custom_command(OUTPUT ${completions}
	COMMAND ${CMAKE_COMMAND} -D TALLYD=$<TARGET_FILE:tallyd> -D SOURCE=${PROJECT_SOURCE_DIR}
		-D BINARY=${completion} -P ${PROJECT_SOURCE_DIR}/packaging/completion/make.cmake
	DEPENDS tallyd packaging/completion/make.cmake packaging/completion/tallyd.bash.in
		packaging/completion/_tallyd.in packaging/completion/tallyd.fish.in
	VERBATIM)
add_custom_target(completion ALL DEPENDS ${completions})
install(FILES ${completion}/tallyd.bash RENAME tallyd
	DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions COMPONENT tallyd)
install(FILES ${completion}/_tallyd
	DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/vendor-completions COMPONENT tallyd)
install(FILES ${completion}/tallyd.fish
	DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d COMPONENT tallyd)

# Manual pages from what the program says of itself, where there is lowdown to make them.
find_program(LOWDOWN lowdown)
if(LOWDOWN)
	set(man_pages ${CMAKE_BINARY_DIR}/man/tallyd.8.gz ${CMAKE_BINARY_DIR}/man/tallyd.conf.5.gz)
	add_custom_command(OUTPUT ${man_pages}
		COMMAND ${CMAKE_COMMAND} -D TALLYD=$<TARGET_FILE:tallyd> -D LOWDOWN=${LOWDOWN}
			-D SOURCE=${PROJECT_SOURCE_DIR} -D BINARY=${CMAKE_BINARY_DIR}/man
			-D VERSION=${PROJECT_VERSION} -D ETC=${TALLYD_ETC}
			-D PLUGINS=${TALLYD_PLUGIN_DIR} -D DOCS=${CMAKE_INSTALL_FULL_DOCDIR}
			-P ${PROJECT_SOURCE_DIR}/packaging/man/make.cmake
		DEPENDS tallyd packaging/man/make.cmake packaging/man/tallyd.8.md.in
			packaging/man/tallyd.conf.5.md.in docs/configuration.md
		VERBATIM)
	add_custom_target(man ALL DEPENDS ${man_pages})
	install(FILES ${CMAKE_BINARY_DIR}/man/tallyd.8.gz
		DESTINATION ${CMAKE_INSTALL_MANDIR}/man8 COMPONENT tallyd)
	install(FILES ${CMAKE_BINARY_DIR}/man/tallyd.conf.5.gz
		DESTINATION ${CMAKE_INSTALL_MANDIR}/man5 COMPONENT tallyd)
endif()

# ---- The Debian packages ----------------------------------------------------

set(CPACK_GENERATOR DEB)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_COMPONENTS_GROUPING IGNORE)
set(CPACK_COMPONENTS_ALL tallyd dev timescale redis)
set(CPACK_PACKAGE_CONTACT "the tallyd authors <tallyd@localhost.localdomain>")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
# tallyd_deb(COMPONENT PACKAGE SECTION DEPENDS DESCRIPTION SCRIPT…): one package of one component,
# with the configuration files of its plugins: an upgrade asks before it overwrites a changed one.
macro(tallyd_deb component package section depends description)
	string(TOUPPER ${component} key)
	set(folder ${CMAKE_BINARY_DIR}/deb/${component})
	set(extra "")
	foreach(script ${ARGN})
		configure_file(packaging/deb/${script} ${folder}/${script} @ONLY)
		list(APPEND extra ${folder}/${script})
	endforeach()
	if(TALLYD_CONFFILES_${component})
		file(WRITE ${folder}/conffiles "${TALLYD_CONFFILES_${component}}")
		list(APPEND extra ${folder}/conffiles)
	endif()
	set(CPACK_DEBIAN_${key}_PACKAGE_NAME ${package})
	set(CPACK_DEBIAN_${key}_PACKAGE_SECTION ${section})
	set(CPACK_DEBIAN_${key}_PACKAGE_DEPENDS "${depends}")
	set(CPACK_DEBIAN_${key}_PACKAGE_CONTROL_EXTRA "${extra}")
	set(CPACK_COMPONENT_${key}_DESCRIPTION "${description}")
	# Policy: who may copy it and what changed, in each package's folder of documents.
	configure_file(packaging/deb/changelog.in ${folder}/changelog @ONLY)
	execute_process(COMMAND gzip -9nf ${folder}/changelog)
	install(FILES packaging/deb/copyright ${folder}/changelog.gz
		DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/${package} COMPONENT ${component})
endmacro()

tallyd_deb(tallyd tallyd admin "systemd | systemd-standalone-sysusers, tzdata"
"watch containers and keep their history
Reads statistics, states, events, images and logs of containers from Docker
Engine or Podman, buffers them in memory or on disk, and writes them into
SQLite, PostgreSQL or TimescaleDB. An HTTP API serves what is stored, and a
Prometheus endpoint the newest readings. Inputs, buffers and outputs are
plugins."
	postinst prerm postrm triggers)
set(CPACK_DEBIAN_TALLYD_PACKAGE_RECOMMENDS "docker.io | docker-ce | podman")
set(CPACK_DEBIAN_TALLYD_PACKAGE_SUGGESTS "tallyd-timescale, tallyd-redis, python3")
tallyd_deb(timescale tallyd-timescale admin "tallyd (= ${PROJECT_VERSION})"
"TimescaleDB and PostgreSQL output of tallyd
Writes what tallyd collects into TimescaleDB, or PostgreSQL 14 and newer, in
tables that it makes and maintains, and serves the HTTP API from there.")
tallyd_deb(redis tallyd-redis admin "tallyd (= ${PROJECT_VERSION})"
"Redis output and cache of tallyd
Publishes the newest rows of tallyd in Redis, and is a cache that several
processes of the HTTP API share.")
tallyd_deb(dev tallyd-dev libdevel "tallyd (= ${PROJECT_VERSION})"
"headers, test library and examples for plugins of tallyd
The headers of the plugin ABI, packages for CMake and pkg-config, a fake host
for unit tests as a library, and example plugins, to build inputs, buffers and
outputs for tallyd outside of its source tree.")

include(CPack)
