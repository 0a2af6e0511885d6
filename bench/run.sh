#!/usr/bin/env bash
# Measures the service beside its peers and writes a report: ./bench/run.sh [short|long|scaling|soak|smoke] [option=value ...]; bench/README.md explains.
set -euo pipefail
cd "$(dirname "$0")/.."

export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1
dotnet build bench/AkkaCharging.Bench -c Release --nologo -v quiet
# shellcheck disable=SC2054 # the arguments are a command
harness=(dotnet bench/AkkaCharging.Bench/bin/Release/net10.0/AkkaCharging.Bench.dll)

# Many destinations need many addresses. In a network of its own, which is gone with the process, every address of 10.0.0.0/8 is this machine.
if [ "${1:-}" = scaling ] && unshare -r -n ip link show lo > /dev/null 2>&1; then
    export AKKACHARGING_BENCH_NETWORK=10
    exec unshare -r -n sh -c 'ip link set lo up && ip route add local 10.0.0.0/8 dev lo && exec "$@"' sh "${harness[@]}" "$@"
fi
exec "${harness[@]}" "$@"
