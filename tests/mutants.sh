#!/usr/bin/env bash
# Changes the code of a folder of the library in small ways, one at a time, and counts the changes that the tests of the
# same folder notice, and of those of another folder that tests it too. Takes minutes to hours a folder; the report is
# artifacts/mutants/FOLDER/reports, the figures are tests/results/mutants.md.
#   tests/mutants.sh Receivers Journal/Sqlite
#   tests/mutants.sh                        all folders of the weekly run
set -euo pipefail
cd "$(dirname "$0")/AkkaCharging.Tests"
. ../results.sh
. ../short-lived.sh
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1

folders=("$@")
[ $# -gt 0 ] || folders=(AddressPolicy Authorization Callbacks Journal Journal/{Memory,Postgres,Sqlite} Pipeline Receivers Settings)

# Folders in a folder that are run by themselves.
declare -A apart=([Journal]="Memory Postgres Sqlite")

# What else tests a folder: the address policy's connections are tested by the callbacks that go over them.
declare -A others=([AddressPolicy]=Callbacks)

# Tests that repeat something for many seconds touch all of a folder, and would do so for each change; others would start a
# database for each.
long=(PropertyTests AclSize LoadTests AMillion MillionReceivers Emissions_ MariaDb PostgresAuthorizer Citrineos Steve)

tests_of() { # a folder; the filter of its tests
    local name
    echo -n "FullyQualifiedName~AkkaCharging.Tests."
    for name in "${long[@]}"; do echo -n "&FullyQualifiedName!~$name"; done
    [ "$1" = Journal/Postgres ] || echo -n "&FullyQualifiedName!~Postgres."
}

row_of() { # a folder; its figures
    local report=../../artifacts/mutants/$1/reports/mutation-report.json all=0 status row="| $1 |"
    declare -A count
    for status in Killed Timeout Survived NoCoverage; do
        count[$status]=$(grep -oE "\"status\": ?\"$status\"" "$report" | wc -l)
        all=$((all + count[$status]))
        row+=" ${count[$status]} |"
    done
    awk -v row="$row" -v noticed="$((count[Killed] + count[Timeout]))" -v all="$all" \
        'BEGIN { printf "%s %.1f %% |\n", row, 100 * noticed / all }'
}

# One database server for the processes of all changes: each would start one of its own, which takes longer than its tests.
server=$(mktemp -d)
as_owner() { if [ "$(id -u)" -eq 0 ]; then runuser -u postgres -- "$@"; else "$@"; fi; } # it refuses to run as root
stop_server() {
    [ ! -e "$server/data" ] || as_owner "$binaries/pg_ctl" -D "$server/data" -m immediate stop > /dev/null
    rm -rf "$server"
}
trap stop_server EXIT
if [ -z "${AKKACHARGING_TEST_POSTGRES:-}" ]; then
    binaries=$(dirname "$(command -v initdb || ls /usr/lib/postgresql/*/bin/initdb | tail -1)")
    port=$((20000 + RANDOM % 10000))
    [ "$(id -u)" -ne 0 ] || chown postgres "$server"
    as_owner "$binaries/initdb" -D "$server/data" -U akkacharging -A trust --no-sync > /dev/null
    as_owner "$binaries/pg_ctl" -D "$server/data" -w -l "$server/log" start > /dev/null \
        -o "-p $port -c listen_addresses=127.0.0.1 -c unix_socket_directories=$server -c max_connections=300 -c fsync=off"
    export AKKACHARGING_TEST_POSTGRES="Host=127.0.0.1;Port=$port;Username=akkacharging;Database=postgres"
fi

dotnet tool restore > /dev/null
failed=0
rows=()
for folder in "${folders[@]}"; do
    changed=(--mutate "**/AkkaCharging/$folder/**/*.cs")
    for name in ${apart[$folder]:-}; do changed+=(--mutate "!**/AkkaCharging/$folder/$name/**/*.cs"); done
    # The project is built with these tests alone: a process with all of them takes twice as long to start.
    MutantsOf="${folder%%/*}/**/*.cs${others[$folder]:+;${others[$folder]}/**/*.cs}" dotnet stryker \
        --config-file stryker-config.json "${changed[@]}" --test-case-filter "$(tests_of "$folder")" \
        --output "../../artifacts/mutants/$folder" || failed=1
    rows+=("$(row_of "$folder")") || failed=1
done
{
    heading "Mutants" "tests/mutants.sh ${folders[*]}"
    echo "| folder | killed | timed out | survived | not covered | score |"
    echo "|---|---|---|---|---|---|"
    printf '%s\n' "${rows[@]}"
} > ../results/mutants.md
cat ../results/mutants.md
exit "$failed"
