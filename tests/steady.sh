#!/usr/bin/env bash
# Runs the tests of a project again and again, names those that failed in any run, and adds a row to
# tests/results/steady.md. What a failing run printed is kept in artifacts/steady.
#   tests/steady.sh project=AkkaCharging.Tests
#   tests/steady.sh project=AkkaCharging.Host.Tests times=5 neighbours=2   beside 2 processes that never pause
#   tests/steady.sh project=AkkaCharging.Scenarios times=5 only=KillTests
set -euo pipefail
cd "$(dirname "$0")/.."
. tests/results.sh
. tests/short-lived.sh

project=
times=20
neighbours=0
only=
read_arguments project times neighbours only -- "$@"
[ -f "tests/$project/$project.csproj" ] || { echo "Usage: tests/steady.sh project=AkkaCharging.Tests [times=20] [neighbours=2] [only=KillTests]" >&2; exit 2; }

export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1
filter="Category!=Campaign${only:+&FullyQualifiedName~$only}"
if [ "$project" = AkkaCharging.Scenarios ]; then
    services_are_short_lived
    # As the machine is not theirs alone, the tests that measure are left to ./test.sh.
    [ "$neighbours" -eq 0 ] || filter+="&QuietGroup!=1&QuietGroup!=2&QuietGroup!=3&FullyQualifiedName!~LoadHarness&FullyQualifiedName!~UnreadResponses"
fi
dotnet build "tests/$project" -c Release --nologo -v quiet

busy=()
trap '[ "${#busy[@]}" -eq 0 ] || kill "${busy[@]}" 2> /dev/null || true' EXIT
for _ in $(seq "$neighbours"); do
    sh -c 'while :; do :; done' &
    busy+=($!)
done

logs=artifacts/steady
rm -rf "$logs"
mkdir -p "$logs"
failed=0
for run in $(seq "$times"); do
    log=$logs/$run.log
    if dotnet test "tests/$project" --no-build -c Release --filter "$filter" --logger "console;verbosity=minimal" > "$log" 2>&1; then
        total=$(grep -oE 'Total: +[0-9]+' "$log" | tr -dc 0-9)
        echo "run $run of $times: $(tail -1 "$log")"
        rm "$log"
    else
        failed=$((failed + 1))
        echo "run $run of $times failed, see $log:"
        grep -oE '^ +Failed [^[]+' "$log" | sort -u || tail -3 "$log"
    fi
done

row="| $project${only:+, $only} | $(git rev-parse --short HEAD) | $(date -u +%Y-%m-%d) | $times | $neighbours | ${total:-0} | $failed |"
echo "$row" >> tests/results/steady.md
echo "$row"
[ "$failed" -eq 0 ]
