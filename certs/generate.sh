#!/usr/bin/env bash
# Makes the test identities of this directory. They are for tests and trials: their private keys are
# public. Every run makes new keys; nothing in the repository depends on the old ones.
set -euo pipefail
cd "$(dirname "$0")"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# A hundred years, from a day in the past on: the clock of a test machine may be wrong.
dates=(-startdate 20200101000000Z -enddate 21200101000000Z)
cat >"$work/ca.conf" <<CONF
[ca]
default_ca = it
[it]
database = $work/index
new_certs_dir = $work
rand_serial = yes
default_md = sha256
policy = any
email_in_dn = no
unique_subject = no
[any]
commonName = supplied
CONF
: >"$work/index"

new_key() { # new_key FILE KIND
    case $2 in
        rsa) openssl genrsa -out "$1" 2048 ;;
        ecdsa) openssl ecparam -name prime256v1 -genkey -noout -out "$1" ;;
    esac 2>/dev/null
}

# A CA's key is thrown away: nothing else will ever be signed by it.
new_ca() { # new_ca NAME KIND COMMON_NAME
    new_key "$work/$1.key" "$2"
    printf 'basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\nsubjectKeyIdentifier=hash\n' >"$work/extensions"
    openssl req -new -key "$work/$1.key" -subj "/CN=$3" -out "$work/request"
    openssl ca -batch -notext -config "$work/ca.conf" "${dates[@]}" -selfsign -keyfile "$work/$1.key" \
        -extfile "$work/extensions" -in "$work/request" -out "$1.pem" 2>/dev/null
}

sign() { # sign NAME CA COMMON_NAME [EXTENSIONS]: without extensions it is of version 1
    local extensions=()
    if [ $# -gt 3 ]; then
        printf '%b' "$4" >"$work/extensions"
        extensions=(-extfile "$work/extensions")
    fi
    openssl req -new -key "$1.key" -subj "/CN=$3" -out "$work/request"
    openssl ca -batch -notext -config "$work/ca.conf" "${dates[@]}" -cert "$2.pem" -keyfile "$work/$2.key" \
        "${extensions[@]}" -in "$work/request" -out "$1.pem" 2>/dev/null
}

# What `drumfire certs new` makes: two CAs, so that no player's certificate can be the server's.
for kind in ecdsa rsa; do
    new_ca "$kind-server-ca" "$kind" "drumfire test server CA ($kind)"
    new_ca "$kind-client-ca" "$kind" "drumfire test client CA ($kind)"
    new_key "$kind-server.key" "$kind"
    sign "$kind-server" "$kind-server-ca" localhost \
        'subjectAltName=DNS:localhost,DNS:server.drumfire.test,IP:127.0.0.1,IP:::1\nbasicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=serverAuth\n'
    new_key "$kind-client.key" "$kind"
    sign "$kind-client" "$kind-client-ca" player \
        'subjectAltName=DNS:player.drumfire.test\nbasicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=clientAuth\n'
done

# As the lines of Unity's manual make them, but for the dates: RSA-2048, the key in PKCS#1, X.509
# version 1, a common name only.
new_ca unity-ca rsa 'drumfire test CA as in the manual'
openssl genrsa -traditional -out unity-server.key 2048 2>/dev/null
sign unity-server unity-ca common-name
openssl x509 -in unity-server.pem -noout -text | grep -q 'Version: 1 ' ||
    echo 'warning: unity-server.pem is not of version 1: this OpenSSL is too new' >&2
