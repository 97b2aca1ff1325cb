#!/bin/sh
# The curl calls of the sight document against $1, with the picture $2 and the question $3; answers go into the folder $4.
set -eu
base=$1
picture=$2
question=$3
cd "$4"
id=550e8400-e29b-41d4-a716-446655440001

echo "== health $(curl -sS -o health.json -w '%{http_code}' "$base/api/v1/health")"
echo "== snapshot $(curl -sS -X POST "$base/api/v1/analyze" \
  -F "session_id=$id" -F "mode=snapshot" -F "image=@$picture" \
  --output snapshot.mp3 -D snapshot.headers -w '%{http_code}')"
echo "== conversation $(curl -sS -X POST "$base/api/v1/analyze" \
  -F "session_id=$id" -F "mode=conversation" -F "image=@$picture" -F "audio=@$question" \
  --output conversation.mp3 -D conversation.headers -w '%{http_code}')"
echo "== session $(curl -sS -o session.json -w '%{http_code}' "$base/api/v1/session/$id")"
echo "== reset $(curl -sS -X POST "$base/api/v1/session/reset" -F "session_id=$id" -o reset.json -w '%{http_code}')"
echo "== gone $(curl -sS -o gone.json -w '%{http_code}' "$base/api/v1/session/$id")"
echo "== test-123 $(curl -sS -X POST "$base/api/v1/analyze" \
  -F "session_id=test-123" -F "mode=snapshot" -F "image=@$picture" --output response.mp3 -w '%{http_code}')"
