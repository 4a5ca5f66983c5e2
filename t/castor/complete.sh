#!/bin/sh
# Completions: every command and option can be completed, with the shells that are there; and the manual page
# has every command, option and status.
. "$top_srcdir/t/castor/castor.sh"
bash_completion=$top_srcdir/bridges/castor/completions/bash/castor
page=$top_srcdir/man/castor.1

ok "first words" status 0 castor complete
ok "... are there" has list cert pin sign help
ok "... not what shells call" has_no complete
ok "second words" status 0 castor complete pin
ok "... are there" has status change unblock activate
ok "... each once" test -z "$(sort out | uniq -d)"
ok "options" status 0 castor complete pin change
ok "... of that command" has --pin-fd --dialog --reader
ok "... no others" has_no --attached
ok "words that are none" status 0 castor complete dance
ok "... have nothing behind them" test ! -s out

# what bash offers for a line
offers() {
	PATH=$top_builddir:$PATH bash -c '. "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _castor; printf "%s\n" "${COMPREPLY[@]}"' \
		bash "$bash_completion" "$@"
}
if command -v bash >/dev/null; then
	ok "bash: castor pin ch" status 0 offers castor pin ch
	ok "... change" has change
	ok "bash: castor pin change --pi" status 0 offers castor pin change --pi
	ok "... two options" has --pin --pin-fd
	touch some.p7s
	ok "bash: castor verify so" status 0 offers castor verify so
	ok "... a file" has some.p7s
else
	skip "bash" "bash is not installed"
fi

# every command of the table has its section, every option and status its item
castor help | sed -n 's/^  \([a-z][a-z]*\( [a-z][a-z]*\)*\) .*/\1/p' >commands
documented() {
	while read -r command; do
		grep -q "^\.Ss castor $command\( \|\$\)" "$page" || { echo "not in castor(1): $command"; return 1; }
	done <commands
}
ok "there are commands" test "$(wc -l <commands)" -ge 10
ok "every command is in castor(1)" documented
sed -n 's/^OPTION([A-Z_]*, "\([a-z-]*\)",.*/\1/p' "$top_srcdir/bridges/castor/options.def" >options
options_documented() {
	while read -r option; do
		grep -q "Fl -$option\( \|\$\)" "$page" || { echo "not in castor(1): --$option"; return 1; }
	done <options
}
ok "every option is in castor(1)" options_documented
sed -n 's/^STATUS([A-Z_]*, \([0-9]*\), "\([a-z-]*\)",.*/\1 \2/p' "$top_srcdir/bridges/castor/status.def" >statuses
statuses_documented() {
	awk '/^\.It [0-9]+$/ { n = $2 } /^\.Pq Ql / { print n, $3 }' "$page" | cmp - statuses
}
ok "every status is in castor(1), with its word" statuses_documented
tap_done
