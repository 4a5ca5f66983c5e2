#!/bin/sh
# The virtual card as on a contactless reader, over pcscd and vpcd: a foreign program reads EF.CardAccess, and
# nothing else before PACE.
. "$top_srcdir/t/tap.sh"
. "$top_srcdir/t/pcscd.sh"
pcscd_needs opensc-tool
pcscd_enter "$@"
cd "$pcsc_dir" || exit 1

# says ATR: as PC/SC has it
says() {
	opensc-tool --atr 2>/dev/null | tr -d ': \n' >atr
	[ "$(cat atr)" = "$1" ] || { cat atr; return 1; }
}

# answers APDU SW [DATA]: what comes to the APDU after SELECT of the MF
answers() {
	opensc-tool --card-driver default --send-apdu 00A4000C023F00 --send-apdu "$1" >all 2>&1
	sw=$(sed -n 's/^Received (SW1=0x\(..\), SW2=0x\(..\)).*/\1\2/p' all | tail -n 1)
	data=$(sed -n 's/^\(\([0-9A-F][0-9A-F] \)*\) *[^ ]*$/\1/p' all | tr -d ' \n')
	[ "$sw $data" = "$2 ${3:-}" ] || { cat all; return 1; }
}

start_pcscd
for card in "v4 3b8f80018031b865b08505102412246082900022 0410" "v3 3b8f80018031b865b0850300ef1200f68290004d 010D"; do
	# shellcheck disable=SC2086 # words
	set -- $card
	start_vcard "$vcard_images/fineid-$1-nfc.yaml"
	ok "$1: PC/SC has its ATR" says "$2"
	ok "$1: EF.CardAccess is read" answers 00B09C0000 9000 \
		"31143012060A04007F000702020402${3%??}0201020201${3#??}"
	ok "$1: its application is closed" answers 00A4040C0CA000000063504B43532D3135 6982
	ok "$1: no PIN is asked for in the open" answers 00200011 6982
	ok "$1: a wrapped command has no channel" answers 0CB0000A0D9701108E08BEBD3975016D258900 6987
	stop_vcard
done
stop_pcscd
tap_done
