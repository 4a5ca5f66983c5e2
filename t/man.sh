#!/bin/sh
# Runs the examples of castor-vcard(1) and libcryptoki(7) as they stand there, over pcscd. Those of
# the pages of section 5 are loaded by unit tests.
. "$top_srcdir/t/tap.sh"
. "$top_srcdir/t/pcscd.sh"
pcscd_enter "$@"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
ln -s "$top_srcdir/t" t

# Literal block N of a page, as text: only \e, "\", is written otherwise in one.
block() {
	awk -v want="$2" '/^\.Bd -literal/ { n++; on = 1; next } /^\.Ed/ { on = 0 } on && n == want' \
		"$top_srcdir/man/$1" | sed 's/\\e/\\/g; s|/usr/share/castor/cards|t/cards|'
}

mkdir bin
ln -s "$top_builddir/castor-vcard" bin/castor-vcard
PATH=$work/bin:$PATH
export PATH

page=castor-vcard.1
start_pcscd
count=$(grep -c '^\.Bd -literal' "$top_srcdir/man/$page")
seen=0
for n in $(seq "$count"); do
	block "$page" "$n" >"example$n"
	if grep -q -e --vpcd "example$n"; then
		seen=$((seen + 1))
		sh "./example$n" </dev/null >vpcd.out 2>&1 &
		example=$!
		ok "$page: a card in pcscd's virtual reader" wait_card 0
		kill "$example" 2>/dev/null
		pkill -P "$example" 2>/dev/null
		wait "$example" 2>/dev/null
		wait_no_card 0
	elif grep -q -e --socket "example$n"; then
		seen=$((seen + 1))
		# the card takes a moment to open its doors, which a person does not notice
		sed -i 's|/tmp/card|'"$work"'/card|g; s|^castor-vcard ctl|sleep 1; &|' "example$n"
		ok "$page: a card at a socket, and a fault" sh "./example$n"
		ok "$page: it quits when told" castor-vcard ctl "$work/card.ctl" quit
	elif grep -q '^os: myeid' "example$n"; then
		seen=$((seen + 1))
		mkdir -p image
		cp "example$n" image/small.yaml
		ln -sfn "$top_srcdir/t/cards/pki" image/pki
		castor-vcard --image image/small.yaml --socket "$work/small" </dev/null >small.out 2>&1 &
		example=$!
		ok "$page: the small image is a card" pcscd_until 5 grep -q '^ready:' small.out
		kill "$example"
		wait "$example" 2>/dev/null
	fi
done
ok "$page: all three kinds of example are there" test "$seen" -eq 3

page=libcryptoki.7
start_vcard "$vcard_images/myeid.yaml"
grep '^\$ ' "$top_srcdir/man/$page" >commands
while read -r _ command; do
	case $command in
	"ssh -I"*) # logs in: t/clients/ssh.sh does that, with a server of its own
		continue
		;;
	esac
	echo "$command" | sed "s|[a-z/]*libcryptoki\.so|$top_builddir/.libs/libcryptoki.so|" >run
	ok "$page: $command" sh ./run
done <commands
ok "$page: has examples" test "$(wc -l <commands)" -ge 3
stop_vcard
stop_pcscd
tap_done
