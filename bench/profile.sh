#!/usr/bin/env bash
# Where the processor time of a journey goes, of the service and of the bare peer beside it: ./bench/profile.sh [memory|sqlite|postgres]; needs perf and the right to use it.
set -euo pipefail
cd "$(dirname "$0")/.."

journal=${1:-memory}
warm_up=20
measured=20
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Symbols of compiled methods go to a file that perf looks for, unless the code is mapped twice. Code that came compiled ahead of time has none but its library.
./bench/run.sh long only=journeys rounds=1 "journals=$journal" "warmup=$warm_up" "seconds=$measured" env=DOTNET_PerfMapEnabled=1 env=DOTNET_EnableWriteXorExecute=0 "results=$work" > "$work/run.log" &
run=$!

# The first frame, from the innermost, that says whose work it is. Waking threads and moving bytes is the kernel's, whoever asked for it.
share_of() {
    perf script -i "$1" -F comm,ip,sym,dso 2> /dev/null | awk '
        function whose(comm, frames,    kernel) {
            if (comm ~ /^\.NET Server GC|^\.NET SGC/) return "garbage collection"
            if (comm ~ /^\.NET Tiered/) return "compiling"
            kernel = frames ~ /^[^\n]*\[kernel/
            if (kernel && frames ~ / (tcp_|sock_|inet_|__sys_send|__sys_recv|do_accept|__sys_connect|unix_stream)/) return "kernel: sockets"
            if (kernel && frames ~ /epoll/) return "kernel: waiting for sockets"
            if (kernel && frames ~ /futex|try_to_wake_up|schedule/) return "kernel: threads that wait and wake"
            if (kernel && frames ~ /vfs_|ext4|xfs|fsync|fdatasync|blk_/) return "kernel: files"
            if (kernel && frames ~ /page_fault|madvise|mmap/) return "kernel: memory"
            if (kernel) return "kernel: other"
            if (match(frames, /\[(AkkaCharging[A-Za-z.]*|Akka[A-Za-z.]*|Microsoft\.AspNetCore[A-Za-z.]*|System\.Net\.Http|System\.Text\.Json|Npgsql|Microsoft\.Data\.Sqlite|SQLitePCLRaw[a-z_.A-Z0-9]*|Serilog[A-Za-z.]*|System\.Security\.Cryptography|System\.Net\.Sockets|System\.IO\.Pipelines)\]|libe_sqlite3|Microsoft\.AspNetCore[A-Za-z.]*\.dll|System\.Net\.Http\.dll|System\.Net\.Sockets\.dll|libcrypto/)) {
                name = substr(frames, RSTART, RLENGTH); gsub(/[][]|\.dll$/, "", name)
                if (name ~ /^Microsoft\.AspNetCore|Pipelines/) return "ASP.NET Core"
                if (name ~ /^System\.Net\.Http/) return "HTTP client"
                if (name ~ /^System\.Net\.Sockets/) return "sockets, above the kernel"
                if (name ~ /sqlite|SQLite|Sqlite/) return "SQLite"
                if (name ~ /crypto|Crypto/) return "cryptography"
                if (name ~ /^Akka(\.|$)/) return "Akka"
                return name
            }
            if (frames ~ /libcoreclr|libclrjit/) return "runtime"
            return "thread pool, tasks, and what has no name"
        }
        /^[^ \t]/ { if (frames != "") { count[whose(comm, frames)]++; all++ } comm = $0; frames = ""; next }
        /^[ \t]+[0-9a-f]+ / { frames = frames $0 "\n" }
        END { if (frames != "") { count[whose(comm, frames)]++; all++ }
              for (name in count) printf "%6.1f %%  %s\n", 100 * count[name] / all, name }' | sort -rn
}

# System calls a second while a program is driven: the median of the seconds in which it made at least half as many as in its busiest one.
calls=(raw_syscalls:sys_enter syscalls:sys_enter_{futex,epoll_wait,recvmsg,sendmsg,sendto,pwrite64,fdatasync,write,read} context-switches)
calls_of() {
    awk -F, '/^ *[0-9]/ { value[$4, ++n[$4]] = $2; if ($2 > most[$4]) most[$4] = $2 }
        END { for (name in n) { count = 0
                for (i = 1; i <= n[name]; i++) if (value[name, i] >= most[name] / 2) busy[++count] = value[name, i]
                for (i = 2; i <= count; i++) for (j = i; j > 1 && busy[j - 1] > busy[j]; j--) { t = busy[j]; busy[j] = busy[j - 1]; busy[j - 1] = t }
                if (most[name] > 0) printf "%s %d\n", name, busy[int((count + 1) / 2)] } }' "$1"
}

# Both are driven in turns once the service, which starts last, is warm; whoever waits for its turn has next to no samples.
programs=(AkkaCharging.Peers.dll AkkaCharging.Host.dll)
ids=()
for program in "${programs[@]}"; do
    until id=$(pgrep -f "^dotnet .*$program|/dotnet .*$program" | tail -1) && [ -n "$id" ]; do
        kill -0 "$run" 2> /dev/null || { cat "$work/run.log"; exit 1; }
        sleep 0.5
    done
    ids+=("$id")
done
sleep $((warm_up + 5))
recordings=()
for turn in 0 1; do
    perf record -q -F 499 -g -p "${ids[turn]}" -o "$work/${programs[turn]}.data" -- sleep $((2 * measured - 4)) > /dev/null 2>&1 &
    recordings+=($!)
    perf stat -I 1000 -x, -e "$(IFS=,; echo "${calls[*]}")" -p "${ids[turn]}" -o "$work/${programs[turn]}.calls" -- sleep $((2 * measured - 4)) > /dev/null 2>&1 &
    recordings+=($!)
done
wait "${recordings[@]}"
wait "$run"
for program in "${programs[@]}"; do
    echo "== ${program%.dll}"
    share_of "$work/$program.data"
    side=$([ "$program" = AkkaCharging.Host.dll ] && echo "$journal" || echo "bare peer")
    rate=$(grep -h "^| $side .* journeys/s |$" "$work"/*.md | head -1 | cut -d'|' -f3 | tr -dc '0-9.')
    calls_of "$work/$program.calls" | awk -v rate="$rate" '{ printf "%6.2f    %s a journey\n", $2 / rate, $1 }' | sort -rn
done
grep -h "us a journey\|journeys/s" "$work"/*.md
