"""Access tokens: issued to the one service principal that there is, and asked for with every request."""

from __future__ import annotations

import uuid
from typing import Any

import jwt

from toc_build.rehearsal.domain.clock import Clock
from toc_build.rehearsal.domain.cloud import Identity
from toc_build.rehearsal.domain.refusals import Refusal

VALID_SECONDS = 3600
SCORING_VALID_SECONDS = 12 * 3600
_ALGORITHM = "HS256"


class Tokens:
    """Issues and checks tokens.

    Args:
        identity: who may have one.
        clock: seconds since 1970.
    """

    def __init__(self, identity: Identity, clock: Clock) -> None:
        self._identity, self._clock = identity, clock

    def issue(self, audience: str, *, valid_seconds: float = VALID_SECONDS, **claims: Any) -> str:
        """A token.

        Args:
            audience: what it is good for.
            valid_seconds: how long.
            claims: more of what it says.
        """
        now = int(self._clock())
        identity = self._identity
        content = {
            "aud": audience,
            "iss": f"https://sts.windows.net/{identity.tenant}/",
            "iat": now,
            "nbf": now,
            "exp": int(now + valid_seconds),
            "appid": identity.client,
            "oid": identity.client,
            "tid": identity.tenant,
            "jti": uuid.uuid4().hex,
            **claims,
        }
        return jwt.encode(content, identity.token_secret, algorithm=_ALGORITHM)

    def check(self, authorization: str) -> dict[str, Any]:
        """What the token in a header says.

        Raises:
            Refusal: there is none, it was not issued here, or it has run out.
        """
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise Refusal(
                "AuthenticationFailed", "Authentication failed. The 'Authorization' header is missing.", 401
            )
        try:
            options: Any = {
                "verify_aud": False,
                "verify_exp": False,
                "verify_nbf": False,
                "verify_iat": False,
            }
            claims: dict[str, Any] = jwt.decode(
                token, self._identity.token_secret, algorithms=[_ALGORITHM], options=options
            )
        except jwt.InvalidTokenError:
            raise Refusal(
                "InvalidAuthenticationToken", "The access token is invalid: it was not issued here.", 401
            ) from None
        if claims.get("exp", 0) <= self._clock():
            raise Refusal("ExpiredAuthenticationToken", "The access token has expired.", 401)
        return claims
