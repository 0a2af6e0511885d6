#!/usr/bin/env bash
# Makes what is to be downloaded, in artifacts/, of the version in Directory.Build.props:
#   packages    the NuGet packages AkkaCharging and AkkaCharging.Host
#   downloads   for each platform the service for a machine with .NET, and one that brings its own (standalone)
#   sbom        the list of all that the service is made of, as a CycloneDX bill of materials
# and, where a container engine runs, the image akkacharging:VERSION.
# Arguments go to dotnet pack. GZIP_LEVEL is how hard the archives are compressed, 6 unless it is set.
set -euo pipefail
cd "$(dirname "$0")"
version=$(dotnet msbuild src/AkkaCharging.Host -getProperty:Version)
grep -q "^## \[$version\] - " CHANGELOG.md || { echo "CHANGELOG.md has no section of version $version." >&2; exit 1; }
rm -rf artifacts/packages artifacts/downloads artifacts/sample-packages/akkacharging*
dotnet pack src/AkkaCharging -c Release -o artifacts/packages -p:RestoreLockedMode=true "$@"
dotnet pack src/AkkaCharging.Host -c Release -o artifacts/packages -p:RestoreLockedMode=true "$@"
dotnet tool restore > /dev/null
dotnet dotnet-CycloneDX src/AkkaCharging.Host/AkkaCharging.Host.csproj -dpr -F Json -o artifacts/sbom -fn akkacharging.cdx.json

# The same commit makes the same archives.
date=$(git log -1 --format=%cI 2> /dev/null || date -Iseconds)
download() { # a platform, what the name ends with, arguments of dotnet publish
    local name=akkacharging-$version-$1$2 folder
    folder=artifacts/downloads/$name
    # Built apart: a restore for one platform would leave the project's own output folder unfit for another build. The code is
    # analysed where it is tested. It is compiled for its platform: a start and the first request take a third less processor time. .NET
    # itself comes compiled; doing it again, as one with the service, takes minutes.
    dotnet publish src/AkkaCharging.Host -c Release -r "$1" "${@:3}" -o "$folder" --artifacts-path artifacts/publish -v quiet \
        -p:PublishReadyToRun=true -p:PublishReadyToRunComposite=false -p:RestoreLockedMode=true -p:DebugType=none -p:GenerateDocumentationFile=false -p:RunAnalyzers=false
    cp LICENSE CHANGELOG.md "$folder"
    tar -C artifacts/downloads --sort=name --owner=0 --group=0 --numeric-owner --mode=u=rwX,go=rX --mtime="$date" -c "$name" |
        gzip -n "-${GZIP_LEVEL:-6}" > "$folder.tar.gz"
    rm -r "$folder"
}
for platform in linux-x64 linux-arm64; do
    download "$platform" "" --self-contained false
    # SQLite's library lies beside it: inside, each start would first have to write it to the user's home.
    download "$platform" -standalone --self-contained true -p:PublishSingleFile=true -p:EnableSingleFileAnalyzer=false
done
(cd artifacts/downloads && sha256sum ./*.tar.gz > SHA256SUMS)

deploy/image/pack.sh "$version" "$(git rev-parse HEAD 2> /dev/null || echo unknown)"
