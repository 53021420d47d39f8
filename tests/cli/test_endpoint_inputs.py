"""Registers of endpoints that nobody can mean: each fault is told with its place, before anything is looked at."""

from pathlib import Path
from typing import Any

import pytest

CONTROL = """
controls:
  - adapt: TLS-1
    owner: Ada
    checks:
      - id: tls.endpoints
        collector: tls
        register: endpoints
        cadence: 1d
        settings: {policy: POLICY}
"""


@pytest.fixture
def endpoints(acme: Path) -> Any:
    """Writes a register and a check that uses it; gives the workspace."""

    def write(*rows: str, policy: str = "mozilla-intermediate-6.0") -> Path:
        (acme / "registers" / "endpoints.yaml").write_text("endpoints:\n" + "".join(f"- {row}\n" for row in rows))
        (acme / "controls" / "tls.yaml").write_text(CONTROL.replace("POLICY", policy))
        return acme

    return write


@pytest.mark.parametrize(
    ("rows", "place", "words"),
    [
        (["host: a.example", "host: https://b.example/x"], "endpoints.yaml:3:", "leave out the scheme, the port"),
        (["host: a.example:8443"], "endpoints.yaml:2:", "leave out the scheme, the port"),
        (["host: ada@a.example"], "endpoints.yaml:2:", "the path and the user"),
        (["host: a.example", "host: A.Example."], "endpoints.yaml:3:", "a.example"),
        (["host: bücher.example", "host: xn--bcher-kva.example"], "endpoints.yaml:3:", "xn--bcher-kva.example"),
        (["host: a..example"], "endpoints.yaml:2:", "is not a host name"),
        (["{host: a.example, port: 70000}"], "endpoints.yaml:2:", "65535"),
    ],
)
def test_an_entry_that_is_no_endpoint_is_told_with_its_line(
    endpoints: Any, muniment: Any, rows: list[str], place: str, words: str
) -> None:
    answer = muniment("-w", endpoints(*rows), "collect", "tls.endpoints")
    assert answer.code == 2
    assert place in answer.err
    assert words in " ".join(answer.err.split())
    assert answer.out == ""


def test_an_unknown_policy_is_told_at_the_check_with_a_suggestion(endpoints: Any, muniment: Any) -> None:
    answer = muniment("-w", endpoints("host: a.example", policy="rfc9352"), "collect", "tls.endpoints")
    assert answer.code == 2
    assert "controls/tls.yaml:10:" in answer.err
    assert "did you mean 'rfc9325'" in " ".join(answer.err.split())


def test_ten_megabytes_of_register_are_refused_at_once(endpoints: Any, muniment: Any) -> None:
    root = endpoints(*(f"host: a{number}.{'x' * 60}.example" for number in range(130_000)))
    assert (root / "registers" / "endpoints.yaml").stat().st_size > 10_000_000
    answer = muniment("-w", root, "collect", "tls.endpoints")
    assert answer.code == 2
    assert "endpoints.yaml" in answer.err
    assert "more than 4194304 are not read" in " ".join(answer.err.split())


def test_an_internationalised_name_is_shown_in_both_spellings(endpoints: Any, muniment: Any) -> None:
    root = endpoints("host: Bücher.example", "{host: ελληνικά.example, port: 8443}")
    answer = muniment("-w", root, "endpoints")
    assert answer.code == 0
    assert "bücher.example (xn--bcher-kva.example)" in answer.out
    assert "ελληνικά.example:8443 (xn--hxargifdar.example:8443)" in answer.out
