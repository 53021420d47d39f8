"""An auditor's list in the story: it is taken in as `muniment requests import` does it, and one request is answered."""

from datetime import datetime

from muniment.cli.desk import Desk
from muniment.controls.request_list import names_in, read_list
from muniment.controls.requests import RequestStatus, answered, received, requests_in
from muniment.evidence import Actor, digest
from muniment.evidence.imports.grid import read_grid

FILE = "requests/stage-2-audit.csv"
FRAMEWORK = "iso-iec-27001-2022"
ACTOR = Actor(name="demonstration", kind="service", host="localhost", trigger="import")


def ask_and_answer(desk: Desk, at: datetime) -> None:
    """The list comes in, and its second request is answered by the newest look at the policies."""
    file = desk.root / FILE
    data = file.read_bytes()
    records = tuple(desk.store.records())
    read = read_list(
        read_grid(file.name, data),
        list_=file.stem,
        file=file.name,
        sha256=digest(data),
        names=names_in(desk.workspace, records, FRAMEWORK),
        said={},
        framework=FRAMEWORK,
    )
    desk.decide(*received(read.asked, (), file.name, ACTOR, at))
    looks = [each.record.id for each in records if "GOV-2" in each.record.controls]
    asked = requests_in(desk.store.decisions())[1]
    answer = answered(
        asked,
        RequestStatus.ANSWERED,
        "The approved policy is looked at every two weeks; the newest look is linked.",
        ACTOR,
        at,
        evidence=looks[-1:],
        controls=["GOV-2"],
    )
    desk.decide(*([answer] if answer else []))
