"""Tokens that nobody but a forger made: from a real one, and from what everybody can have."""

import base64
import hashlib
import hmac
import json
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Json = dict[str, Any]


def base64url(data: bytes) -> str:
    """As tokens have it."""
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def part(value: Json) -> str:
    """A header or claims."""
    return base64url(json.dumps(value, separators=(",", ":")).encode())


def read_part(text: str) -> Json:
    """What it says."""
    return dict(json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))))


class OwnKey:
    """An RSA key of the forger's own, by the program `openssl`."""

    def __init__(self, folder: Path) -> None:
        """Make it in this folder."""
        self._file = folder / "forger.pem"
        _openssl("genrsa", "-out", str(self._file), "2048")

    def sign(self, header: Json, claims: Json) -> str:
        """A token by RS256."""
        text = f"{part(header)}.{part(claims)}"
        signature = _openssl("dgst", "-sha256", "-sign", str(self._file), given=text.encode())
        return f"{text}.{base64url(signature)}"

    def jwk(self, key_id: str) -> Json:
        """Its public half, as a token may bring it along."""
        told = _openssl("rsa", "-in", str(self._file), "-noout", "-modulus").decode()
        modulus = bytes.fromhex(told.strip().removeprefix("Modulus="))
        return {"kty": "RSA", "kid": key_id, "n": base64url(modulus), "e": "AQAB"}


def _openssl(*arguments: str, given: bytes = b"") -> bytes:
    done = subprocess.run(
        ["openssl", *arguments], input=given, capture_output=True, timeout=60, check=True
    )
    return done.stdout


@dataclass(frozen=True)
class Loot:
    """What a forger has: good tokens, the realm's public keys, a key of his own."""

    token: str  # by RS256
    token_es256: str
    token_of_other_realm: str
    keys: list[Json]  # the realm's JWKS
    own: OwnKey

    @property
    def header(self) -> Json:
        """Of the good token."""
        return read_part(self.token.split(".")[0])

    @property
    def claims(self) -> Json:
        """Of the good token."""
        return read_part(self.token.split(".")[1])

    @property
    def signature(self) -> str:
        """Of the good token."""
        return self.token.split(".")[2]

    def key(self) -> Json:
        """The public key that the good token is signed by."""
        return next(key for key in self.keys if key["kid"] == self.header["kid"])


def with_signature_of(token: str, header: Json, claims: Json) -> str:
    """Another text under this token's signature."""
    return f"{part(header)}.{part(claims)}.{token.split('.')[2]}"


def _unsigned(algorithm: str, end: str) -> Callable[[Loot], str]:
    return lambda loot: f"{part(loot.header | {'alg': algorithm})}.{part(loot.claims)}{end}"


def _by_hmac(secret: Callable[[Json], bytes]) -> Callable[[Loot], str]:
    def forge(loot: Loot) -> str:
        text = f"{part(loot.header | {'alg': 'HS256'})}.{part(loot.claims)}"
        digest = hmac.digest(secret(loot.key()), text.encode(), hashlib.sha256)
        return f"{text}.{base64url(digest)}"

    return forge


def _pem(key: Json) -> bytes:
    der = key["x5c"][0]
    lines = "\n".join(der[at : at + 64] for at in range(0, len(der), 64))
    certificate = f"-----BEGIN CERTIFICATE-----\n{lines}\n-----END CERTIFICATE-----\n"
    return _openssl("x509", "-noout", "-pubkey", given=certificate.encode())


def _changed(**claims: object) -> Callable[[Loot], str]:
    return lambda loot: with_signature_of(loot.token, loot.header, loot.claims | claims)


def _own(**header: object) -> Callable[[Loot], str]:
    return lambda loot: loot.own.sign(loot.header | header, loot.claims)


def _swapped(loot: Loot) -> str:
    kid = read_part(loot.token_es256.split(".")[0])["kid"]
    return with_signature_of(loot.token, loot.header | {"kid": kid}, loot.claims)


def _es256_under_rsa(loot: Loot) -> str:
    header, claims = map(read_part, loot.token_es256.split(".")[:2])
    return with_signature_of(loot.token_es256, header | {"kid": loot.header["kid"]}, claims)


def _of_other_realm(loot: Loot) -> str:
    header, claims = map(read_part, loot.token_of_other_realm.split(".")[:2])
    kid, issuer = loot.header["kid"], loot.claims["iss"]
    return with_signature_of(
        loot.token_of_other_realm, header | {"kid": kid}, claims | {"iss": issuer}
    )


def _other_realms_key(loot: Loot) -> str:
    kid = read_part(loot.token_of_other_realm.split(".")[0])["kid"]
    return loot.own.sign(loot.header | {"kid": kid}, loot.claims)


# Each forgery, and a word of why it is refused.
FORGERIES: dict[str, tuple[Callable[[Loot], str], str]] = {
    "alg none, an empty signature": (_unsigned("none", "."), "not signed by RS256 or ES256"),
    "alg none, no signature": (_unsigned("none", ""), "it is no signed JWT"),
    **{
        f"alg {name or 'empty'}": (_unsigned(name, "."), "it is no signed JWT")
        for name in ("None", "NONE", "nOnE", "")
    },
    "alg none over a good signature": (
        lambda loot: with_signature_of(loot.token, loot.header | {"alg": "none"}, loot.claims),
        "not signed by RS256 or ES256",
    ),
    "HS256 with the public key as PEM": (_by_hmac(_pem), "not signed by RS256 or ES256"),
    "HS256 with the public key as JWK": (
        _by_hmac(lambda key: json.dumps(key, separators=(",", ":")).encode()),
        "not signed by RS256 or ES256",
    ),
    "HS256 with the modulus": (_by_hmac(lambda key: str(key["n"]).encode()), "not signed by"),
    "the kid of the key for ES256": (_swapped, "its key is for another algorithm"),
    "ES256 under the kid of the RSA key": (_es256_under_rsa, "its key is for another algorithm"),
    "the forger's own key under the realm's kid": (_own(), "its signature is wrong"),
    "the forger's own key under a kid of his own": (_own(kid="mine"), "nobody knows its key"),
    "a key that the token brings along": (
        lambda loot: loot.own.sign(
            loot.header | {"kid": "mine", "jwk": loot.own.jwk("mine")}, loot.claims
        ),
        "nobody knows its key",
    ),
    "a key that the token names the place of": (
        _own(kid="mine", jku="https://127.0.0.1:1/jwks"),
        "nobody knows its key",
    ),
    "another realm's token under the realm's kid and issuer": (
        _of_other_realm,
        "its signature is wrong",
    ),
    "another realm's kid over good claims": (_other_realms_key, "nobody knows its key"),
    "another user": (_changed(sub="somebody-else"), "its signature is wrong"),
    "another role": (_changed(realm_access={"roles": ["mecapy-admin"]}), "its signature is wrong"),
    "a longer life": (_changed(exp=4_102_444_800), "its signature is wrong"),
    "another audience": (_changed(aud="somebody-else"), "its signature is wrong"),
    "huge by its claims": (_changed(padding="A" * 9_000), "it is too long"),
    "huge by its signature": (lambda loot: loot.token + "A" * 9_000, "it is too long"),
    "huge by dots": (lambda loot: loot.token + "." * 9_000, "it is too long"),
}
