"""The table of this machine's engines."""

from __future__ import annotations

import pytest

from integration.engines.cells import Table

_TABLE = pytest.StashKey[Table]()


@pytest.fixture(scope="session")
def machine_table(pytestconfig: pytest.Config) -> Table:
    """Where the tests write what became of each cell."""
    return pytestconfig.stash.setdefault(_TABLE, Table())


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print the table."""
    lines = config.stash[_TABLE].lines() if _TABLE in config.stash else []
    if lines:
        terminalreporter.section("the engines of this machine")
        for line in lines:
            terminalreporter.write_line(line)
