#!/bin/sh
# Writes to standard output a C file that holds files as they are; see base/embedded.h.
#
#   embed.sh HEADER TABLE FILE...     HEADER declares TABLE and TABLE_count
set -eu

header=$1
table=$2
shift 2
echo "/* Made by base/embed.sh. */"
echo "#include \"$header\""
n=0
for file; do
	echo
	echo "static const unsigned char text_$n[] = {"
	od -An -v -tx1 "$file" | sed 's/[0-9a-f][0-9a-f]/0x&,/g; s/^ */	/; s/ *$//'
	echo "};"
	n=$((n + 1))
done
echo
echo "const struct embedded ${table}[] = {"
n=0
for file; do
	echo "	{ \"${file##*/}\", text_$n, sizeof text_$n },"
	n=$((n + 1))
done
echo "};"
echo "const size_t ${table}_count = $n;"
