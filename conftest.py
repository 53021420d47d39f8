"""The rules of the whole run.

Where MUNIMENT_NO_SKIPS is 1, as in CI, a skipped test fails the run and is named. `--faults long` is what `make faults`
asks for: each fault and attack many times, instead of the few of each change.
"""

import os

import pytest
from _pytest.terminal import TerminalReporter


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--faults`: the short column of the table of faults, or the long one."""
    parser.addoption("--faults", choices=("short", "long"), default="short", help="how often each fault is planted")


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A run that skipped what may not be skipped has failed."""
    if _forbidden_skips(session.config) and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: TerminalReporter, config: pytest.Config) -> None:
    """Name what was skipped, with the reasons."""
    skips = _forbidden_skips(config)
    if skips:
        terminalreporter.section("skipped, where nothing may be skipped")
        for report in skips:
            reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
            terminalreporter.line(f"{report.nodeid}: {reason}")


def _forbidden_skips(config: pytest.Config) -> list[pytest.TestReport]:
    if os.environ.get("MUNIMENT_NO_SKIPS") != "1":
        return []
    reporter: TerminalReporter | None = config.pluginmanager.get_plugin("terminalreporter")
    return list(reporter.stats.get("skipped", ())) if reporter else []
