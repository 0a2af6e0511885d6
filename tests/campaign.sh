#!/usr/bin/env bash
# Runs one proof for minutes or hours and writes its figures to tests/results, with commit and machine.
#   tests/campaign.sh powercut minutes=5
#   tests/campaign.sh disk minutes=60
#   tests/campaign.sh hostile minutes=60             each row for so long
#   tests/campaign.sh hostile minutes=60 only=sqlite
set -euo pipefail
cd "$(dirname "$0")/.."

name=${1:-}
minutes=5
only=
for argument in "${@:2}"; do
    case $argument in
        minutes=*) minutes=${argument#minutes=} ;;
        only=*) only=${argument#only=} ;;
        *) echo "Not understood: $argument" >&2 && exit 2 ;;
    esac
done

case $name in
    powercut)
        filter=PowerCutTests
        export AKKACHARGING_POWERCUT_MINUTES=$minutes
        heading="Power cuts"
        head="| synchronous | recorded runs | power cuts | with unsynced writes | also started by the service | 200s answered | answered requests lost | decisions lost |
|---|---|---|---|---|---|---|---|"
        ;;
    disk)
        filter=Scenarios.DiskFaults
        export AKKACHARGING_DISK_MINUTES=$minutes
        heading="A disk that fails"
        head="| fault | rounds | 200s answered | refused | power cuts | answered requests and decisions lost |
|---|---|---|---|---|---|"
        ;;
    hostile)
        filter=HostileHourTests${only:+"&DisplayName~$only"}
        export AKKACHARGING_HOSTILE_MINUTES=$minutes
        heading="A hostile hour"
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
    echo "# $heading"
    echo
    echo "\`tests/campaign.sh $name minutes=$minutes${only:+ only=$only}\`, $(date -u +%Y-%m-%d), commit $(git rev-parse --short HEAD),"
    echo "$(nproc) processors, Linux $(uname -r), .NET SDK $(dotnet --version)."
    echo
    echo "$head"
    sort "$rows"
} > "tests/results/$name.md"
cat "tests/results/$name.md"
exit "$failed"
