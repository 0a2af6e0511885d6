#!/usr/bin/env bash
# Changes the code of a folder of the library in small ways, one at a time, and counts the changes that the tests of the
# same folder notice, and of those of another folder that tests it too. Takes minutes to hours a folder; the report is
# artifacts/mutants/FOLDER/reports.
#   tests/mutants.sh Receivers Callbacks
#   tests/mutants.sh                        all folders of the weekly run
set -euo pipefail
cd "$(dirname "$0")/AkkaCharging.Tests"
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1

folders=("$@")
[ $# -gt 0 ] || folders=(AddressPolicy Authorization Callbacks Journal Pipeline Receivers Settings)

# What else tests a folder: the address policy's connections are tested by the callbacks that go over them.
declare -A others=([AddressPolicy]=Callbacks)

# Tests that repeat something for many seconds touch all of a folder, and would do so for each change.
long=(PropertyTests AclSize LoadTests AMillion MillionReceivers Emissions_ MariaDb Postgres.)

dotnet tool restore > /dev/null
failed=0
for folder in "${folders[@]}"; do
    tests="FullyQualifiedName~AkkaCharging.Tests.$folder."
    [ -z "${others[$folder]:-}" ] || tests+="|FullyQualifiedName~AkkaCharging.Tests.${others[$folder]}."
    tests="($tests)"
    for name in "${long[@]}"; do tests+="&FullyQualifiedName!~$name"; done
    dotnet stryker --config-file stryker-config.json --mutate "**/AkkaCharging/$folder/**/*.cs" \
        --test-case-filter "$tests" \
        --output "../../artifacts/mutants/$folder" || failed=1
done
exit "$failed"
