#!/bin/sh
# A LookTwice adapter that dies, hangs or holds on: live.sh MODE [FILE]. FILE: where modes that start other processes write their numbers.
# What concerns one request happens at key-2; all other answers are right.
hang() { exec sleep 1000; }
fill() { head -c 100000000 /dev/zero | tr '\0' x; }
case $1 in
  exit_0_at_start) exit 0 ;;
  exit_1_at_start) echo 'no model here' >&2; exit 1 ;;
  killed_at_start) kill -9 $$ ;;
  hang_at_start) hang ;;
  close_output_at_start) exec >&-; hang ;;
  long_line_first) fill; hang ;;
  half_line_first) printf '{"looktwice":1,'; exit 3 ;;
esac
read -r hello
echo '{"looktwice":1,"name":"live"}'
case $1 in
  closes_input) exec <&-; hang ;;
  ignores_sigterm | ends_late) trap '' TERM ;;
esac
answered=0
while read -r request; do
  key=${request#*\"id\":\"}
  key=${key%%\"*}
  case $1:$key in
    exit:key-2) printf 'cannot allocate \033[31mmemory\n' >&2; exit 9 ;;
    signal:key-2) kill -9 $$ ;;
    background:key-2) sleep 1000 & exit 0 ;;
    hangs:key-2) hang ;;
    ignores_sigterm:key-2) while :; do sleep 1; done ;;
    beats_then_hangs:key-2) echo '{"heartbeat":true}'; hang ;;
    beats_while_slow:key-2) for i in 1 2 3 4 5 6; do echo '{"heartbeat":true}'; sleep 0.2; done ;;
    half_line:key-2) printf '{"id":"key-2","sco'; exit 5 ;;
    closes_output:key-2) exec >&-; hang ;;
    long_line:key-2) fill; hang ;;
    dies_at_third:*) [ $answered = 2 ] && kill -11 $$ ;;
    never_answers:*) echo 'giving up' >&2; exit 4 ;;
    floods_log:*) head -c 2000000 /dev/zero | tr '\0' y >&2 ;;
    grandchild:key-0 | grandchild_then_exit:key-0) sleep 1000 & echo $! >>"$2" ;;
    stubborn_grandchild:key-0) sh -c "trap '' TERM; while :; do sleep 1; done" & echo $! >>"$2" ;;
  esac
  echo "{\"id\":\"$key\",\"score\":${key#key-}}"
  answered=$((answered + 1))
  case $1:$key in
    exit_after_each:*) exit 0 ;;
    exit_after_last:key-4) exit 1 ;;
    grandchild_then_exit:key-0) exit 0 ;;
  esac
done
case $1 in
  stays | ends_late) echo $$ >>"$2"; while :; do sleep 1; done ;;
esac
