"""The child process that unseals one message; `sealed_messages` starts it by this file's path.

Standard input: {"message": path, "keys": [base64 of a secret key], "signers": armoured ring or null}.
Standard output: the content, as it comes. It counts for nothing until the verdict has been read.
Standard error: {"key": place of the one that opened it, "signed_by": [fingerprints in capitals]} or {"error": why}.
"""

from __future__ import annotations

import base64
import json
import sys
from typing import Any

from pysequoia import Cert, Tsk, decrypt_file

#: How pysequoia 0.1.35 begins to say that a message is sealed to others; a test holds it to these words.
NO_KEY = "No key to decrypt message"


def _open(request: dict[str, Any]) -> dict[str, Any]:
    """Writes the content to standard output. Returns which key opened it, and which of the signers signed it."""
    signers = Cert.split_bytes(request["signers"].encode("ascii")) if request["signers"] else None
    last = len(request["keys"]) - 1
    for place, key in enumerate(request["keys"]):
        try:
            return {"key": place, "signed_by": _open_with(key, request["message"], signers)}
        except RuntimeError as error:
            # It is said before anything is written: a message begins with whom it is sealed to.
            if place == last or not str(error).startswith(NO_KEY):
                raise
    raise ValueError("no key was given")


def _open_with(key: str, message: str, signers: list[Cert] | None) -> list[str]:
    """In capitals, which of the signers signed it."""
    store = None if signers is None else lambda _ids: signers
    decryptor = Tsk.from_bytes(base64.b64decode(key)).decryptor()
    opened = decrypt_file(message, "/dev/stdout", decryptor=decryptor, store=store)
    return [signature.certificate.upper() for signature in opened.valid_sigs]


def _main() -> None:
    request = json.load(sys.stdin)
    try:
        verdict = _open(request)
    except BaseException as error:  # a panic of pysequoia's is no Exception, and says as much about the message
        verdict = {"error": str(error).partition("\n")[0] or type(error).__name__}
    json.dump(verdict, sys.stderr)


if __name__ == "__main__":
    _main()
