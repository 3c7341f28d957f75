# Turns the file IN into C at OUT: const unsigned char NAME[], const size_t NAME_size.
file(READ ${IN} bytes HEX)
string(REGEX REPLACE "(................................)" "\\1\n" bytes "${bytes}")
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
file(WRITE ${OUT} "#include \"embedded.h\"\n\nconst unsigned char ${NAME}[] = {\n${bytes}\n};\n"
	"const size_t ${NAME}_size = sizeof(${NAME});\n")
