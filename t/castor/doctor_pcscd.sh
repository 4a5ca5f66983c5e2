#!/bin/sh
# castor doctor over a real pcscd: readers, cards in them, and who holds them.
. "$top_srcdir/t/clients/client.sh"
. "$top_srcdir/t/castor/findings.sh"
client_image=$vcard_images/myeid-citizen.yaml
client_preloads=yes
client_start -- "$@"
work=$pcsc_dir/work
says_so=$top_builddir/t/castor/.libs/pcsc_says.so
castor_at="$top_builddir/castor_at --module $module"
doctor=$castor_at
computer
PCSCLITE_CSOCK_NAME=/run/pcscd/pcscd.comm
CASTOR_AT_PROC=/proc
doctor_with() {
	doctor="env LD_PRELOAD=$says_so $1 $castor_at"
}

ok "a healthy computer gives one line" fine
doctor="$top_builddir/castor --module $module"
mkdir -p empty
healthy_as_it_is() {
	DISPLAY=:0 $doctor --color=never --language=en doctor >"$work/said" 2>&1 || { cat "$work/said"; return 1; }
	[ "$(tail -n 1 "$work/said")" = "✓ Everything is fine." ]
}
ok "castor itself on this computer says so, too" healthy_as_it_is
doctor=$castor_at

# ---- who holds a card ----

hold() {
	mkfifo hold
	"$top_builddir/t/castor/hold_pcsc" "$1" <hold >held &
	exec 7>hold
	pcscd_until 10 grep -q held held
}
let_go() {
	exec 7>&-
	wait "$!"
	rm -f hold held
}
ok "a program takes the card for itself" hold exclusive
ok "that is told, and by whom" finds reader-held "Virtual PCD" "hold_pcsc ("
let_go
ok "a program begins a transaction and does not end it" hold transaction
# the module waits as long as the settings say; the doctor does not
ok "that is told within its time, and by whom" finds card-slow "hold_pcsc ("
let_go
doctor_with CASTOR_T_HANG=1
took() {
	took_at=$(date +%s)
	$doctor doctor >/dev/null 2>&1
	[ $(($(date +%s) - took_at)) -le 12 ]
}
ok "a driver that hangs costs no more than its time" took
doctor=$castor_at
ok "all is well after that" fine

# ---- the service itself ----

kill -STOP "$pcscd_pid"
ok "pcscd that was stopped in its tracks" finds pcscd-silent "does not answer"
kill -CONT "$pcscd_pid"
ok "... and goes on" pcscd_until 20 fine
if setpriv --reuid=65534 --regid=65534 --clear-groups true 2>/dev/null; then
	chmod 755 "$pcsc_dir" "$work"
	hold exclusive
	# the build may be in a folder that others cannot look into
	cp "$top_builddir/castor_at" "$module" "$pcsc_dir/"
	doctor="setpriv --reuid=65534 --regid=65534 --clear-groups $pcsc_dir/castor_at --module $pcsc_dir/${module##*/}"
	chmod 644 "$CASTOR_CONF"
	ok "another user's program cannot be named" finds reader-held "a program of another user"
	doctor=$castor_at
	let_go
else
	skip "another user's program cannot be named" "no other user can be had here"
fi

# ---- what the service says of a card ----

doctor_with CASTOR_T_CONNECT=8010006A
ok "polkit refuses the card" finds card-refused org.debian.pcsc-lite.access_card "$(id -un)"
doctor_with CASTOR_T_CONNECT=80100066
ok "the card is mute" finds card-mute "chip goes in first"
doctor_with CASTOR_T_CONNECT=8010002F
ok "the reader reports an error" finds card-error "castor trace record"

doctor_with CASTOR_T_CRASH=1
ok "the module crashes, and the doctor does not" finds module-crashed "castor trace record"

# ---- the clock ----

doctor_with CASTOR_T_TIME=1600000000
ok "the clock is years behind" finds clock-behind 2020-09-13
ok "... before the certificates of the card" finds clock-or-certificate "FINEID S4-1"
doctor_with CASTOR_T_TIME=2397513600
ok "the certificates expire in ten days" finds certificate-expiring "2046-01-01" "FINEID S4-1"
doctor_with CASTOR_T_TIME=2400000000
ok "the certificates have expired" finds certificate-expired "FINEID S4-1"
doctor=$castor_at

ok "and no PIN was tried" client_tries 3
stop_vcard

# ---- readers ----

echo "excludeReader = *" >"$CASTOR_CONF"
ok "the settings leave out all readers" finds reader-excluded "$CASTOR_CONF:1"
: >"$CASTOR_CONF"
stop_pcscd
mount -t tmpfs tmpfs /etc/reader.conf.d
ok "pcscd without a reader" start_pcscd
ok "there is no reader" finds reader-none "Plug one in"
put root/sys/bus/usb/devices/1-2:1.0/bInterfaceClass 0b
put root/sys/bus/usb/devices/1-2:1.1/bInterfaceClass 03
put root/sys/bus/usb/devices/1-2/manufacturer "ACS"
put root/sys/bus/usb/devices/1-2/product "ACR39U ICC Reader"
ok "one is plugged in that pcscd does not see" finds reader-unseen "ACS ACR39U ICC Reader"
rm -r "$root/usr/lib/pcsc"
ok "... since there is no driver" finds reader-driver "ACS ACR39U ICC Reader" "sudo apt install libccid"
kill -KILL "$pcscd_pid"
wait "$pcscd_pid" 2>/dev/null
ok "pcscd that was killed" finds pcscd-exited /run/pcscd/pcscd.comm
rm /run/pcscd/pcscd.comm
ok "... and its socket taken away" finds pcscd-stopped "systemctl enable --now pcscd.socket"
tap_done
