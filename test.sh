#!/usr/bin/env bash
# Restores, checks the format, builds, tests, and holds the coverage of src to its thresholds.
#   ./test.sh                            everything
#   ./test.sh --filter Category=Unit     arguments go to dotnet test
#   ./test.sh --no-install               installs no missing program; the tests that need it fail
set -euo pipefail
cd "$(dirname "$0")"

export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1
. tests/short-lived.sh
install=yes
if [ "${1:-}" = --no-install ]; then
    install=no
    shift
fi
configuration=Release
results=artifacts/test-results
line_coverage=95
branch_coverage=90

# dotnet test is told what to run beside by this script alone: the variables of a service on the same shell would change what is tested.
for name in $(compgen -e | grep -E '^(SERVER|MANAGEMENT|REQUEST|QUEUE|AUTHORIZATION|ADAPTERS|CALLBACK|JOURNAL|CLUSTER|MONITORING|LOGGING|KTOR|OTEL)_' || true); do unset "$name"; done

# Tests use real programs where a user would have them. What is missing is named before it is installed; a test whose
# program is missing fails and says which.
packages=()
need() { # a Debian package and what tells that it is there
    if ! eval "$2" > /dev/null 2>&1; then packages+=("$1"); fi
}
need postgresql '[ -n "${AKKACHARGING_TEST_POSTGRES:-}" ] || command -v initdb || ls /usr/lib/postgresql/*/bin/initdb'
need mariadb-server-core '{ command -v mariadbd || [ -x /usr/sbin/mariadbd ]; } && command -v mariadb-install-db' # no service with it
need mariadb-client-core 'command -v my_print_defaults' # of which mariadb-install-db makes use
need prometheus 'command -v promtool' # scrapes the service and checks the alert rules
need chromium 'command -v chromium' # uses the operators' console
need buildah 'command -v buildah' # builds the Dockerfile
need iproute2 'command -v ip' # cuts nodes of a cluster off from each other
need python3 'command -v python3' # runs the receiver of docs/receivers.md
need libfaketime 'ls /usr/lib/*/faketime/libfaketimeMT.so.1' # sets the clock of a service while it runs
need strace 'command -v strace' # shows that a request is on disk before it is answered

if [ "${#packages[@]}" -gt 0 ]; then
    if [ "$install" = no ]; then
        echo "Not installed, because of --no-install: ${packages[*]}." >&2
    elif [ "$(id -u)" -ne 0 ] || ! command -v apt-get > /dev/null; then
        echo "Missing, to be installed by you: ${packages[*]}." >&2
    else
        echo "Installing Debian packages: ${packages[*]} (./test.sh --no-install does without)."
        if [ ! -e /etc/postgresql-common/createcluster.conf ]; then # Debian would also start a server for everybody
            mkdir -p /etc/postgresql-common
            echo "create_main_cluster = false" > /etc/postgresql-common/createcluster.conf
        fi
        { apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends \
            -o Dpkg::Options::=--force-confold "${packages[@]}"; } > /dev/null 2>&1 ||
            echo "Could not be installed: ${packages[*]}." >&2
    fi
fi

# Programs of others that tests run; lock files pin their content. standard-webhooks: verifies signatures. ocpp-rpc: a station and a
# central system. api-description: linters of the API's descriptions and a generator of clients. accessibility: rules for the console.
npm_installs=()
for folder in standard-webhooks ocpp-rpc api-description accessibility; do
    [ ! -d "tests/$folder/node_modules" ] || continue
    if [ "$install" = no ] || ! command -v npm > /dev/null; then
        echo "Not installed: the npm packages of tests/$folder. Tests that need them fail." >&2
        continue
    fi
    echo "Installing the npm packages of tests/$folder."
    { npm ci --prefix "tests/$folder" --ignore-scripts --no-audit --no-fund > /dev/null 2>&1 ||
        echo "The npm packages of tests/$folder could not be installed. Tests that need them fail." >&2; } &
    npm_installs+=($!)
done

# One compiler for all builds of this run, also where the machine's settings say otherwise: each project would start one of its own,
# with all analyzers, which takes twice the processor time.
compiler=akkacharging-$$
with_compiler() { UseSharedCompilation=true SharedCompilationId=$compiler "$@"; }
stop_compiler() { ! command -v pkill > /dev/null || pkill -f -- "-pipename:$compiler([^0-9]|\$)" || true; }
await_npm() { # half of a package would count as installed the next time
    local process
    for process in "${npm_installs[@]}"; do wait "$process" || true; done
}
trap 'await_npm; stop_compiler' EXIT

# A package that is not the one of the lock files ends the run, here and in pack.sh, which publishes for each platform.
dotnet restore AkkaCharging.sln --locked-mode
dotnet tool restore
dotnet csharpier check src tests bench samples
with_compiler dotnet build AkkaCharging.sln --no-restore -c "$configuration"
await_npm

rm -rf "$results"
mkdir -p "$results"
# What runs for minutes is run by tests/campaign.sh.
selected=("$@")
[ $# -gt 0 ] || selected=(--filter "Category!=Campaign")
scenarios=tests/AkkaCharging.Scenarios/AkkaCharging.Scenarios.csproj
run_tests() { # a project, and for a part of it a name and a filter; what it prints is shown when it has ended, for others run beside it
    local name collect=() filter=("${selected[@]}") code=0
    name=$(basename "$1" .csproj)${2:+-$2}
    [ -z "${3:-}" ] || filter=(--filter "$3")
    # Scenarios measure time: they do not have the collector, and run the service as users do, without the counters that coverage puts into it.
    if grep -q coverlet.collector "$1"; then collect=(--collect "XPlat Code Coverage" --settings tests/coverage.runsettings); fi
    dotnet test "$1" --no-build -c "$configuration" --logger "trx;LogFileName=$name.trx" --logger "console;verbosity=minimal" \
        "${collect[@]}" --results-directory "$results" "${filter[@]}" > "$results/$name.log" 2>&1 || code=$?
    cat "$results/$name.log"
    return "$code"
}

# Tests that run beside others have process groups of their own, so that all of them end with this script.
beside=()
trap 'for group in "${beside[@]}"; do kill -- "-$group" 2> /dev/null || true; done; stop_compiler' EXIT
start_tests() { # as run_tests
    set -m
    run_tests "$@" < /dev/null &
    beside+=($!)
    set +m
}
await_tests() {
    local failed=0 group
    for group in "${beside[@]}"; do wait "$group" || failed=$?; done
    beside=()
    return "$failed"
}

run_scenarios() { # those that need a machine to themselves run at the end, in groups that mostly wait, beside each other
    local failed=0 others="Category!=Campaign" group groups="1 2 3"
    services_are_short_lived
    for group in $groups; do others+="&QuietGroup!=$group"; done
    run_tests "$scenarios" "" "$others" || failed=$?
    for group in $groups; do start_tests "$scenarios" "$group" "Category!=Campaign&QuietGroup=$group"; done
    await_tests || failed=$?
    return "$failed"
}

# Unit and component tests run beside what follows, up to the scenarios.
echo "Running all tests. What a project prints is in $results, and is shown when it has ended."
for project in $(grep -l Microsoft.NET.Test.Sdk tests/*/*.csproj); do
    [ "$project" = "$scenarios" ] || start_tests "$project"
done

# What is downloaded, which DownloadTests start, and a program outside this repository that uses the packages, which
# CustomAuthorizerTests run.
GZIP_LEVEL=1 with_compiler ./pack.sh --no-build
# Scenarios start the service that users download: compiled for this platform, it takes a third less processor time to start.
export AKKACHARGING_SERVICE=$PWD/artifacts/service
rm -rf "$AKKACHARGING_SERVICE"
mkdir "$AKKACHARGING_SERVICE"
tar -xzf artifacts/downloads/akkacharging-*-linux-"$(uname -m | sed 's/x86_64/x64/; s/aarch64/arm64/')".tar.gz \
    -C "$AKKACHARGING_SERVICE" --strip-components 1
with_compiler dotnet build samples/CustomAuthorizer -c "$configuration"
# The app host that AspireTests run. Aspire's packages are large, and no part of the solution needs them.
for project in AppHost Receiver; do with_compiler dotnet build samples/Aspire/$project -c "$configuration"; done
stop_compiler

tests=0
await_tests || tests=$?
if [ $# -eq 0 ]; then run_scenarios || tests=$?; else run_tests "$scenarios" || tests=$?; fi

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
