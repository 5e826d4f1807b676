#!/bin/sh
# Runs a command with a server that speaks MongoDB's wire protocol (mongo-java-server, in memory):
#
#   tools/mongodb/run.sh npx vitest run services/user/src/user/user-store-mongo.test.ts
#
# Needs Java 17 and Maven. The server ends with the command, and when this script is killed.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
jars="$here/target/jars"
[ -d "$jars" ] || mvn -q -B -f "$here/pom.xml" dependency:copy-dependencies -DoutputDirectory="$jars"
work=$(mktemp -d)
trap 'exec 3>&-; rm -rf "$work"' EXIT
mkfifo "$work/in"
java -cp "$jars/*" "$here/TestMongo.java" <"$work/in" >"$work/out" 2>"$work/err" &
exec 3>"$work/in"
tries=0
until grep -q '^mongodb://' "$work/out"; do
  tries=$((tries + 1))
  if [ "$tries" -gt 150 ]; then cat "$work/err" >&2; exit 1; fi
  sleep 0.2
done
COUNTERSIGN_TEST_MONGODB_URL=$(head -1 "$work/out") "$@"
