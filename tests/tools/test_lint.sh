#!/bin/bash
# tests/lint/run sees what it is meant to see: a small tree is clean, and fails by name with each fault put into it.
set -uo pipefail

root=$(cd "$(dirname "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
passed=0
failed=0

mkdir -p "$work/tests/lint" "$work/app/base" "$work/app/net" "$work/app/store" "$work/app/json" "$work/platform/linux"
cp "$root/tests/lint/run" "$work/tests/lint/"
cp "$root/.clang-format" "$root/.clang-tidy" "$root/.gitignore" "$work/"
cp "$root/platform/types.h" "$root/platform/platform.h" "$work/platform/"
cd "$work" && git init -q

header() { # file, guard, declaration
    printf '/* A header. */\n#ifndef JETON_%s_H\n#define JETON_%s_H\n\n%s\n\n#endif\n' "$2" "$2" "$3" >"$1"
}
header app/base/low.h BASE_LOW 'int low(void);'
header app/net/high.h NET_HIGH 'int high(void);'
printf '/* A source. */\n#include "base/low.h"\n\nint low(void)\n{\n    return 1;\n}\n' >app/base/low.c

expect() { # name, wanted exit code, wanted text
    local output code
    output=$(tests/lint/run 2>&1)
    code=$?
    if [ $code = "$2" ] && grep -qF -- "$3" <<<"$output"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAIL $1: exit code $code, not '$3' in: $output"
    fi
}

fault() { # name, file, its text, wanted complaint
    printf '%b' "$3" >"$2"
    expect "$1" 1 "$4"
    rm "$2"
}

expect "a clean tree" 0 "12 passed, 0 failed"
fault "an include upwards" app/base/up.c '/* x */\n#include "net/high.h"\n' 'up.c:2: "net/high.h": includes point down only'
fault "a platform that includes the app" platform/linux/x.c '/* x */\n#include "app/base/low.h"\n' \
    'the platform never includes the app'
fault "the machine seen from the store" app/store/x.c '/* x */\n#include "platform/platform.h"\n' \
    'app/store sees only flash.h, types.h of platform/'
fault "a library in the wrong folder" app/base/x.c '/* x */\n#include <lwip/tcp.h>\n' 'app/net is the only user of lwIP'
fault "no opening comment" app/base/x.c 'int x;\n' 'app/base/x.c:1: open the file with a comment'
fault "conditional compilation" app/base/x.c '/* x */\n#ifdef FAST\nint x;\n#endif\n' 'app/base/x.c:2: #ifdef FAST'
fault "a header without a guard" app/base/x.h '/* x */\nint x;\n' 'guard the header'
fault "a word" app/base/x.c '/* TO''DO: all of it */\n' 'do it, or open an issue'
fault "a path of one machine" notes.md 'see /ro''ot/jeton\n' 'a path of one machine'
fault "a function of 71 lines" app/base/x.c \
    "/* x */\nint x(void);\n\nint x(void)\n{\n$(printf '    low();\\n%.0s' {1..71})}\n" 'x() has 71 lines (at most 70)'
fault "a file of 501 lines" app/base/x.c "/* x */\n$(printf 'int x;\\n%.0s' {1..500})" 'x.c:1: 501 lines (at most 500)'
fault "another layout" app/base/x.c '/* x */\nint  x;\n' 'run clang-format -i app/base/x.c'
fault "a null dereference" app/base/x.c \
    '/* x */\nint x(void);\nint x(void)\n{\n    int *p = 0;\n    return *p;\n}\n' 'x.c:6:'
fault "a shell mistake" x.sh "#!/bin/sh\n# x\necho \$1\n" 'SC2086'
fault "a python mistake" x.py '#!/usr/bin/env python3\n# x\ndef x(:\n' 'x.py:3:'
expect "clean again" 0 "12 passed, 0 failed"

echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
