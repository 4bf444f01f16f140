"""What a result was computed from, as one hash: the same inputs need not be computed twice."""

import hashlib
import io

import polars as pl

from siwei import __version__


def fingerprint(*inputs: pl.DataFrame | str) -> str:
    """SHA-256 over texts and frames (their Arrow bytes, so order, names and types count too), and this version of the
    platform: another may compute otherwise."""
    digest = hashlib.sha256(__version__.encode())
    for each in inputs:
        if isinstance(each, str):
            content = each.encode()
        else:
            buffer = io.BytesIO()
            each.rechunk().write_ipc(buffer, compression="uncompressed")
            content = buffer.getvalue()
        digest.update(len(content).to_bytes(8, "big"))
        digest.update(content)
    return digest.hexdigest()
