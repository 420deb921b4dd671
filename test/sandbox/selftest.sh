#!/bin/bash
#
# Test the sandbox itself: endpoints, validation, faults, log.  Needs curl.
# Prints one line per test, and fails if one of them failed.

# shellcheck disable=SC2153 # with-sandbox sets it
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
key='nectar-sandbox-key'

if [ -z "${SANDBOX_HTTP:-}" ]; then
	exec "$here/../lib/with-sandbox" "$here/selftest.sh"
fi

failed=0
passed=0
base=$SANDBOX_HTTP/v2.2
answer=$(mktemp)
trap 'rm -f "$answer"' EXIT

company() { printf 'c0000000-0000-4000-8000-%012x' "$1"; }
connection() { printf 'd0000000-0000-4000-8000-%012x' "$1"; }
account() { printf 'a0000000-0000-4000-8000-%012x' "$1"; }
site() { printf '50000000-0000-4000-8000-%012x' "$1"; }

# Judge a test: its name, and whether got matches the pattern wanted.
is() {
	# shellcheck disable=SC2053 # a pattern
	if [[ $2 == $3 ]]; then
		passed=$((passed + 1))
		echo "ok - $1"
	else
		failed=$((failed + 1))
		echo "not ok - $1"
		printf '#   got    %s\n#   wanted %s\n' "${2:0:300}" "$3"
	fi
}

# call [METHOD] PATH [BODY]: print status, blank, body (and keep the body).
call() {
	local method=GET
	case $1 in GET|POST|PATCH|PUT|DELETE) method=$1; shift ;; esac
	local path=$1 body=()
	[ $# -gt 1 ] && body=(--data-binary "$2")
	printf '%s ' "$(curl -sS -m 5 -o "$answer" -w '%{http_code}' -X "$method" \
		-H "X-API-Key: $key" "${body[@]}" "$base$path" 2>/dev/null)"
	tr -d '\0' <"$answer"
	: >"$answer"
}

control() { curl -sS -m 5 -X POST --data-binary "${2:-}" "$SANDBOX_HTTP/_sandbox/$1"; }
fault() { control reset >/dev/null; control fault "$1" >/dev/null; }
# The exit code of curl for a plain request.
outcome() { curl -s -m "${2:-5}" -o /dev/null -H "X-API-Key: $key" "$base$1"; echo $?; }
members() { grep -o "\"$1\": $2" | wc -l; }

listing=/connection/company/$(company 1)

# --- endpoints and validation
is 'ping' "$(call /ping)" '200 {*'
is 'legacy bases' "$(curl -s -H "X-API-Key: $key" "$SANDBOX_HTTP/v2/ping" "$SANDBOX_HTTP/v2.1/ping")" '{*}{*}'
is 'unknown base' "$(curl -s "$SANDBOX_HTTP/v2.22/ping")" '<!DOCTYPE html>*'
is 'key missing' "$(curl -s -w '%{http_code}' "$base/company")" '{"detail": *}401'
is 'key wrong' "$(curl -s -w '%{http_code}' -H 'X-API-Key: x' "$base/company")" '{"detail": *}401'
held() { curl -s -o /dev/null -w '%{http_code}' -H "X-API-Key: $key$1" "$base/ping"; }
is 'key of a holder' "$(held +ann)$(held ann)$(held +)" 200401200
is 'its holder is logged' "$(curl -s "$SANDBOX_HTTP/_sandbox/log")" '*{*""x-api-key"": ""ann""}*'
control revoke '{"holder": "ann"}' >/dev/null
is 'key revoked' "$(held +ann)$(held +bob)$(held '')" 401200200
is 'revocation refused' "$(control revoke '{"holder": 1}')" '{"detail"*'
control revoke '{"holder": ""}' >/dev/null
is 'revocation lifted' "$(held +ann)" 200
is 'unknown path' "$(call /companies)" '404 {"detail": *'
is 'trailing slash' "$(call /company/)" '40? {"detail": *'
is 'method not allowed' "$(call DELETE /company)" '405 {"detail": *'
is 'companies are a bare array' "$(call /company)" '200 [[]{"id": "c0000000-*"sites": [[]{"id": "50000000-*}]'
is 'companies' "$(call /company | members id '"c0')" 5
is 'company' "$(call "/company/$(company 1)")" '200 {*"name": "Acme"*'
is 'every fifth company has no external id' "$(call "/company/$(company 5)")" '*"externalId": null*'
is 'company unknown' "$(call "/company/$(company 6)")" '404 {"detail": *'
is 'company malformed' "$(call /company/1)" '400 {"detail": *'
is 'foreign uuid' "$(call /company/12345678-1234-1234-1234-123456789abc)" '404 {"detail": *'
is 'id of another kind' "$(call "/company/$(connection 1)")" '404 *'
is 'listing' "$(call "$listing")" '200 {"totalConnections": 12, "perPage": 100, "totalPages": 1, "currentPage": 1, "hasNext": false, "hasPrevious": false, "connections": [[]{*"accounts": [[]{*'
is 'pages' "$(call "$listing?limit=5&page=2")" '*"totalPages": 3, "currentPage": 2, "hasNext": true, "hasPrevious": true*'
is 'past the end' "$(call "$listing?limit=5&page=9")" '*"currentPage": 3, "hasNext": false*'
is 'last page has the rest' "$(call "$listing?limit=5&page=3" | members accounts '')" 2
is 'nothing found' "$(call "$listing?connectionOwnerEmail=nobody")" '*"totalConnections": 0, *"totalPages": 1, "currentPage": 1, "hasNext": false*"connections": [[]]}'
is 'status filter' "$(call "$listing?status=CONNECTED")" '*"totalConnections": 1,*"status": "CONNECTED"*'
is 'owner filter' "$(call "$listing?connectionOwnerEmail=energy%2Butilities%40acme.example" | grep -o '"workflowOwnerEmail": "[^"]*"' | sort -u)" '"workflowOwnerEmail": "energy+utilities@acme.example"'
is 'sites filter' "$(call "$listing?sites=$(site 2)&sites=$(site 3)&sites=$(site 2)")" '*"totalConnections": [1-9]*'
is 'sites of others' "$(call "$listing?sites=$(site 4)")" '*"totalConnections": 0,*'
for bad in limit=0 limit=501 limit=x limit= page=0 page=-1 page=1x status=BAD status= sites=1; do
	is "refuses $bad" "$(call "$listing?$bad")" '400 {"detail": *'
done
is 'limit 500' "$(call "$listing?limit=500&whatever=1")" '200 *"perPage": 500*'
all=$(call "$listing")
for status in PENDING CONNECTED UNDER_INVESTIGATION PASSWORD_INCORRECT MFA_TOKEN_EXPIRED \
	NEW_PASSWORD_NEEDED ADDITIONAL_CREDENTIALS_NEEDED WEBSITE_DOWN URL_INACCESSIBLE \
	NO_ACCOUNTS_FOUND OTHER_ERROR COMPANY_INACTIVE; do
	is "status $status occurs" "$all" "*\"status\": \"$status\"*"
done
is 'details' "$(call "/connection/$(connection 2)/details")" '200 {"id": "d0*"accounts": [[]{"id": "a0*'
is 'list and details agree' "$(grep -cF "$(call "/connection/$(connection 2)/details" | cut -c5-)" <<<"$all")" 1
is 'magic link' "$(call "/connection/$(connection 2)")" '*"connectionMagicLinkSecret": "mlsecret-*'
is 'company link' "$(call "$listing/link")" '200 {"companyMagicLinkSecret": "cmsecret-*"magicLinkUrl": "https://dash*'
is 'company link for sites' "$(call POST "$listing/link" "{\"sites\": [\"$(site 1)\"]}")" '200 *magicLinkUrl*'
is 'company link for wrong sites' "$(call POST "$listing/link" "{\"sites\": [\"$(site 9)\"]}")" '400 *'

# --- writes
detail=/connection/$(connection 2)
unset_before=$(call "$detail/details" | members trackingStatus '"UNSET"')
is 'something to confirm' "$unset_before" '[1-9]'
is 'confirm' "$(call PATCH "$detail/status" '{"confirm": true}')" '200 {"id": "d0*'
is 'confirmed' "$(call "$detail/details" | members trackingStatus '"UNSET"')" 0
is 'onboarded' "$(call "$detail/details")" '*"status": "ONBOARDED"*"trackingStatus": "ENABLED", "isTracked": true*'
control reset >/dev/null
is 'reset undoes' "$(call "$detail/details" | members trackingStatus '"UNSET"')" "$unset_before"
is 'reject' "$(call PATCH "$detail/status" '{"confirm": false}')" '*"status": "CUSTOMER_NOT_TRACKED"*"trackingStatus": "DISABLED", "isTracked": false*'
is 'confirm needs a boolean' "$(call PATCH "$detail/status" '{"confirm": 1}')" '400 *'
is 'confirm needs a member' "$(call PATCH "$detail/status" '{}')" '400 *'
is 'malformed JSON' "$(call PATCH "$detail/status" '{"confirm": true')" '400 {"detail": *'
is 'trailing garbage' "$(call PATCH "$detail/status" '{"confirm": true} x')" '400 *'
is 'settings' "$(call PATCH "$detail/details" '{"dataCollectionStartDate": "2024-02-29", "multiplyByOccupancy": true}')" '*"dataCollectionStartDate": "2024-02-29", "multiplyByOccupancy": true*'
is 'no such day' "$(call PATCH "$detail/details" '{"dataCollectionStartDate": "2023-02-29"}')" '400 *'
is 'stop tracking' "$(call PATCH "/account/$(account 1)" '{"isTracked": false}')" '200 *"CUSTOMER_NOT_TRACKED"*"DISABLED"*'
is 'updateMeters' "$(call PATCH "/account/$(account 1)" '{"isTracked": true, "updateMeters": "x"}')" '400 *'
is 'account unknown' "$(call PATCH "/account/$(account 99999)" '{"isTracked": true}')" '404 *'
new='{"url": "https://x.example", "username": "\"é", "password": "p", "sites": ["'$(site 1)'"], "country": "DE"}'
is 'create' "$(call POST "$listing" "$new")" '200 {"id": "'"$(connection 61)"'"*"status": "PENDING"*"username": "\\"é"*"initialSites": [[]"'"$(site 1)"'"]*'
is 'created is listed' "$(call "$listing?status=PENDING")" '*"totalConnections": 2,*'
is 'create needs a password' "$(call POST "$listing" '{"url": "u", "username": "n"}')" '400 *'
is 'invite' "$(call POST "/invitation/company/$(company 1)" '{"allowedEmails": ["a@b.example"], "expiresInSeconds": 60, "maxUses": 2, "prefill": {"country": "DE"}}')" '200 *CREATE_CONNECTION*"status": "ACTIVE"*"maxUses": 2,*"prefill": {"country":"DE"}*'
is 'invite to reconnect' "$(call POST "/invitation/connection/$(connection 2)" '{}')" '200 *EDIT_CONNECTION*"expiresAt": null*'
is 'invite too short' "$(call POST "/invitation/company/$(company 1)" '{"expiresInSeconds": 59}')" '400 *'
invitation=/invitation/f0000000-0000-4000-8000-000000000001
is 'invitation' "$(call "$invitation")" '200 *'
is 'invitations' "$(call "/invitation/company/$(company 1)" | members token '')" 2
control fault '{"kind": "invitation_pages", "per_page": 1}' >/dev/null
is 'invitations in pages' "$(call "/invitation/company/$(company 1)")" '200 {"totalInvitations": 2, "perPage": 1, "totalPages": 2, "currentPage": 1, "hasNext": true, "hasPrevious": false, "invitations": [[]{*}]}*'
is 'last page of invitations' "$(call "/invitation/company/$(company 1)?page=9")" '200 *"currentPage": 2, "hasNext": false, "hasPrevious": true, *'
control faults/clear >/dev/null
is 'revoke' "$(call POST "$invitation/revoke")" '200 *"REVOKED"*'
is 'revoked' "$(call "$invitation")" '*"REVOKED"*'

# --- what a test wants to have happened
control reset >/dev/null
is 'set status' "$(control status "{\"connection\": \"$(connection 2)\", \"status\": \"PASSWORD_INCORRECT\", \"at\": 1767225600}")" '{"ok"*'
is 'status set' "$(call "$detail/details")" '200 *"status": "PASSWORD_INCORRECT", "statusFirstSeenTime": "2026-01-01T00:00:00*, "statusLastUpdateTime": "2026-01-01T00:00:00*'
control status "{\"connection\": \"$(connection 2)\", \"status\": \"CONNECTED\"}" >/dev/null
is 'later status' "$(call "$detail/details")" "200 *\"status\": \"CONNECTED\", \"statusFirstSeenTime\": \"$(date -u +%Y)-*"
is 'status unknown' "$(control status "{\"connection\": \"$(connection 2)\", \"status\": \"FINE\"}")" '{"detail"*'
is 'status of nothing' "$(control status '{"status": "CONNECTED"}')" '{"detail"*'
is 'status of another kind' "$(control status "{\"account\": \"$(connection 2)\", \"status\": \"ONBOARDED\"}")" '{"detail"*'
control status "{\"account\": \"$(account 1)\", \"status\": \"OLD_ACCOUNT\", \"tracking\": \"DISABLED\", \"at\": 1767225600}" >/dev/null
is 'account set' "$(call "$detail/details")" '*"status": "OLD_ACCOUNT", "statusFirstSeenTime": "2026-01-01T00:00:00*"trackingStatus": "DISABLED"*'
control gone "{\"account\": \"$(account 1)\", \"gone\": true}" >/dev/null
is 'account gone' "$(call "$detail/details" | members id "\"$(account 1)\"")" 0
control gone "{\"connection\": \"$(connection 2)\", \"gone\": true}" >/dev/null
is 'connection gone' "$(call "$detail/details")" '404 {"detail": *'
is 'not listed' "$(call "$listing")" '200 {"totalConnections": 11, *'
control gone "{\"connection\": \"$(connection 2)\", \"gone\": false}" >/dev/null
is 'connection back' "$(call "$listing")" '200 {"totalConnections": 12, *'

# --- faults
fault '{"kind": "status", "status": 429, "retry_after": "2", "times": 1}'
is 'status' "$(curl -si -H "X-API-Key: $key" "$base/ping")" '*HTTP/1.1 429 *Retry-After: 2*{"detail"*'
is 'times' "$(call /ping)" '200 *'
fault '{"kind": "status", "status": 500, "path": "/connection/*", "query": "*page=2*", "method": "GET", "nth": 2}'
is 'other path' "$(call /ping)" '200 *'
is 'first match' "$(call "$listing?limit=5&page=2")" '200 *'
is 'second match' "$(call "$listing?limit=5&page=2")" '500 *'
is 'other query' "$(call "$listing?limit=5&page=1")" '200 *'
control fault '{"kind": "html", "path": "/ping"}' >/dev/null
is 'several faults' "$(call /ping)" '200 <!DOCTYPE*'
control faults/clear >/dev/null
is 'cleared' "$(call /ping)" '200 {*'
fault '{"kind": "delay", "delay_ms": 300}'
start=${EPOCHREALTIME/./}
for _ in 1 2 3 4 5 6 7 8; do outcome /ping >/dev/null & done
is 'control is not delayed' "$(curl -s -m 0.2 "$SANDBOX_HTTP/_sandbox/stats")" '{*'
wait
is 'delays run side by side' "$((${EPOCHREALTIME/./} - start))" '[3-9]?????'
is 'in flight' "$(curl -s "$SANDBOX_HTTP/_sandbox/stats")" '*"max_in_flight": 8,*'
fault '{"kind": "hang"}'
is 'hang' "$(outcome /ping 0.3)" 28
fault '{"kind": "hang"}'
outcome /ping >"$answer" & hanging=$!
sleep 0.1; control reset >/dev/null; wait $hanging
is 'reset releases' "$(cat "$answer")" 52
fault '{"kind": "trickle", "delay_ms": 10}'
is 'trickle' "$(call /ping)" '200 {"version": "2.2"}'
is 'trickle takes its time' "$(outcome /ping 0.1)" 28
fault '{"kind": "reset"}'
is 'reset' "$(outcome /ping)" 56
fault '{"kind": "read_close"}'
is 'read and close' "$(curl -s -X POST -d '{}' -H "X-API-Key: $key" "$base$listing"; echo $?)" 52
is 'read and close is logged' "$(curl -s "$SANDBOX_HTTP/_sandbox/log")" '1,"POST",*,"","{}",t,t,*,0,f,*'
fault '{"kind": "truncate"}'
is 'truncate' "$(outcome "$listing")" 18
fault '{"kind": "malformed"}'
is 'malformed' "$(call "$listing")" '200 {*; *}'
fault '{"kind": "wrong_envelope"}'
is 'wrong envelope' "$(call "$listing")" '200 {"items"*'
fault '{"kind": "no_accounts"}'
is 'no accounts' "$(call "$listing" | members accounts '\[\]')" 12
fault '{"kind": "no_accounts", "missing": true}'
is 'accounts missing' "$(call "$listing" | members accounts '')" 0
is 'details keep them' "$(call "$detail/details" | members accounts '')" 1
fault '{"kind": "no_sites", "missing": true}'
is 'sites missing' "$(call /company | members sites '')" 0
fault '{"kind": "unknown_label", "label": "PAUSED \"x", "at": 2, "accounts": true}'
is 'unknown label' "$(call "$listing" | members status '"PAUSED')" 2
fault '{"kind": "repeat_page"}'
is 'page repeats' "$(call "$listing?limit=5&page=3")" '*"currentPage": 1, "hasNext": true*'
fault '{"kind": "total_changes"}'
is 'total changes' "$(call "$listing?limit=5&page=2")" '*"totalConnections": 13,*'
fault '{"kind": "shrink"}'
is 'shrink' "$(call "$listing?limit=5&page=3")" '*"currentPage": 2, "hasNext": false*'
fault '{"kind": "not_found"}'
is 'not found' "$(call /ping)" '404 {"detail"*'
fault '{"kind": "not_found_html"}'
is 'not found in HTML' "$(call /ping)" '404 <!DOCTYPE*'
fault '{"kind": "redirect", "location": "http://127.0.0.1:1/"}'
is 'redirect' "$(curl -si -H "X-API-Key: $key" "$base/ping")" '*302*Location: http://127.0.0.1:1/*'
fault '{"kind": "body", "body": "{\"a\": \"\\u0001\"}"}'
is 'body' "$(call /ping)" '200 {"a": "\\u0001"}'
fault '{"kind": "body", "body_base64": "/wBh"}'
is 'bytes' "$(curl -s -H "X-API-Key: $key" "$base/ping" | od -An -tx1)" ' ff 00 61'
fault '{"kind": "patch", "set": {"name": null, "new": [1]}, "unset": ["users"]}'
is 'patch' "$(call /company | grep -o '"users":' | wc -l)" 4
is 'patch sets' "$(call /company)" '200 [[]{*"name":null*"new":[[]1]}*'
fault '{"kind": "huge", "size": 3000000}'
is 'huge' "$(call /ping | wc -c)" 3000004
fault '{"kind": "gzip_bomb", "size": 5000000}'
is 'bomb' "$(curl -s --compressed -H "X-API-Key: $key" "$base/ping" | wc -c)" 5000000
is 'bomb is small' "$(curl -s -H "X-API-Key: $key" "$base/ping" | wc -c)" '????'
for bad in '{}' '{"kind": "x"}' '{"kind": "html", "x": 1}' '{"kind": "html", "delay_ms": 1}' \
	'{"kind": "delay"}' '{"kind": "html", "times": 0}' '{"kind": 1}' '[' '' 'null'; do
	is "refuses fault $bad" "$(control fault "$bad")" '{"detail": *'
done

# --- webhooks
control reset >/dev/null
secret=whsec_$(printf %s 'a key of 24 bytes 012345' | base64)
webhook() { control webhook "{\"secret\": \"$secret\", \"id\": \"msg_1\", \"timestamp\": 1700000000${1:+, }$1}"; }
signature() { printf %s "$1" | openssl dgst -sha256 -mac HMAC -macopt 'key:a key of 24 bytes 012345' -binary | base64; }
signed=$(webhook '"body": "{\"a\": 1}"')
is 'webhook' "$signed" '{"id": "msg_1", "timestamp": "1700000000", "signature": "v1,*", "body": "{\\"a\\": 1}", "deliveries": [[]]}'
is 'its signature' "$signed" "*\"v1,$(signature 'msg_1.1700000000.{"a": 1}')\"*"
is 'webhook of a connection' "$(webhook "\"connection\": \"$(connection 2)\"")" "*\"body\": \"{*$(connection 2)*accounts*eventType*connection.updated.v2*"
is 'what changed' "$(webhook "\"connection\": \"$(connection 2)\", \"old\": {\"status\": \"PENDING\"}")" '*protectedChanges*:[[]*status*]*old*PENDING*'
is 'two secrets' "$(control webhook '{"secret": ["whsec_AAAA", "whsec_BBBB"]}' | grep -o 'v1,' | wc -l)" 2
is 'nobody there' "$(webhook '"url": "http://127.0.0.1:1/", "retries": 2')" '*[[]{"status": 0, "answer": null}, {"status": 0, "answer": null}, {"status": 0, "answer": null}]}'
is 'another machine' "$(webhook '"url": "http://192.0.2.1:80/"')" '{"detail": "url: *'
is 'no secret' "$(control webhook '{}')" '{"detail": "secret: *'
is 'webhook of nothing known' "$(webhook "\"connection\": \"$(connection 999)\"")" '{"detail": "connection: *'
is 'unknown member' "$(webhook '"evnt": "x"')" '{"detail": *evnt*'

# --- log
control reset >/dev/null
curl -s -o /dev/null -H "X-API-Key: $key" "$base/pi%6eg?a=%22,b" "$base/ping"
is 'log' "$(curl -s "$SANDBOX_HTTP/_sandbox/log")" '1,"GET","/pi%6eg","a=%22,b","",t,t,"{*""x-api-key"": ""(present)""}",1,1,404,f,*
2,"GET","/ping","","",t,t,*,1,1,200,f,*"HTTP/1.1"*'
is 'the log has no key' "$(curl -s "$SANDBOX_HTTP/_sandbox/log" | grep -c "$key")" 0
curl -s -o /dev/null -H "X-API-Key: $key" -d $'a"\n,\xff' "$base/ping"
is 'log quotes' "$(curl -s "$SANDBOX_HTTP/_sandbox/log")" '*"a""
,?",t,t*'
control log/clear >/dev/null
is 'log cleared' "$(curl -s "$SANDBOX_HTTP/_sandbox/log")" ''
call /ping >/dev/null
is 'sequence starts again' "$(curl -s "$SANDBOX_HTTP/_sandbox/log")" '1,*'
is 'https' "$(curl -sS --cacert "$SANDBOX_CA" -H "X-API-Key: $key" "$SANDBOX_HTTPS/v2.2/ping")" '{"version"*'
is 'https by address' "$(curl -sS --cacert "$SANDBOX_CA" -H "X-API-Key: $key" "${SANDBOX_HTTPS/localhost/127.0.0.1}/v2.2/ping")" '{"version"*'
is 'tls is logged' "$(curl -s "$SANDBOX_HTTP/_sandbox/log")" '*,1,4,200,t,*'
fault '{"kind": "reset"}'
is 'reset over TLS' "$(curl -s --cacert "$SANDBOX_CA" "$SANDBOX_HTTPS/v2.2/ping"; echo $?)" '[35]*'
fault '{"kind": "delay", "delay_ms": 20}'
is 'delay over TLS' "$(curl -s --cacert "$SANDBOX_CA" -H "X-API-Key: $key" "$SANDBOX_HTTPS/v2.2/company" | wc -c)" '[1-9]???'
fault '{"kind": "trickle", "delay_ms": 2}'
is 'trickle over TLS' "$(curl -s --cacert "$SANDBOX_CA" -H "X-API-Key: $key" "$SANDBOX_HTTPS/v2.2/ping")" '{"version": "2.2"}'
control latency '{"ms": 150}' >/dev/null
control faults/clear >/dev/null
is 'latency' "$(outcome /ping 0.1)" 28
is 'latency passes' "$(outcome /ping)" 0
is 'latency refused' "$(control latency '{"ms": -1}')" '{"detail"*'
is 'unknown control' "$(control nothing)" '{"detail"*'

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
