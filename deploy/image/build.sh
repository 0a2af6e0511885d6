#!/usr/bin/env bash
# Builds the Dockerfile without a container engine and without a registry, and unpacks the result: build.sh FOLDER
#
# The base images are stand-ins made of this machine's own .NET and the libraries that it needs. What they cannot show is whether the tags in the
# Dockerfile exist; everything else is real: the context and its .dockerignore, each instruction, the configuration, the root file system.
# Leaves FOLDER/rootfs and FOLDER/config for run.sh. Needs root and buildah (Debian: apt-get install buildah).
set -euo pipefail
folder=$(mkdir -p "$1" && cd "$1" && pwd)
cd "$(dirname "$0")/../.."

[ "$(id -u)" -eq 0 ] || { echo "Only root can build here: the stand-ins need mounts." >&2; exit 1; }
command -v buildah > /dev/null || { echo "buildah is not on the PATH. Install it (Debian: apt-get install buildah)." >&2; exit 1; }

dotnet=$(dirname "$(readlink -f "$(command -v dotnet)")")
packages=${NUGET_PACKAGES:-$HOME/.nuget/packages}
export BUILDAH_ISOLATION=chroot
echo '{"default":[{"type":"insecureAcceptAnything"}]}' > "$folder/policy.json"
b() { command buildah --storage-driver vfs --root "$folder/storage" --runroot "$folder/run" "$@"; }

# FROM scratch, with the files of a folder and the rest of the configuration as given.
image() {
    local name=$1 root=$2 container
    shift 2
    container=$(b from --signature-policy "$folder/policy.json" scratch)
    b copy --quiet "$container" "$root" / > /dev/null
    b config "$@" "$container"
    b commit --quiet --rm --signature-policy "$folder/policy.json" "$container" "$name" > /dev/null
    rm -rf "$root"
}

# This machine's own programs and SDK, mounted while an instruction runs: copied, they would be most of the time that this takes.
mkdir -p "$folder/sdk"/{usr,etc/ssl,tmp,root/.nuget/packages,proc,sys,dev,run}
chmod 1777 "$folder/sdk/tmp"
ln -s usr/bin usr/lib usr/lib64 "$folder/sdk/"
echo "root:x:0:0::/root:/bin/sh" > "$folder/sdk/etc/passwd"
# Its processes live for seconds, and compile as little of their own code again as those of tests/short-lived.sh.
# Without processes of its own there is nothing that would end MSBuild's and the compiler's servers, and an instruction is over when the last of them is.
image stand-in/sdk "$folder/sdk" --env PATH="$dotnet:/usr/bin" --env HOME=/root --env DOTNET_NOLOGO=1 --env DOTNET_CLI_TELEMETRY_OPTOUT=1 \
    --env DOTNET_GENERATE_ASPNET_CERTIFICATE=false --env DOTNET_SYSTEM_GLOBALIZATION_INVARIANT=1 --env MSBUILDDISABLENODEREUSE=1 --env UseSharedCompilation=false \
    --env NUGET_CERT_REVOCATION_MODE="${NUGET_CERT_REVOCATION_MODE:-online}" --env DOTNET_TieredPGO=0 --env DOTNET_EnableWriteXorExecute=0

# As the chiseled one: the runtime with the libraries that it needs or loads by name, a user, no shell.
mkdir -p "$folder/runtime"/{usr/lib,usr/lib64,etc,tmp,proc,sys,dev,run,usr/share/dotnet/shared}
chmod 1777 "$folder/runtime/tmp"
ln -s usr/lib usr/lib64 "$folder/runtime/"
libraries=$(ldconfig -p | awk '$1 ~ /^lib(ssl|crypto|z|stdc\+\+|gcc_s|dl|pthread|rt|m)\.so\.[0-9]+$/ { print $NF }')
{ printf '%s\n' $libraries; ldd "$dotnet/dotnet" $libraries 2> /dev/null | grep -oE '/[^ ]+\.so[^ :]*'; } | sort -u | while read -r file; do
    install -D "$file" "$folder/runtime$file"
done
cp -a "$dotnet/dotnet" "$dotnet/host" "$folder/runtime/usr/share/dotnet/"
cp -a "$dotnet"/shared/{Microsoft.NETCore.App,Microsoft.AspNetCore.App} "$folder/runtime/usr/share/dotnet/shared/"
echo "app:x:1654:1654::/home/app:/bin/false" > "$folder/runtime/etc/passwd"
image stand-in/aspnet "$folder/runtime" --user 1654 --env PATH=/usr/bin --env APP_UID=1654 --env ASPNETCORE_HTTP_PORTS=8080 \
    --env DOTNET_RUNNING_IN_CONTAINER=true --env DOTNET_SYSTEM_GLOBALIZATION_INVARIANT=true

b build --format docker --pull-never --signature-policy "$folder/policy.json" \
    --volume /usr:/usr:ro --volume "$dotnet:$dotnet:ro" --volume /etc/ssl:/etc/ssl:ro --volume "$packages:/root/.nuget/packages" \
    --build-arg SDK_IMAGE=stand-in/sdk --build-arg RUNTIME_IMAGE=stand-in/aspnet --build-arg TARGETARCH="$(dpkg --print-architecture)" \
    -t akkacharging . > "$folder/log" 2>&1 || { cat "$folder/log" >&2; exit 1; }

b inspect --type image --format 'user={{.Docker.Config.User}}
directory={{.Docker.Config.WorkingDir}}
entrypoint={{range .Docker.Config.Entrypoint}}{{.}}{{end}}
volume={{range $path, $_ := .Docker.Config.Volumes}}{{$path}}{{end}}
port={{range $port, $_ := .Docker.Config.ExposedPorts}}{{$port}}{{end}}
health="{{range .Docker.Config.Healthcheck.Test}}{{.}} {{end}}"
environment="{{range .Docker.Config.Env}}{{.}} {{end}}"' akkacharging > "$folder/config"
container=$(b from --pull-never --signature-policy "$folder/policy.json" akkacharging)
mv "$(b mount "$container")" "$folder/rootfs"
rm -rf "$folder/storage" "$folder/run" "$folder/policy.json"
