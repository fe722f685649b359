"""A GUID partition table, the same bytes every time (UEFI specification 2.10, chapter 5).

Only Python's standard library.
"""
import struct
import uuid
import zlib

SECTOR = 512
ENTRIES = 128
ENTRY_BYTES = 128
TABLE_SECTORS = ENTRIES * ENTRY_BYTES // SECTOR
FIRST_USABLE = 2 + TABLE_SECTORS
ALIGNMENT = 2048  # sectors: 1 MiB

BIOS_BOOT = uuid.UUID("21686148-6449-6e6f-744e-656564454649")
EFI_SYSTEM = uuid.UUID("c12a7328-f81f-11d2-ba4b-00a0c93ec93b")
JETON_STATE = uuid.UUID("5d2519e1-ec20-5587-b2c2-5b9317d28b07")  # ours; platform/x86_64/gpt.c looks for it


def own_guid(name):
    """The GUID of one thing of an image: fixed, as two builds give the same bytes."""
    return uuid.uuid5(uuid.NAMESPACE_URL, "jeton:" + name)


class Partition:
    """One entry; `first` and `sectors` are counted in sectors of 512 bytes."""

    def __init__(self, kind, name, first, sectors):
        self.kind, self.name, self.first, self.sectors = kind, name, first, sectors

    def entry(self):
        return (self.kind.bytes_le + own_guid(self.name).bytes_le
                + struct.pack("<QQQ", self.first, self.first + self.sectors - 1, 0)
                + self.name.encode("utf-16-le").ljust(72, b"\0"))


def lay_out(parts):
    """(kind, name, bytes wanted) of each part to partitions one after the other, and the disk's size in sectors."""
    at, placed = ALIGNMENT, []
    for kind, name, size_bytes in parts:
        sectors = -(-size_bytes // (SECTOR * ALIGNMENT)) * ALIGNMENT
        placed.append(Partition(kind, name, at, sectors))
        at += sectors
    return placed, at + ALIGNMENT


def header(own, other, table, disk_sectors, table_crc):
    def packed(crc):
        return struct.pack("<8sIIIIQQQQ16sQIII", b"EFI PART", 0x00010000, 92, crc, 0, own, other, FIRST_USABLE,
                           disk_sectors - TABLE_SECTORS - 2, own_guid("disk").bytes_le, table, ENTRIES, ENTRY_BYTES,
                           table_crc)
    return packed(zlib.crc32(packed(0))).ljust(SECTOR, b"\0")


def protective_mbr(boot_code, disk_sectors):
    """`boot_code`: at most 440 bytes; a partition of type EE covers the disk (5.2.3)."""
    record = struct.pack("<B3sB3sII", 0, b"\x00\x02\x00", 0xee, b"\xff\xff\xff", 1, min(disk_sectors - 1, 0xffffffff))
    return boot_code[:440].ljust(446, b"\0") + record.ljust(64, b"\0") + b"\x55\xaa"


def write(file, partitions, disk_sectors, boot_code=b""):
    """Both copies of the table and the protective MBR into an open file, which gets the disk's size."""
    table = b"".join(partition.entry() for partition in partitions).ljust(ENTRIES * ENTRY_BYTES, b"\0")
    crc, last = zlib.crc32(table), disk_sectors - 1
    file.truncate(disk_sectors * SECTOR)
    file.seek(0)
    file.write(protective_mbr(boot_code, disk_sectors) + header(1, last, 2, disk_sectors, crc) + table)
    file.seek((last - TABLE_SECTORS) * SECTOR)
    file.write(table + header(last, 1, last - TABLE_SECTORS, disk_sectors, crc))
