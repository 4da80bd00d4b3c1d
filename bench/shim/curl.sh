#!/bin/bash
# The loop that AWS's own tutorial shows: curl for the event, curl for the answer.
set -euo pipefail
api="http://$AWS_LAMBDA_RUNTIME_API/2018-06-01/runtime/invocation"
headers=$(mktemp)
event=$(mktemp)
while true; do
  curl -sS -LD "$headers" -o "$event" "$api/next"
  id=$(grep -Fi Lambda-Runtime-Aws-Request-Id "$headers" | tr -d '[:space:]' | cut -d: -f2)
  curl -sS -o /dev/null --data-binary "@$event" "$api/$id/response"
done
