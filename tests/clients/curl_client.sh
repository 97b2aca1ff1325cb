#!/bin/sh
# The nexus document's curl calls with another base URL: curl_client.sh BASE_URL PICTURE RECORDING
# Each call is followed by a line with its name and its HTTP status.
set -eu
base=$1 picture=$2 recording=$3
json='Content-Type: application/json'

call() {
  name=$1
  shift
  curl --silent --show-error --max-time 60 --write-out "\n== $name %{http_code}\n" "$@"
}

call health "$base/v1/health"
call text-v1 -X POST "$base/v1/process/text" -H "$json" -d '{"message": "Hello, how are you?"}'
call text-key -X POST "$base/v1/process/text" -H "X-API-Key: your_api_key_here" -H "$json" -d '{"message": "Hello"}'
call session -X POST "$base/api/sessions"
call text -X POST "$base/api/process/text" -H "$json" -d '{"message": "Hello AI", "session_id": "abc123"}'
call image -X POST "$base/api/process/image" -F "image=@$picture" -F "session_id=abc123"
call question -X POST "$base/api/process/image-with-text" -F "image=@$picture" \
  -F "question=What is in this image?" -F "session_id=abc123"
call status "$base/api/status/img_123abc"
call voice -X POST "$base/api/process/voice" -F "audio=@$recording" -F "language=en" -F "session_id=abc123"
call speech -X POST "$base/api/process/text-to-speech" -H "$json" \
  -d '{"text": "Hello world", "language": "en", "session_id": "abc123"}'
