#!/bin/sh
# Writes to standard output a C file that holds the named profiles as text; see profiles.h.
set -eu

echo "/* Made by mapping/embed.sh. */"
echo '#include "mapping/profiles.h"'
n=0
for file; do
	echo
	echo "static const unsigned char text_$n[] = {"
	od -An -v -tx1 "$file" | sed 's/[0-9a-f][0-9a-f]/0x&,/g; s/^ */	/; s/ *$//'
	echo "};"
	n=$((n + 1))
done
echo
echo "const struct profile_text profiles_builtin[] = {"
n=0
for file; do
	echo "	{ \"${file##*/}\", text_$n, sizeof text_$n },"
	n=$((n + 1))
done
echo "};"
echo "const size_t profiles_builtin_count = $n;"
