#!/usr/bin/python3
"""PyJWT (Debian's) verifying ES256 tokens from a JWKS alone, without a network.

Reads {"jwks", "issuer", "jwt", "access_token", "audience"} from standard input; prints what the tokens claim, and by which
exception each forgery fails.
"""
import base64
import json
import sys

import jwt


def key_of(jwks, token):
    kid = jwt.get_unverified_header(token)["kid"]
    return next(key for key in jwt.PyJWKSet.from_dict(jwks).keys if key.key_id == kid).key


def verify(given, token, **rules):
    rules = {"algorithms": ["ES256"], "issuer": given["issuer"],
             "options": {"require": ["iss", "sub", "exp", "iat", "jti"], "verify_aud": "audience" in rules}} | rules
    return jwt.decode(token, key_of(given["jwks"], token), **rules)


def failure(given, token, **rules):
    try:
        verify(given, token, **rules)
    except jwt.PyJWTError as error:
        return type(error).__name__
    return "none"


def encoded(value):
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def main():
    given = json.load(sys.stdin)
    token, access = given["jwt"].removeprefix("dz_"), given["access_token"]
    header, payload, signature = token.split(".")
    kid = jwt.get_unverified_header(token)["kid"]
    claims = verify(given, token)
    changed = encoded(claims | {"sub": "users/somebody-else"})
    print(json.dumps({
        "header": jwt.get_unverified_header(token), "claims": claims,
        "access_header": jwt.get_unverified_header(access),
        "access": verify(given, access, audience=given["audience"]),
        "failures": {
            "payload": failure(given, f"{header}.{changed}.{signature}"),
            "signature": failure(given, f"{header}.{payload}.{signature[:-4]}{'AAAA' if signature[-4:] != 'AAAA' else 'BBBB'}"),
            "none": failure(given, f"{encoded({'alg': 'none', 'kid': kid})}.{payload}."),
            "issuer": failure(given, token, issuer="https://other.example"),
            "audience": failure(given, access, audience="https://other.example"),
        }}))


if __name__ == "__main__":
    main()
