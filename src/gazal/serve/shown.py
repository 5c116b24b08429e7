"""One case with replies to it as a page that loads nothing and runs nothing."""

from collections.abc import Mapping
from pathlib import Path

from markupsafe import Markup

from gazal.core.case import Case
from gazal.core.store import write_lines
from gazal.core.trace import Trace
from gazal.serve.cards import NOTICE, draw_case, draw_head, draw_reply, lay_out
from gazal.world.solve import solve

STYLE = Path(__file__).with_name("page.css")
PAGE = Markup(
    '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
    '<meta name="viewport" content="width=device-width, initial-scale=1">'
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
    "<style>body {{ margin: 1rem auto; max-width: 74rem; padding: 0 1rem; font-family: sans-serif; }}"
    "\n{style}</style></head><body><main>{head}{body}</main></body></html>\n"
)


def write_case_page(case: Case, replies: Mapping[str, Trace], path: Path) -> None:
    """Write the page: the case, its worked solution where it has a truth, and the replies side by side.

    Args:
        case: What was asked.
        replies: Title to reply.
        path: Where to.

    Raises:
        DataError: It cannot be written.
    """
    shown = ({"worked solution": solve(case)} if case.truth is not None else {}) | dict(replies)
    cards = [draw_reply(title, case, trace, known=True, parts={}) for title, trace in shown.items()]
    text = PAGE.format(
        title=case.id,
        style=Markup(STYLE.read_text(encoding="utf-8")),
        head=draw_head(case.id, NOTICE),
        body=lay_out(draw_case(case, known=True), cards),
    )
    write_lines(path, [text], lambda page: page.encode("utf-8"))
