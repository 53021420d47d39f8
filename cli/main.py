"""The command `muniment`: its commands, and how it ends when something goes wrong.

Exit codes: 0 all pass; 1 findings; 2 usage or configuration; 3 could not do it; 4 integrity failed; 130 interrupted.
An error takes three lines on stderr: what, where, what mends it. With `--json`, stdout is exactly one JSON document,
also on failure. Nothing heavy is imported here, so that `--help` and completion answer at once.
"""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.exceptions import TyperException

from muniment.cli import (
    anchoring,
    catalogue,
    claims,
    collecting,
    collectors,
    contract,
    deciding,
    doctor,
    endpoints,
    erasing,
    history,
    importing,
    key_proposals,
    keys,
    notify,
    packing,
    pinning,
    reading,
    request_export,
    request_import,
    requests,
    sampling,
    scaffold,
    schedule,
    setup,
    signing_off,
    upkeep,
    verifying,
)
from muniment.cli.demo import command as demo

if TYPE_CHECKING:
    from muniment.evidence.errors import MunimentError

INTERRUPTED = 130

app = typer.Typer(
    name="muniment",
    help="Keep evidence of what an organisation claims, and hand auditors a pack that they can verify without us.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)

for group in (
    demo,
    setup,
    doctor,
    collecting,
    reading,
    history,
    deciding,
    erasing,
    packing,
    requests,
    request_import,
    request_export,
    sampling,
    signing_off,
    verifying,
    anchoring,
    keys,
    key_proposals,
    catalogue,
    claims,
    endpoints,
    importing,
    schedule,
    notify,
    collectors,
    pinning,
    scaffold,
    contract,
    upkeep,
):
    group.register(app)


@app.callback(invoke_without_command=False)
def options(
    context: typer.Context,
    workspace: Annotated[
        Path | None,
        typer.Option(
            "--workspace",
            "-w",
            envvar="MUNIMENT_WORKSPACE",
            help="The workspace's folder; otherwise the one that holds this folder.",
        ),
    ] = None,
    debug: Annotated[
        bool, typer.Option("--debug", envvar="MUNIMENT_DEBUG", help="Show the traceback of an error.")
    ] = False,
    version: Annotated[bool, typer.Option("--version", help="Print the version.", is_eager=True)] = False,  # noqa: ARG001
) -> None:
    """Options that stand before the command."""
    context.obj = {"workspace": workspace, "debug": debug}


def main(arguments: list[str] | None = None) -> None:
    """Run one command and leave the process with its exit code."""
    words = sys.argv[1:] if arguments is None else arguments
    if words == ["--version"]:
        from importlib.metadata import version

        print(f"muniment {version('muniment')}")  # noqa: T201 - stdout is the result
        raise SystemExit(0)
    try:
        code = typer.main.get_command(app)(words, prog_name="muniment", standalone_mode=False)
    except KeyboardInterrupt:
        code = INTERRUPTED
    except TyperException as error:
        code = _tell_usage(error, words)
    except OSError as error:
        if isinstance(error, BrokenPipeError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise SystemExit(1) from None
        code = _tell(_from_system(error), words)
    except Exception as error:  # noqa: BLE001 - whatever happens, a person is told in three lines
        from muniment.evidence.errors import MunimentError

        code = _tell(error if isinstance(error, MunimentError) else _from_ourselves(error), words, cause=error)
    if code == INTERRUPTED:
        print("interrupted", file=sys.stderr)  # noqa: T201 - stderr is the talk
    raise SystemExit(code or 0)


def _tell(error: "MunimentError", words: list[str], cause: Exception | None = None) -> int:
    from muniment.cli.console import tell_error

    if "--debug" in words or os.environ.get("MUNIMENT_DEBUG"):
        import traceback

        traceback.print_exception(cause or error)
    tell_error(error, as_json="--json" in words)
    return error.exit_code


def _tell_usage(error: TyperException, words: list[str]) -> int:
    from muniment.evidence.errors import UsageError

    message = error.format_message() if hasattr(error, "format_message") else str(error)
    context: Any = getattr(error, "ctx", None)
    path = context.command_path if context else "muniment"
    return _tell(UsageError(message, mend=f"`{path} --help` tells what it takes"), words)


def _from_ourselves(error: Exception) -> "MunimentError":
    """A fault of the program, which the person at the keyboard can only report."""
    from muniment.evidence.errors import MunimentError

    return MunimentError(
        f"this is a fault of Muniment itself: {type(error).__name__}: {error}",
        mend="what was acknowledged is safe; run it again as `muniment --debug …` and report what it prints",
        code="internal",
    )


def _from_system(error: OSError) -> "MunimentError":
    """What the operating system refused, as an error that can be read."""
    import errno

    from muniment.evidence.errors import MunimentError

    mends = {
        errno.ENOSPC: "free some space and run the command again: what was acknowledged is safe",
        errno.EROFS: "the disk is mounted read-only",
        errno.EACCES: "look at who may write there",
    }
    return MunimentError(
        error.strerror or str(error),
        where=str(error.filename) if error.filename else None,
        mend=mends.get(error.errno or 0),
        code="system",
    )
