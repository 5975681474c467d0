"""Requests to HTTP servers: credentials, retries, and errors that say the request and the answer.

A request that the network or a busy server fails is sent again, with growing pauses; every request
of this system only reads. No answer is held that is larger than it may be. Credentials come from
the environment or a file, and appear in no message.
"""

from __future__ import annotations

import email.utils
import json
import re
import ssl
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies

from pydantic import Field, field_validator, model_validator

from archive_tools.core.errors import SourceError, Unreachable
from archive_tools.core.extras import needs_extra
from pipeline.site import Site, SourceOptions
from pipeline.sources._shared import secrets

if TYPE_CHECKING:
    import tenacity

BUSY = (429, 502, 503, 504)
TIMED_OUT = re.compile(r"time-?out|timed out", re.IGNORECASE)
"""In the body of a 503: the query took too long, and would again."""
TRIES = 5
LONGEST_PAUSE = 30.0
BODY = 1 << 13
"""Bytes of a refusal that are looked at."""


class HttpOptions(SourceOptions):
    """Keys of sources that are queried over HTTP.

    Attributes
    ----------
    url : str
        ``http://host:port`` or ``https://...``, with a path where a proxy wants one.
    user : str
        For basic authentication; its password by `password_env` or `password_file`.
    password_env : str
        The environment variable that holds the user's password.
    password_file : str
        The file that holds the user's password.
    token_env : str
        The environment variable that holds a bearer token.
    token_file : str
        The file that holds a bearer token.
    ca_file : str
        Certificates to trust, in place of the system's.
    timeout_seconds : float
        How long a server may take to say something.
    answer_mb : int
        The largest answer that is taken.
    """

    url: str = ""
    user: str = ""
    password_env: str = ""
    password_file: str = ""
    token_env: str = ""
    token_file: str = ""
    ca_file: str = ""
    timeout_seconds: float = Field(default=120.0, gt=0)
    answer_mb: int = Field(default=512, ge=1)

    @field_validator("url")
    @classmethod
    def _plain_url(cls, url: str) -> str:
        if not url:
            return url
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("must begin with http://HOST or https://HOST")
        if "@" in parts.netloc:
            raise ValueError(
                "holds credentials; name them by user and password_env or password_file, or by"
                " token_env or token_file"
            )
        if parts.query or parts.fragment:
            raise ValueError(
                "has a query or fragment; credentials belong into token_env or token_file"
            )
        return url.rstrip("/")

    @model_validator(mode="after")
    def _whole_credentials(self) -> Self:
        if bool(self.user) != bool(self.password_env or self.password_file):
            raise ValueError(
                "user and password_env or password_file are given together, or not at all"
            )
        if self.user and (self.token_env or self.token_file):
            raise ValueError("give a user or a token, not both")
        return self

    @property
    def shared_server(self) -> str:
        """Host and port; none of files."""
        return urlsplit(self.url).netloc

    @property
    def needed_extra(self) -> str:
        """Only a server needs more than the base install; files do not."""
        return "http" if self.url else ""


HTTP_ORIGIN = frozenset(HttpOptions.model_fields) - frozenset(SourceOptions.model_fields)
"""The keys of `HttpOptions`: none says what is made of the data."""


def http_with_absolute_paths(options: HttpOptions, site: Site) -> dict[str, str]:
    """The files that `options` name, counted from site.json."""
    return {
        key: str(site.path(getattr(options, key)))
        for key in ("password_file", "token_file", "ca_file")
        if getattr(options, key)
    }


class HttpError(SourceError):
    """A server answered, but not with what was requested.

    Attributes
    ----------
    status : int
    body : str
        The beginning of the answer, without secrets.
    """

    def __init__(self, what: str, *, status: int, body: str, hint: str = "") -> None:
        super().__init__(what, got=f"{status} {secrets.shown(body)}".strip(), hint=hint)
        self.status, self.body = status, secrets.struck(body)


class TooLarge(SourceError):
    """An answer is larger than is allowed."""


class TimedOut(Unreachable):
    """A server did not say anything in time; a smaller request may succeed."""


class _Busy(Exception):
    def __init__(self, error: HttpError, pause: float) -> None:
        self.error, self.pause = error, pause


def _pause(state: tenacity.RetryCallState) -> float:
    """Seconds until the next try: as the server requests, else 1, 2, 4, ..."""
    error = state.outcome.exception() if state.outcome else None
    requested = error.pause if isinstance(error, _Busy) else 0.0
    return min(requested or 2.0 ** (state.attempt_number - 1), LONGEST_PAUSE)


class Server:
    """A connection to one server; use as a context manager.

    Parameters
    ----------
    options : HttpOptions
    pause : callable, optional
        Waits some seconds between tries.

    Raises
    ------
    MissingPackage
        httpx or tenacity is not installed.
    """

    def __init__(self, options: HttpOptions, pause: Any = time.sleep) -> None:
        with needs_extra("http", "a source at a URL"):
            import httpx
            import tenacity

        self.url = options.url
        self._limit = options.answer_mb << 20
        headers, auth = {"Accept-Encoding": "gzip"}, None
        _remember_proxies()
        token = secrets.secret(
            options.token_env, options.token_file, f"the token for {options.url}"
        )
        if token:
            headers["Authorization"] = f"Bearer {_sendable(token, options)}"
        elif options.user:
            what = f"the password for {options.url}"
            password = secrets.secret(options.password_env, options.password_file, what)
            secrets.remember(password, options.user)
            auth = httpx.BasicAuth(options.user, password)
        try:
            verify = (
                ssl.create_default_context(cafile=options.ca_file or None)
                if options.url.startswith("https")
                else True
            )
        except OSError as error:
            raise SourceError(f"ca_file {options.ca_file} cannot be used: {error}") from None
        self._client = httpx.Client(
            headers=headers, auth=auth, verify=verify, timeout=options.timeout_seconds
        )
        self._retrying = tenacity.Retrying(
            stop=tenacity.stop_after_attempt(TRIES),
            wait=_pause,
            retry=tenacity.retry_if_exception(
                lambda error: (
                    isinstance(error, _Busy | httpx.RequestError)
                    and not isinstance(error, httpx.ReadTimeout)
                )
            ),
            sleep=pause,
            reraise=True,
        )

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def ask(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        form: Mapping[str, Any] | None = None,
        body: Any = None,
    ) -> bytes:
        """Send a request; the answer's body.

        Parameters
        ----------
        method, path : str
            The path is appended to the source's `url`.
        params, form : mapping, optional
            Of the query, or of the body of a form.
        body : object, optional
            Sent as JSON.

        Raises
        ------
        HttpError
            The server answered with an error, also after several tries.
        TooLarge
            Its answer is larger than `answer_mb`.
        TimedOut
            The server says nothing for `timeout_seconds`.
        SourceError
            The server cannot be reached, its answer breaks off, or repeats the credentials.
        """
        import httpx

        what = f"{method} {self.url}{path}"
        try:
            return self._retrying(
                self._once, what, method, path, {"params": params, "data": form, "json": body}
            )
        except _Busy as busy:
            raise busy.error from None
        except httpx.ReadTimeout:
            hint = "raise timeout_seconds of the source, or look at the server"
            raise TimedOut(
                f"{what}: the server said nothing for {self._client.timeout.read:g} s", hint=hint
            ) from None
        except httpx.RequestError as error:
            text = secrets.shown(str(error)) or type(error).__name__
            raise Unreachable(
                f"{what} failed {TRIES} times: {text}",
                hint="check the key url in site.json, and that the server runs",
            ) from None

    def json(self, method: str, path: str, **request: Any) -> Any:
        """Send a request; the answer's JSON."""
        answer = self.ask(method, path, **request)
        try:
            return json.loads(answer)
        except (ValueError, RecursionError) as error:
            raise SourceError(
                f"{method} {self.url}{path}: the answer is not JSON: {error}",
                got=secrets.shown(answer, 100),
            ) from None

    def clock(self) -> float | None:
        """The server's time by the head of its answer, epoch seconds, to a second; None where it
        has none.

        Raises
        ------
        Unreachable
            The server does not answer.
        """
        import httpx

        try:
            with self._client.stream("GET", f"{self.url}/") as answer:
                date = answer.headers.get("Date", "")
            return email.utils.parsedate_to_datetime(date).timestamp() + 0.5
        except httpx.RequestError as error:
            said = secrets.shown(str(error)) or type(error).__name__
            raise Unreachable(f"{self.url} does not answer: {said}") from None
        except ValueError:
            return None

    def _once(self, what: str, method: str, path: str, request: Mapping[str, Any]) -> bytes:
        with self._client.stream(method, self.url + path, **request) as answer:
            pieces, size = [], 0
            for piece in answer.iter_bytes():
                size += len(piece)
                if size > self._limit:
                    raise TooLarge(
                        f"{what}: the answer is larger than {self._limit >> 20} MiB",
                        hint="raise answer_mb of the source if that is right",
                    )
                pieces.append(piece)
        found = b"".join(pieces)
        if answer.is_success:
            if secrets.is_repeated_in(found):
                raise SourceError(
                    f"{what}: the answer repeats the credentials; nothing of it is kept",
                    hint="see why the server, or a proxy before it, gives requests back",
                )
            return found
        error = HttpError(
            f"{what} was refused",
            status=answer.status_code,
            body=_elsewhere(answer.headers) + found[:BODY].decode("utf-8", "replace"),
            hint=_hint(answer.status_code),
        )
        if answer.status_code in BUSY and not (
            answer.status_code == 503 and TIMED_OUT.search(error.body)
        ):
            raise _Busy(error, _seconds(answer.headers.get("Retry-After", "")))
        raise error


def _sendable(token: str, options: HttpOptions) -> str:
    if not token.isascii() or not token.isprintable() or " " in token:
        where = options.token_env or options.token_file
        raise SourceError(
            f"the token for {options.url} ({where}) is not a token: it holds characters that cannot"
            " be sent"
        )
    return token


def _remember_proxies() -> None:
    """Know the passwords of proxies, which the environment names."""
    for proxy in getproxies().values():
        parts = urlsplit(proxy)
        if parts.password:
            secrets.remember(unquote(parts.password), unquote(parts.username or ""))


def _elsewhere(headers: Mapping[str, str]) -> str:
    """Where a server wants to be asked instead: that is never followed."""
    place = headers.get("Location", "")
    return f"to {place} " if place else ""


def _seconds(text: str) -> float:
    return float(text) if text.isdecimal() else 0.0


def _hint(status: int) -> str:
    return (
        "check user and password_env or password_file, or token_env or token_file"
        if status in (401, 403)
        else "give the address itself by the key url: no redirect is followed"
        if 300 <= status < 400
        else ""
    )
