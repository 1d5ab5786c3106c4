"""Takes secrets out of texts that others wrote: SDK logs, Azure's messages, build logs.

Everything that the worker says, and every error made of it, goes through here before a person sees it.
"""

from __future__ import annotations

import re

HIDDEN = "***"

_PATTERNS = (
    (re.compile(r"\b(sig=)[^&\s\"'<>]+", re.IGNORECASE), rf"\g<1>{HIDDEN}"),
    (
        re.compile(r"([?&;](?:sig|sv|se|st|sp|spr|skoid|sktid)=)[^&\s\"'<>]+", re.IGNORECASE),
        rf"\g<1>{HIDDEN}",
    ),
    (re.compile(r"\b(Bearer\s+)[^\s\"',}]+", re.IGNORECASE), rf"\g<1>{HIDDEN}"),
    (re.compile(r"\beyJ[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]*)?"), HIDDEN),
    (re.compile(r"(://)[^/\s@\"']+@"), rf"\g<1>{HIDDEN}@"),
    (
        re.compile(
            r"\b((?:AccountKey|SharedAccessKey|SharedAccessSignature)\s*=\s*)[^;\s\"']+", re.IGNORECASE
        ),
        rf"\g<1>{HIDDEN}",
    ),
    (
        re.compile(
            r"((?:\"|'|\b)(?:primary_?key|secondary_?key|ssl_?key|client_?secret|password|access_?token"
            r"|refresh_?token|secret|subscription-?key)(?:\"|')?\s*[:=]\s*)(\"[^\"]*\"|'[^']*'|[^\s,;&}]+)",
            re.IGNORECASE,
        ),
        rf"\g<1>{HIDDEN}",
    ),
    (
        re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?-----END [A-Z ]*PRIVATE KEY-----", re.DOTALL),
        HIDDEN,
    ),
)


def secrets(text: str) -> str:
    """The text with everything that looks like a secret replaced by `***`."""
    for pattern, shown in _PATTERNS:
        text = pattern.sub(shown, text)
    return text
