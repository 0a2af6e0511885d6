#!/usr/bin/env bash
# Makes the NuGet packages AkkaCharging and AkkaCharging.Host in artifacts/packages.
set -euo pipefail
cd "$(dirname "$0")"
rm -rf artifacts/packages artifacts/sample-packages/akkacharging*
dotnet pack src/AkkaCharging -c Release -o artifacts/packages "$@"
dotnet pack src/AkkaCharging.Host -c Release -o artifacts/packages "$@"
