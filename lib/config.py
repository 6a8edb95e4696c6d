"""Settings: read once, checked all at once, one clear message each. Secrets never show in a repr."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from lib.errors import ConfigError

REPOSITORY = Path(__file__).resolve().parent.parent

SETTINGS = (
    "BROKER",
    "ALPACA_API_KEY",
    "ALPACA_SECRET_KEY",
    "ALPACA_PAPER",
    "ALPACA_BASE_URL",
    "ALPACA_DATA_URL",
    "DATABASE_URL",
    "STATE_DIR",
    "PAPER_ALWAYS_OPEN",
)
"""Every variable this system reads."""

PAPER_URL = "https://paper-api.alpaca.markets"
DATA_URL = "https://data.alpaca.markets"
ALPACA_HOSTS = frozenset({"paper-api.alpaca.markets", "data.alpaca.markets"})
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
YES = frozenset({"1", "true", "yes", "on"})
NO = frozenset({"0", "false", "no", "off", ""})


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a run needs to know before it opens anything."""

    database_url: str
    state_dir: Path
    broker: str
    api_key: str = field(default="", repr=False)
    secret_key: str = field(default="", repr=False)
    base_url: str = PAPER_URL
    data_url: str = DATA_URL
    always_open: bool = False

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Settings:
        """Read settings from variables; raises ConfigError with one line for each that is wrong."""
        wrong: list[str] = []
        broker = _broker(env, wrong)
        if not _flag(env, "ALPACA_PAPER", default=True, wrong=wrong):
            wrong.append("ALPACA_PAPER: live trading is not offered yet; leave it out or set it to true")
        key, secret = env.get("ALPACA_API_KEY", ""), env.get("ALPACA_SECRET_KEY", "")
        if broker == "alpaca":
            wrong.extend(
                f"{name}: needed for BROKER=alpaca"
                for name, value in (("ALPACA_API_KEY", key), ("ALPACA_SECRET_KEY", secret))
                if not value
            )
        base_url = _url(env, "ALPACA_BASE_URL", PAPER_URL, wrong)
        data_url = DATA_URL if base_url == PAPER_URL else base_url
        if env.get("ALPACA_DATA_URL"):
            data_url = _url(env, "ALPACA_DATA_URL", data_url, wrong)
        settings = cls(
            database_url=_database(env, wrong),
            state_dir=REPOSITORY / (env.get("STATE_DIR") or "var"),
            broker=broker,
            api_key=key,
            secret_key=secret,
            base_url=base_url,
            data_url=data_url,
            always_open=_flag(env, "PAPER_ALWAYS_OPEN", default=False, wrong=wrong),
        )
        if wrong:
            raise ConfigError("\n".join(wrong))
        return settings


def load_settings() -> Settings:
    """Read settings from the environment, and from the repository's `.env` for what it does not name."""
    dotenv = REPOSITORY / ".env"
    written: dict[str, str] = {}
    if dotenv.is_file():
        from dotenv import dotenv_values

        written = {name: value or "" for name, value in dotenv_values(dotenv).items()}
    return Settings.from_env({**written, **os.environ})


def _broker(env: Mapping[str, str], wrong: list[str]) -> str:
    named = env.get("BROKER", "").strip().lower()
    if named in {"local", "alpaca"}:
        return named
    if named:
        wrong.append(f"BROKER: {named!r} is not known; use local (the embedded paper broker) or alpaca")
    elif env.get("ALPACA_API_KEY") or env.get("ALPACA_SECRET_KEY"):
        wrong.append(
            "BROKER: Alpaca keys are set but BROKER is not; set BROKER=alpaca to trade there, "
            "or BROKER=local for the embedded paper broker"
        )
    return "local"


def _flag(env: Mapping[str, str], name: str, *, default: bool, wrong: list[str]) -> bool:
    raw = env.get(name, "").strip().lower()
    if not raw:
        return default
    if raw not in YES | NO:
        wrong.append(f"{name}: {raw!r} is neither true nor false")
        return default
    return raw in YES


def _url(env: Mapping[str, str], name: str, default: str, wrong: list[str]) -> str:
    """Take only Alpaca's own hosts over TLS, and loopback: a wrong host would be handed the keys."""
    raw = (env.get(name) or default).rstrip("/")
    try:
        parts = urlsplit(raw)
        host = parts.hostname or ""
    except ValueError:
        parts, host = None, ""
    if parts is None or parts.scheme not in {"http", "https"} or not host:
        wrong.append(f"{name}: {raw!r} is not an http(s) address")
    elif parts.path:
        wrong.append(f"{name}: leave out {parts.path!r}; the address ends with the host or port")
    elif host not in LOOPBACK and not (host in ALPACA_HOSTS and parts.scheme == "https"):
        wrong.append(f"{name}: {raw!r} is neither Alpaca's paper or data host over https nor this machine")
    return raw


def _database(env: Mapping[str, str], wrong: list[str]) -> str:
    raw = env.get("DATABASE_URL") or "sqlite:///var/trading.db"
    prefix = "sqlite:///"
    if not raw.startswith(prefix) or len(raw) == len(prefix):
        wrong.append("DATABASE_URL: only SQLite is offered yet, written like sqlite:///var/trading.db")
        return raw
    return prefix + str(REPOSITORY / raw.removeprefix(prefix))
