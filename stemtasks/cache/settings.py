"""A project's settings: ``stemtasks.toml`` beside ``dodo.py``, and the environment, which overrides it.

A secret is taken from the environment only, and is in no message, no record and no ``repr``.
"""

from __future__ import annotations

import importlib.util
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, Literal, get_args
from urllib.parse import unquote, urlsplit

from stemtasks.errors import CacheError, SpecError, unknown
from stemtasks.spec import binding, schema
from stemtasks.spec.toml import parsed
from stemtasks.units import Longest, Range

FILE = Path("stemtasks.toml")
Mode = Literal["off", "read", "readwrite"]
Address = Annotated[str, Longest(4096)]
SCHEMES = ("s3", "s3a", "gs", "az", "azure", "abfs", "abfss", "adl")
URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://")
SECRET = re.compile(r"secret|password|token|credential|signature|sas|key|bearer", re.IGNORECASE)
SHORTEST_KEY = 16
MOST_CHARACTERS = 1 << 16


@dataclass(frozen=True)
class CacheTable:
    """Where finished work is kept (this table is in stemtasks.toml, beside dodo.py).

    Attributes
    ----------
    shared
        A folder or a URL (s3://, gs://, az://) that machines share; STEMTASKS_CACHE overrides it.
    mode
        What may be done with the shared store; STEMTASKS_CACHE_MODE overrides it.
    local_folder
        Where the local store is, if not in build/; several trees may name the same folder.
    max_gb
        The local store's cap, in 10^9 bytes.
    timeout_seconds
        How long the shared store may be silent, or a look-up may take.
    options
        What else the shared store's service must be told, such as endpoint or region; never a secret.
    """

    shared: Address = ""
    mode: Mode = "readwrite"
    local_folder: Address = ""
    max_gb: Annotated[float, Range(0.000_001, 1e6, "GB")] = 10.0
    timeout_seconds: Annotated[float, Range(0.1, 600.0, "s")] = 5.0
    options: Annotated[dict[str, Any], Longest(100, "keys")] = field(default_factory=dict)


@dataclass(frozen=True)
class Settings:
    """The settings of one run."""

    cache: CacheTable = CacheTable()
    signing_key: bytes | None = field(default=None, repr=False)


def load(file: Path = FILE, environment: Mapping[str, str] = os.environ) -> Settings:
    """Return the settings; raises ``SpecError`` for what they may not say, ``CacheError`` for a missing library."""
    table = CacheTable(**_cache_table(file))
    if shared := environment.get("STEMTASKS_CACHE"):
        table = replace(table, shared=shared)
    if mode := environment.get("STEMTASKS_CACHE_MODE"):
        if mode not in get_args(Mode):
            raise SpecError(f"STEMTASKS_CACHE_MODE: {mode!r} is not one of {', '.join(get_args(Mode))}")
        table = replace(table, mode=mode)  # type: ignore[arg-type]  # checked above
    if not table.shared or table.mode == "off":
        return Settings(replace(table, shared=""))
    _check_address(table.shared, "STEMTASKS_CACHE" if shared else f"{file}: cache.shared")
    key = environment.get("STEMTASKS_CACHE_KEY", "").strip().encode()
    if key and len(key) < SHORTEST_KEY:
        raise SpecError(
            f"STEMTASKS_CACHE_KEY: is shorter than {SHORTEST_KEY} characters; 'openssl rand -hex 32' makes a good one"
        )
    return Settings(table, key or None)


def _cache_table(file: Path) -> dict[str, Any]:
    """Return what the file says of the cache, checked; nothing where there is no file."""
    if file.exists() and not file.is_file():  # a pipe would be waited for
        raise SpecError(f"{file}: cannot be read (it is no file)")
    try:
        with open(file, encoding="utf-8-sig") as opened:
            text = opened.read(MOST_CHARACTERS + 1)
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise SpecError(f"{file}: cannot be read ({getattr(error, 'strerror', None) or 'not UTF-8'})") from None
    if len(text) > MOST_CHARACTERS:
        raise SpecError(f"{file}: has more than {MOST_CHARACTERS} characters; correct it")
    data = parsed(text, str(file))
    for name in data:
        if name != "cache":
            raise SpecError(f"{file}: {unknown('table', name, ['cache'])}")
    table = data.get("cache", {})
    if not isinstance(table, dict):
        raise SpecError(f"{file}: 'cache' is not a table; write [cache]")
    bound = binding.bind(schema.of_table(CacheTable), table, f"{file}: cache")
    for name, value in bound["options"].items():
        if SECRET.search(name):
            raise SpecError(
                f"{file}: cache.options.{name}: a secret does not belong in a file; "
                "remove it and set the service's own environment variable"
            )
        if not isinstance(value, (str, bool)):
            raise SpecError(f"{file}: cache.options.{name}: is neither a string nor true or false")
    return bound


def _check_address(address: str, where: str) -> None:
    """Refuse an address that is of no known kind or holds a secret; it is not repeated, for what may be in it."""
    found = URL.match(address)
    if not found or found[1].lower() == "file":
        return
    scheme = found[1].lower()
    if scheme not in SCHEMES:
        raise SpecError(f"{where}: '{scheme}://' is not known; use a folder, file://, s3://, gs:// or az://")
    try:
        parts = urlsplit(address)
        plain = parts.hostname and "@" not in parts.netloc.partition("/")[0] and not parts.query and not parts.fragment
    except ValueError:
        plain = False
    if not plain:
        raise SpecError(
            f"{where}: is not {scheme}://BUCKET/PREFIX; secrets and options do not belong in the address: "
            "secrets go into the environment, options into [cache] options"
        )
    if importlib.util.find_spec("obstore") is None:
        raise CacheError(f"{where}: {scheme}:// needs obstore; pip install 'stemtasks[remote]'")


def folder_of(address: str) -> Path | None:
    """Return the folder that an address names, or None if it is a service's."""
    found = URL.match(address)
    if not found:
        return Path(address).expanduser()
    return Path(unquote(urlsplit(address).path)) if found[1].lower() == "file" else None
