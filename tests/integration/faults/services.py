"""Fixtures of the fault tests: pytest_plugins = ("services",)."""

import itertools

import pytest

from pg import Postgres

names = (f"db{n}" for n in itertools.count())


@pytest.fixture(scope="session")
def server_process():
    postgres = Postgres()
    postgres.start()
    yield postgres
    postgres.leave()


@pytest.fixture
def server(server_process):
    """A running PostgreSQL, whatever the test before did to it."""
    if not server_process.process:
        server_process.start()
    return server_process


@pytest.fixture
def database(server):
    return server.create(next(names))
