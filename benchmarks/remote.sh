#!/usr/bin/env bash
# The remote adapter and the peers against one mock, in turn: benchmarks/remote.sh BUILD [PYTHON with openai and aiohttp]
set -euo pipefail
build=$1 python=${2:-}
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

with_mock() {  # LATENCY COMMAND...: the command gets the URL where it says URL
  local latency=$1 port pipe
  shift
  pipe=$(mktemp -u) && mkfifo "$pipe"
  "$build/benchmarks/remote_mock" "$latency" < <(sleep 3600 & echo $! > "$pipe.sleeper"; wait) > "$pipe" &
  local mock=$!
  read -r port < "$pipe"
  "${@/URL/http://127.0.0.1:$port}" || true
  kill "$mock" "$(cat "$pipe.sleeper")" 2>/dev/null || true
  wait "$mock" 2>/dev/null || true
  rm -f "$pipe" "$pipe.sleeper"
}

for round in 1 2 3; do
  echo "round $round, load $(cut -d' ' -f1 /proc/loadavg)"
  echo -n '50 ms, 64 connections      '; with_mock 50 "$build/benchmarks/remote_bench" URL 12800 64
  echo -n 'no latency, small          '; with_mock 0 "$build/benchmarks/remote_bench" URL 40000 64
  echo -n 'no latency, 64 KB picture  '; with_mock 0 "$build/benchmarks/remote_bench" URL 20000 64 65536
  [ -n "$python" ] || continue
  for client in aiohttp openai; do
    echo -n "$client, small             "; with_mock 0 "$python" "$here/peers/remote.py" $client URL 4000 64
    echo -n "$client, 64 KB             "; with_mock 0 "$python" "$here/peers/remote.py" $client URL 3000 64 65536
  done
done
