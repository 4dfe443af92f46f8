"""An entry as it travels: which key it is for, what it leads to, and who says so (HMAC-SHA256, RFC 2104).

Whoever holds the secret may say of any key what it leads to; whoever does not can take entries away,
damage them or put an old one of the same key back, all of which is a miss or the truth.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any

from stemtasks.cache.store import checked

FORMAT = 1
LARGEST_BYTES = 1 << 20


class Untrusted(Exception):  # noqa: N818 - not a user's mistake
    """An entry without the signature that this reader asks for."""


def _signature(secret: bytes, key: str, entry: dict[str, Any]) -> str:
    said = json.dumps({"entry": entry, "format": FORMAT, "key": key}, sort_keys=True, separators=(",", ":"))
    return hmac.new(secret, said.encode(), hashlib.sha256).hexdigest()


def packed(key: str, entry: dict[str, Any], secret: bytes | None) -> bytes:
    """Return an entry for others to read, signed if there is a secret."""
    document = {"format": FORMAT, "key": key, "entry": entry}
    if secret:
        document["signature"] = _signature(secret, key, entry)
    return json.dumps(document, sort_keys=True).encode()


def unpacked(key: str, raw: bytes, secret: bytes | None) -> dict[str, Any] | None:
    """Return the entry of a key, or None if it is no such entry; raises ``Untrusted`` where a secret disagrees."""
    try:
        document = json.loads(raw)
        if document["format"] != FORMAT or document["key"] != key:
            return None
        entry = checked(document["entry"])
        said = str(document.get("signature", "")).encode("utf-8", "replace")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    if entry is not None and secret and not hmac.compare_digest(_signature(secret, key, entry).encode(), said):
        raise Untrusted
    return entry
