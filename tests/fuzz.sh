#!/usr/bin/env bash
# Feeds the readers of others' input with what AFL++ makes up, guided by the code that each input reaches, and writes
# the figures to tests/results/fuzz.md. Inputs that a reader fails on are copied into tests/corpus, whose files
# FuzzCorpusTests read in every run of the suite. Needs afl-fuzz (Debian: afl++).
#   tests/fuzz.sh minutes=60              every target for so long
#   tests/fuzz.sh inputs=10000000         every target until it has read so many inputs
#   tests/fuzz.sh minutes=5 only=url
set -euo pipefail
cd "$(dirname "$0")/.."
. tests/results.sh
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1

minutes=1
inputs=
only=
read_arguments minutes inputs only -- "$@"
until=(-V "$((minutes * 60))")
told=minutes=$minutes
[ -z "$inputs" ] || { until=(-E "$inputs"); told=inputs=$inputs; }
command -v afl-fuzz > /dev/null || { echo "Missing: afl-fuzz (Debian: afl++)." >&2; exit 2; }

program=artifacts/fuzz
found=artifacts/fuzz-found
rm -rf "$program" "$found"
dotnet tool restore > /dev/null
dotnet publish tests/AkkaCharging.Fuzz -c Release -o "$program" --nologo -v quiet
for assembly in AkkaCharging AkkaCharging.Host; do dotnet sharpfuzz "$program/$assembly.dll"; done

# The target is no program of afl-cc; this machine's core pattern and processor clock do not matter.
export AFL_SKIP_BIN_CHECK=1 AFL_SKIP_CPUFREQ=1 AFL_I_DONT_CARE_ABOUT_MISSING_CRASHES=1 AFL_NO_UI=1 AFL_NO_AFFINITY=1

run() {
    afl-fuzz -i "tests/corpus/$1" -o "$found/$1" -t 5000 -m none "${until[@]}" -- \
        dotnet "$program/AkkaCharging.Fuzz.dll" "$1" > "$found/$1.log" 2>&1 || { tail -30 "$found/$1.log"; exit 1; }
}

row() {
    local stats="$found/$1/default/fuzzer_stats"
    stat() { awk -F' *: ' -v name="$1" '$1 == name { print $2 }' "$stats"; }
    echo "| $1 | $(stat execs_done) | $(stat execs_per_sec) | $(stat corpus_count) | $(stat edges_found) | $(stat saved_crashes) | $(stat saved_hangs) |"
}

mkdir -p "$found" tests/results
rows=$found/rows
for folder in tests/corpus/*/; do
    target=$(basename "$folder")
    [ -z "$only" ] || [ "$only" = "$target" ] || continue
    run "$target"
    row "$target" | tee -a "$rows"
done

failed=0
for input in "$found"/*/default/crashes/id* "$found"/*/default/hangs/id*; do
    [ -e "$input" ] || continue
    failed=1
    target=$(basename "$(dirname "$(dirname "$(dirname "$input")")")")
    cp "$input" "tests/corpus/$target/failed-$(sha256sum "$input" | cut -c1-12)"
done

{
    heading Fuzzers "tests/fuzz.sh $told${only:+ only=$only}" "AFL++ with SharpFuzz"
    echo "| target | inputs | a second | inputs that reach new code | edges | failures | hangs |"
    echo "|---|---|---|---|---|---|---|"
    cat "$rows"
} > tests/results/fuzz.md
exit "$failed"
