"""Secrets in texts: all forms in which one may be written, and whether a folder has any."""

from __future__ import annotations

import base64
import gzip
import html
import json
import quopri
from pathlib import Path
from urllib.parse import quote, quote_plus


def forms(text: str) -> list[str]:
    """A text in all the encodings."""
    raw = text.encode()
    found = [
        text,
        quote(text),
        quote(text, safe=""),
        quote_plus(text),
        "".join(f"%{byte:02x}" for byte in raw),
        json.dumps(text)[1:-1],
        json.dumps(text, ensure_ascii=False)[1:-1],
        json.dumps(json.dumps(text))[3:-3],
        html.escape(text),
        "".join(f"&#{ord(c)};" for c in text),
        "".join(f"&#x{ord(c):X};" for c in text),
        repr(raw)[2:-1],
        raw.hex(),
        raw.hex().upper(),
        quopri.encodestring(raw).decode().strip(),
        base64.b64encode(raw).decode(),
        base64.urlsafe_b64encode(raw).decode(),
        quote(base64.b64encode(raw).decode(), safe=""),
    ]
    return list(dict.fromkeys(found))


def holds(text: str, secret: str) -> str:
    """A form of a secret that a text holds, in any case; "" if none."""
    lower = text.lower()
    return next((form for form in forms(secret) if form.lower() in lower), "")


def all_text(folder: Path) -> str:
    """Names and contents of all files, compressed ones unpacked."""
    found = []
    for path in sorted(folder.rglob("*")):
        found.append(str(path))
        if path.is_file():
            content = path.read_bytes()
            if path.suffix == ".gz":
                content = gzip.decompress(content)
            found.append(content.decode("latin-1"))
            found.append(content.decode("utf-8", "replace"))
    return "\n".join(found)
