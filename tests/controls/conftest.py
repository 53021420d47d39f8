"""A small workspace on disk, for the tests of this room."""

from collections.abc import Callable, Mapping
from pathlib import Path
from textwrap import dedent

import pytest

from muniment.controls.model import Workspace
from muniment.controls.workspace import load_workspace

MANIFEST = """
    organisation: Example Phone Co.
    scope:
      summary: Usage data of the browser
      services: [telemetry]
    time_zone: Europe/Paris
    frameworks: [iso-iec-27001-2022]
    period: 2026
"""
CONTROLS = """
    controls:
    - adapt: TLS-1
      owner: Network team
      checks:
      - id: tls-endpoints
        collector: tls
        register: endpoints
        settings: {policy: mozilla-intermediate-6.0}
        cadence: 1d
        grace: 12h
        requires: {policy: [mozilla-intermediate-6.0, mozilla-modern-6.0]}
    - adapt: TLS-2
      owner: Network team
      uses: [tls-endpoints]
    - adapt: ACC-1
      owner: Data team
      checks:
      - id: access-list
        collector: access
        subject: warehouse
        cadence: 4w
    - adapt: PHY-1
      owner: Facilities
"""
ENDPOINTS = """
    defaults: {port: 443}
    endpoints:
    - host: a.example
    - host: b.example
    - host: old.example
      out_of_scope: switched off in 2025
"""
FILES = {"muniment.yaml": MANIFEST, "controls/all.yaml": CONTROLS, "registers/endpoints.yaml": ENDPOINTS}


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Writes the small workspace, with some files in place of its own, and gives its folder."""

    def written(files: Mapping[str, str] | None = None) -> Path:
        for name, text in {**FILES, **(files or {})}.items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(dedent(text).lstrip("\n"), encoding="utf-8")
        return tmp_path

    return written


@pytest.fixture(scope="session")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """The small workspace, loaded once."""
    root = tmp_path_factory.mktemp("workspace")
    for name, text in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(dedent(text).lstrip("\n"), encoding="utf-8")
    return load_workspace(root)
