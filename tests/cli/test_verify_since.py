"""`muniment verify --since`: only what came after a head that was kept."""

from pathlib import Path
from typing import Any


def test_only_what_came_after_the_head_that_was_kept(acme: Path, muniment: Any, tmp_path: Path) -> None:
    file = tmp_path / "witness.txt"
    muniment("--workspace", acme, "collect", "--all")
    muniment("--workspace", acme, "anchor", "--witness", file)
    whole = muniment("--workspace", acme, "verify", "--json").json
    muniment("--workspace", acme, "collect", "--all")
    since = muniment("--workspace", acme, "verify", "--since", file, "--json")
    assert (since.code, since.json["since"], since.json["records"]) == (0, whole["size"], whole["records"])
    assert since.json["runs"] == 2
    said = muniment("--workspace", acme, "verify", "--since", file, "--witness", file).words
    assert f"looked at from leaf {whole['size']} on" in said
    file.write_text("Dear auditor\n")
    assert muniment("--workspace", acme, "verify", "--since", file).code == 2
