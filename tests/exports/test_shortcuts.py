"""The shorter ways through WeasyPrint draw what the long ones do."""

import subprocess
import sys

MARKUP = """<html lang="en"><body><h1>Evidence</h1><p class="both">{words}</p>
<table><thead><tr><th>No.</th><th>What</th></tr></thead><tbody>{rows}</tbody></table>
<table class="apart"><tbody>{rows}</tbody></table></body></html>"""
ROW = "<tr><td>{0}</td><td><b>record-{0}</b><br/><i>{1}</i> <code>{2}</code></td></tr>"
CSS = """@page { size: 90mm 60mm; margin: 5mm } html { font: 9pt/1.3 "Muniment Sans" } .both { text-align: justify }
h1 { margin: 2% } p { padding: 0 5%; width: 80% } i { padding: 0 1mm; border: 1px solid } code { white-space: nowrap }
code { background: #eee; border-radius: 1mm }
table { border-collapse: collapse; table-layout: fixed; width: 100% } td { box-sizing: border-box; padding: 1mm 2% }
td, p { overflow-wrap: anywhere } .apart { border-collapse: separate } tr { border-bottom: 0.5pt solid }
th { width: 20mm }"""
PROGRAM = """
import sys
from hashlib import sha256
from muniment.exports import shortcuts
from muniment.exports.engine import Engine
from muniment.exports.fonts import faces
from muniment.exports.fragment import packed
if sys.argv[1] == "long":
    shortcuts.take = lambda: None
engine = Engine("".join(each.rule for each in faces()) + sys.argv[2], {e.file: ("font/ttf", e.data) for e in faces()})
drawn = engine.draw(sys.argv[3])
from weasyprint.text.line_break import Layout
print(hasattr(Layout, "shaped_for"), len(drawn.pages), sha256(packed(drawn)).hexdigest())
"""


def test_a_fragment_is_the_same_by_the_shorter_ways() -> None:
    rows = "".join(ROW.format(number, "word " * (number % 9), "x" * (number % 40)) for number in range(24))
    markup = MARKUP.format(words="Certification is evidence. " * 9, rows=rows)
    (shorter, *drawn), (longer, *expected) = (_drawn(way, CSS, markup) for way in ("short", "long"))
    assert (shorter, longer) == ("True", "False")
    assert int(drawn[0]) > 3
    assert drawn == expected


def _drawn(way: str, css: str, markup: str) -> list[str]:
    """Whether the shorter ways were taken, the number of pages and the fragment's digest."""
    command = [sys.executable, "-c", PROGRAM, way, css, markup]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
