"""Finds what looks like a secret in `deploy.yml` and `conda.yml`: by the key's name or by the value.

`folder` and `conda` refuse such a file. No message ever repeats the value.
"""

from __future__ import annotations

import re

_KEY = re.compile(
    r"(?:^|[_-])(?:key|keys|token|tokens|password|passwd|pwd|passphrase|secret|secrets|sas|credential|credentials"
    r"|connection_?string)(?:$|[_-])",
    re.IGNORECASE,
)
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_VALUES = (
    (
        re.compile(r"\b(?:AccountKey|SharedAccessKey)\s*=", re.IGNORECASE),
        "the key of a storage or service bus connection string",
    ),
    (re.compile(r"SharedAccessSignature|[?&;]sig=", re.IGNORECASE), "a shared access signature (SAS)"),
    (re.compile(r"\beyJ[\w-]{8,}\.[\w-]{8,}"), "a JSON web token"),
    (re.compile(r"://[^/\s:@]*:(?!\$\{)[^/\s@]+@"), "a URL with a password in it"),
    (re.compile(r"://[^/\s:@$]{20,}@"), "a URL with a token in it"),
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY"), "a private key"),
    (
        re.compile(r"\bgh[pousr]_\w{20,}|\bgithub_pat_\w{20,}|\bpypi-\w{20,}|\bxox[abp]-\w{10,}"),
        "an access token",
    ),
)
FIX = (
    "remove it; keep secrets in environment variables or a key vault. If the file was ever committed, have "
    "the secret "
    "renewed: git keeps the old one."
)


def named_like_secret(key: str) -> bool:
    """Whether a key's name says that its value is a secret, such as `primary_key` or `sasToken`."""
    return bool(_KEY.search(_CAMEL.sub("_", key)))


def looks_like(value: str) -> str | None:
    """What kind of secret `value` holds, in words; None when it holds none that is known."""
    for pattern, words in _VALUES:
        if pattern.search(value):
            return words
    return None
