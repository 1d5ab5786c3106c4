"""What the rehearsed cloud refuses: one exception, which the wire turns into its own kind of answer."""

from __future__ import annotations


class Refusal(Exception):  # noqa: N818 - a refusal is an answer, not a defect
    """A request that the service understands and does not do.

    Args:
        code: the service's word for it, such as `WebserviceNotFound`.
        message: what a person reads.
        status: the HTTP status that fits.
    """

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status


def not_found(kind: str, name: str) -> Refusal:
    """There is nothing of that name."""
    return Refusal(f"{kind}NotFound", f"{kind} with name {name} not found in provided workspace", 404)
