#!/usr/bin/env bash
# Makes the NuGet packages AkkaCharging and AkkaCharging.Host in artifacts/packages, and the list of all that the
# service is made of, as a CycloneDX bill of materials, in artifacts/sbom.
set -euo pipefail
cd "$(dirname "$0")"
rm -rf artifacts/packages artifacts/sample-packages/akkacharging*
dotnet pack src/AkkaCharging -c Release -o artifacts/packages -p:RestoreLockedMode=true "$@"
dotnet pack src/AkkaCharging.Host -c Release -o artifacts/packages -p:RestoreLockedMode=true "$@"
dotnet tool restore > /dev/null
dotnet dotnet-CycloneDX src/AkkaCharging.Host/AkkaCharging.Host.csproj -dpr -F Json -o artifacts/sbom -fn akkacharging.cdx.json
