"""A database in a folder of its own, its backups, and restores of it."""

from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from lib.store.backups import backup
from lib.store.restoring import restore
from lib.store.sqlite import open_store
from tests.store.build import NOW

LATER = NOW + timedelta(days=1)
NAME = "trading-20261120T150000Z.db"


def url_of(place):
    return f"sqlite:///{place}/trading.db"


@contextmanager
def opened(place):
    store = open_store(url_of(place), place)
    try:
        yield store
    finally:
        store.close()


def saved(place, **options):
    return Path(backup(url_of(place), place, **({"now": NOW} | options)).file)


def put_back(place, file, **options):
    return restore(file, url_of(place), place, **({"now": LATER, "wait_s": 0} | options))


def row_of(place, account="main"):
    with opened(place) as store:
        return store.account(account)


def files_in(folder):
    return sorted(each.name for each in folder.iterdir())
