# Writes OUTPUT: a C array SYMBOL of {name, text} pairs from FILES, ended by {NULL, NULL}.
set(text "/* Made by cmake/embed.cmake. */\n#include \"codegen/embedded.h\"\n\nconst fg_embedded_file ${SYMBOL}[] = {\n")
foreach(file IN LISTS FILES)
  get_filename_component(name ${file} NAME)
  file(READ ${file} body HEX)
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "\\\\x\\1" body "${body}")
  # A hexadecimal escape would swallow a following digit: break the literal after each line feed and escape every byte.
  string(REPLACE "\\x0a" "\\n\"\n     \"" body "${body}")
  string(APPEND text "    {\"${name}\",\n     \"${body}\"},\n")
endforeach()
string(APPEND text "    {0, 0}};\n")
file(WRITE ${OUTPUT} "${text}")
