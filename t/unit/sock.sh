#!/bin/sh
# io_sock against castor-vcard: the same as pcsc.sh, without a pcscd.
. "$top_srcdir/t/tap.sh"
. "$top_srcdir/t/unit/probe.sh"

vcard=$top_builddir/castor-vcard
dir=$(mktemp -d)
ctl() {
	"$vcard" ctl "$dir/ctl" "$@"
}
start_vcard() {
	"$vcard" --image "$top_srcdir/t/cards/myeid.yaml" --socket "$dir/sock" --control "$dir/ctl" \
		</dev/null >"$dir/out" 2>&1 &
	vcard_pid=$!
	n=0
	until grep -q ^ready: "$dir/out" 2>/dev/null || [ "$n" -ge 100 ]; do
		sleep 0.1
		n=$((n + 1))
	done
}
stop_vcard() {
	kill "$vcard_pid"
	wait "$vcard_pid" 2>/dev/null
	rm -f "$dir/sock" "$dir/ctl"
}

CASTOR_VIRTUAL="unix:$dir/sock||unix:$dir/absent"
CASTOR_TRACE=$dir/trace
export CASTOR_VIRTUAL CASTOR_TRACE
probe_start "$top_builddir/t/unit/card_probe_virtual"
ok "no card server: no readers" says "ok 0" list
start_vcard
ok "one of two readers is there" says "ok 1 Castor virtual reader 0" list
says ok reader 0 >/dev/null
ok "a poll sees the card" says "ok present changed" wait 0
ok "and nothing new the next time" says "ok present" wait 0
ok "the card is recognised" says "ok myeid" open
ok "a transaction begins" says ok begin
ok "the PIN is verified" says ok verify 1234
ok "a signature is made" says "ok 256" sign
ok "the transaction ends" says ok end
ok "somebody resets the card" ctl reset
ok "the next transaction tells" says "ok reset" begin
ok "the PIN is lost" says E_PIN_NEEDED sign
says ok verify 1234 >/dev/null
ok "our own reset at the end" says ok end reset
says ok begin >/dev/null
ok "no PIN is verified after it" says E_PIN_NEEDED sign

# a second program, while the first is in a transaction
cat >"$dir/second" <<'END'
reader 0
open
END
ok "a neighbour's transaction is respected" sh -c "
	timeout 1 '$top_builddir/t/unit/card_probe_virtual' <'$dir/second' >'$dir/second.out'
	! grep -q myeid '$dir/second.out'"
ok "and ends" says ok end
ok "then the neighbour has its turn" sh -c "
	'$top_builddir/t/unit/card_probe_virtual' <'$dir/second' | grep -q 'ok myeid'"

send wait 20000
sleep 0.3
ok "the card is taken out" ctl remove
ok "which ends a wait" heard "ok empty changed"
ok "the old connection is gone" says E_GONE begin
ok "nothing to open" says E_GONE open
send wait 20000
sleep 0.3
ok "the card is put back" ctl insert
ok "which ends a wait" heard "ok present changed"
ok "it is opened" says "ok myeid" open
ok "the card is taken out and put back unseen" ctl remove
ctl insert >/dev/null
ok "it is another one for all we know" says E_GONE begin
says "ok myeid" open >/dev/null
says ok begin >/dev/null
ok "a card that resets while it works" ctl fault 1 reset
ok "is told" says E_RESET read
says ok end >/dev/null
ok "and met again" says "ok reset" begin
ok "a card taken out while it works" ctl fault 1 removed
ok "is told" says E_GONE read
says "" end >/dev/null
ctl insert >/dev/null
says "ok myeid" open >/dev/null
ok "100 waits are called off, and none is missed" says "ok soon" cancel 100
ok "a forked child leaves the parent's card alone" says ok fork
ok "the parent goes on" says ok begin
ok "and reads" says "ok 255" read
says ok end >/dev/null
stop_vcard
ok "the server is gone, and the card with it" says E_GONE begin
ok "and the reader" says "ok no-reader changed" wait 0
send wait-list 20000
heard ok >/dev/null
start_vcard
ok "a reader that comes is seen" says "ok present changed" wait 20000
ok "the probe ends well" probe_stop
not_ok_if "no PIN is in the trace" grep -q "31323334" "$dir/trace"
cat >"$dir/session" <<'END'
reader 0
open
begin
verify 1234
sign
end
END
# what is traced can be played back, by the same program with the same result
CASTOR_TRACE=$dir/trace2
"$top_builddir/t/unit/card_probe_virtual" <"$dir/session" >"$dir/live"
unset CASTOR_TRACE
CASTOR_VIRTUAL=replay:$dir/trace2
ok "a traced session has a signature" grep -q "^ok 256" "$dir/live"
ok "and is played back" sh -c "
	'$top_builddir/t/unit/card_probe_virtual' <'$dir/session' >'$dir/played' 2>&1
	diff '$dir/live' '$dir/played'"
ok "the trace has what it should" grep -q "> 00200001 08 \[\*8\]" "$dir/trace"
stop_vcard
rm -rf "$dir"
tap_done
