#!/usr/bin/env bash
# Runs one proof for minutes or hours and writes its figures to tests/results, with commit and machine.
#   tests/campaign.sh powercut minutes=5
#   tests/campaign.sh disk minutes=60
#   tests/campaign.sh hostile minutes=60             each row for so long
#   tests/campaign.sh hostile minutes=60 only=sqlite
set -euo pipefail
cd "$(dirname "$0")/.."
. tests/results.sh
. tests/short-lived.sh
services_are_short_lived

name=${1:-}
minutes=5
only=
read_arguments minutes only -- "${@:2}"

case $name in
    powercut)
        filter=PowerCutTests
        export AKKACHARGING_POWERCUT_MINUTES=$minutes
        title="Power cuts"
        head="| synchronous | recorded runs | power cuts | with unsynced writes | also started by the service | 200s answered | answered requests lost | decisions lost |
|---|---|---|---|---|---|---|---|"
        ;;
    disk)
        filter=Scenarios.DiskFaults
        export AKKACHARGING_DISK_MINUTES=$minutes
        title="A disk that fails"
        head="| fault | rounds | 200s answered | refused | power cuts | answered requests and decisions lost |
|---|---|---|---|---|---|"
        ;;
    hostile)
        filter=HostileHourTests${only:+"&DisplayName~$only"}
        export AKKACHARGING_HOSTILE_MINUTES=$minutes
        title="A hostile hour"
        head="| | rounds | minutes | SIGKILLs | other faults | submissions | 200s | callbacks | lost | second decisions | differing | other findings | called back after a 503 in doubt |
|---|---|---|---|---|---|---|---|---|---|---|---|---|"
        ;;
    *) echo "Usage: tests/campaign.sh powercut|disk|hostile minutes=5 [only=sqlite]" >&2 && exit 2 ;;
esac

failed=0
rows=$(mktemp)
trap 'rm -f "$rows"' EXIT
export AKKACHARGING_RESULTS=$rows DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1
dotnet build tests/AkkaCharging.Scenarios -c Release --nologo -v quiet
dotnet test tests/AkkaCharging.Scenarios --no-build -c Release --filter "FullyQualifiedName~$filter" \
    --logger "console;verbosity=detailed" || failed=$?

mkdir -p tests/results
{
    heading "$title" "tests/campaign.sh $name minutes=$minutes${only:+ only=$only}"
    echo "$head"
    sort "$rows"
} > "tests/results/$name.md"
cat "tests/results/$name.md"
exit "$failed"
