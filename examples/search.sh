#!/bin/sh
# Search by a picture with nothing but curl: search.sh PICTURE [URL], with LOOKALIKE_KEY where the
# service has keys.
set -eu
picture=$1
url=${2:-http://127.0.0.1:8080}
exec curl --fail-with-body --silent --show-error \
    ${LOOKALIKE_KEY:+--header "Authorization: Bearer $LOOKALIKE_KEY"} \
    --form "image=@$picture" --form k=5 --form fields=id,score,distance \
    "$url/search"
