"""A file of UEFI variables with keys of our own enrolled, as OVMF keeps them: no firmware has to run to make it.

Layout: EDK II, MdeModulePkg/Include/Guid/VariableFormat.h (a firmware volume's header of 72 bytes, the store's header of
28, then authenticated variables, each aligned to 4); signature lists: UEFI specification 2.10, 32.4.1.
"""
import struct
import uuid

STORE = 72 + 28
GLOBAL = uuid.UUID("8be4df61-93ca-11d2-aa0d-00e098032b8c")
IMAGE_SECURITY = uuid.UUID("d719b2cb-3d3a-4596-a3bc-dad00e67656f")
X509 = uuid.UUID("a5c059a1-94e4-4aa7-87b5-ab155c2bf072")
OWNER = uuid.uuid5(uuid.NAMESPACE_URL, "jeton:test owner")
ADDED = 0x3f
ATTRIBUTES = 0x27  # non-volatile, for boot and runtime, authenticated by time


def signature_list(certificate):
    """One X.509 certificate, DER."""
    entry = OWNER.bytes_le + certificate
    return X509.bytes_le + struct.pack("<III", 28 + len(entry), 0, len(entry)) + entry


def variable(name, vendor, data):
    text = (name + "\0").encode("utf-16-le")
    when = struct.pack("<HBBBBBBIhBB", 2026, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0)
    head = struct.pack("<HBBIQ", 0x55aa, ADDED, 0, ATTRIBUTES, 0) + when + struct.pack("<III", 0, len(text), len(data))
    whole = head + vendor.bytes_le + text + data
    return whole + b"\xff" * (-len(whole) % 4)


def enrol(empty, path, certificate):
    """Copy the empty store to `path`, with the certificate as platform key, key exchange key and signature database:
    Secure Boot is then on."""
    with open(empty, "rb") as file:
        store = bytearray(file.read())
    keys = signature_list(certificate)
    added = b"".join(variable(name, vendor, keys)
                     for name, vendor in (("db", IMAGE_SECURITY), ("KEK", GLOBAL), ("PK", GLOBAL)))
    assert store[STORE:STORE + len(added)] == b"\xff" * len(added), "the store is not empty"
    store[STORE:STORE + len(added)] = added
    with open(path, "wb") as file:
        file.write(store)
