"""What it costs to print a pack, against one naive WeasyPrint document, Typst and headless Chromium, in one run.

    python benchmarks/pack.py                  # about 65 and 260 records
    python benchmarks/pack.py --all            # also 1,300, and 5,200 for ours alone: some hours
    python benchmarks/pack.py 1300             # these sizes, with everybody
    python benchmarks/pack.py 65 --own         # ours alone
    python benchmarks/pack.py 1300 --rounds 3  # medians of three, as up to 260 records anyway

All print the same pages: the pack of the tests' organisation with that many weekly records, written once as XHTML.
Naive is WeasyPrint as its documentation calls it: one document through the HTML parser, its headers, page numbers and
the numbers of the contents by the style sheet, its tables laid out as CSS does unless it is told otherwise
(`table-layout: auto`), and the lines of a cell ended by `br`. Tuned is the same with our markup and style sheet as they
are, with fixed columns, and newlines in the cells: what is left between it and ours is due to parts, processes and the
cache alone. Typst gets headings,
paragraphs, lists and tables with the same words in the same fonts, not the looks; it is installed from PyPI into an
environment of its own in a temporary folder. Chromium must be installed (`chromium` or `google-chrome`).
A record is a row of the index and at most one of a control's sheet: some 180 dense pages for 1,300 asked for, where
records of half a page each would make a thousand. Seconds are of these pages, and say nothing about others.
Attachments and the seal are left out for all. Each contestant is a process of its own: wall and CPU seconds are of it
and its children, from start to end, and the peak memory is that of the largest of them. A ratio is the wall time in
that of `cold`, ours with an empty cache. `changed` is ours with what `cold` kept and one record changed, `unchanged`
with all kept. The ratios that are aimed at stand below, each with its goal.
"""

import argparse
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))  # for the tests' organisation

GOALS = (  # how often the wall time of the second goes into that of the first, from how many records on
    ("naive", "cold", 260, "at least 3.5"),
    ("naive", "cold", 1_300, "at least 6"),
    ("naive", "changed", 1_300, "at least 60"),
    ("cold", "chromium", 1_300, "at most 2.2"),
    ("cold", "typst", 1_300, "at most 10"),
    ("changed", "chromium", 1_300, "at most 0.25"),
    ("changed", "typst", 1_300, "at most 1.0"),
)
SIZES, LARGE, LARGEST = (65, 260), 1_300, 5_200
STEADY = 0.9  # pages a second of the largest pack against those of the large one, at least
TYPST = "typst==0.15.0"
HEAD = (
    f"{'records':>8} {'what':<10}{'pages':>7}{'wall s':>9}{'CPU s':>9}{'peak MB':>9}{'KB/page':>9}{'wall/ours':>11}"
    f"{'CPU s/page':>12}"
)
TYPST_PROGRAM = "import sys, typst; typst.compile('page.typ', output=sys.argv[1], font_paths=['.'])"


def main() -> None:
    """Print the table, then the same as JSON."""
    asked = _arguments()
    with tempfile.TemporaryDirectory() as folder:
        typst = None if asked.own else _typst(Path(folder) / "typst")
        sizes = asked.sizes or (*SIZES, *((LARGE, LARGEST) if asked.all else ()))
        print(HEAD)
        rows = [
            row
            for size in sizes
            for row in _measured(Path(folder) / str(size), size, asked, typst, own=asked.own or size == LARGEST)
        ]
    _tell_pace(rows)
    print(json.dumps(rows, indent=1))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sizes", nargs="*", type=int, help="how many records, about")
    parser.add_argument("--all", action="store_true", help="the large sizes too, which take hours")
    parser.add_argument("--own", action="store_true", help="ours alone")
    parser.add_argument("--rounds", type=int, help="how often; each figure is the median")
    parser.add_argument("--print", nargs=2, metavar=("WHO", "FILE"), help=argparse.SUPPRESS)
    found = parser.parse_args()
    if found.print:
        {"ours": _ours, "naive": _naive}[found.print[0]](Path(found.print[1]))
        sys.exit()
    return found


def _measured(folder: Path, size: int, asked: argparse.Namespace, typst: Path | None, *, own: bool) -> Iterator[dict]:
    """One row for each contestant, printed as soon as it is known."""
    records = _prepare(folder, size)
    ours = 0.0
    walls: dict[str, float] = {}
    for what, command in _contestants(typst, own=own):
        times = asked.rounds or (3 if size <= max(SIZES) else 1)
        rounds = [_round(what, command, folder) for _ in range(times)]
        wall, cpu, peak = (statistics.median(each) for each in zip(*rounds, strict=True))
        ours = ours or wall
        walls[what] = wall
        file = folder / f"{what}.pdf"
        pages = _pages(file)
        weight = file.stat().st_size / 1_000 / pages
        print(
            f"{records:>8,} {what:<10}{pages:>7,}{wall:>9.1f}{cpu:>9.1f}{peak:>9.0f}{weight:>9.1f}{wall / ours:>11.2f}"
            f"{cpu / pages:>12.3f}",
            flush=True,
        )
        row = {
            "asked": size,
            "records": records,
            "what": what,
            "pages": pages,
            "wall": wall,
            "cpu": cpu,
            "peak_mb": peak,
        }
        yield row | {"kb_a_page": round(weight, 1), "wall_to_ours": round(wall / ours, 3)}
    for one, other, at_least, goal in GOALS:
        if walls.keys() >= {one, other} and (size == at_least or size > at_least == LARGE):
            print(f"{records:>8,} {one} / {other}: {walls[one] / walls[other]:.2f} (goal: {goal})", flush=True)


def _tell_pace(rows: list[dict]) -> None:
    """Whether ours draws as many pages a second of the largest pack as of the large one."""
    pace = {row["asked"]: row["pages"] / row["wall"] for row in rows if row["what"] == "cold"}
    if pace.keys() >= {LARGE, LARGEST}:
        print(
            f"pages/s, {LARGEST:,} / {LARGE:,}: {pace[LARGEST] / pace[LARGE]:.2f} (goal: at least {STEADY})", flush=True
        )


def _round(what: str, command: list[str], folder: Path) -> tuple[float, float, float]:
    """One run; `cold` begins with an empty cache, the others of ours with what it left."""
    if what == "cold":
        shutil.rmtree(folder / "cache", ignore_errors=True)
    elif what == "changed":  # what another round kept of the change
        shutil.rmtree(folder / "cache")
        shutil.copytree(folder / "cold", folder / "cache")
    spent = _spent(command, folder, folder / f"{what}.pdf")
    if what == "cold":
        shutil.rmtree(folder / "cold", ignore_errors=True)
        shutil.copytree(folder / "cache", folder / "cold")
    return spent


def _contestants(typst: Path | None, *, own: bool) -> Iterator[tuple[str, list[str]]]:
    """A name, and a command to which the name of its PDF is put; it runs in the folder of the pages."""
    me = [sys.executable, str(Path(__file__).resolve()), "--print"]
    for what in ("cold", "unchanged", "changed"):
        yield what, [*me, "ours"]
    if own:
        return
    yield "naive", [*me, "naive"]
    yield "tuned", [*me, "naive"]
    if typst:
        yield "typst", [str(typst), "-c", TYPST_PROGRAM]
    if chromium := shutil.which("chromium") or shutil.which("google-chrome"):
        yield (
            "chromium",
            [chromium, "--headless", "--no-sandbox", "--disable-gpu", "--no-pdf-header-footer", "page.html"],
        )


def _spent(command: list[str], folder: Path, file: Path) -> tuple[float, float, float]:
    """Wall seconds, CPU seconds, and megabytes of the largest process."""
    *_, last = command
    full = [*command[:-1], f"--print-to-pdf={file}", last] if last == "page.html" else [*command, str(file)]
    began = time.perf_counter()
    with subprocess.Popen(full, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode or not file.exists():
        sys.exit(f"{' '.join(full)} ended with {process.returncode}")
    return time.perf_counter() - began, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1_000


def _prepare(folder: Path, size: int) -> int:
    """Write the pages for all contestants; gives how many records they cite."""
    from tests.exports import conftest as organisation

    from muniment.evidence import Period
    from muniment.exports.fonts import glyphs
    from muniment.exports.html import render

    folder.mkdir()
    weeks = size // 5 + 4
    begin = datetime(2025, 12, 31, 23, tzinfo=UTC)
    end = begin + timedelta(weeks=weeks + 2)
    made = organisation.sample(organisation.example_phone, weeks=weeks)
    pack = made.pack(period=Period(start=begin, end=end, zone="Europe/Paris"), at=end)
    for name, each in {"changed": replace(pack, evidence=_one_changed(pack.evidence)), "cold": pack}.items():
        page = render(each, glyphs())
        (folder / f"{name}.xhtml").write_text(page.xhtml, encoding="utf-8")
        (folder / f"{name}.css").write_text(page.css, encoding="utf-8")
        (folder / f"{name}.furniture").write_text(json.dumps([page.furniture, page.count]), encoding="utf-8")
    for end in ("xhtml", "css", "furniture"):
        shutil.copy(folder / f"cold.{end}", folder / f"unchanged.{end}")
    for name, (_, data) in page.resources.items():
        (folder / name).write_bytes(data)
    shutil.copy(folder / "cold.xhtml", folder / "tuned.xhtml")
    (folder / "tuned.css").write_text(_whole_style(page), encoding="utf-8")
    (folder / "naive.xhtml").write_text(_plain_cells(page.xhtml), encoding="utf-8")
    (folder / "naive.css").write_text(_plain_tables(_whole_style(page)), encoding="utf-8")
    root = ElementTree.fromstring((folder / "cold.xhtml").read_text(encoding="utf-8"))  # noqa: S314 - just made
    (folder / "page.typ").write_text("\n".join(_typst_of(root.find("body"))), encoding="utf-8")
    style = f"<style>{_whole_style(page).replace('muniment:', '')}</style></head>"
    html = (folder / "cold.xhtml").read_text(encoding="utf-8").replace("</head>", f'<meta charset="utf-8"/>{style}')
    (folder / "page.html").write_text(html, encoding="utf-8")
    return len(pack.evidence)


def _whole_style(page: object) -> str:
    """The style sheet by which an engine that knows the whole document makes headers and page numbers itself."""
    before, after = (json.dumps(words) for words in page.count)
    numbered = rf"\1{before} counter(page) {after} counter(pages)"
    furniture = re.sub(r'(over-number \{\s*@bottom-center \{ content: )"[^"]*"', numbered, page.furniture)
    for name, meant in {"over-page": "", "over-number": "", "ground": "", "over-cover": "cover"}.items():
        furniture = furniture.replace(f"@page {name} ", f"@page {meant} ")
    furniture = re.sub(r"^(html|div) \{.*$", "", furniture, flags=re.MULTILINE)
    return page.css.replace("attr(data-page)", "target-counter(attr(href), page)") + furniture


def _plain_tables(css: str) -> str:
    """The style sheet with tables as CSS lays them out unless it is told otherwise: by what is in all their cells."""
    plain = css.replace("table-layout: fixed;", "").replace("td { white-space: pre-line }", "")
    if len(plain) != len(css) - len("table-layout: fixed;td { white-space: pre-line }"):
        sys.exit("the tables of a pack have other means than fixed columns and newlines: naive would be tuned")
    return plain


def _plain_cells(xhtml: str) -> str:
    """The document with its cells as a person writes them, and as our templates have them: `br` ends a line."""
    return re.sub(r"<td\b[^>]*>.*?</td>", lambda cell: cell[0].replace("\n", "<br/>"), xhtml, flags=re.DOTALL)


def _one_changed(evidence: tuple) -> tuple:
    first, *rest = evidence
    stored = replace(first.stored, digest="sha256:" + "1" * 64)
    return (replace(first, stored=stored), *rest)


def _page(file: Path) -> object:
    from muniment.exports.html import Page

    names = {each.name: ("font/ttf", each.read_bytes()) for each in file.parent.glob("*.ttf")}
    xhtml, css = (
        file.with_suffix(".xhtml").read_text(encoding="utf-8"),
        file.with_suffix(".css").read_text(encoding="utf-8"),
    )
    kept = file.with_suffix(".furniture")
    furniture, count = json.loads(kept.read_text(encoding="utf-8")) if kept.exists() else ("", ("", ""))
    return Page(xhtml, css, names, furniture, tuple(count))


def _ours(file: Path) -> None:
    from muniment.exports.pdf import render_pdf

    file.write_bytes(render_pdf(_page(file), "benchmark", lambda _: None, cache=file.parent / "cache").data)


def _naive(file: Path) -> None:
    from weasyprint import CSS, HTML

    from muniment.exports.engine import fetcher

    page = _page(file)
    fetch = fetcher(page.resources)
    html = HTML(string=page.xhtml, url_fetcher=fetch, base_url="muniment:")
    html.write_pdf(file, stylesheets=[CSS(string=page.css, url_fetcher=fetch)], pdf_variant="pdf/a-3a")


def _typst(folder: Path) -> Path:
    """The Python of a new environment that has Typst."""
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "--quiet", TYPST], check=True)
    return python


def _typst_of(element: ElementTree.Element) -> Iterator[str]:
    """The same words as Typst's markup: headings, paragraphs, list items and tables."""
    yield '#set text(font: "IBM Plex Sans", size: 8pt)'
    yield '#set page("a4", numbering: "1 / 1")'
    yield "#outline()"
    yield from _blocks(element)


def _blocks(element: ElementTree.Element) -> Iterator[str]:
    for each in element:
        if each.tag in ("h1", "h2", "h3"):
            yield f"{'=' * int(each.tag[1])} {_said(each)}\n"
        elif each.tag == "table":
            rows = list(each.iter("tr"))
            cells = [f"[{_said(cell)}]" for row in rows for cell in row]
            yield f"#table(columns: {max(len(row) for row in rows)}, {', '.join(cells)})\n"
        elif each.tag in ("p", "li", "pre"):
            yield f"{'- ' if each.tag == 'li' else ''}{_said(each)}\n"
        else:
            yield from _blocks(each)


def _said(element: ElementTree.Element) -> str:
    words = " ".join("".join(element.itertext()).split())
    return f"#{json.dumps(words, ensure_ascii=False)};"


def _pages(file: Path) -> int:
    import pikepdf

    with pikepdf.open(file) as pdf:
        return len(pdf.pages)


if __name__ == "__main__":
    main()
