"""The child process that unseals one message; `sealed_messages` starts it by this file's path.

Standard input: {"message": path, "keys": [base64 of a secret key], "signers": armoured keyring or null}.
Standard output: the content, in a stream. Nothing is verified until the answer on standard error has been read.
Standard error: {"key": index of the key, "signed_by": [fingerprints in capitals]} or {"error": text}.
"""

from __future__ import annotations

import base64
import json
import sys
from typing import Any

from pysequoia import Cert, Tsk, decrypt_file

#: Beginning of pysequoia 0.1.35's error for a message that is sealed to other keys; a test pins its wording.
NO_KEY = "No key to decrypt message"


def _open(request: dict[str, Any]) -> dict[str, Any]:
    """Writes the content to standard output. Returns the index of the key, and the signers with a valid signature."""
    signers = Cert.split_bytes(request["signers"].encode("ascii")) if request["signers"] else None
    last = len(request["keys"]) - 1
    for index, key in enumerate(request["keys"]):
        try:
            return {"key": index, "signed_by": _open_with(key, request["message"], signers)}
        except RuntimeError as error:
            # Raised before any output: the session keys come first in a message.
            if index == last or not str(error).startswith(NO_KEY):
                raise
    raise ValueError("no key was given")


def _open_with(key: str, message: str, signers: list[Cert] | None) -> list[str]:
    """Fingerprints of the signers with a valid signature, in capitals."""
    store = None if signers is None else lambda _ids: signers
    decryptor = Tsk.from_bytes(base64.b64decode(key)).decryptor()
    opened = decrypt_file(message, "/dev/stdout", decryptor=decryptor, store=store)
    return [signature.certificate.upper() for signature in opened.valid_sigs]


def _main() -> None:
    request = json.load(sys.stdin)
    try:
        answer = _open(request)
    except BaseException as error:  # a panic of pysequoia is no Exception, and also means a bad message
        answer = {"error": str(error).partition("\n")[0] or type(error).__name__}
    json.dump(answer, sys.stderr)


if __name__ == "__main__":
    _main()
