#!/usr/bin/env bash
# An integrator's journey, with curl and jq against a running `manage.py quickstart`. Re-runnable.
# Exit 0: the API keeps its word. BASE_URL says where it is, PYTHON which Python runs manage.py.
set -euo pipefail
B=${BASE_URL:-http://127.0.0.1:8000}/api/v1; P=${PYTHON:-python}; PORT=${SINK_PORT:-9009}; TRIES=${TRIES:-60}
N=$RANDOM$RANDOM; E=ada.$N@example.com; T=$(mktemp -d); S=; SINK=; cd "$(dirname "$0")/../.."
stop() { [[ -z $SINK ]] || { kill "$SINK" && wait "$SINK" || true; } 2>/dev/null; SINK=; }
trap 'stop; rm -rf "$T"' EXIT
fail() { echo "FAIL line ${BASH_LINENO[1]}: $1 | HTTP $S $(head -c 600 "$T/b")" >&2; exit 1; }
call() { # METHOD PATH [curl options]: leaves status in $S, headers in $T/h, body in $T/b
  local m=$1 p=$2; shift 2
  S=$(curl -sS -X "$m" "$B$p" -H "Authorization: Bearer $KEY" -H "Content-Type: ${TYPE:-application/json}" -D "$T/h" -o "$T/b" -w '%{http_code}' "$@")
}
want() { [[ $S == "$1" ]] || fail "wanted status $1"; }
get()  { jq -r "$1" "$T/b"; }
is()   { local v; v=$(get "$1"); [[ $v == "$2" ]] || fail "$1 is '$v', wanted '$2'"; }
has()  { grep -qiE "^$1" "$T/h" || fail "no header matching $1"; }
etag() { grep -i '^etag:' "$T/h" | tr -d '\r' | cut -d' ' -f2-; }
soon() { for _ in $(seq "$TRIES"); do if eval "$1"; then return; fi; sleep 1; done; fail "not within $TRIES s: $1"; }
key()  { "$P" manage.py create_api_key --name "acceptance $N" --json "$@" | jq -r .key; }
sink() { "$P" tests/e2e/webhook_sink.py --port "$PORT" --secret-file "$T/secret" --out "$T/hooks" & SINK=$!; soon "curl -so /dev/null http://127.0.0.1:$PORT/"; }
got()  { jq -se --arg t "$1" "[.[]|select(.path==\"/$N\" and .type==\$t)]|length>=${2:-1}" "$T/hooks" > /dev/null; }

# 1 a key, and who that is
KEY=$(key --scopes subscribers:write,subscriptions:confirm,events:write,templates:write,sequences:write,sequences:publish,messages:send,delivery:read,webhooks:write)
call GET /me; want 200; is .kind api_key; is '.scopes|index("events:write")!=null' true
has 'x-request-id: req_'; has 'ratelimit: '; has 'x-ratelimit-remaining: '

# 2 a receipt, and a sequence that starts on trial_started and sends at once
call GET /sender-identities; want 200; SENDER=$(get '.data[0].id')
for NAME in receipt hello; do
  CLASS=marketing; [[ $NAME == hello ]] || CLASS=transactional
  TEXT='Total {{ data.total }}'; [[ $NAME == receipt ]] || TEXT='Hello. {{ workspace.postal_address }} {{ links.unsubscribe }}'
  call POST /templates -d "$(jq -nc --arg n "$NAME $N" --arg c $CLASS --arg t "$TEXT" '{name:$n,message_class:$c,subject:$n,text:$t}')"; want 201
  call POST "/templates/$NAME-$N/publish" -H "If-Match: $(etag)"; want 200
done
call POST /sequences -d "{\"name\":\"Trial $N\",\"list\":\"newsletter\",\"sender\":\"$SENDER\"}"; want 201; has 'location: '; Q=$(get .id)
call PUT "/sequences/$Q/triggers" -H "If-Match: $(etag)" -d '{"triggers":[{"kind":"event","event":"trial_started"}]}'; want 200
call POST "/sequences/$Q/steps" -d "{\"kind\":\"email\",\"template\":\"hello-$N\"}"; want 201
call GET "/sequences/$Q"; call POST "/sequences/$Q/publish" -H "If-Match: $(etag)"; want 200; is .state live

# 3 a webhook endpoint, verified by the receiver with the standardwebhooks library
: > "$T/hooks"; sink
call POST /webhook-endpoints -d "{\"url\":\"http://127.0.0.1:$PORT/$N\",\"types\":[\"subscription.*\",\"enrollment.*\",\"message.*\",\"custom.*\"]}"
want 201; has 'location: '; W=$(get .id); get .secret > "$T/secret"
call POST "/webhook-endpoints/$W/test"; want 202; soon 'got webhook.test'

# 4 an upsert: 201, then 200 with the same id; confirmed needs the evidence of a consent
UP='{"first_name":"Ada","time_zone":"Europe/Berlin","fields":{"plan":"pro"},"subscriptions":[{"list":"newsletter","state":"confirmed","consent":{"source":"checkout","text":"Yes, send me news","ip":"203.0.113.7"}}]}'
call PUT "/subscribers/by-email/$E" -d "$UP"; want 201; is .changed true; ID=$(get .id); [[ $ID == sub_* ]] || fail id
call PUT "/subscribers/by-email/$E" -d "$UP"; want 200; is .id "$ID"; is .changed false
call PUT "/subscribers/by-email/$E" -d '{"subscriptions":[{"list":"newsletter","state":"confirmed"}]}'; want 400

# 5 an event: idempotent, replayed, refused on another body, deduplicated by its own id
EV=$(jq -nc --arg e "$E" --arg n "$N" '{id:"order-\($n)",subscriber:{email:$e},name:"trial_started",properties:{plan:"pro",seats:3}}')
call POST /events -H "Idempotency-Key: k-$N" -d "$EV"; want 202; is .result accepted; V=$(get .id); [[ $V == evt_* ]] || fail id
call POST /events -H "Idempotency-Key: k-$N" -d "$EV"; want 202; is .id "$V"; has 'idempotent-replayed: true'
call POST /events -H "Idempotency-Key: k-$N" -d "${EV/pro/free}"; want 422; is .code idempotency_mismatch
call POST /events -d "$EV"; want 202; is .result duplicate; is .id "$V"

# 6 the sequence reacts: timeline and signed webhooks tell the same story
soon 'call GET "/subscribers/$ID/timeline?limit=50" && [[ $(get "[.data[].kind]|contains([\"custom\",\"enrollment.started\",\"message.sent\"])") == true ]]'
soon 'got message.sent'; soon 'got enrollment.completed'; jq -se --arg p "/$N" '[.[]|select(.path==$p)]|all(.verified)' "$T/hooks" > /dev/null || fail signature
call POST "/sequences/$Q/archive"; want 200; is .state archived

# 7 the receiver is down: the call is tried again, visible, and replayed with the same id
stop; call POST /events -d "{\"subscriber\":{\"email\":\"bob.$N@example.com\"},\"name\":\"seat_added\"}"; want 202
soon 'call GET "/webhook-endpoints/$W/deliveries?state=queued&type=custom.seat_added" && [[ $(get ".data[0].attempts|length") -ge 1 ]]'
D=$(get '.data[0].id'); sink; call POST "/webhook-endpoints/$W/deliveries/$D/replay"; want 200; soon 'got custom.seat_added'
soon 'call GET "/webhook-endpoints/$W/deliveries/$D" && [[ $(get .state) == delivered ]]'
call POST "/webhook-endpoints/$W/deliveries/$D/replay"; want 200; soon 'got custom.seat_added 2'
jq -se --arg p "/$N" '[.[]|select(.path==$p and .type=="custom.seat_added").id]|unique|length==1' "$T/hooks" > /dev/null || fail 'webhook-id'
call DELETE "/webhook-endpoints/$W"; want 204; stop

# 8 by the thousand, item by item
jq -nc --arg n "$N" '{items:[range(1000)|{email:(if .==7 or .==8 then "nope" else "u\(.).\($n)@example.com" end)}]}' > "$T/1000"
call POST /subscribers/batch -d "@$T/1000"; want 200; is .summary.created 998; is .summary.error 2; is '.results[7].problem.errors[0].pointer' /email
call POST /subscribers/batch -d "@$T/1000"; want 200; is .summary.unchanged 998
jq -c '.items += [{email:"x@example.com"}]' "$T/1000" > "$T/1001"; call POST /subscribers/batch -d "@$T/1001"; want 413; is .code batch_too_large

# 9 errors are problems with pointers
call POST /subscribers -d '{"email":"nope","surname":"x"}'; want 400; has 'content-type: application/problem\+json'
is '[.errors[]|.pointer+" "+.code]|sort|join(",")' '/email invalid_email,/surname unknown_field'
call GET /subscribers/sub_00000000000000000000000000; want 404; is .code not_found
call POST /campaigns/cmp_00000000000000000000000000/send; want 403; is .code scope_missing; is .scope campaigns:send
call TRACE /me; want 405; call GET /nothing; want 404; is .code not_found
TYPE=text/plain call POST /subscribers -d x; want 415; is .code unsupported_media_type

# 10 no update is lost
call POST /sequences -d "{\"name\":\"Acceptance $N\"}"; want 201; Q=$(get .id); TAG=$(etag)
call PATCH "/sequences/$Q" -d '{"name":"A"}'; want 428; is .code precondition_required
call PATCH "/sequences/$Q" -H "If-Match: $TAG" -d '{"name":"B"}'; want 200
call PATCH "/sequences/$Q" -H "If-Match: $TAG" -d '{"name":"C"}'; want 412; is .code stale; is '.changed_by|startswith("acceptance")' true
call GET "/sequences/$Q"; is .name B; call GET "/sequences/$Q" -H "If-None-Match: $(etag)"; want 304

# 11 a no stays a no: an upsert does not revive it, and a receipt still goes out
call POST "/subscribers/$ID/unsubscribe" -d '{"list":"newsletter"}'; want 200
call PUT "/subscribers/by-email/$E" -d "$UP"; want 200; is '.subscriptions[0].state' unsubscribed
call POST /messages -H "Idempotency-Key: m-$N" -d "{\"template\":\"receipt-$N\",\"to\":{\"subscriber\":\"$ID\"}}"; want 400; is '.errors[0].code' template_data_missing
call POST /messages -H "Idempotency-Key: m-$N" -d "{\"template\":\"receipt-$N\",\"to\":{\"subscriber\":\"$ID\"},\"data\":{\"total\":\"12.00\"}}"; want 202; X=$(get .id)
soon 'call GET "/messages/$X" && [[ $(get .state) == sent ]]'
call GET "/messages/$X/explain"; want 200; is '[.gates[]|select(.passed|not)]|length' 0

# 12 pages do not overlap; a forged cursor is refused
call GET '/subscribers?limit=2'; want 200; A=$(get '[.data[].id]|join("|")'); C=$(get .next_cursor)
call GET "/subscribers?limit=2&cursor=$C"; want 200; is "[.data[].id|select(test(\"$A\"))]|length" 0
call GET '/subscribers?limit=2&cursor=forged'; want 400; is .code cursor_invalid

# 13 whoever floods waits
KEY=$(key --scopes subscribers:read --rate 5/min); L=0
for _ in $(seq 20); do call GET /me; [[ $S != 429 ]] || { L=$((L+1)); has 'retry-after: [0-9]'; is .code rate_limited; }; done
(( L >= 10 )) || fail "only $L of 20 calls were refused"
echo 'The API keeps its word.'
