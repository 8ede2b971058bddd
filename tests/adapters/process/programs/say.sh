#!/bin/sh
# A LookTwice adapter that says what lies in a folder: say.sh FOLDER. Only shell built-ins but for cat and sleep, so that it starts at once.
# FOLDER/hello: its handshake. FOLDER/KEY: said instead of the answer to that request, then silence.
# All other answers are right: the score is the number in the key.
read -r hello
if [ -f "$1/hello" ]; then cat "$1/hello"; else echo '{"looktwice":1,"name":"say"}'; fi
while read -r request; do
  key=${request#*\"id\":\"}
  key=${key%%\"*}
  if [ -f "$1/$key" ]; then
    cat "$1/$key"
    exec sleep 1000
  fi
  echo "{\"id\":\"$key\",\"score\":${key#key-}}"
done
