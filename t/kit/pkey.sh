#!/bin/sh
# A card's keys as keys of OpenSSL, over a virtual card's socket.
. "$top_srcdir/t/tap.sh"
. "$top_srcdir/t/conform/conform.sh"
conform_module libcryptoki-virtual.so
KIT_MODULE=$module
export KIT_MODULE

# An openssl.cnf that breaks whoever reads it.
cat >"$conform_dir/openssl.cnf" <<-END
	openssl_conf = init
	[init]
	providers = all
	[all]
	broken = one
	[one]
	module = /nowhere/broken.so
	activate = 1
END

conform_card myeid.yaml
conform_run kit/test_pkey
conform_tries 1 3
OPENSSL_CONF=$conform_dir/openssl.cnf conform_run kit/test_pkey
conform_run kit/test_tls
conform_tries 1 3
conform_card myeid-citizen.yaml
conform_run kit/test_pin2
conform_tries 2 3
conform_end
