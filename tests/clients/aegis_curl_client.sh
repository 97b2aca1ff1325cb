#!/bin/sh
# The curl calls of the aegis document against $1; conv_id.txt is kept in the folder $2.
set -eu
base=$1
cd "$2"

echo "== chat"
curl -sS -X POST "$base/ai/chat" \
  -H "Content-Type: application/json" \
  -d '{"message": "What is 12 times 12?", "user_id": "curl-user"}'

echo
echo "== continued"
curl -sS -X POST "$base/ai/chat" \
  -H "Content-Type: application/json" \
  -d '{"message": "My name is Ada."}' \
  | jq -r '.conversation_id' > conv_id.txt
curl -sS -X POST "$base/ai/chat" \
  -H "Content-Type: application/json" \
  -d "{\"message\": \"What is my name?\", \"conversation_id\": \"$(cat conv_id.txt)\"}"

echo
echo "== stream"
curl -sS -X POST "$base/ai/chat/stream" \
  -H "Content-Type: application/json" \
  -d '{"message": "What is 15% of 80?"}' \
  --no-buffer

echo "== conversations"
curl -sS "$base/ai/conversations?user_id=curl-user&limit=10"

echo
echo "== conversation"
curl -sS "$base/ai/conversations/$(cat conv_id.txt)?user_id=api-user"

for path in "/ai/health" "/ai/version" "/ai/usage/stats" "/ai/usage/stats?user_id=my-user" \
  "/ai/usage/stats?start_time=2024-01-01T00:00:00Z&recent_limit=20" "/llm/status" "/llm/vendors" "/llm/modalities" \
  "/llm/models?pattern=gpt-4&vendor=openai" "/llm/models?modality=image&limit=20" "/llm/current" "/rag/collections" \
  "/rag/health" "/voice/catalog/summary" "/voice/settings"; do
  echo
  echo "== $path"
  curl -sS --fail "$base$path" | jq -c .
done
