"""What docs/workspace.md shows is a workspace that loads, and it names every key that a file may have."""

import re
from pathlib import Path

from muniment.controls.files import FILES
from muniment.controls.model import Framework
from muniment.controls.workspace import load_workspace

PAGE = (Path(__file__).parents[2] / "docs/workspace.md").read_text(encoding="utf-8")
PROGRAMS = (Path(__file__).parents[2] / "docs" / "executables.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^## (\S+\.yaml)\n.*?```yaml\n(.*?)```", PAGE, re.MULTILINE | re.DOTALL)


def test_the_examples_together_are_a_workspace(tmp_path: Path) -> None:
    for name, text in EXAMPLES:
        file = tmp_path / name.replace("*", "all")
        file.parent.mkdir(exist_ok=True)
        file.write_text(text, encoding="utf-8")
    (own,) = re.findall(r"```yaml\n(defaults: \{branch.*?)```", PAGE, re.DOTALL)
    (tmp_path / "registers/repositories.yaml").write_text(own, encoding="utf-8")
    workspace = load_workspace(tmp_path)
    assert [control.id for control in workspace.controls] == ["TLS-1", "TLS-2", "ACME-1"]
    assert [entry.id for entry in workspace.registers["endpoints"].entries] == [
        "collect.example.com:443",
        "mail.example.com:25",
        "old.example.com:443",
    ]
    assert [entry.id for entry in workspace.registers["repositories"].entries] == ["browser", "attic"]
    assert (len(workspace.exceptions), len(workspace.attestations), len(workspace.claims)) == (1, 1, 2)
    assert workspace.decisions[0].complete is not None


def test_every_key_of_every_file_is_on_the_page() -> None:
    keys = set()
    for kind, model in FILES.items():
        schema = model.model_json_schema()
        rows = () if model is Framework else schema.get("$defs", {}).values()
        keys |= {(kind, key) for each in (schema, *rows) for key in each.get("properties", {})}
    later = {("framework", key) for key in ("assessed_as", "requires", "supersedes", "superseded_by")}
    missing = [(kind, key) for kind, key in sorted(keys - later) if not re.search(rf"\b{key}\b", PAGE + PROGRAMS)]
    assert missing == []


def test_every_code_of_judgement_is_on_the_page() -> None:
    room = Path(__file__).parents[2] / "controls"
    written = "".join(file.read_text(encoding="utf-8") for file in sorted(room.glob("*.py")))
    codes = set(re.findall(r'"((?:check|criterion|evidence|period)\.(?!git)[a-z]+)"', written))
    assert {code for code in codes if f"`{code}`" not in PAGE} == set()
