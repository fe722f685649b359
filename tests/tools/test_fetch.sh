#!/bin/bash
# third_party/fetch against an archive of our own making: cache, wrong hash, missing file, second candidate.
set -uo pipefail

root=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export JETON_LOCK=$work/lock JETON_CACHE=$work/cache JETON_SOURCES=$work/out
passed=0
failed=0

# An archive with two versions of one library, and an apt-get that knows of this archive only.
mkdir -p "$work/archive/pool/main/s/small" "$work/bin"
for version in 1 2; do
    mkdir -p "$work/small-$version"
    echo "version $version" >"$work/small-$version/text"
    tar -C "$work" -czf "$work/archive/pool/main/s/small/small_$version.tar.gz" "small-$version"
done
printf '#!/bin/sh\necho "file:%s/archive/"\n' "$work" >"$work/bin/apt-get"
chmod +x "$work/bin/apt-get"
export PATH=$work/bin:$PATH

hash_of() { # version
    sha256sum "$work/archive/pool/main/s/small/small_$1.tar.gz" | cut -d' ' -f1
}
wrong=$(printf '0%.0s' {1..64})
one=$(hash_of 1)
two=$(hash_of 2)

pin() { # the lock's lines: version and hash, in turn
    : >"$JETON_LOCK"
    while [ $# -gt 0 ]; do
        echo "small $1 none $2 s/small/small_$1.tar.gz" >>"$JETON_LOCK"
        shift 2
    done
}

expect() { # name, wanted exit code, wanted text in the output, wanted unpacked text
    local name=$1 code output
    output=$("$root/third_party/fetch" small 2>&1)
    code=$?
    if [ $code = "$2" ] && grep -qF -- "$3" <<<"$output" && [ "$(cat "$JETON_SOURCES/small/text" 2>&1)" = "$4" ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAIL $name: exit code $code, output: $output"
    fi
}

pin 1 "$one"
expect "download" 0 "" "version 1"

mv "$work/archive" "$work/away"
rm -rf "$JETON_SOURCES"
expect "offline from the cache" 0 "" "version 1"

echo damage >>"$JETON_CACHE/small_1.tar.gz"
expect "damaged cache, no archive" 1 "small_1.tar.gz is not the pinned file" "version 1"

mv "$work/away" "$work/archive"
echo damage >"$JETON_CACHE/small_1.tar.gz"
expect "damaged cache, download again" 0 "downloading it again" "version 1"

rm -rf "$JETON_CACHE"
pin 1 "$wrong" 2 "$two"
expect "wrong hash, second candidate" 0 "no good copy of small 1: pool/main/s/small/small_1.tar.gz" "version 2"

pin 3 "$one" 1 "$one"
expect "missing file, second candidate" 0 "no good copy of small 3: pool/main/s/small/small_3.tar.gz" "version 1"

pin 1 "$wrong"
expect "wrong hash, no other" 1 "cannot get small" "version 1"

pin 4 "$one"
expect "missing file, no other" 1 "pool/main/s/small/small_4.tar.gz with SHA-256 $one" "version 1"

: >"$JETON_LOCK"
expect "a library that is not pinned" 1 "none of its 0 candidates" "version 1"

echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
