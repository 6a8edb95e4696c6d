"""Settings: read once, checked all at once, one clear message each. Secrets never show in a repr."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from lib.domain.bodies import SYMBOL
from lib.domain.limits import Limits, read_limits
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
    "ALERT_URLS",
    "STOP_LOST",
    "SYMBOL_SHARING",
    "ENTRY_TIF",
    "LIMITS",
    "SYMBOLS_ALLOWED",
    "SYMBOLS_DENIED",
)
"""Every variable this system reads."""

OF_AN_ACCOUNT = ("ALPACA_API_KEY", "ALPACA_SECRET_KEY", "ALPACA_PAPER", "ALPACA_BASE_URL", "ALPACA_DATA_URL")
"""Those that each account has for itself: as they stand they are main's, with `__SWING` behind the account swing's."""

MAIN = "main"
SUFFIX = re.compile(r"[A-Za-z0-9_]+")

PAPER_URL = "https://paper-api.alpaca.markets"
DATA_URL = "https://data.alpaca.markets"
ALPACA_HOSTS = frozenset({"paper-api.alpaca.markets", "data.alpaca.markets"})
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
YES = frozenset({"1", "true", "yes", "on"})
NO = frozenset({"0", "false", "no", "off", ""})


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """One account's way to Alpaca."""

    api_key: str = field(repr=False)
    secret_key: str = field(repr=False)
    base_url: str = PAPER_URL
    data_url: str = DATA_URL


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a run needs to know before it opens anything. `access` is by the account's name as `setting_name` has it."""

    database_url: str
    state_dir: Path
    broker: str
    access: Mapping[str, Access] = field(default_factory=dict)
    always_open: bool = False
    alert_urls: tuple[str, ...] = field(default=(), repr=False)
    limits: Limits = field(default_factory=Limits)

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Settings:
        """Read settings from variables; raises ConfigError with one line for each that is wrong."""
        wrong: list[str] = []
        broker = _broker(env, wrong)
        settings = cls(
            database_url=_database(env, wrong),
            state_dir=REPOSITORY / (env.get("STATE_DIR") or "var"),
            broker=broker,
            access=_access(env, wrong, needed=broker == "alpaca"),
            always_open=_flag(env, "PAPER_ALWAYS_OPEN", default=False, wrong=wrong),
            limits=_limits(env, wrong),
            alert_urls=_alert_urls(env, wrong),
        )
        if wrong:
            raise ConfigError("\n".join(wrong))
        return settings

    def access_of(self, account: str) -> Access | None:
        """Return how an account reaches Alpaca, None if it has no keys."""
        return self.access.get(setting_name(account))


def setting_name(account: str) -> str:
    """Return an account's name as variables can tell it: they know neither case nor hyphen."""
    return account.lower().replace("-", "_")


def variable(name: str, account: str) -> str:
    """Return the variable that holds `name` for an account."""
    return name if setting_name(account) == MAIN else f"{name}__{setting_name(account).upper()}"


def no_keys(account: str) -> str:
    """Say that an account has no keys, and which variables would hold them."""
    key, secret = (variable(name, account) for name in ("ALPACA_API_KEY", "ALPACA_SECRET_KEY"))
    return f"account {account} has no keys: set {key} and {secret}"


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
    elif any(value and name.partition("__")[0] in OF_AN_ACCOUNT[:2] for name, value in env.items()):
        wrong.append(
            "BROKER: Alpaca keys are set but BROKER is not; set BROKER=alpaca to trade there, "
            "or BROKER=local for the embedded paper broker"
        )
    return "local"


def _access(env: Mapping[str, str], wrong: list[str], *, needed: bool) -> dict[str, Access]:
    """Return each account's keys and addresses; whole pairs are `needed` where the keys are used."""
    written = _written(env, wrong)
    found: dict[str, Access] = {}
    of_main = _addresses(env, written[MAIN], None, wrong)
    for account, names in written.items():
        base_url, data_url = of_main if account == MAIN else _addresses(env, names, of_main, wrong)
        if not _flag(env, names["ALPACA_PAPER"], default=True, wrong=wrong):
            wrong.append(f"{names['ALPACA_PAPER']}: live trading is not offered yet; leave it out or set it to true")
        pair = [names["ALPACA_API_KEY"], names["ALPACA_SECRET_KEY"]]
        missing = [name for name in pair if not env.get(name)]
        if not missing:
            key, secret = (env[name] for name in pair)
            found[account] = Access(api_key=key, secret_key=secret, base_url=base_url, data_url=data_url)
        elif needed and account != MAIN:
            wrong.extend(f"{name}: needed, as other variables of the account {account} are set" for name in missing)
        elif needed and (len(missing) == 1 or len(written) == 1):
            wrong.extend(f"{name}: needed for BROKER=alpaca" for name in missing)
    if needed:
        wrong.extend(_shared_keys(found))
    return found


def _written(env: Mapping[str, str], wrong: list[str]) -> dict[str, dict[str, str]]:
    """Return the accounts that variables name, main first: the variable that counts for each of OF_AN_ACCOUNT."""
    written = {MAIN: {name: name for name in OF_AN_ACCOUNT}}
    for name in sorted(name for name, value in env.items() if value):
        base, mark, suffix = name.partition("__")
        account = setting_name(suffix)
        if not mark or base not in SETTINGS:
            continue
        if base not in OF_AN_ACCOUNT:
            wrong.append(f"{name}: {base} is one for all accounts; it takes no name behind __")
        elif not SUFFIX.fullmatch(suffix):
            wrong.append(f"{name}: behind __ comes the name of an account, in letters, digits and _")
        elif account == MAIN:
            wrong.append(f"{name}: the variable of the account main is {base}, without its name")
        else:
            names = written.setdefault(account, {each: variable(each, account) for each in OF_AN_ACCOUNT})
            if env.get(names[base]) and names[base] != name:
                wrong.append(f"{name}: {names[base]} is set too, and both are of the account {account}")
            names[base] = name
    return written


def _addresses(
    env: Mapping[str, str], names: Mapping[str, str], of_main: tuple[str, str] | None, wrong: list[str]
) -> tuple[str, str]:
    """Return where trading and market data are for an account: its own, else main's, else Alpaca's."""
    base_name, data_name = names["ALPACA_BASE_URL"], names["ALPACA_DATA_URL"]
    if of_main is not None and not env.get(base_name):
        base_url, data_url = of_main
    else:
        base_url = _url(env, base_name, PAPER_URL, wrong)
        data_url = DATA_URL if base_url == PAPER_URL else base_url
        if of_main is not None and env.get("ALPACA_DATA_URL"):
            data_url = of_main[1]
    return base_url, _url(env, data_name, data_url, wrong) if env.get(data_name) else data_url


def _shared_keys(found: Mapping[str, Access]) -> Iterator[str]:
    """Complain of accounts with one pair of keys: they would be one account at the broker, worked by two."""
    first: dict[str, str] = {}
    for account, access in found.items():
        owner = first.setdefault(access.api_key, account)
        if owner != account:
            name = variable("ALPACA_API_KEY", account)
            yield f"{name}: the same key as {variable('ALPACA_API_KEY', owner)}; each account trades in one of its own"


def _flag(env: Mapping[str, str], name: str, *, default: bool, wrong: list[str]) -> bool:
    raw = env.get(name, "").strip().lower()
    if not raw:
        return default
    if raw not in YES | NO:
        wrong.append(f"{name}: {raw!r} is neither true nor false")
        return default
    return raw in YES


def _limits(env: Mapping[str, str], wrong: list[str]) -> Limits:
    values, problems = read_limits(env.get("LIMITS", ""))
    wrong.extend(f"LIMITS: {problem}" for problem in problems)
    return Limits(
        stop_lost=_stop_lost(env, wrong),
        symbol_sharing=_symbol_sharing(env, wrong),
        entry_tif=_entry_tif(env, wrong),
        symbols_allowed=_symbols(env, "SYMBOLS_ALLOWED", wrong),
        symbols_denied=_symbols(env, "SYMBOLS_DENIED", wrong),
        **values,  # type: ignore[arg-type] # each is of its field's type: read_limits goes by them
    )


def _symbols(env: Mapping[str, str], name: str, wrong: list[str]) -> frozenset[str]:
    """Read symbols apart by blanks or commas."""
    named = env.get(name, "").upper().replace(",", " ").split()
    wrong.extend(f"{name}: {word!r} is no symbol" for word in named if not SYMBOL.fullmatch(word))
    if not named and env.get(name, "").strip():
        wrong.append(f"{name}: it names no symbol")
    return frozenset(named)


def _entry_tif(env: Mapping[str, str], wrong: list[str]) -> str:
    named = env.get("ENTRY_TIF", "").strip().lower() or "day"
    if named not in {"day", "gtc"}:
        wrong.append(f"ENTRY_TIF: {named!r} is not known; use day (entries end with their session) or gtc (they rest)")
    return named


def _symbol_sharing(env: Mapping[str, str], wrong: list[str]) -> str:
    raw = env.get("SYMBOL_SHARING", "").strip().lower()
    if raw not in {"", "oco"}:
        wrong.append(f"SYMBOL_SHARING: {raw!r} is not known; leave it out for one trade a symbol, or use oco")
    return raw


def _stop_lost(env: Mapping[str, str], wrong: list[str]) -> str:
    named = env.get("STOP_LOST", "").strip().lower() or "alert"
    if named not in {"alert", "flatten"}:
        wrong.append(f"STOP_LOST: {named!r} is not known; use alert (the stop is placed again) or flatten")
    return named


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


def _alert_urls(env: Mapping[str, str], wrong: list[str]) -> tuple[str, ...]:
    """Split where a new address begins: one may hold commas itself. What is wrong is not shown, it may be a secret."""
    urls = tuple(re.split(r"[\s,]+(?=[A-Za-z0-9]+://)", env.get("ALERT_URLS", "").strip(" ,\t\n")))
    if urls == ("",):
        return ()
    wrong.extend(
        f"ALERT_URLS: address {number} of {len(urls)} is no Apprise address, like tgram://TOKEN/CHAT"
        for number, url in enumerate(urls, 1)
        if not re.match(r"[A-Za-z0-9]+://.", url)
    )
    return urls


def _database(env: Mapping[str, str], wrong: list[str]) -> str:
    raw = env.get("DATABASE_URL") or "sqlite:///var/trading.db"
    prefix = "sqlite:///"
    if not raw.startswith(prefix) or len(raw) == len(prefix):
        wrong.append("DATABASE_URL: only SQLite is offered yet, written like sqlite:///var/trading.db")
        return raw
    return prefix + str(REPOSITORY / raw.removeprefix(prefix))
