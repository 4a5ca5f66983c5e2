#!/bin/sh
# Every setting that acts, by what programs see of it: a check that would fail without its code, beside
# one that shows the default. Others are in pkcs11_tool.sh (pinDialogTimeout, pinHelper, Language), pin2.sh
# (pin2EveryTime, disableCryptokiPIN2Slot) and hosts.sh (rootAutoLogin, shipped sections).
. "$top_srcdir/t/people/people.sh"
. "$top_srcdir/t/unit/probe.sh"
client_image=$vcard_images/myeid-citizen.yaml
people_start pkcs11-tool opensc-tool -- "$@"

# A system without systemd gets a file to put a false loginctl over, in a layer that only this test sees
# and that lies under the robot.
loginctl_layer() {
	mkdir "$pcsc_dir/layer" && mount -t tmpfs none "$pcsc_dir/layer" &&
		mkdir "$pcsc_dir/layer/up" "$pcsc_dir/layer/work" && : >"$pcsc_dir/layer/up/loginctl" &&
		mount -t overlay -o "lowerdir=/usr/bin,upperdir=$pcsc_dir/layer/up,workdir=$pcsc_dir/layer/work" \
			none /usr/bin
}
[ -e /usr/bin/loginctl ] || loginctl_layer

robot
people_shut
reset="do '$vcard' ctl '$pcsc_dir/ctl0' reset >said"

# with SETTING... -- STEP...: a program with these settings
with() {
	: >settings
	while [ "$1" != -- ]; do
		echo "$1" >>settings
		shift
	done
	shift
	conf "$(cat settings)"
	host "$@"
	with_rc=$?
	conf
	return "$with_rc"
}

# asks N WITH-ARGUMENT...: PIN1 is asked for that often
asks() {
	asks_n=$1
	shift
	reset_card
	asked 0 >/dev/null
	answers 1234 1234 1234
	with "$@" || return 1
	answers
	asked "$asks_n"
}

put_card() {
	vcard_ctl swap "$vcard_images/$1.yaml" && wait_no_card && wait_card
}

# ---- auto-login ----

ok "disableCryptokiAutoLogin, default" asks 1 -- 'slot 0' 'path = yes' open 'keys = 45' 'sign 45'
ok "disableCryptokiAutoLogin = 1" asks 0 "disableCryptokiAutoLogin = 1" -- 'slot 0' 'path = no' open 'keys = none'
disableCryptokiAutoLogin=1
export disableCryptokiAutoLogin
ok "... in the environment" asks 0 -- 'slot 0' 'path = no' open 'keys = none'
ok "... is stronger than the user's file" asks 0 "disableCryptokiAutoLogin = 0" -- 'slot 0' 'path = no'
if system_conf "lock = disableCryptokiAutoLogin"; then
	ok "... but not than a lock" asks 1 -- 'slot 0' 'path = yes' open 'sign 45'
	disableCryptokiAutoLogin=0
	system_conf "disableCryptokiAutoLogin = 1" "lock = disableCryptokiAutoLogin"
	ok "a locked 1 stays" asks 0 "disableCryptokiAutoLogin = 0" -- 'slot 0' 'path = no' open 'keys = none'
	system_conf "disableCryptokiAutoLogin = 1"
	ok "... and one that is not locked: the environment can only switch off" asks 0 -- 'slot 0' 'path = no'
	system_conf
fi
unset disableCryptokiAutoLogin
ok "a section for this program" asks 0 "[app:*/people/host]" "disableCryptokiAutoLogin = 1" -- 'slot 0' 'path = no'
ok "... for another one" asks 1 "[app:*/people/hose]" "disableCryptokiAutoLogin = 1" -- 'slot 0' 'path = yes' open 'sign 45'
ok "... stronger than what is for all" asks 1 "disableCryptokiAutoLogin = 1" "[app:*/host]" "disableCryptokiAutoLogin = 0" -- \
	'slot 0' open 'sign 45'
ok "rootAutoLogin = 0" asks 0 "rootAutoLogin = 0" -- 'slot 0' 'path = no' open 'keys = none'

# ---- the kept PIN1 ----

ok "cryptokiPinCache, default" asks 1 -- 'slot 0' open 'sign 45' "$reset" 'sign 45' "$reset" 'sign 45'
ok "cryptokiPinCache = 0" asks 2 "cryptokiPinCache = 0" -- 'slot 0' open 'sign 45' 'sign 45' "$reset" 'sign 45'
ok "... the same after a login" asks 1 "cryptokiPinCache = 0" -- 'slot 0' open 'login 1234' 'sign 45' "$reset" 'sign 45'
ok "dropAuthentication, default" asks 1 -- 'slot 0' open 'sign 45' 'do ./shut 1 = 1' 'sign 45'
ok "dropAuthentication = 1" asks 3 "dropAuthentication = 1" -- 'slot 0' open 'sign 45' 'do ./shut 1' 'sign 45' 'do ./shut 1' \
	'sign 45' 'do ./shut 1'
ok "pinCacheTimeout, default" asks 1 -- 'slot 0' open 'sign 45' 'wait 1200' 'sign 45'
ok "pinCacheTimeout = 1" asks 2 "pinCacheTimeout = 1" -- 'slot 0' open 'sign 45' 'sign 45' 'wait 1200' 'sign 45'
ok "pinCacheUses, default" asks 1 -- 'slot 0' open 'sign 45' 'sign 45' 'sign 45' 'sign 45'
ok "pinCacheUses = 2" asks 2 "pinCacheUses = 2" -- 'slot 0' open 'sign 45' 'sign 45' 'sign 45' 'sign 45'
ok "pinCacheUses = 1" asks 3 "pinCacheUses = 1" -- 'slot 0' open 'sign 45' 'sign 45' 'sign 45'

# A desktop that is locked, or not, as systemd tells.
locked() {
	echo "$1" >"$pcsc_dir/locked"
}
printf '#!/bin/sh\ncase "$*" in *LockedHint*) cat %s ;; *) echo 1 ;; esac\n' "$pcsc_dir/locked" >"$pcsc_dir/loginctl"
chmod 755 "$pcsc_dir/loginctl"
mkdir -p /run/systemd/sessions
if [ -e /usr/bin/loginctl ] && mount --bind "$pcsc_dir/loginctl" /usr/bin/loginctl; then
	XDG_SESSION_ID=1
	export XDG_SESSION_ID
	locked no
	ok "closeGUIServerWhenLock, the desktop is not locked" asks 1 -- 'slot 0' open 'sign 45' "$reset" 'sign 45'
	locked yes
	ok "... it is locked: PIN1 is forgotten" asks 2 -- 'slot 0' open 'sign 45' "$reset" 'sign 45'
	ok "closeGUIServerWhenLock = 0" asks 1 "closeGUIServerWhenLock = 0" -- 'slot 0' open 'sign 45' "$reset" 'sign 45'
	unset XDG_SESSION_ID
	umount /usr/bin/loginctl
else
	skip "closeGUIServerWhenLock" "none can be put here"
fi
rm -rf /run/systemd

# ---- readers and cards ----

ok "excludeReader, default" with -- 'slots = 0 1'
ok "excludeReader" with "excludeReader = *CCID*||virtual pcd 00 00*" -- 'slots = none'
ok "excludeReader, another one" with "excludeReader = *CCID*||Gate*" -- 'slots = 0 1'
ok "validTokenInfoLabel" with "validTokenInfoLabel = HST*||fineid s4*" -- 'slot 0' token 'slot 1' token
ok "validTokenInfoLabel, another one" with "validTokenInfoLabel = HST*||S4*" -- 'slot 0' 'token = CKR_TOKEN_NOT_RECOGNIZED'
ok "the unknown card is in the reader" put_card p15-noforget
ok "allowUnknownCards, default" with -- 'slot 0' token open 'keys = 45'
ok "allowUnknownCards = 0" with "allowUnknownCards = 0" -- 'slot 0' 'token = CKR_TOKEN_NOT_RECOGNIZED'
ok "the citizen's card is in the reader" put_card myeid-citizen

# selects N WITH-ARGUMENT...: the application is selected that often
selects() {
	selects_n=$1
	shift
	selects_from=$(grep -c '^> 00A404000CA000000063504B43532D3135' "$pcsc_dir/apdu0.log")
	with "$@" || return 1
	selects_n_now=$(($(grep -c '^> 00A404000CA000000063504B43532D3135' "$pcsc_dir/apdu0.log") - selects_from))
	[ "$selects_n_now" -eq "$selects_n" ] || { echo "selected $selects_n_now times"; return 1; }
}
# at the beginning, and before the PIN
ok "forceSelectApplet, default" selects 2 -- 'slot 0' open 'login 1234' 'sign 45' 'sign 45' 'sign 45'
# ... in each transaction: token, directory, PIN, certificate, three signatures, the end
not_ok_if "forceSelectApplet = 1" selects 2 "forceSelectApplet = 1" -- 'slot 0' open 'login 1234' 'sign 45' 'sign 45' 'sign 45'
ok "... in each of three more signatures" test "$selects_n_now" -ge 5

cat >bring <<-BRING
	#!/bin/sh
	pcscd --foreground >/dev/null 2>&1 &
	echo \$! >pcscd.pid
	n=0
	until opensc-tool --list-readers 2>/dev/null | grep -q '^0 *Yes'; do
		n=\$((n + 1))
		[ \$n -lt 200 ] || exit 1
		sleep 0.05
	done
BRING
chmod 755 bring
comes() {
	stop_pcscd
	with "$@"
	comes_rc=$?
	kill "$(cat pcscd.pid)"
	pcscd_until 5 sh -c '! kill -0 "$(cat pcscd.pid)"'
	rm -f /run/pcscd/pcscd.comm
	start_pcscd
	wait_card
	return "$comes_rc"
}
ok "buildReaderListTimer = 0: a reader is seen at once" comes "buildReaderListTimer = 0" -- 'event = CKR_NO_EVENT' 'do ./bring' \
	event
ok "buildReaderListTimer = 3600: not" comes "buildReaderListTimer = 3600" -- 'event = CKR_NO_EVENT' 'do ./bring' \
	'event = CKR_NO_EVENT'

PCSCLITE_NO_BLOCKING=1
export PCSCLITE_NO_BLOCKING
probe_start "$top_builddir/t/unit/card_probe_pcsc"
waits() {
	waits_from=$(date +%s)
	"$@" || return 1
	waits_s=$(($(date +%s) - waits_from))
}
ok "a neighbour" says ok reader 0
ok "... opens the card" says ok open
ok "cryptokiTimeout = 500" waits with "cryptokiTimeout = 500" -- 'slot 0' open "do echo begin >'$probe_dir/in'" 'wait 300' \
	'sign 45 = CKR_DEVICE_ERROR' "do echo end >'$probe_dir/in'"
ok "... gives up soon" test "${waits_s:-99}" -lt 8
probe_stop
unset PCSCLITE_NO_BLOCKING

# ---- words ----

ok "Language, default" with -- 'slot 0' 'label = FINEID S4-1 (PIN1 login)'
ok "Language = fi" with "Language = fi" -- 'slot 0' 'label = FINEID S4-1 (PIN1 kirjautuminen)' 'slot 1' \
	'label = FINEID S4-1 (PIN2 allekirjoitus)'
ok "Language = sv" with "Language = sv" -- 'slot 0' 'label = *' 'slot 1' 'label = FINEID S4-1 (PIN2 underskrift)'
ok "logLevel and logFile" eval "rm -f log; with -- 'slots = 0 1'; grep -q info: log && ! grep debug: log"
ok "logLevel = off" eval "with 'logLevel = off' 'logFile = $PWD/quiet' -- 'slots = 0 1' && [ ! -s quiet ]"
ok "logLevel = apdu" eval "with 'logLevel = apdu' 'logFile = $PWD/loud' -- 'slot 0' token && grep -q debug: loud && grep -q '^> 00A404' loud"
ok "... for its owner alone" eval '[ "$(stat -c %a loud)" = 600 ]'

# ---- new PINs ----

# new PIN SETTING...: pkcs11-tool changes PIN1 to it, and back; when it is refused, no try is lost
new_pin() {
	conf
	new_one=$1
	shift
	conf "$@"
	pkcs11-tool --module "$module" --slot 0 --login --pin 1234 --change-pin --new-pin "$new_one" >said 2>&1
	new_rc=$?
	conf "pinMinLength = 0" "pinIgnorePinTypeCheck = 1"
	[ "$new_rc" -ne 0 ] || pkcs11-tool --module "$module" --slot 0 --login --pin "$new_one" --change-pin --new-pin 1234 >back 2>&1
	conf
	[ "$(vcard_ctl tries 1)" = 3 ] || { echo "a try was lost"; return 1; }
	return "$new_rc"
}

# short PIN..., invalid PIN...
short() {
	! new_pin "$@" && grep -q CKR_PIN_LEN_RANGE said || { cat said; return 1; }
}
invalid() {
	! new_pin "$@" && grep -q CKR_PIN_INVALID said || { cat said; return 1; }
}

ok "pinMinLength, default: the card's" new_pin 9725
ok "... which is 4" short 972
ok "pinMinLength = 6" short 97253 "pinMinLength = 6"
ok "... 6 are enough" new_pin 972536 "pinMinLength = 6"
# 4 is the card's, too, which refuses it then
ok "pinMinLength = 0: the card decides" invalid 972 "pinMinLength = 0"
ok "pinNumericValuesOnly = 1" invalid 97x25 "pinNumericValuesOnly = 1"
ok "... digits" new_pin 97253 "pinNumericValuesOnly = 1"
ok "pinNumericValuesOnly = 0" new_pin 97x25 "pinNumericValuesOnly = 0"
ok "pinIgnorePinTypeCheck = 1" new_pin 97x25 "pinNumericValuesOnly = 1" "pinIgnorePinTypeCheck = 1"
ok "pinComplexityCheck, default" new_pin 1122
ok "pinComplexityCheck = 1: twice in a row" invalid 9772 "pinComplexityCheck = 1"
ok "... not" new_pin 9727 "pinComplexityCheck = 1"
ok "pinComplexityCheck = 2: up" invalid 9672 "pinComplexityCheck = 2"
ok "... not: 1258 goes on by one" invalid 1258 "pinComplexityCheck = 2"
ok "... not" new_pin 9752 "pinComplexityCheck = 2"
ok "pinComplexityCheck = 4: far from each other" invalid 9090 "pinComplexityCheck = 4"
ok "... near" new_pin 9797 "pinComplexityCheck = 4"
ok "pinComplexityCheck = 8: digits only" invalid 97x2 "pinComplexityCheck = 8" "pinIgnorePinTypeCheck = 1" "pinNumericValuesOnly = 0"
ok "... digits" new_pin 9725 "pinComplexityCheck = 8"
ok "pinComplexityCheck = 16: one of each" invalid 97xy2 "pinComplexityCheck = 16" "pinNumericValuesOnly = 0"
ok "... there is" new_pin 97xY2 "pinComplexityCheck = 16" "pinNumericValuesOnly = 0"
ok "pinComplexityCheck = 3, the second of it" invalid 1258 "pinComplexityCheck = 3"

# ---- the runtime folder ----

ok "DataPath: the folder of another name" eval "answers 1234; with 'DataPath = $pcsc_dir/new' -- 'slot 0' open 'sign 45' \
	'set 1234 9725' 'set 9725 1234'"
mode() {
	[ "$(stat -c %a "$1")" = "$2" ] || { ls -la "$pcsc_dir/new"; return 1; }
}
ok "... is closed to others" mode "$pcsc_dir/new" 700
ok "... whose turn it is" mode "$pcsc_dir/new/dialog.lock" 600
ok "... the epoch" mode "$pcsc_dir/new/epoch" 600
chmod 777 "$pcsc_dir/new"
rm "$pcsc_dir"/new/*
ok "... one that others can write to is not used" eval "answers 1234; with 'DataPath = $pcsc_dir/new' -- 'slot 0' open 'sign 45'"
ok "... nothing is in it" eval '[ -z "$(ls -A "$pcsc_dir/new")" ]'

people_end 3
