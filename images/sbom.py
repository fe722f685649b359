"""The bill of materials of the images, in SPDX 2.3 as JSON: which pinned sources, by hash and licence, and what was made.

Only Python's standard library.
"""
import hashlib
import json
import os
import subprocess
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
NOTHING = "NOASSERTION"


def digest(path, kind):
    with open(path, "rb") as file:
        return hashlib.new(kind, file.read()).hexdigest()


def pins():
    """(library, version, licence, SHA-256, path) of each line of sources.lock."""
    with open(os.path.join(ROOT, "third_party", "sources.lock"), encoding="ascii") as file:
        return [line.split() for line in file if line.strip() and not line.startswith("#")]


def used_pins():
    """The one candidate of each library that was really unpacked."""
    chosen = []
    for pin in pins():
        stamp = os.path.join(ROOT, "build", "third_party", pin[0], ".fetched")
        if os.path.exists(stamp):
            with open(stamp, encoding="ascii") as file:
                if file.read().strip() == pin[3]:
                    chosen.append(pin)
    return chosen


def package(name, version, licence, **more):
    return {"SPDXID": "SPDXRef-Package-" + name, "name": name, "versionInfo": version, "downloadLocation": NOTHING,
            "filesAnalyzed": False, "licenseConcluded": licence, "licenseDeclared": licence, "copyrightText": NOTHING,
            **more}


def library(name, version, licence, sha256, path):
    """A pinned source; the licences of one that has several hold for different files of it."""
    return package(name, version, licence.replace("/", " AND "), packageFileName=os.path.basename(path),
                   sourceInfo=f"pool/main/{path} of a Debian archive",
                   checksums=[{"algorithm": "SHA256", "checksumValue": sha256}])


def debian_version(name):
    done = subprocess.run(["dpkg-query", "--show", "--showformat", "${Version}", name], capture_output=True, text=True,
                          check=False)
    return done.stdout.strip() or NOTHING


def product(path):
    name = os.path.basename(path)
    return {"SPDXID": "SPDXRef-File-" + name, "fileName": "./" + name, "licenseConcluded": NOTHING,
            "copyrightText": NOTHING, "checksums": [{"algorithm": kind.upper(), "checksumValue": digest(path, kind)}
                                                    for kind in ("sha1", "sha256")]}


def relation(element, kind, other):
    return {"spdxElementId": element, "relationshipType": kind, "relatedSpdxElement": other}


def write(path, version, time_s, products):
    """`products`: the files made, of which jeton.img and jeton.iso contain GRUB."""
    jeton = package("jeton", version, "MIT")
    libraries = [library(*pin) for pin in used_pins()]
    grub = package("grub2", debian_version("grub-pc-bin"), "GPL-3.0-or-later",
                   sourceInfo="the boot code of Debian's package grub-pc-bin; in the disk and ISO images only")
    files = [product(name) for name in products]
    relations = [relation("SPDXRef-DOCUMENT", "DESCRIBES", jeton["SPDXID"])]
    relations += [relation(jeton["SPDXID"], "STATIC_LINK", other["SPDXID"]) for other in libraries]
    relations += [relation(file["SPDXID"], "GENERATED_FROM", jeton["SPDXID"]) for file in files]
    relations += [relation(file["SPDXID"], "CONTAINS", grub["SPDXID"]) for file in files
                  if file["fileName"].endswith((".img", ".qcow2", ".iso"))]
    sums = "".join(file["checksums"][1]["checksumValue"] for file in files)
    document = {"spdxVersion": "SPDX-2.3", "dataLicense": "CC0-1.0", "SPDXID": "SPDXRef-DOCUMENT", "name": "jeton-images",
                "documentNamespace": "urn:jeton:spdx:" + hashlib.sha256(sums.encode()).hexdigest(),
                "creationInfo": {"created": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time_s)),
                                 "creators": ["Tool: jeton-images-build"]},
                "packages": [jeton, *libraries, grub], "files": files, "relationships": relations}
    with open(path, "w", encoding="utf-8") as file:
        json.dump(document, file, indent=1)
        file.write("\n")
