#!/usr/bin/env bash
# Shows that the tests of the promises can fail: plants each fault of tests/planted into a copy of the sources, runs the
# test that the fault names, and writes tests/PROMISES.md. Fails if a test passes despite its fault.
#   tests/promises.sh                     all of them
#   tests/promises.sh body-not-signed     these only; the page keeps its rows of the others
set -euo pipefail
cd "$(dirname "$0")/.."
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1

planted=$PWD/tests/planted
faults=("$@")
[ $# -gt 0 ] || for patch in "$planted"/*.patch; do faults+=("$(basename "$patch" .patch)"); done
field() { sed -n "s/^$1: //p" "$planted/$2.patch"; }
project() { field Test "$1" | cut -d' ' -f1; }
name() { field Test "$1" | cut -d' ' -f2; }

copy=$(mktemp -d)
rows=$(mktemp)
trap 'rm -rf "$copy" "$rows"' EXIT
git ls-files -z --cached --others --exclude-standard | tar --null --files-from=- --create | tar --extract --directory="$copy"
cd "$copy"

build() { dotnet build "$1" -c Release --nologo -v quiet -p:RunAnalyzers=false -p:EnforceCodeStyleInBuild=false; }
run() { dotnet test "$1" --no-build -c Release --nologo --filter "$2" --logger trx --results-directory "$copy/results"; }
count() { grep -ohE "<Counters [^>]*" results/*.trx | grep -oE " $1=\"[0-9]+\"" | tr -dc '0-9\n' | awk '{ sum += $1 } END { print sum + 0 }'; }

echo "Without a fault:"
for tests in $(for fault in "${faults[@]}"; do project "$fault"; done | sort -u); do
    filter=
    for fault in "${faults[@]}"; do
        [ "$(project "$fault")" != "$tests" ] || filter+="|FullyQualifiedName~$(name "$fault")"
    done
    build "$tests"
    run "$tests" "${filter#|}"
done
rm -rf results

failed=0
for fault in "${faults[@]}"; do
    git apply --directory="" "$planted/$fault.patch"
    build "$(project "$fault")" > build.log || { cat build.log; exit 1; }
    run "$(project "$fault")" "FullyQualifiedName~$(name "$fault")" > test.log 2>&1 || true
    if [ "$(count failed)" -gt 0 ]; then
        seen="$(count failed) of $(count total) cases failed"
    else
        seen="**not noticed**"
        failed=1
        tail -20 test.log
    fi
    echo "$fault: $seen"
    echo "| $(field Promise "$fault") | $(field 'Said in' "$fault") | \`$(name "$fault")\` | [$(field Fault "$fault")](planted/$fault.patch) | $seen |" >> "$rows"
    git apply --reverse "$planted/$fault.patch"
    rm -rf results
done

cd "${planted%/tests/planted}"
page=tests/PROMISES.md
for patch in "$planted"/*.patch; do
    fault=$(basename "$patch" .patch)
    [[ " ${faults[*]} " == *" $fault "* ]] || grep -sF "(planted/$fault.patch)" "$page" >> "$rows" || true
done
{
    echo "# Promises, and how their tests were seen to fail"
    echo
    echo "Each promise of the README and of SECURITY.md has a test, and each of these tests a planted fault:"
    echo "a careless change that breaks the promise. \`tests/promises.sh\` plants one fault at a time, runs"
    echo "the test, and writes this page. All of these tests pass without the faults."
    echo
    echo "Written $(date -u +%Y-%m-%d), commit $(git rev-parse --short HEAD)."
    echo
    echo "| promise | said in | test | planted fault | seen |"
    echo "|---|---|---|---|---|"
    sort "$rows"
} > "$page.new"
mv "$page.new" "$page"
exit "$failed"
