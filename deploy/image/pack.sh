#!/usr/bin/env bash
# Builds the container image of a version where a container engine runs, docker or podman, and does nothing elsewhere: pack.sh VERSION REVISION
set -euo pipefail
cd "$(dirname "$0")/../.."
for engine in docker podman; do
    if command -v "$engine" > /dev/null && "$engine" info > /dev/null 2>&1; then
        exec "$engine" build --build-arg VERSION="$1" --build-arg REVISION="$2" --tag "akkacharging:$1" .
    fi
done
echo "No container engine runs here, docker or podman: the image akkacharging:$1 was not built." >&2
