#!/usr/bin/env bash
# Collects the jars of the acceptance run, after "mvn -Pgpu verify":   src/test/cuda/jars.sh FOLDER
# ours, what it depends on, the tests and JUnit's launcher. The natives of LibTorch and CUDA's libraries are large; leave
# out with JARS_WITHOUT=PATTERN what the other machine has already.
set -euo pipefail
folder=$(mkdir -p "$1" && cd "$1" && pwd)
cd "$(dirname "$0")/../../.."
junit=$(sed -n 's|.*<junit.version>5\.\(.*\)</junit.version>|1.\1|p' pom.xml)
mvn -q -B dependency:copy -Dartifact="org.junit.platform:junit-platform-console-standalone:$junit" \
  -DoutputDirectory="$folder"
cp target/scorecam.jar target/lib/*.jar "$folder"
jar cf "$folder/scorecam-tests.jar" -C target/test-classes .
[[ -z ${JARS_WITHOUT:-} ]] || find "$folder" -name '*.jar' | grep -E "$JARS_WITHOUT" | xargs -r rm
du -sh "$folder"
