#!/usr/bin/env bash
# Micro benchmarks: ./bench/micro.sh [BenchmarkDotNet's arguments], e.g. --filter '*Journal*'; all of them without any.
set -euo pipefail
cd "$(dirname "$0")/.."

export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1
[ $# -gt 0 ] || set -- --filter '*'
exec dotnet run --project bench/AkkaCharging.Micro -c Release -- --artifacts bench/results/micro "$@"
