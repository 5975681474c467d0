"""Keys of an LMT source in site.json."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Literal
from urllib.parse import urlsplit

from pydantic import field_validator

from archive_tools.core.day import Day
from pipeline.site import Site, SourceOptions
from pipeline.sources._shared.secrets import secret
from pipeline.sources._shared.sql_database import Database
from pipeline.sources._shared.sqlite_checks import check_tables
from pipeline.sources.lmt.tables import TABLES


class Options(SourceOptions):
    """Keys of an LMT source.

    Attributes
    ----------
    database : str
        ``sqlite:////path/lmt_%Y-%m-%d.sqlite3`` (three slashes: counted from site.json) or
        ``mysql://user@host:3306/filesystem_scratch``; a strftime template.
    password_env : str
        The environment variable that holds the password.
    password_file : str
        The file that holds the password.
    """

    ORIGIN: ClassVar[frozenset[str]] = frozenset({"database", "password_env", "password_file"})

    kind: Literal["lmt"]
    database: str
    password_env: str = ""
    password_file: str = ""

    @field_validator("database")
    @classmethod
    def _known_scheme(cls, url: str) -> str:
        scheme, _, rest = url.partition("://")
        if scheme not in ("sqlite", "mysql") or not rest:
            raise ValueError("must begin with sqlite:/// or mysql://")
        if scheme == "mysql" and ":" in rest.rpartition("@")[0]:
            raise ValueError(
                "holds a password; name an environment variable by password_env, or a file by"
                " password_file"
            )
        return url

    @property
    def needs_process(self) -> bool:
        """connectorx does not work in processes that are forked after it was used."""
        return True

    @property
    def shared_server(self) -> str:
        """Host, port and socket; none of a file."""
        parts = urlsplit(self.database)
        is_server = parts.scheme == "mysql"
        return f"{parts.netloc.rpartition('@')[2]} {parts.query}" if is_server else ""

    @property
    def needed_extra(self) -> str:
        """connectorx reads SQLite too."""
        return "lmt"

    def open(self, day: Day) -> Database:
        """The database of a day."""
        if self.database.startswith("sqlite://"):
            path = Path(day.expand(self.database.removeprefix("sqlite://")))
            database = Database.sqlite(path, self.ask_seconds)
            check_tables(path, TABLES, self.ask_seconds)
            return database
        password = secret(self.password_env, self.password_file, "the password of the LMT database")
        return Database.mysql(day.expand(self.database), password, self.ask_seconds)


def with_absolute_paths(options: Options, site: Site) -> Options:
    """Paths counted from site.json; the site's time zone where the source names none."""
    update: dict[str, str] = {"timezone": options.timezone or site.timezone}
    if options.database.startswith("sqlite://"):
        path = options.database.removeprefix("sqlite:///")
        update["database"] = f"sqlite://{site.path(path)}"
    if options.password_file:
        update["password_file"] = str(site.path(options.password_file))
    return options.model_copy(update=update)
