# An EC public key as pkcs11-tool lists it. What that tool (0.23) writes of one itself, with --read-object, it makes of
# memory that it has freed: of a key of any other curve than P-256 never, and of that not always.
# shellcheck shell=sh

# ec_public LISTING ID DER: of `--list-objects --type pubkey`, the key of that id. The tool lists every key, whatever
# --id says; the id stands below the point.
ec_public() {
	ec_key=$(awk -v id="$2" '
		$1 == "EC_POINT:" { point = $2 }
		$1 == "EC_PARAMS:" { curve = $2 }
		$1 == "ID:" && $2 == id && point { print curve, point }
		/^ *ID:/ { point = "" }' "$1")
	case ${ec_key%% *} in
	06082a8648ce3d030107) ec_curve=prime256v1 ;;
	06052b81040022) ec_curve=secp384r1 ;;
	06052b81040023) ec_curve=secp521r1 ;;
	*) return 1 ;;
	esac
	ec_point=$(printf '%s\n' "${ec_key##* }" | sed 's/^04\(81\)\{0,1\}[0-9a-f][0-9a-f]//')
	printf '%s\n' asn1=SEQ:key '[key]' algorithm=SEQ:algorithm "point=FORMAT:HEX,BITSTRING:$ec_point" \
		'[algorithm]' a=OID:id-ecPublicKey "b=OID:$ec_curve" >"$3.conf"
	openssl asn1parse -genconf "$3.conf" -noout -out "$3"
}
