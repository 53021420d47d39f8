"""The attached files as a stranger hands them to us: what the verifier reads of them, and nothing more.

Unknown keys are passed over: a later version of Muniment may say more. Bounds are those of the formats.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from muniment.evidence import Decision, End, Start
from muniment.evidence.model import Digest, Instant, Period

_Hash = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class _Received(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)


class ReceivedPack(_Received):
    """Which pack it says it is."""

    id: str
    organisation: str
    generated_at: Instant
    period: Period
    mark: str | None


class ReceivedFramework(_Received):
    """Which framework it says it is about."""

    id: str


class ReceivedCheckpoint(_Received):
    """Which state of the log it says it rests on."""

    origin: str
    size: int = Field(ge=0)
    root: Digest


class ReceivedRecord(_Received):
    """One record that it says it cites."""

    id: str
    leaf: int = Field(ge=0)
    digest: Digest
    shown: Digest | None = None  # of the masked line, where the record itself is withheld


class ReceivedEvidence(_Received):
    """One record that a finding says it rests on."""

    id: str
    digest: Digest


class ReceivedCheck(_Received):
    """The evidence of one check."""

    check: str
    evidence: tuple[ReceivedEvidence, ...]


class ReceivedFinding(_Received):
    """What one finding says it rests on."""

    control: str
    checks: tuple[ReceivedCheck, ...]

    @property
    def evidence(self) -> tuple[ReceivedEvidence, ...]:
        """All evidence of all checks."""
        return tuple(each for check in self.checks for each in check.evidence)


class ReceivedRun(_Received):
    """The plan and the end of a run, as the log has them, and the leaf of the end."""

    start: Start
    end: End | None
    end_leaf: int | None = Field(ge=0)
    withheld: tuple[Literal["start", "end"], ...] = ()


class ReceivedDecision(_Received):
    """A decision as the log has it, and its leaf."""

    id: str
    leaf: int = Field(ge=0)
    decision: Decision
    withheld: bool = False


class ReceivedAttachment(_Received):
    """One file that it says is attached."""

    name: str
    sha256: Digest


class ReceivedSince(_Received):
    """The state of the log on which the earlier pack rested."""

    size: int = Field(ge=0)
    root: Digest


class Manifest(_Received):
    """`manifest.json`."""

    schema_: Literal["muniment.pack/1"] = Field(alias="schema")
    pack: ReceivedPack
    framework: ReceivedFramework
    checkpoint: ReceivedCheckpoint
    records: tuple[ReceivedRecord, ...]
    runs: tuple[ReceivedRun, ...]
    decisions: tuple[ReceivedDecision, ...] = ()  # packs of earlier versions have none
    findings: tuple[ReceivedFinding, ...]
    attachments: tuple[ReceivedAttachment, ...]
    since: ReceivedSince | None = None


class ReceivedProof(_Received):
    """The audit path of one leaf, nearest sibling first."""

    leaf: int
    path: tuple[_Hash, ...] = Field(max_length=64)
    leaf_hash: _Hash | None = None  # where the leaf itself is withheld


class Proofs(_Received):
    """`proofs.json`."""

    schema_: Literal["muniment.proofs/1"] = Field(alias="schema")
    size: int = Field(ge=0)
    root: Digest
    proofs: tuple[ReceivedProof, ...]


class Consistency(_Received):
    """`consistency.json`: the path from the earlier root to the present one."""

    schema_: Literal["muniment.consistency/1"] = Field(alias="schema")
    old: ReceivedSince
    new: ReceivedSince
    path: tuple[_Hash, ...] = Field(max_length=64)


class PageDigests(_Received):
    """`seal.json`."""

    schema_: Literal["muniment.pages/1"] = Field(alias="schema")
    pages: tuple[_Hash, ...]
