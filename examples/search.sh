#!/bin/sh
# Search by a picture with nothing but curl: search.sh PICTURE [URL], with LOOKALIKE_KEY where the
# service has keys.
set -eu
picture=${1:?search.sh PICTURE [URL]}
url=${2:-http://127.0.0.1:8080}
exec curl --fail-with-body --silent --show-error \
    ${LOOKALIKE_KEY:+--header "Authorization: Bearer $LOOKALIKE_KEY"} \
    --header "Content-Type: application/octet-stream" --data-binary "@$picture" \
    "$url/search?k=5&fields=id,score,distance"
