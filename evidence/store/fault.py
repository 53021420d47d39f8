"""A fault: one thing in a store that is not what was signed, in a sentence that names file, run and record."""

from dataclasses import dataclass

from muniment.evidence.errors import MunimentError


@dataclass(frozen=True)
class Fault:
    """`code` is stable (docs/store-format.md lists all); `where` names commit, run, file and record as far as known."""

    code: str
    where: str
    message: str

    def __str__(self) -> str:
        return f"{self.where}: {self.message}"

    @classmethod
    def of(cls, error: MunimentError, *places: str) -> "Fault":
        """The fault that an error of a read or of a signature comes to; `places` go before its own."""
        return cls(error.code, place(*places, error.where or ""), error.what)


def place(*parts: str) -> str:
    """The parts that are known, from the large to the small."""
    return ", ".join(part for part in parts if part) or "store"


def run_place(run: int | None) -> str:
    """`run 123`, or nothing."""
    return "" if run is None else f"run {run}"
