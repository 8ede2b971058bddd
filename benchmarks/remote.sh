#!/usr/bin/env bash
# The remote adapter and the peers against one mock, in turn, client and mock on a core each: benchmarks/remote.sh BUILD [PYTHON with openai and aiohttp]
# Prints the medians as Markdown; ROUNDS (3) of each.
set -euo pipefail
build=$1 python=${2:-} rounds=${ROUNDS:-3}
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

with_mock() {  # NAME LATENCY COMMAND...: the command gets the mock's URL where it says URL, and its line goes to the table
  local name=$1 latency=$2 port pipe=$work/pipe
  shift 2
  mkfifo "$pipe" "$pipe.in"
  sleep 3600 > "$pipe.in" &
  local sleeper=$!
  taskset -c 1 "$build/benchmarks/remote_mock" "$latency" < "$pipe.in" > "$pipe" &
  local mock=$!
  read -r port < "$pipe"
  echo "{\"name\":\"$name\",\"line\":$(taskset -c 0 "${@/URL/http://127.0.0.1:$port}")}" | tee -a "$work/lines" >&2
  kill "$mock" "$sleeper" 2>/dev/null || true
  wait "$mock" "$sleeper" 2>/dev/null || true
  rm -rf "$pipe" "$pipe.in" "$work/folder"
}

bench=$build/benchmarks/remote_bench
for round in $(seq "$rounds"); do
  echo "round $round, load $(cut -d' ' -f1 /proc/loadavg)" >&2
  with_mock '50 ms | LookTwice, the adapter' 50 "$bench" URL 6400 64
  with_mock '50 ms | LookTwice, with journal and cache' 50 "$bench" URL 6400 64 0 "$work/folder"
  with_mock 'none, small | LookTwice, the adapter' 0 "$bench" URL 40000 64
  with_mock 'none, small | LookTwice, with journal and cache' 0 "$bench" URL 20000 64 0 "$work/folder"
  with_mock 'none, 64 KB picture | LookTwice, the adapter' 0 "$bench" URL 20000 64 65536
  [ -n "$python" ] || continue
  for client in aiohttp openai; do
    with_mock "50 ms | $client" 50 "$python" "$here/peers/remote.py" $client URL 2560 64
    with_mock "none, small | $client" 0 "$python" "$here/peers/remote.py" $client URL 3000 64
    with_mock "none, 64 KB picture | $client" 0 "$python" "$here/peers/remote.py" $client URL 2000 64 65536
  done
done
python3 - "$work/lines" <<'PYTHON'
import collections, json, statistics, sys
seen = collections.defaultdict(list)
for text in open(sys.argv[1]):
    entry = json.loads(text)
    seen[entry["name"]].append(entry["line"])
print("| latency, body | client | requests/s | cores | requests per core second |\n|---|---|---|---|---|")
for name in sorted(seen, key=lambda n: n.split(" | ")[0] != "50 ms"):
    middle = lambda field: statistics.median(line[field] for line in seen[name])
    print(f"| {name} | {middle('per_second'):,.0f} | {middle('cores'):.2f} | {middle('per_core_second'):,.0f} |")
PYTHON
