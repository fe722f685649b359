#!/usr/bin/env python3
"""The same images from a second build in another folder, bit for bit; and a bill of materials that is valid and true.

Ends with 'N passed, N failed, N skipped'. Words on the command line choose scenarios.
"""
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

import jsonschema

from appliance import ROOT, Suite
from firmware import IMAGES

# SPDX 2.3, clauses 6 to 11: the members that must be there, and their forms, of what images/sbom.py writes.
ID = {"type": "string", "pattern": "^SPDXRef-[A-Za-z0-9.-]+$"}
TEXT = {"type": "string", "minLength": 1}
LICENCE = {"type": "string", "pattern": r"^(NOASSERTION|NONE|[A-Za-z0-9.+-]+( (AND|OR) [A-Za-z0-9.+-]+)*)$"}
CHECKSUM = {"type": "object", "required": ["algorithm", "checksumValue"], "additionalProperties": False,
            "properties": {"algorithm": {"enum": ["SHA1", "SHA256"]},
                           "checksumValue": {"type": "string", "pattern": "^([0-9a-f]{40}|[0-9a-f]{64})$"}}}
CHECKSUMS = {"type": "array", "items": CHECKSUM, "minItems": 1}
PACKAGE = {"type": "object", "additionalProperties": False,
           "required": ["SPDXID", "name", "downloadLocation", "licenseConcluded", "licenseDeclared", "copyrightText"],
           "properties": {"SPDXID": ID, "name": TEXT, "versionInfo": TEXT, "downloadLocation": TEXT, "sourceInfo": TEXT,
                          "filesAnalyzed": {"const": False}, "licenseConcluded": LICENCE, "licenseDeclared": LICENCE,
                          "copyrightText": TEXT, "packageFileName": TEXT, "checksums": CHECKSUMS}}
FILE = {"type": "object", "required": ["SPDXID", "fileName", "checksums"], "additionalProperties": False,
        "properties": {"SPDXID": ID, "fileName": {"type": "string", "pattern": "^\\./"}, "checksums": CHECKSUMS,
                       "licenseConcluded": LICENCE, "copyrightText": TEXT}}
KINDS = ["DESCRIBES", "STATIC_LINK", "GENERATED_FROM", "CONTAINS"]
RELATION = {"type": "object", "required": ["spdxElementId", "relationshipType", "relatedSpdxElement"],
            "additionalProperties": False,
            "properties": {"spdxElementId": ID, "relationshipType": {"enum": KINDS}, "relatedSpdxElement": ID}}
DOCUMENT = {"type": "object", "additionalProperties": False,
            "required": ["spdxVersion", "dataLicense", "SPDXID", "name", "documentNamespace", "creationInfo", "packages",
                         "files", "relationships"],
            "properties": {"spdxVersion": {"const": "SPDX-2.3"}, "dataLicense": {"const": "CC0-1.0"},
                           "SPDXID": {"const": "SPDXRef-DOCUMENT"}, "name": TEXT,
                           "documentNamespace": {"type": "string", "pattern": "^[a-z]+:[^#]+$"},
                           "creationInfo": {"type": "object", "required": ["created", "creators"],
                                            "additionalProperties": False,
                                            "properties": {"created": {"type": "string", "pattern":
                                                                       r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$"},
                                                           "creators": {"type": "array", "minItems": 1, "items": {
                                                               "type": "string",
                                                               "pattern": "^(Tool|Person|Organization): "}}}},
                           "packages": {"type": "array", "items": PACKAGE},
                           "files": {"type": "array", "items": FILE},
                           "relationships": {"type": "array", "items": RELATION}}}


def read(path):
    with open(path, "rb") as file:
        return file.read()


def valid(document):
    """What is wrong with the form, or nothing."""
    validator = jsonschema.Draft7Validator(DOCUMENT)
    return [f"{list(error.path)}: {error.message}" for error in validator.iter_errors(document)]


def bill(suite):
    document = json.loads(read(os.path.join(IMAGES, "jeton.spdx.json")))
    suite.equal("SPDX: the form", valid(document), [])
    for member in ("SPDXID", "packages", "dataLicense"):
        suite.check(f"SPDX: the check sees {member} missing", valid({k: v for k, v in document.items() if k != member}))

    ids = [element["SPDXID"] for element in [document, *document["packages"], *document["files"]]]
    suite.equal("SPDX: each name once", len(ids), len(set(ids)))
    for relation in document["relationships"]:
        suite.check("SPDX: both ends exist", {relation["spdxElementId"], relation["relatedSpdxElement"]} <= set(ids), relation)

    packages = {package["name"]: package for package in document["packages"]}
    lock = [line.split() for line in read(os.path.join(ROOT, "third_party", "sources.lock")).decode().splitlines()
            if line.strip() and not line.startswith("#")]
    linked = {relation["relatedSpdxElement"] for relation in document["relationships"]
              if relation["relationshipType"] == "STATIC_LINK"}
    for library in {pin[0] for pin in lock}:
        package = packages.get(library, {})
        used = (package.get("versionInfo"), package.get("checksums", [{}])[0].get("checksumValue"))
        pinned = {(version, sha256): licence for name, version, licence, sha256, _ in lock if name == library}
        suite.check(f"SPDX: {library} is a pin", used in pinned, (used, pinned))
        suite.equal(f"SPDX: {library}'s licence", package.get("licenseDeclared", "").replace(" AND ", "/"), pinned.get(used))
        suite.check(f"SPDX: {library} is linked", package.get("SPDXID") in linked, linked)
    suite.check("SPDX: GRUB", re.match(r"\d", packages["grub2"]["versionInfo"]), packages["grub2"])
    for file in document["files"]:
        sums = {item["algorithm"]: item["checksumValue"] for item in file["checksums"]}
        content = read(os.path.join(IMAGES, file["fileName"]))
        suite.equal(f"SPDX: {file['fileName']}", sums, {"SHA1": hashlib.sha1(content).hexdigest(),
                                                        "SHA256": hashlib.sha256(content).hexdigest()})


def git(*words, cwd=ROOT):
    done = subprocess.run(["git", "-c", "safe.directory=*", *words], cwd=cwd, stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, check=False)
    return done.stdout if done.returncode == 0 else ""


def copy_source(folder):
    """This source, with what is not committed, elsewhere."""
    names = git("ls-files", "--cached", "--others", "--exclude-standard").splitlines()
    if not names:
        shutil.copytree(ROOT, folder, symlinks=True, ignore=lambda at, _: ["build"] if at == ROOT else [])
        return
    subprocess.run(["git", "-c", "safe.directory=*", "clone", "-q", ROOT, folder], check=True, stdin=subprocess.DEVNULL)
    for name in names:
        source, target = os.path.join(ROOT, name), os.path.join(folder, name)
        if os.path.isfile(source):
            os.makedirs(os.path.dirname(target), exist_ok=True)
            shutil.copy2(source, target)


def second_build(suite):
    with tempfile.TemporaryDirectory(prefix="jeton-again-") as folder:
        other = os.path.join(folder, "a path of another length", "jeton").replace(" ", "_")
        os.makedirs(os.path.dirname(other))
        copy_source(other)
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS"))}
        done = subprocess.run(["make", "build/images/SHA256SUMS"], cwd=other, env=environment, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        suite.equal("the second build succeeds", done.returncode, 0) or print(done.stdout[-2000:])
        for line in read(os.path.join(IMAGES, "SHA256SUMS")).decode().splitlines():
            sha256, name = line.split()
            path = os.path.join(other, "build", "images", name)
            again = hashlib.sha256(read(path)).hexdigest() if os.path.exists(path) else None
            suite.equal(f"{name} is the same", again, sha256)


SCENARIOS = (bill, second_build)

if __name__ == "__main__":
    SUITE = Suite()
    for SCENARIO in SCENARIOS:
        if len(sys.argv) < 2 or any(word in SCENARIO.__name__ for word in sys.argv[1:]):
            SUITE.run(SCENARIO.__name__, SCENARIO)
    SUITE.finish()
