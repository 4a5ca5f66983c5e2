#!/bin/sh
# io_pcsc against a real pcscd with a virtual card in its reader: removal, resets by another
# program, a pcscd that dies and comes back, none at all.
. "$top_srcdir/t/tap.sh"
. "$top_srcdir/t/pcscd.sh"
. "$top_srcdir/t/unit/probe.sh"
pcscd_enter "$@"
pcscd_needs opensc-tool

probe=$top_builddir/t/unit/card_probe_pcsc
image=$vcard_images/myeid.yaml

probe_start "$probe"
ok "no pcscd: the list says so" says E_NO_READER list
ok "no pcscd: so does a wait" says E_NO_READER wait 0
ok "no pcscd: and an open" says E_NO_READER open

start_pcscd
ok "the same io sees the pcscd that came" says "ok" list
start_vcard "$image"
ok "its readers are listed" says "ok 2 Virtual PCD" list
says ok reader 0 >/dev/null
ok "a poll sees the card" says "ok present changed" wait 0
ok "and nothing new the next time" says "ok present" wait 0
ok "the card is recognised" says "ok myeid" open
ok "a transaction begins" says ok begin
ok "a file is read" says "ok 255" read
ok "the PIN is verified" says ok verify 1234
ok "a signature is made" says "ok 256" sign
ok "the reader has no keys, and says so without an error" says "ok no keys" pinpad
ok "the transaction ends" says ok end

opensc-tool -r 0 -n >/dev/null 2>&1
says ok begin >/dev/null
ok "another program that came and went costs nothing or a login" says "" sign
says ok end >/dev/null

ok "another program resets the card" opensc-tool -r 0 --reset
ok "the next transaction tells" says "ok reset" begin
ok "the PIN is lost" says E_PIN_NEEDED sign
ok "the PIN is verified again" says ok verify 1234
ok "and a signature is made" says "ok 256" sign
ok "our own reset at the end" says ok end reset
ok "the card is open after it" says "ok reset" begin
ok "with no PIN verified" says E_PIN_NEEDED sign
ok "end" says ok end

send wait 20000
sleep 0.3
ok "the card is taken out" vcard_ctl remove
ok "which ends a wait" heard "ok empty changed"
ok "the old connection is gone" says E_GONE begin
ok "a card that is not there cannot be opened" says E_GONE open
send wait 20000
sleep 0.3
ok "the card is put back" vcard_ctl insert
ok "which ends a wait" heard "ok present changed"
ok "it is opened" says "ok myeid" open
ok "and works" says ok begin
ok "the card is taken out in a transaction" vcard_ctl remove
wait_no_card
ok "the verb says so" says E_GONE read
ok "the end says so, or nothing" says "" end
ok "the card is put back once more" vcard_ctl insert
ok "and pcscd sees it" wait_card
ok "a new card" says "ok myeid" open

ok "100 waits are called off, and none is missed" says "ok soon" cancel 100
ok "a forked child leaves the parent's card alone" says ok fork
ok "the parent goes on" says ok begin
ok "and reads" says "ok 255" read
ok "and ends" says ok end

kill -KILL "$pcscd_pid"
wait "$pcscd_pid" 2>/dev/null
rm -f /run/pcscd/pcscd.comm
ok "pcscd was killed: the card is gone" says E_GONE begin
ok "the list says no service" says E_NO_READER list
start_pcscd
wait_card
ok "a new pcscd: the list is back" says "ok 2" list
ok "the card is opened" says "ok myeid" open
says ok begin >/dev/null
says ok verify 1234 >/dev/null
ok "and signs" says "ok 256" sign
says ok end >/dev/null
kill -KILL "$pcscd_pid"
wait "$pcscd_pid" 2>/dev/null
rm -f /run/pcscd/pcscd.comm
start_pcscd
wait_card
ok "pcscd was restarted behind our back: the same connection goes on" says "ok reset" begin
ok "and reads" says "ok 255" read
ok "and ends" says ok end
ok "a wait works with the new service" says "ok present" wait 0
stop_pcscd
start_pcscd
wait_card
ok "a restart in the middle of a wait's life" says "ok present" wait 0
ok "the probe ends well" probe_stop

# A neighbour holds the card. A deadline is kept where pcsc-lite lets us.
cat >"$pcsc_dir/neighbour.sh" <<'END'
echo reader 0; echo open; echo begin
sleep 3
echo end; echo quit
END
cat >"$pcsc_dir/patient.sh" <<'END'
echo reader 0; echo open
sleep 2
echo begin 300; echo begin 5000; echo end; echo quit
END
sh "$pcsc_dir/patient.sh" | PCSCLITE_NO_BLOCKING=1 "$probe" >"$pcsc_dir/patient" 2>&1 &
patient_pid=$!
sleep 1
sh "$pcsc_dir/neighbour.sh" | "$probe" >"$pcsc_dir/neighbour" 2>&1
wait "$patient_pid"
ok "a busy card is busy after the deadline, and free later" sh -c "
	cat '$pcsc_dir/neighbour' '$pcsc_dir/patient'
	tr '\n' ' ' <'$pcsc_dir/patient' | grep 'ok myeid E_BUSY ok ok '"
stop_vcard
stop_pcscd
tap_done
