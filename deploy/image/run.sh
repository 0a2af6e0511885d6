#!/usr/bin/env bash
# Starts an image that build.sh unpacked as `docker run --read-only --cap-drop ALL --security-opt no-new-privileges` would: run.sh FOLDER JOURNAL [ARGUMENT…]
#
# The image's entry point with ARGUMENTs, its environment, user and working directory, over its root file system, read-only; the folder JOURNAL is mounted
# on its volume. It has this process's environment besides, and its network: give it free ports. Signals reach the service itself. Needs root.
set -euo pipefail
folder=$1 journal=$2
shift 2
. "$folder/config"
[ "$(stat -c %u:%g "$journal")" = "$user" ] || chown "$user" "$journal"
export $environment

# A mount namespace of its own, which ends with it. All capabilities go with the change of the user, and no-new-privs leaves no way back to them.
exec unshare --mount sh -euc '
    root=$1
    mount --bind "$root" "$root"
    mount --bind "$2" "$root$3"
    mount --rbind /dev "$root/dev"
    mount -t proc -o ro proc "$root/proc"
    mount -o remount,ro,bind "$root"
    shift 3
    exec "$@"
' sh "$folder/rootfs" "$journal" "$volume" \
    setpriv --no-new-privs -- \
    unshare --root="$folder/rootfs" --wd="$directory" --setgid="${user#*:}" --setuid="${user%:*}" -- "$entrypoint" "$@"
