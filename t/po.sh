#!/bin/sh
# Every text that a person may see is translated into every language, with the same formats, and the
# catalogues hold nothing else; and that this script notices when it is not so.
. "$top_srcdir/t/tap.sh"

work=$(mktemp -d)
trap 'rm -rf "$work" "$tap_out"' EXIT
for tool in xgettext msgfmt msgmerge msgattrib; do
	command -v $tool >/dev/null || { echo "1..0 # SKIP gettext is not installed"; exit 0; }
done

# texts TREE OUT: what is marked in the sources of a tree.
texts() {
	(cd "$1" && find base token p11 bridges \( -name '*.[ch]' -o -name '*.def' \) 2>/dev/null | LC_ALL=C sort) >"$work/sources"
	(cd "$1" && xgettext -L C --from-code=UTF-8 -k -ktext:2 -ktext_n:2,3 -kN_ -f "$work/sources" -o -) |
		sed 's/charset=CHARSET/charset=UTF-8/' >"$2"
	[ -s "$2" ]
}

# empty WHAT OPTION FILE: no message of that kind in a catalogue.
empty() {
	msgattrib --no-wrap "$2" "$3" | grep '^\(#~ \)*msgid ' | grep -v '^msgid ""$' | sed "s/^/$1: /" >"$work/kind"
	cat "$work/kind"
	[ ! -s "$work/kind" ]
}

# complete PO POT: exactly the texts of the sources, all translated, by their formats.
complete() {
	msgmerge -q -N "$1" "$2" -o "$work/merged.po" || return 1
	r=0
	msgfmt --check -o /dev/null "$1" 2>"$work/said" || r=1
	cat "$work/said"
	[ ! -s "$work/said" ] || r=1
	empty "fuzzy" --only-fuzzy "$1" || r=1
	# by the marks of the sources, whatever the catalogue says of formats
	empty "another format" --only-fuzzy "$work/merged.po" || r=1
	empty "obsolete" --only-obsolete "$1" || r=1
	empty "not translated" --untranslated "$work/merged.po" || r=1
	empty "not in the sources" --only-obsolete "$work/merged.po" || r=1
	grep -q '^"Plural-Forms: nplurals=2; plural=(n != 1);\\n"$' "$1" || { echo "another plural"; r=1; }
	return $r
}

# notices PO WHAT SED-EXPRESSION: the catalogue changed so is found out, with that word.
notices() {
	sed "$3" "$1" >"$work/changed.po"
	! cmp -s "$1" "$work/changed.po" || { echo "nothing was changed"; return 1; }
	if complete "$work/changed.po" "$work/pot" >"$work/found" 2>&1; then
		echo "not noticed"
		return 1
	fi
	grep -q "$2" "$work/found" || { cat "$work/found"; return 1; }
}

# An object of the library that reads or changes the locale of the program it is in.
keeps_to_itself() {
	nm "$1" | awk '$1 == "U" { sub(/@.*/, "", $2); print $2 }' >"$work/symbols"
	[ -s "$work/symbols" ] || { echo "no symbols"; return 1; }
	! grep -x -E '(secure_)?getenv|setlocale|newlocale|uselocale|nl_langinfo.*|.*gettext' "$work/symbols"
}

ok "the sources have texts" texts "$top_srcdir" "$work/pot"
ok "texts of base/text.h's three kinds are among them" sh -c '
	grep -q "^msgid \"Cancel\"" "$1" && grep -q "^msgid_plural \"%lu tries left.\"" "$1" &&
	grep -q "^msgid \"Card: %s\"" "$1"' sh "$work/pot"
for po in "$top_srcdir"/po/*.po; do
	name=${po##*/}
	ok "$name: complete" complete "$po" "$work/pot"
	ok "$name: noticed: a text that the sources have not" notices "$po" 'not in the sources: .*"Cancle"' 's/"Cancel"/"Cancle"/'
	ok "$name: noticed: a text that is missing" notices "$po" 'not translated: msgid "Cancel"' '/^msgid "Cancel"/,/^$/d'
	ok "$name: noticed: an empty translation" notices "$po" 'not translated: msgid "Wrong' '/^msgid "Wrong/{n;s/".*"/""/;}'
	ok "$name: noticed: one of two forms empty" notices "$po" 'does not match' 's/^msgstr\[1\] ".*"/msgstr[1] ""/'
	ok "$name: noticed: a fuzzy one" notices "$po" 'fuzzy: msgid "Cancel"' 's/^msgid "Cancel"/#, fuzzy\n&/'
	ok "$name: noticed: an obsolete one" notices "$po" 'obsolete: #~ msgid "old"' '$s/$/\n\n#~ msgid "old"\n#~ msgstr "older"/'
	ok "$name: noticed: another format" notices "$po" 'format' 's/^msgstr\(.*\)%s/msgstr\1%d/'
	ok "$name: noticed: another format that is not marked" notices "$po" 'another format: msgid "Card: %s"' '/c-format/d; s/^msgstr\(.*\)%s/msgstr\1%d/'
done
ok "both languages are there" test -f "$top_srcdir/po/fi.po" -a -f "$top_srcdir/po/sv.po"
object=$top_builddir/base/.libs/text.o
if command -v nm >/dev/null && [ -f "$object" ]; then
	ok "base/text.c asks os_env alone, which is silent in a program with more rights" keeps_to_itself "$object"
	not_ok_if "one that asks by itself would be noticed" keeps_to_itself "$top_builddir/base/.libs/os_unix.o"
else
	skip "base/text.c asks os_env alone" "no nm, or no object"
fi
tap_done
