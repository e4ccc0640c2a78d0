"""The child process that opens one sealed message: see `ape_sonar.seal`, which starts it by this file's path.

Standard input: {"message": path, "key": base64 of a secret key, "signers": armoured ring or null}.
Standard output: the content, as it comes. It counts for nothing until the verdict has been read.
Standard error: {"signed_by": [fingerprints]} or {"error": why}.
"""

from __future__ import annotations

import base64
import json
import sys
from typing import Any

from pysequoia import Cert, Tsk, decrypt_file


def _open(request: dict[str, Any]) -> list[str]:
    """Writes the content to standard output. Returns which of the signers signed it, in capitals."""
    decryptor = Tsk.from_bytes(base64.b64decode(request["key"])).decryptor()
    signers = Cert.split_bytes(request["signers"].encode("ascii")) if request["signers"] else None
    store = None if signers is None else lambda _ids: signers
    opened = decrypt_file(request["message"], "/dev/stdout", decryptor=decryptor, store=store)
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
