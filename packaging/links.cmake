# Run when documents are installed: what they link to outside of docs/ is elsewhere in an installed tree.
# DOCS is the folder of documents, DATA that of data, INCLUDE that of headers, all as installed.
foreach(folder DATA INCLUDE)
	file(RELATIVE_PATH ${folder} "${DOCS}" "${${folder}}")
endforeach()
file(GLOB pages "$ENV{DESTDIR}${DOCS}/*.md")
foreach(page IN LISTS pages)
	file(READ "${page}" text)
	string(REPLACE "](../examples/exec/" "](examples/exec/" text "${text}")
	string(REPLACE "](../examples/" "](${DATA}/examples/" text "${text}")
	string(REPLACE "](../packaging/container/" "](examples/container/" text "${text}")
	string(REPLACE "](../include/" "](${INCLUDE}/" text "${text}")
	string(REPLACE "](../CHANGELOG.md" "](CHANGELOG.md" text "${text}")
	string(REPLACE "](docs/" "](" text "${text}") # of CHANGELOG.md
	file(WRITE "${page}" "${text}")
endforeach()
