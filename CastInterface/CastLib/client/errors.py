"""What went wrong on the way to the hub, as one of the product's errors with a sentence for a person."""

from __future__ import annotations

import ssl
from typing import Any

import requests
import urllib3

from CastLib.client.network import Proxy
from CastLib.errors import CastError, HubNotReachable, Refused, TimedOut

#: Answers that may differ when asked again later.
PASSING = frozenset({408, 425, 429, 500, 502, 503, 504, 507})
_NOT_THERE = frozenset({404, 405, 410, 501})
_LONGEST_REASON = 300
_REASONS = ("message", "msg", "error_description", "error", "detail", "reason")
_MAX_WRAPPED = 4


class HubUnusable(HubNotReachable):
    """Asking again will not help: a certificate that is not trusted, or something there that is no hub."""


def is_passing(error: CastError) -> bool:
    """Tell whether connecting again later may succeed where it failed with this error."""
    if isinstance(error, Refused):
        return error.status in PASSING
    return isinstance(error, (HubNotReachable, TimedOut)) and not isinstance(error, HubUnusable)


def not_reachable(base: str, error: BaseException, proxy: Proxy | None) -> HubNotReachable:
    """Return the error for a connection that could not be made or broke."""
    certificate = _find(error, ssl.SSLCertVerificationError)
    if isinstance(certificate, ssl.SSLCertVerificationError):
        return _not_trusted(base, certificate.verify_message)
    wrong_name = _find(error, urllib3.exceptions.SSLError)
    if wrong_name is not None and not _find(error, ssl.SSLError):
        return _not_trusted(base, str(wrong_name))  # urllib3 1.26 compares the name itself
    if _find(error, ssl.SSLError):
        return HubUnusable(f"{base} does not speak TLS as expected ({cause(error)}); is it https there?")
    if isinstance(error, requests.exceptions.ProxyError) and proxy is not None:
        return HubNotReachable(
            f"the proxy {proxy.host}:{proxy.port} does not lead to {base} ({cause(error)}); HTTPS_PROXY names it"
        )
    return HubNotReachable(f"no hub answers at {base} ({cause(error)}); start one with `cast hub` or name another")


def _not_trusted(base: str, why: str) -> HubUnusable:
    why = why.rstrip(".") or "unknown reason"
    return HubUnusable(
        f"the certificate of {base} is not trusted ({why}); name your authority's file in CAST_CA_BUNDLE"
    )


def without_hub(base: str, error: Refused, missing: str) -> CastError:
    """Return the refusal of a call that every hub has as what it is when the call is not there: no hub is."""
    if error.status in _NOT_THERE:
        return HubUnusable(f"{base} answers, but is no Cast hub: it has no {missing}")
    return error


def cause(error: BaseException) -> str:
    """Return the innermost reason of an error in few words, without addresses or headers."""
    found = _find(error, OSError)
    if isinstance(found, ssl.SSLError) and found.reason:
        return found.reason.lower().replace("_", " ")
    if isinstance(found, TimeoutError):
        return "no answer in time"
    if isinstance(found, OSError) and found.strerror:
        return found.strerror.lower()
    if isinstance(found, OSError) and not isinstance(found, requests.RequestException) and found.args:
        return str(found.args[0])
    if isinstance(error, requests.Timeout):
        return "no answer in time"
    return "the connection broke"


def _find(error: BaseException, kind: type[BaseException]) -> BaseException | None:
    """Return the innermost error of this kind among an error's causes, contexts and arguments."""
    found: BaseException | None = None
    seen: set[int] = set()
    waiting: list[BaseException] = [error]
    while waiting:
        here = waiting.pop()
        if id(here) in seen:
            continue
        seen.add(id(here))
        if isinstance(here, kind):
            found = here
        around = (here.__cause__, here.__context__, getattr(here, "reason", None), *here.args)
        waiting.extend(other for other in around if isinstance(other, BaseException))
    return found


def refusal(response: requests.Response) -> Refused:
    """Return the error for a 4xx or 5xx answer, with the hub's own words."""
    reason = ""
    kind = response.headers.get("Content-Type", "")
    text = response.text[:20_000]
    if "json" in kind:
        try:
            value = response.json()
        except ValueError:
            value = None
        reason = _words(value)
    elif "html" not in kind:
        reason = text.strip()
    reason = " ".join(reason.split())[:_LONGEST_REASON] or response.reason or "no reason given"
    return Refused(response.status_code, reason)


def _words(value: Any) -> str:
    """The reason in the JSON of a refusal; some hubs wrap it once more (``{"detail": {"error": …}}``), some list it."""
    for _ in range(_MAX_WRAPPED):
        if isinstance(value, list) and value:
            value = value[0]
        if isinstance(value, str):
            return value
        if not isinstance(value, dict):
            return ""
        words = [word for key in _REASONS if (word := value.get(key))]
        value = next((word for word in words if isinstance(word, str)), words[0] if words else None)
    return ""


def without_frames(error: CastError) -> CastError:
    """Return an error that may be kept: those where it was raised would keep an answer, and its connection, alive."""
    error.__traceback__ = error.__context__ = error.__cause__ = None
    return error
