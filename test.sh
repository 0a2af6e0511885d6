#!/usr/bin/env bash
# Restores, checks the format, builds, tests, and holds the coverage of src to its thresholds. Arguments go to `dotnet test`, e.g. ./test.sh --filter Category=Unit
set -euo pipefail
cd "$(dirname "$0")"

export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1
configuration=Release
results=artifacts/test-results
line_coverage=95
branch_coverage=90

# dotnet test is told what to run beside by this script alone: the variables of a service on the same shell would change what is tested.
for name in $(compgen -e | grep -E '^(SERVER|MANAGEMENT|REQUEST|QUEUE|AUTHORIZATION|CALLBACK|JOURNAL|CLUSTER|MONITORING|LOGGING|KTOR|OTEL)_' || true); do unset "$name"; done

# The journal's tests start a PostgreSQL of their own; without its programs they say what is missing. Debian would also start a server for everybody: not here.
if [ -z "${AKKACHARGING_TEST_POSTGRES:-}" ] && ! command -v initdb > /dev/null && ! ls /usr/lib/postgresql/*/bin/initdb > /dev/null 2>&1 &&
    [ "$(id -u)" -eq 0 ] && command -v apt-get > /dev/null; then
    if [ ! -e /etc/postgresql-common/createcluster.conf ]; then
        mkdir -p /etc/postgresql-common
        echo "create_main_cluster = false" > /etc/postgresql-common/createcluster.conf
    fi
    { apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y -o Dpkg::Options::=--force-confold postgresql; } > /dev/null 2>&1 ||
        echo "PostgreSQL could not be installed." >&2
fi

# A real Prometheus scrapes the service and checks the alert rules; without it those tests say what is missing.
if ! command -v promtool > /dev/null && [ "$(id -u)" -eq 0 ] && command -v apt-get > /dev/null; then
    { apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends prometheus; } > /dev/null 2>&1 ||
        echo "Prometheus could not be installed." >&2
fi

# The operators' console is used in a real browser; without it its tests say what is missing.
if ! command -v chromium > /dev/null && [ "$(id -u)" -eq 0 ] && command -v apt-get > /dev/null; then
    { apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends chromium; } > /dev/null 2>&1 ||
        echo "Chromium could not be installed." >&2
fi

# The Dockerfile is built and what it makes is started; without buildah those tests say what is missing.
if ! command -v buildah > /dev/null && [ "$(id -u)" -eq 0 ] && command -v apt-get > /dev/null; then
    { apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends buildah; } > /dev/null 2>&1 ||
        echo "buildah could not be installed." >&2
fi

# Nodes of a cluster are cut off from each other in network namespaces; without iproute2 that test says what is missing.
if ! command -v ip > /dev/null && [ "$(id -u)" -eq 0 ] && command -v apt-get > /dev/null; then
    { apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends iproute2; } > /dev/null 2>&1 ||
        echo "iproute2 could not be installed." >&2
fi

# Signatures are also verified by the package of the Standard Webhooks authors where it can be had; the lock file pins its content.
if command -v npm > /dev/null && [ ! -d tests/standard-webhooks/node_modules ]; then
    npm ci --prefix tests/standard-webhooks --ignore-scripts --no-audit --no-fund > /dev/null 2>&1 ||
        echo "The package standardwebhooks could not be installed: signatures are verified by the tests' own reading of the standard alone." >&2
fi

dotnet restore AkkaCharging.sln
dotnet format AkkaCharging.sln --no-restore --verify-no-changes
dotnet build AkkaCharging.sln --no-restore -c "$configuration"

rm -rf "$results"
tests=0
for project in $(grep -l Microsoft.NET.Test.Sdk tests/*/*.csproj); do
    # Scenarios measure time: they do not have the collector, and run the service as users do, without the counters that coverage puts into it.
    collect=()
    if grep -q coverlet.collector "$project"; then collect=(--collect "XPlat Code Coverage" --settings tests/coverage.runsettings); fi
    dotnet test "$project" --no-build -c "$configuration" --logger trx --logger "console;verbosity=minimal" "${collect[@]}" --results-directory "$results" "$@" || tests=$?
done

coverage=0
if [ $# -eq 0 ]; then
    generator=$(dotnet msbuild tests/AkkaCharging.Tests/AkkaCharging.Tests.csproj -getProperty:PkgReportGenerator)
    dotnet "$generator/tools/net10.0/ReportGenerator.dll" "-reports:$results/*/coverage.cobertura.xml" "-targetdir:artifacts/coverage" \
        "-reporttypes:TextSummary;Html" -verbosity:Warning \
        "minimumCoverageThresholds:lineCoverage=$line_coverage" "minimumCoverageThresholds:branchCoverage=$branch_coverage" || coverage=$?
    grep -qE 'Coverable lines: [1-9]' artifacts/coverage/Summary.txt || { echo "The coverage report is empty."; coverage=1; }
    sed -n '/Summary/,/^$/p' artifacts/coverage/Summary.txt | grep -E 'coverage|Covered|Total' || true
fi

count() { cat "$results"/*.trx | grep -oE "<Counters [^>]*" | grep -oE " $1=\"[0-9]+\"" | tr -dc '0-9\n' | awk '{ sum += $1 } END { print sum + 0 }'; }
echo "$(count passed) passed, $(count failed) failed"
[ "$coverage" -eq 0 ] || echo "The coverage of src is below $line_coverage % of lines or $branch_coverage % of branches."
[ "$tests" -eq 0 ] && [ "$coverage" -eq 0 ]
