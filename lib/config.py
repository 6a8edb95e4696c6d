"""Settings: read once, checked all at once, one clear message each. Secrets never show in a repr."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from lib.domain.bodies import SYMBOL
from lib.domain.limits import LIVE_DEFAULTS, Limits, read_limits
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
    "HEARTBEAT_URL",
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
LIVE_URL = "https://api.alpaca.markets"
DATA_URL = "https://data.alpaca.markets"
SQLITE = "sqlite:///"
DATABASE, STATE = f"{SQLITE}var/trading.db", "var"
PAPER, LIVE = "paper", "live"
HERE = re.compile(r"https?://(127\.0\.0\.1|localhost|\[::1\])(:[0-9]{1,5})?", re.IGNORECASE)
"""An address on this machine."""

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
    heartbeat_url: str | None = field(default=None, repr=False)
    limits: Limits = field(default_factory=Limits)
    live: bool = False

    @property
    def environment(self) -> str:
        """Say whether orders are play money or real, as `account.environment` has it."""
        return LIVE if self.live else PAPER

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Settings:
        """Read settings from variables; raises ConfigError with one line for each that is wrong."""
        wrong: list[str] = []
        broker = _broker(env, wrong)
        access, live = _access(env, wrong, needed=broker == "alpaca")
        settings = cls(
            database_url=_database(env, wrong),
            state_dir=REPOSITORY / (env.get("STATE_DIR") or STATE),
            broker=broker,
            access=access,
            live=live,
            always_open=_flag(env, "PAPER_ALWAYS_OPEN", default=False, wrong=wrong),
            limits=_limits(env, wrong, live=live),
            alert_urls=_alert_urls(env, wrong),
            heartbeat_url=_heartbeat_url(env, wrong),
        )
        if live:
            wrong.extend(_shared_places(settings))
        if wrong:
            raise ConfigError("\n".join(dict.fromkeys(wrong)))
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


def check_live_flag(settings: Settings, *, live: bool, sends: bool) -> None:
    """Hold the flag --live of a stage against the settings; what `sends` nothing to a live account needs no flag.

    Raises ConfigError with one sentence where they do not agree.
    """
    if live and not settings.live:
        raise ConfigError(
            "--live was given and these settings are for paper trading: leave it out, or set BROKER=alpaca and "
            "ALPACA_PAPER=false; nothing was sent"
        )
    if settings.live and sends and not live:
        raise ConfigError("these settings are for live trading, with real money: add --live; nothing was sent")


def load_settings() -> Settings:
    """Read settings from the environment, and from the repository's `.env` for what it does not name."""
    return Settings.from_env({**_written_down(REPOSITORY / ".env"), **os.environ})


def _written_down(dotenv: Path) -> dict[str, str]:
    """Read a `.env`; one that is not there says nothing."""
    if not dotenv.is_file():
        return {}
    from dotenv import dotenv_values

    try:
        return {name: value or "" for name, value in dotenv_values(dotenv).items()}
    except OSError as error:
        raise ConfigError(f"{dotenv} cannot be read: {error.strerror}; is it this user's?") from error
    except UnicodeDecodeError as error:  # its words would show what the file holds
        raise ConfigError(f"{dotenv} cannot be read: byte {error.start} is no UTF-8") from None


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


def _access(env: Mapping[str, str], wrong: list[str], *, needed: bool) -> tuple[dict[str, Access], bool]:
    """Return each account's keys and addresses, and whether they are live ones; where used, whole pairs are `needed`.

    All accounts of one database are of one kind: real money and play money are never mixed in it.
    """
    written = _written(env, wrong)
    found: dict[str, Access] = {}
    lives: dict[str, bool] = {}
    for account, names in written.items():
        lives[account] = live = not _flag(env, _chosen(env, names, "ALPACA_PAPER"), default=True, wrong=wrong)
        base_url, data_url = _addresses(env, names, live=live, wrong=wrong)
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
    live_names = {_chosen(env, written[account], "ALPACA_PAPER"): None for account, live in lives.items() if live}
    if not needed:
        wrong.extend(f"{name}: live trading is at Alpaca and needs BROKER=alpaca too" for name in live_names)
    elif len({lives[account] for account in found}) > 1:
        wrong.append(
            f"{', '.join(live_names)}: some accounts are live and some are paper; live trading wants its own "
            "DATABASE_URL and STATE_DIR, and settings of its own with them"
        )
    return found, needed and all(lives[account] for account in found or lives)


def _chosen(env: Mapping[str, str], names: Mapping[str, str], name: str) -> str:
    """Return the variable that counts for an account: its own where that is set, else main's."""
    return names[name] if env.get(names[name]) else name


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


def _addresses(env: Mapping[str, str], names: Mapping[str, str], *, live: bool, wrong: list[str]) -> tuple[str, str]:
    """Return where trading and market data are for an account: its own, else main's, else Alpaca's."""
    base_name, data_name = (_chosen(env, names, each) for each in ("ALPACA_BASE_URL", "ALPACA_DATA_URL"))
    trading = LIVE_URL if live else PAPER_URL
    base_url = _url(env, base_name, trading, trading, wrong)
    data_url = DATA_URL if base_url == trading else base_url
    return base_url, _url(env, data_name, data_url, trading, wrong) if env.get(data_name) else data_url


def _shared_places(settings: Settings) -> Iterator[str]:
    """Complain of live trading in the default places: whatever ran here on paper has left its rows and locks there."""
    places = (
        (
            "DATABASE_URL",
            settings.database_url.removeprefix(SQLITE),
            DATABASE.removeprefix(SQLITE),
            f"{SQLITE}var/live.db",
        ),
        ("STATE_DIR", settings.state_dir, STATE, "var/live"),
    )
    for name, chosen, default, example in places:
        if (REPOSITORY / chosen).resolve() == (REPOSITORY / default).resolve():
            wants = "live trading wants its own DATABASE_URL and STATE_DIR"
            yield f"{name}: {wants}, here such as {example}; the default is for paper trading"


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


def _limits(env: Mapping[str, str], wrong: list[str], *, live: bool) -> Limits:
    values, problems = read_limits(env.get("LIMITS", ""))
    wrong.extend(f"LIMITS: {problem}" for problem in problems)
    return Limits(
        stop_lost=_stop_lost(env, wrong),
        symbol_sharing=_symbol_sharing(env, wrong),
        entry_tif=_entry_tif(env, wrong),
        symbols_allowed=_symbols(env, "SYMBOLS_ALLOWED", wrong),
        symbols_denied=_symbols(env, "SYMBOLS_DENIED", wrong),
        **{**(LIVE_DEFAULTS if live else {}), **values},  # type: ignore[arg-type] # read_limits goes by the fields' types
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


def _url(env: Mapping[str, str], name: str, default: str, trading: str, wrong: list[str]) -> str:
    """Take only Alpaca's own hosts over TLS, and loopback: a wrong host would be handed the keys.

    Of its two trading hosts only the one that ALPACA_PAPER stands for is taken. The whole address is compared, not the
    host that one parser finds in it: with a backslash before its @ parsers do not agree. What stands before an
    @ may be a secret, and is not shown.
    """
    raw = (env.get(name) or default).rstrip("/")
    try:
        parts = urlsplit(raw)
        host = parts.hostname or ""
    except ValueError:
        parts, host = None, ""
    shown = raw.rpartition("@")[2]
    if parts is None or parts.scheme not in {"http", "https"} or not host:
        wrong.append(f"{name}: {shown!r} is not an http(s) address")
    elif parts.path:
        wrong.append(f"{name}: leave out {parts.path!r}; the address ends with the host or port")
    elif not HERE.fullmatch(raw) and raw.lower() not in {trading, DATA_URL}:
        kind, flag = (LIVE, "false") if trading == LIVE_URL else (PAPER, "true")
        wrong.append(
            f"{name}: {shown!r} is neither Alpaca's {kind} or data host over https (ALPACA_PAPER is {flag}) "
            "nor this machine"
        )
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


def _heartbeat_url(env: Mapping[str, str], wrong: list[str]) -> str | None:
    """Take any http(s) address. What is wrong is not shown, it may be a secret."""
    raw = env.get("HEARTBEAT_URL", "").strip()
    try:
        is_address = urlsplit(raw).scheme in {"http", "https"} and bool(urlsplit(raw).hostname)
    except ValueError:
        is_address = False
    if raw and not is_address:
        wrong.append("HEARTBEAT_URL: it is not an http(s) address")
    return raw or None


def _database(env: Mapping[str, str], wrong: list[str]) -> str:
    raw = env.get("DATABASE_URL") or DATABASE
    if not raw.startswith(SQLITE) or len(raw) == len(SQLITE):
        wrong.append(f"DATABASE_URL: only SQLite is offered yet, written like {DATABASE}")
        return raw
    return SQLITE + str(REPOSITORY / raw.removeprefix(SQLITE))
