#!/bin/sh
# The manual says what the tables say, every function of a header is described, guesses are counted.
. "$top_srcdir/t/tap.sh"

work=$(mktemp -d)
trap 'rm -rf "$work" "$tap_out"' EXIT
cd "$top_srcdir" || exit 1

# same_keys TABLE PAGE: two sorted lists of names.
same() {
	[ -s "$1" ] || { echo "$3: no names found"; return 1; }
	[ -s "$2" ] || { echo "$4: no names found"; return 1; }
	comm -23 "$1" "$2" | sed "s|^|not in $4: |" >"$work/diff"
	comm -13 "$1" "$2" | sed "s|^|not in $3: |" >>"$work/diff"
	cat "$work/diff"
	[ ! -s "$work/diff" ]
}

# Names that a page explains: the list items that begin with a command word.
items() {
	sed -n 's/^\.It \(Cm\|Ic\) \([A-Za-z0-9_-]*\).*/\2/p' "$1" | sort -u
}

settings() {
	sed -n 's/^SETTING(\([A-Za-z0-9_]*\),.*/\1/p' base/settings.def | sort -u >"$work/a"
	items man/DigiSign.conf.5 >"$work/b"
	same "$work/a" "$work/b" base/settings.def man/DigiSign.conf.5
}

# The page's items are keys and, within a key, the words it takes; a word need not be an item.
profile_keys() {
	sed -n 's/.*\.key = "\([^"]*\)".*/\1/p' mapping/*.c | sort -u >"$work/a"
	grep -o -e '{ "[a-z0-9-]*", [A-Z]' -e 'X([A-Z0-9_]*, "[a-z0-9-]*")' mapping/*.[ch] | sed 's/.*"\(.*\)".*/\1/' |
		sort -u >"$work/words"
	items man/castor-profile.5 | sort -u | comm -23 - "$work/words" >"$work/b"
	comm -12 "$work/a" "$work/words" >>"$work/b"
	sort -u -o "$work/b" "$work/b"
	same "$work/a" "$work/b" mapping man/castor-profile.5
}

mechanisms() {
	sed -n 's/^	ROW[A-Z_]*(\([A-Z0-9_]*\),.*/CKM_\1/p' token/mech.c | sort -u >"$work/a"
	grep -o 'CKM_[A-Z0-9_]*' man/libcryptoki.7 | sort -u >"$work/b"
	same "$work/a" "$work/b" token/mech.c man/libcryptoki.7
}

# A declaration in a header is described when a comment ends right above its group (declarations
# that stand together share one) or stands on its own line.
cat >"$work/headers.awk" <<'AWK'
FNR == 1 { said = 0; deep = 0; open = 0 }
open { if (/\*\//) open = 0; said = 1; next }
/^[[:space:]]*\/\*/ { said = 1; if (!/\*\//) open = 1; next }
/^[[:space:]]*$/ { said = 0; next }
/^#/ { next }
/\{[[:space:]]*$/ { deep++ }
/^[[:space:]]*\}/ { deep-- }
# A line that begins in the first column, names a function and is no type, macro or static.
!deep && /^[a-z][A-Za-z0-9_ *]*[ *][a-z_][a-z0-9_]*\(/ && !/^(static|typedef|enum)/ && !/^__attribute__/ {
	if (!said && !/\/\*/) { print FILENAME ":" FNR ": " $0; bad = 1 }
}
END { exit bad }
AWK

headers() {
	set -- base/*.h mapping/*.h cardos/*.h cardos/wire/*.h token/*.h p11/*.h
	[ -f "$1" ] || return 1
	awk -f "$work/headers.awk" "$@"
}

undescribed_is_noticed() {
	printf '/* Says. */\nint described(int a);\n\nint bare(int a);\n' >"$work/x.h"
	awk -f "$work/headers.awk" "$work/x.h" >"$work/found"
	[ "$(cat "$work/found")" = "$work/x.h:4: int bare(int a);" ]
}

# The number may fall, never rise: the file is changed with the code that removes a guess.
guesses() {
	found=$(grep -r -o -h 'XXX guess:' base mapping cardos token p11 t/cards 2>/dev/null | wc -l)
	allowed=$(cat t/guesses.max)
	[ "$found" -eq "$allowed" ] || { echo "found $found, t/guesses.max says $allowed"; return 1; }
}

lint() {
	mandoc -Tlint -Wwarning "$1" >"$work/lint" 2>&1
	cat "$work/lint"
	! grep -q -E 'WARNING|ERROR|UNSUPP' "$work/lint"
}

ok "every setting is in DigiSign.conf(5) and every entry there is a setting" settings
ok "every profile key is in castor-profile(5) and every entry there is a key" profile_keys
ok "every mechanism is in libcryptoki(7) and every one there is offered" mechanisms
ok "every function of a header has a comment before it" headers
ok "one without would be noticed" undescribed_is_noticed
ok "guesses are counted" guesses
for page in man/*.[157]; do
	if command -v mandoc >/dev/null; then
		ok "mandoc has nothing against $page" lint "$page"
	else
		skip "mandoc has nothing against $page" "mandoc is not installed"
	fi
done
tap_done
