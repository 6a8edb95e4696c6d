"""Errors that stop a pass, each with the exit code a person or cron sees.

    PipelineError                exit code
    ├── ConfigError              2   a setting, file or schema that a person must mend
    │   ├── KeysRefused          2   the broker does not take the keys
    │   └── WrongSchema          2   the database is of another schema than this code
    ├── WrongAccount             2   another broker account than the one pinned
    ├── CodeReplaced             1   an upgrade took this version's place while it waited
    └── Unavailable              1   the next pass may succeed
        ├── BrokerUnavailable    1
        └── StoreUnavailable     1

Refused orders and bad rows are values (`domain.facts.Rejected`, notes on rows), never exceptions.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT})


class PipelineError(Exception):
    """A failure with a sentence for the user."""

    exit_code = 3


class ConfigError(PipelineError):
    """Settings, keys or a schema need a person."""

    exit_code = 2


class KeysRefused(ConfigError):
    """The broker does not take the keys."""


class WrongSchema(ConfigError):
    """The database is of another schema than this code."""


class WrongAccount(PipelineError):
    """The broker answers for another account than the one pinned."""

    exit_code = 2


class CodeReplaced(PipelineError):
    """Another version is in place of this one, which must not go on; the next pass is of that version."""

    exit_code = 1


class Unavailable(PipelineError):
    """Something outside did not answer; the next pass may succeed."""

    exit_code = 1


class BrokerUnavailable(Unavailable):
    """A read failed after its retries, or the answer could not be read."""


class StoreUnavailable(Unavailable):
    """The database did not answer in time."""


class StaleRow(Exception):
    """A change named a row version that is no longer there; nothing of its transaction was written."""


@contextmanager
def file_errors() -> Iterator[None]:
    """Make a sentence of what the file system refuses: want of room may pass, anything else needs a person."""
    try:
        yield
    except OSError as error:
        kind = StoreUnavailable if error.errno in NO_ROOM else ConfigError
        raise kind(f"{error.filename or 'the disk'}: {error.strerror}") from error
