#!/usr/bin/env python3
"""The trusted base: how many lines of source are really linked into the image, ours and each library's.

  tests/bench/count_lines.py [ELF]      of build/x86_64/jeton.elf if no other is named

Two counts, both without blank lines and comments: `in files` is all of every file that an instruction of the image comes
from, headers included; `compiled in` is the lines that instructions come from, which is what can go wrong at run time.
Tables and declarations are in the first only, and so are functions that the linker left out.
"""
import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
ELF = os.path.join(ROOT, "build", "x86_64", "jeton.elf")
PLACE = re.compile(r"^(/?[^\s:]+\.(?:c|h|S|inc|inl)):(\d+)")
COMMENTS = re.compile(r"/\*.*?\*/|//[^\n]*", re.S)
LIBRARY = re.compile(r"(?:build/)?third_party/([^/]+)/")


def places(elf):
    """(file, line) of every instruction, files relative to the root."""
    command = ["objdump", "-d", "-l", "--no-show-raw-insn", elf]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, errors="replace") as process:
        found = set()
        for line in process.stdout:
            match = PLACE.match(line)
            if match:
                found.add((os.path.relpath(os.path.join(ROOT, match[1]), ROOT), int(match[2])))
        return found


def code_lines(path):
    """Lines of a file that are neither blank nor comment."""
    try:
        with open(os.path.join(ROOT, path), encoding="utf-8", errors="replace") as file:
            text = COMMENTS.sub(lambda match: "\n" * match[0].count("\n"), file.read())
    except FileNotFoundError:
        return 0
    return sum(1 for line in text.splitlines() if line.strip())


def owner(path):
    """Who wrote the file: a folder of ours, or a library."""
    library = LIBRARY.match(path)
    if library:
        return library[1] + (" (our glue)" if path.startswith("third_party/") else "")
    return path.split("/")[0] if path.startswith(("app/", "platform/")) else "compiler"


def count(elf=ELF):
    """{owner: (lines in files, lines compiled in)}."""
    compiled = {}
    for path, line in places(elf):
        compiled.setdefault(path, set()).add(line)
    totals = {}
    for path, lines in compiled.items():
        in_files, in_image = totals.get(owner(path), (0, 0))
        totals[owner(path)] = (in_files + code_lines(path), in_image + len(lines))
    return totals


def is_ours(name):
    return name in ("app", "platform") or name.endswith("(our glue)")


def main():
    totals = count(sys.argv[1] if len(sys.argv) > 1 else ELF)
    for title, names in (("ours", [name for name in totals if is_ours(name)]),
                         ("libraries", [name for name in totals if not is_ours(name)])):
        for name in sorted(names):
            print(f"  {name:24} {totals[name][0]:7,} in files {totals[name][1]:7,} compiled in")
        sums = [sum(totals[name][column] for name in names) for column in (0, 1)]
        print(f"{title:26} {sums[0]:7,} in files {sums[1]:7,} compiled in")


if __name__ == "__main__":
    main()
