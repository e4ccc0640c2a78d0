"""The child process that opens one sealed message: see `ape_sonar.seal`, which starts it by this file's path.

Standard input: {"message": path, "keys": [base64 of a secret key], "signers": armoured ring or null}.
Standard output: the content, as it comes. It counts for nothing until the verdict has been read.
Standard error: {"signed_by": [fingerprints]} or {"error": why}.
"""

from __future__ import annotations

import base64
import json
import sys
from typing import Any

from pysequoia import Cert, Tsk, decrypt_file

#: How pysequoia 0.1.35 begins to say that a message is sealed to others; a test holds it to these words.
NO_KEY = "No key to decrypt message"


def _open(request: dict[str, Any]) -> list[str]:
    """Writes the content to standard output. Returns which of the signers signed it, in capitals."""
    signers = Cert.split_bytes(request["signers"].encode("ascii")) if request["signers"] else None
    *others, last = request["keys"]
    for key in others:
        try:
            return _open_with(key, request["message"], signers)
        except RuntimeError as error:
            # Before anything was written: a message tells first to whom it is sealed.
            if not str(error).startswith(NO_KEY):
                raise
    return _open_with(last, request["message"], signers)


def _open_with(key: str, message: str, signers: list[Cert] | None) -> list[str]:
    store = None if signers is None else lambda _ids: signers
    decryptor = Tsk.from_bytes(base64.b64decode(key)).decryptor()
    opened = decrypt_file(message, "/dev/stdout", decryptor=decryptor, store=store)
    return [signature.certificate.upper() for signature in opened.valid_sigs]


def _main() -> None:
    request = json.load(sys.stdin)
    try:
        verdict: dict[str, Any] = {"signed_by": _open(request)}
    except BaseException as error:  # a panic of pysequoia's is no Exception, and says as much about the message
        verdict = {"error": str(error).partition("\n")[0] or type(error).__name__}
    json.dump(verdict, sys.stderr)


if __name__ == "__main__":
    _main()
