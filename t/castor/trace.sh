#!/bin/sh
# castor trace over a virtual card: records, takes the holder out, plays back; and says what is wrong.
# With CASTOR_RECORD=1 it writes the recording in t/golden anew, into the current folder.
. "$top_srcdir/t/tap.sh"

here=$PWD
work=$(mktemp -d)
trap 'rm -rf "$work" "$tap_out"' EXIT
cd "$work" || exit 1
mkdir tmp
TMPDIR=$work/tmp
export TMPDIR
module=$top_builddir/.libs/libcryptoki-virtual.so
castor=$top_builddir/castor
golden=$top_srcdir/t/golden/myeid-citizen-list.trace
CASTOR_CONF=/dev/null
export CASTOR_CONF
unset LC_ALL LC_MESSAGES LANG CASTOR_TRACE CASTOR_LOG
card="--module $module --test-card=$top_srcdir/t/cards/myeid-citizen.yaml"
holder="MEIKÄLÄINEN MATTI matti.meikalainen 99900335E"

ends() {
	ends_status=$1
	ends_text=$2
	shift 2
	"$@" >said 2>err
	ends_rc=$?
	cat said err
	[ "$ends_rc" -eq "$ends_status" ] || { echo "exit status $ends_rc"; return 1; }
	[ -z "$ends_text" ] || grep -q -F -e "$ends_text" said err || { echo "does not say: $ends_text"; return 1; }
}
hex() { printf %s "$1" | od -An -v -tx1 | tr -d ' \n'; }
# Text in a recording, as it is or in its bytes, however they were read: the answers one behind the other.
holds() {
	{
		cat "$1"
		sed -n 's/^< \(.*\) [0-9A-F]\{4\}.*/\1/p' "$1" | tr -d ' \n'
	} | tr -d ' ' | grep -aiq -e "$2" -e "$(hex "$2")"
}
private() { [ "$(stat -c %a "$1")" = 600 ]; }

if [ -n "$CASTOR_RECORD" ]; then
	# shellcheck disable=SC2086
	"$castor" trace record $card --anonymise new
	{ echo "# self"; grep -v -e '^# system' -e '^# pcsc-lite' new; } >"$here/myeid-citizen-list.trace"
	exit
fi

# shellcheck disable=SC2086
ok "a recording" ends 0 "Recorded in a: commands: 75, cards: 1." "$castor" trace record $card a
ok "which tells that the holder is in it" grep -q "castor trace anonymise" err
ok "nobody else's" private a
ok "begins with version and system" sh -c 'sed -n 1p a | grep -q "^# castor [0-9]" && sed -n 2p a | grep -q "^# system "'
for word in $holder 04451234567890123457; do
	ok "it has $word" holds a "$word"
done
# shellcheck disable=SC2086
ok "nothing is replaced unasked" ends 2 "--force" "$castor" trace record $card a
# shellcheck disable=SC2086
ok "asked, it is, without the holder" ends 0 "Recorded in b" "$castor" trace record $card --anonymise b
ok "nobody else's either" private b
for word in $holder 04451234567890123457 1234567890123457; do
	not_ok_if "it has no $word" holds b "$word"
done
ok "the issuer stays" holds b "Castor TEST CA for Citizen Certificates G4"
ok "to do it later is the same" ends 0 "Taken out" "$castor" trace anonymise a -o c
ok "but for the head" sh -c 'grep -v "^#" b >b1; grep -v "^#" c | cmp - b1'
ok "again changes nothing" sh -c '"$1" trace anonymise c 2>/dev/null | cmp - c' sh "$castor"
ok "in JSON" ends 0 '"hidden": ' "$castor" --json trace anonymise a --force -o c

ok "it plays back" ends 0 "XXXXXXXXXXXXX XXXXX 00000000X" "$castor" trace replay --module "$module" b
ok "with the issuer" grep -q "issued by Castor TEST CA for Citizen Certificates G4" said
ok "three certificates of the holder, and two authorities" test "$(grep -c "issued by" said)" -eq 5
cp said all
ok "for programs, too" ends 0 '"serial": "0000000000000001"' "$castor" --json trace replay --module "$module" b
CASTOR_TEST_MODULE=$module
export CASTOR_TEST_MODULE
ok "for another program" ends 0 "XXXXXXXXXXXXX" "$castor" trace replay b -- \
	sh -c '"$0" --module "$CASTOR_TEST_MODULE" list' "$castor"
ok "whose status is passed on" ends 42 "" "$castor" trace replay b -- sh -c 'exit 42'

ok "the recording in the suite plays back" ends 0 "XXXXXXXXXXXXX XXXXX 00000000X" "$castor" trace replay --module "$module" \
	"$golden"
ok "as the one made now" cmp said all
ok "it is marked as our own" grep -q '^# self' "$golden"
for word in $holder 04451234567890123457; do
	not_ok_if "it has no $word" holds "$golden" "$word"
done

line=$(grep -n '^> 00B0' b | sed -n 3p | cut -d: -f1)
sed "${line}s/^> 00B0/> 00B1/" b >d
ok "another way is told with its line" ends 8 "d: line $line: another command" "$castor" trace replay --module "$module" d
ok "in JSON" ends 8 '"status": "bad"' "$castor" --json trace replay --module "$module" d
sed -n "1,$((line - 1))p" b >d
ok "one that is too short" ends 8 "d: more commands were sent than there are" "$castor" trace replay --module "$module" d
sed 's/^= reader.*/= reader Other/' b >d
cat b >>d
ok "two readers" ends 2 "several readers" "$castor" trace replay --module "$module" d

ok "no such file" ends 2 "No such file" "$castor" trace replay --module "$module" nowhere
ok "no such file to anonymise" ends 2 "No such file" "$castor" trace anonymise nowhere
echo "root:x:0:0" >d
ok "no recording" ends 2 "d is no recording: line 1" "$castor" trace anonymise d
ok "in Finnish" ends 2 "d ei ole tallenne: rivi 1: rivi alkaa" "$castor" --language fi trace anonymise d
ok "in Swedish" ends 2 "d är ingen inspelning: rad 1: en rad börjar" "$castor" --language sv trace replay d
: >d
ok "an empty one" ends 2 "there is no command in it" "$castor" trace anonymise d
head -c 20000 /dev/urandom >d
ok "garbage" ends 2 "d is no recording" "$castor" trace anonymise d
head -c 9000000 /dev/zero >d
ok "too much" ends 2 "is too large" "$castor" trace anonymise d
ok "a folder" ends 2 "directory" "$castor" trace anonymise .
ok "a full disk" ends 1 "No space left" "$castor" trace anonymise a -o /dev/full
ok "a full standard output" ends 1 "No space left" sh -c "'$castor' trace anonymise a >/dev/full"
ok "a closed pipe is silent" sh -c "'$castor' trace anonymise a 2>err | head -c 10 >/dev/null; ! grep -q castor: err"
ok "there already" ends 2 "--force" "$castor" trace anonymise a -o b
ok "nothing is replaced then" sh -c 'grep -v "^#" b | cmp - b1'
# shellcheck disable=SC2086
ok "no such folder" ends 1 "cannot be written" "$castor" trace record $card nowhere/a
# shellcheck disable=SC2086
ok "no plain file" ends 2 "no file that can be written" "$castor" trace record $card --force /dev/full
ln -s b link
# shellcheck disable=SC2086
ok "a link is not followed without being told" ends 2 "--force" "$castor" trace record $card link
ok "no card at all" ends 3 "" env CASTOR_VIRTUAL= "$castor" trace record --module "$module" e
ok "leaves nothing" test ! -e e
# shellcheck disable=SC2086
ok "the command's status is passed on" ends 42 "did not use a card" "$castor" trace record $card e -- sh -c 'exit 42'
# shellcheck disable=SC2086
ok "and its signal" ends 143 "" "$castor" trace record $card e -- sh -c 'kill -TERM $$'
# shellcheck disable=SC2086
ok "a command that used no card is told" ends 1 "true did not use a card through Castor" "$castor" trace record $card e -- true
# shellcheck disable=SC2086
ok "no such command" ends 2 "there is no program" "$castor" trace record $card e -- no-such-program
ok "none of them left anything" test ! -e e
# shellcheck disable=SC2086
ok "a command is recorded" ends 0 "Recorded in e" "$castor" trace record $card e -- \
	sh -c 'cd / && "$0" --module "$CASTOR_TEST_MODULE" list' "$castor"
ok "where it was told, wherever the command was" grep -q '^> 00A4' e
if [ "$(id -u)" -ne 0 ]; then
	mkdir closed
	chmod 500 closed
	# shellcheck disable=SC2086
	ok "a folder that cannot be written" ends 1 "cannot be written" "$castor" trace record $card closed/a
	chmod 700 closed
fi
ok "no temporary file is left" sh -c '! ls ./*.[0-9]* 2>/dev/null && rmdir tmp'
# a signal while a command is recorded: neither its part, nor the test card's socket, nor the card stay
stopped() {
	rm -f pid
	mkdir -p "$TMPDIR"
	# shellcheck disable=SC2086
	sh -c 'echo $$ >pid; exec "$@"' sh "$castor" trace record $card stop.trace -- sleep 20 2>stop.err &
	stopped_at=$!
	sleep 2
	ls "$TMPDIR" | grep -q castor- || { echo "no test card"; cat stop.err; return 1; }
	kill -TERM "$(cat pid)"
	wait "$stopped_at"
	stopped_rc=$?
	[ "$stopped_rc" -gt 128 ] || { echo "status $stopped_rc"; return 1; }
	[ -z "$(ls "$TMPDIR")$(ls -d stop.trace* 2>/dev/null)" ] || { ls "$TMPDIR" stop.trace*; return 1; }
}
ok "a signal while recording leaves nothing behind" stopped
tap_done
