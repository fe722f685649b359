#!/usr/bin/env python3
"""What the machine forbids, tried: one boot of the self-test image for each violation, one line each; the page tables;
and the places of this boot, which must differ at each.

Ends with 'N passed, N failed, N skipped'; exit code 77 where there is no QEMU. Words on the command line choose
violations.
"""
import re
import shutil
import sys
import tempfile

import test_platform as platform
from test_platform import EXIT_OK, EXIT_PANIC, MACHINES, check, run

PAGE_FAULT = r"exception 14 \(page fault\), error code 0x"
READS_ABSENT, WRITES_ABSENT, FETCHES_ABSENT = PAGE_FAULT + "0000", PAGE_FAULT + "0002", PAGE_FAULT + "0010"
WRITES_READ_ONLY, FETCHES_DATA = PAGE_FAULT + "0003", PAGE_FAULT + "0011"
TRAP = r"exception 6 \(invalid opcode\).*: undefined behaviour"  # what trapping UBSan executes
VIOLATIONS = {
    "text_write": WRITES_READ_ONLY, "rodata_write": WRITES_READ_ONLY, "layout_write": WRITES_READ_ONLY,
    "rodata_execute": FETCHES_DATA, "data_execute": FETCHES_DATA, "bss_execute": FETCHES_DATA,
    "stack_execute": FETCHES_DATA, "pool_execute": FETCHES_DATA, "large_pool_execute": FETCHES_DATA,
    "dma_execute": FETCHES_DATA,
    "null_read": READS_ABSENT + r".*null pointer", "null_write": WRITES_ABSENT + r".*null pointer",
    "null_execute": FETCHES_ABSENT + r".*null pointer",
    "image_at_link_address": READS_ABSENT, "image_at_physical_address": READS_ABSENT,
    "pool_at_physical_address": READS_ABSENT, "apic_at_physical_address": READS_ABSENT, "free_memory": READS_ABSENT,
    "nowhere": READS_ABSENT, "non_canonical": r"exception 13 \(general protection\)", "before_image": READS_ABSENT,
    "after_image": READS_ABSENT,
    "pool_overrun": WRITES_ABSENT, "pool_underrun": WRITES_ABSENT, "large_pool_overrun": WRITES_ABSENT,
    "dma_overrun": WRITES_ABSENT, "data_overrun": WRITES_ABSENT, "main_stack_guard": WRITES_ABSENT + ".*stack overflow",
    "main_stack_underrun": WRITES_ABSENT, "fault_stack_guard": WRITES_ABSENT, "nmi_stack_guard": WRITES_ABSENT,
    "machine_check_stack_guard": WRITES_ABSENT, "double_fault_stack_guard": WRITES_ABSENT,
    "recursion": PAGE_FAULT + ".*stack overflow", "stack_clash": PAGE_FAULT + ".*stack overflow",
    "canary": "the stack is smashed",
    "signed_add": TRAP, "signed_multiply": TRAP, "signed_negate": TRAP, "shift_too_far": TRAP,
    "index_out_of_bounds": TRAP, "member_out_of_bounds": TRAP, "null_member": READS_ABSENT + ".*null pointer",
    "bad_bool": TRAP, "unreachable": TRAP, "null_argument": TRAP, "divide_by_zero": TRAP,
    "divide_fault": r"exception 0 \(divide error\)", "invalid_opcode": TRAP, "breakpoint": r"exception 3 \(breakpoint\)",
    "stray_interrupt": r"exception 13 \(general protection\)", "bad_segment": r"exception 13 \(general protection\)",
    "bad_stack": r"exception (14|8) ", "failed_assert": "panic: assertion failed", "aborts": r"abort\(\) was called",
    "panics": "this is the sentence", "foreign_dma": "an address for a device lies outside of our memory",
}
BOOTS = 6
REGISTERS = 22


def test_violation(folder, name, pattern, machine):
    """One line: what was tried, and how it ended."""
    text = run(folder, code=EXIT_PANIC, machine=machine, words=f"check=violation violation={name}")
    found = re.search(pattern, text)
    check(f"{machine}: {name} is caught", found and "violating" in text, text)
    check(f"{machine}: {name} shows a backtrace", re.search(r"backtrace: [0-9a-f]{16}", text), text)
    if "exception" in pattern:
        check(f"{machine}: {name} shows the registers", len(re.findall(r"=[0-9a-f]{16}\b", text)) == REGISTERS, text)
    print(f"{name:26} {machine:8} {'caught: ' + found.group(0) if found else 'NOT CAUGHT'}", flush=True)


def numbers(text, word):
    line = re.search(rf"^{word} (.*)$", text, re.M).group(1)
    return {name: value for name, value in re.findall(r"(\w+)=(\w+)", line)}


def test_mappings(folder, machine):
    """Page tables without a page that is writable and executable, at another place in each boot."""
    places = []
    for _ in range(BOOTS):
        text = run(folder, code=EXIT_OK, machine=machine, words="check=mappings")
        seen = numbers(text, "mappings")
        check(f"{machine}: nothing is writable and executable", seen["both"] == "0", text)
        check(f"{machine}: what is executable is the text", seen["executable"] == seen["text"] != "0", text)
        check(f"{machine}: nothing is open to user mode", seen["user"] == "0", text)
        check(f"{machine}: nothing lies at its physical address", seen["identity"] == "0", text)
        check(f"{machine}: WP, NX, SMEP, SMAP, UMIP are on", set(numbers(text, "protections").values()) == {"1"}, text)
        places.append(numbers(text, "places"))
    for kind in ("image", "stack", "pool", "device"):
        different = {place[kind] for place in places}
        check(f"{machine}: {BOOTS} boots, {BOOTS} places of {kind}", len(different) == BOOTS, different)
    text = run(folder, code=EXIT_OK, machine=machine, words="check=mappings", processor="qemu64")
    check(f"{machine}: a place without RDRAND too", numbers(text, "places")["image"] not in
          {place["image"] for place in places}, text)


def main():
    if shutil.which(platform.QEMU) is None:
        print(f"{platform.QEMU} is not installed")
        print("0 passed, 0 failed, 1 skipped")
        return 77
    platform.build()
    words = sys.argv[1:]
    with tempfile.TemporaryDirectory(prefix="jeton-hardening-") as folder:
        for machine in MACHINES:
            if not words or "mappings" in words:
                test_mappings(folder, machine)
        for index, (name, pattern) in enumerate(VIOLATIONS.items()):
            if not words or any(word in name for word in words):
                test_violation(folder, name, pattern, MACHINES[index % len(MACHINES)])
    print(f"{platform.passed} passed, {platform.failed} failed, 0 skipped")
    return 0 if platform.failed == 0 and platform.passed > 0 else 1


if __name__ == "__main__":
    sys.exit(main())
