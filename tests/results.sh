# Read by scripts that write a page of tests/results.

# Sets a variable for each argument name=value; the names before -- are known.
#   read_arguments minutes only -- "$@"
read_arguments() {
    local known=" "
    while [ "$1" != -- ]; do known+="$1 " && shift; done
    for argument in "${@:2}"; do
        [[ $argument == *=* && $known == *" ${argument%%=*} "* ]] || { echo "Not understood: $argument" >&2; exit 2; }
        printf -v "${argument%%=*}" %s "${argument#*=}"
    done
}

# Writes the head of a page: title, command, and where it ran.
#   heading "Power cuts" "tests/campaign.sh powercut minutes=5" ["AFL++ with SharpFuzz"]
heading() {
    echo "# $1"
    echo
    echo "\`$2\`, $(date -u +%Y-%m-%d), commit $(git rev-parse --short HEAD),"
    echo "$(nproc) processors, Linux $(uname -r), .NET SDK $(dotnet --version)${3:+, $3}."
    echo
}
