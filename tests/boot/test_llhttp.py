#!/usr/bin/env python3
"""Our request parser beside llhttp (in Node) on requests that are good, nearly good and smuggled: what ours accepts, llhttp
accepts too, and both see the same method, target, headers and body. Ours may refuse more. JETON_MUTATIONS, JETON_SEED.
"""
import json
import os
import random
import re
import subprocess

from appliance import ROOT, Suite

COUNT = 200 * int(os.environ.get("JETON_MUTATIONS", "100"))
SEED = int(os.environ.get("JETON_SEED", "1"))
OTHER = 7
# llhttp's numbers of the methods that we serve, in the order of ours (app/http/request.h).
LLHTTP_METHODS = [1, 2, 3, 4, 28, 0, 6]

# llhttp refuses spaces around a chunk's extension, which a recipient must take (RFC 9112 section 7.1.1), and framing fields
# among the trailers, which are dropped here.
LLHTTP_QUIRKS = re.compile(rb"[0-9a-fA-F][ \t]*;[^\r]*[ \t]|[0-9a-fA-F][ \t]+;|\r\n0\r\n(?s:.*)(?i:transfer-encoding|content-length)")

SEEDS = [
    b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET /a/b%20c?d=e&f HTTP/1.1\r\nHost: a:8443\r\nAccept: */*\r\nConnection: keep-alive\r\n\r\n",
    b"HEAD /x HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    b"POST /tokens HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\nContent-Type: application/json\r\n\r\n{\"a\":\"b\"}\r\n",
    b"POST /t HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nA;x=\"y\"\r\n0123456789\r\n0\r\n\r\n",
    b"PATCH /t HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n0\r\nTrailer: z\r\n\r\nGET / HTTP/1.1\r\n\r\n",
    b"DELETE /tokens/1 HTTP/1.1\r\nHost: [::1]\r\nConnection: close\r\n\r\n",
    b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
    b"PUT /a HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 3\r\nconnection: Close\r\n\r\nxyz",
    b"GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\nX: 2\r\nEmpty:\r\nSpaces: \t b c \t \r\n\r\nGET /2 HTTP/1.1\r\nHost: b\r\n\r\n",
]
PIECES = [
    b"\r\n", b"\n", b"\r", b" ", b"\t", b"\0", b":", b";", b",", b"chunked", b"identity", b"gzip, chunked", b"0", b"00", b"+3", b"-1",
    b"0x3", b"3 ", b" 3", b"3, 3", b"18446744073709551616", b"99999999999999999999", b"Content-Length: 5\r\n",
    b"Content-Length : 5\r\n", b"Transfer-Encoding: chunked\r\n", b"Transfer-Encoding: xchunked\r\n",
    b"Transfer-Encoding:\x0bchunked\r\n", b"Transfer-Encoding\r\n : chunked\r\n", b"Host: b\r\n", b" folded\r\n",
    b"HTTP/1.0", b"HTTP/1.2", b"HTTP/2.0", b"http/1.1", b"\x80", b"\xff", b"%", b"%zz", b"#f", b"//", b"http://b/", b"https://b/",
    b"Connection: close, keep-alive\r\n", b"Connection: upgrade\r\nUpgrade: h2c\r\n", b"ffffffffffffffff1", b";\r", b"\r\r\n",
]


def mutated(text, chance):
    """One to four changes: a piece put in, bytes taken out, doubled or flipped, or another seed's head before a tail."""
    for _ in range(chance.choice((0, 1, 1, 1, 2, 2, 3, 4))):
        at = chance.randrange(len(text) + 1)
        kind = chance.randrange(6)
        if kind <= 1:
            text = text[:at] + chance.choice(PIECES) + text[at:]
        elif kind == 2:
            text = text[:at] + text[at + chance.choice((1, 1, 2, 5)):]
        elif kind == 3:
            size = chance.choice((1, 2, 8, 30))
            text = text[:at + size] + text[at:at + size] + text[at + size:]
        elif kind == 4 and at < len(text):
            text = text[:at] + bytes([text[at] ^ 1 << chance.randrange(8)]) + text[at + 1:]
        else:
            other = chance.choice(SEEDS)
            text = text[:at] + other[chance.randrange(len(other)):]
    return text


def both(records):
    """(our lines, llhttp's lines)."""
    given = b"".join(b"%d\n%s" % (len(record), record) for record in records)
    ours = subprocess.run([os.path.join(ROOT, "build", "http_outcome")], input=given, stdout=subprocess.PIPE, check=True,
                          timeout=300).stdout.decode().splitlines()
    theirs = subprocess.run(["node", "--no-deprecation", os.path.join(ROOT, "tests", "clients", "llhttp.cjs")], input=given,
                            stdout=subprocess.PIPE, check=True, timeout=300).stdout.decode().splitlines()
    return ours, theirs


def parse_ours(line):
    method, path, query, version, keep_alive, _, body, *headers = line.split(" ")
    text = [bytes.fromhex("" if part == "-" else part) for part in (path, query, body, *headers)]
    return int(method), text[0], text[1], int(version), keep_alive == "1", text[2], text[3:]


def disagreement(record, line, other):
    """None, or the first thing that they see differently."""
    method, path, query, version, keep_alive, body, headers = parse_ours(line)
    if method == OTHER:
        return None  # llhttp knows a list of methods, we know tokens
    if other is None:
        return None if LLHTTP_QUIRKS.search(record) else "llhttp refuses"
    url = bytes.fromhex(other["url"])
    if not url.startswith(b"https://") and url not in (path, path + b"?" + query):
        return f"target {path!r} {query!r}, llhttp {url!r}"
    theirs = [bytes.fromhex(part) for part in other["headers"]]
    theirs = [part.strip(b" \t") if i % 2 else part for i, part in enumerate(theirs)]
    seen = {"method": (LLHTTP_METHODS[method], other["method"]), "version": (version, other["version"]),
            "body": (body, bytes.fromhex(other["body"])), "headers": (headers, theirs),
            "keep-alive": (keep_alive and other["keepAlive"], keep_alive)}
    for name, (mine, their) in seen.items():
        if mine != their:
            return f"{name}: {mine!r}, llhttp {their!r}"
    return None


def run(suite):
    chance = random.Random(SEED)
    records = list(SEEDS) + [mutated(chance.choice(SEEDS), chance) for _ in range(COUNT)]
    ours, theirs = both(records)
    suite.equal("an outcome for each", (len(ours), len(theirs)), (len(records), len(records)))
    accepted = 0
    for record, line, text in zip(records, ours, theirs):
        if line in ("refused", "more"):
            continue
        accepted += 1
        fault = disagreement(record, line, json.loads(text))
        if fault:
            suite.check(f"{record!r}", False, fault)
    known = sum(text != "null" for text in theirs)
    suite.check("as good as all seeds are accepted by both", all(line not in ("refused", "more") for line in ours[:len(SEEDS)]))
    suite.check("enough is accepted to compare", accepted > COUNT // 20, accepted)
    suite.check("llhttp takes more than we do", known > accepted, known)
    print(f"{len(records)} requests: {accepted} accepted here, {known} by llhttp")


if __name__ == "__main__":
    SUITE = Suite()
    SUITE.run("llhttp", run)
    SUITE.finish()
