"""The page of a run: ask its models side by side, browse what they wrote, tag what should be read again.

All text of cases and replies goes through `gazal.serve.cards`, which escapes it. The page loads nothing from
elsewhere and reports nothing to anyone.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # Before it is imported: then nothing is sent.
import gradio as gr
from gradio.themes import Default

from gazal.config.load import load_recipe
from gazal.config.reward import RewardConfig
from gazal.config.sampling import Sampling
from gazal.core.case import Case
from gazal.core.store import read_cases
from gazal.errors import GazalError
from gazal.serve.ask import make_case
from gazal.serve.cards import (
    NOTICE,
    draw_case,
    draw_head,
    draw_note,
    draw_reply,
    draw_waiting,
    find_parts,
    lay_out,
)
from gazal.serve.items import (
    LOOKS,
    Item,
    Wanted,
    add_tag,
    find_asked,
    list_sources,
    read_items,
    read_tags,
    select,
)

STYLE = Path(__file__).with_name("page.css")
TITLES = {"base": "Base", "sft": "SFT", "grpo": "GRPO"}
TAGS = ("read again", "wrong reasoning", "right for a wrong reason", "could harm", "gamed", "good example")
MOST_LISTED = 200
MOST_NEW_TOKENS = 384


@dataclass(slots=True)
class Bench:
    """What the page works on."""

    run: Path
    reward: RewardConfig
    most: int
    """Tokens of a reply."""
    cases: dict[str, Case]
    _speakers: dict[str, Any] = field(default_factory=dict)
    _items: dict[str, list[Item]] = field(default_factory=dict)

    def items(self, source: str) -> list[Item]:
        """Those of a source, read once."""
        if source not in self._items:
            self._items[source] = read_items(self.run, source)
        return self._items[source]

    def models(self) -> dict[str, Any]:
        """Title to a model that can be asked, loaded when it first is."""
        from gazal.config.model import ModelConfig
        from gazal.engine.spoken import LocalSpeaker
        from gazal.evaluate.models import find_tested

        if not self._speakers:
            for name, tested in find_tested([str(self.run)], ModelConfig()).items():
                assert isinstance(tested.config, ModelConfig)
                title = TITLES.get(name, name)
                self._speakers[title] = LocalSpeaker(name, tested.config, tested.adapter)
        return self._speakers


def open_bench(run: Path) -> Bench:
    """Read what the page needs before it is shown.

    Raises:
        GazalError: It is no run and no evaluation, or a file is torn.
    """
    recipe = load_recipe(run / "recipe.yaml") if (run / "recipe.yaml").is_file() else None
    grpo = recipe.grpo if recipe else None
    asked = find_asked(run)
    return Bench(
        run=run,
        reward=grpo.reward if grpo else RewardConfig(),
        most=grpo.sampling.max_new_tokens if grpo else MOST_NEW_TOKENS,
        cases={case.id: case for case in read_cases(asked)} if asked.is_file() else {},
    )


def build_page(bench: Bench) -> gr.Blocks:
    """The page, not yet served."""
    with gr.Blocks(title=f"gazal: {bench.run.name}", analytics_enabled=False) as page:
        gr.HTML(draw_head(bench.run.name, NOTICE))
        with gr.Tabs():
            if (bench.run / "recipe.yaml").is_file():
                with gr.Tab("Ask"):
                    _build_asking(bench)
            if list_sources(bench.run):
                with gr.Tab("Browse and tag"):
                    _build_browsing(bench)
    return page


def _build_asking(bench: Bench) -> None:
    with gr.Row():
        with gr.Column():
            chosen = gr.Dropdown(
                choices=[(f"{c.kind}: {c.id}", c.id) for c in [*bench.cases.values()][:MOST_LISTED]],
                value=next(iter(bench.cases), None),
                label="A case of the evaluation",
                elem_id="case",
            )
            ask_case = gr.Button("Ask all models this case", variant="primary", elem_id="ask-case")
        with gr.Column():
            question = gr.Textbox(label="Or write a question", lines=4, elem_id="question")
            options = gr.Textbox(label="Its options, one a line (may be empty)", lines=3, elem_id="options")
            key = gr.Textbox(label="The right letter or text, if you know it", elem_id="key")
            ask_own = gr.Button("Ask all models this question", elem_id="ask-own")
    shown = gr.HTML(draw_note("Choose a case or write a question."), elem_id="answers")

    def say_case(case_id: str | None) -> Iterator[str]:
        yield from answer_case(bench, case_id)

    def say_own(*words: str) -> Iterator[str]:
        yield from answer_own(bench, *words)

    ask_case.click(say_case, chosen, shown)
    ask_own.click(say_own, [question, options, key], shown)


def answer_case(bench: Bench, case_id: str | None) -> Iterator[str]:
    """Each model's reply to a known case, growing as it is written."""
    if case_id not in bench.cases:
        yield draw_note("Choose a case first.")
        return
    yield from _answer(bench, bench.cases[case_id], known=True)


def answer_own(bench: Bench, question: str, options: str, key: str) -> Iterator[str]:
    """The same for a question that was typed."""
    texts = [line.strip() for line in (options or "").splitlines() if line.strip()]
    if not (question or "").strip():
        yield draw_note("Write a question first.")
        return
    try:
        case = make_case(question.strip(), texts, (key or "").strip() or None)
    except GazalError as error:
        yield draw_note(str(error))
        return
    yield from _answer(bench, case, known=bool((key or "").strip()))


def _answer(bench: Bench, case: Case, *, known: bool) -> Iterator[str]:
    sampling, done = Sampling(temperature=0.0, max_new_tokens=bench.most), []
    head = draw_case(case, known=known)
    yield lay_out(head, [draw_waiting("The models", "loading")])
    for title, speaker in bench.models().items():
        text = ""
        try:
            for number, piece in enumerate(speaker.say(case, sampling, 0)):
                text += piece
                if number % 8 == 0:
                    yield lay_out(head, [*done, draw_waiting(title, text)])
        except GazalError as error:
            done.append(draw_note(f"{title}: {error}"))
            continue
        parts = find_parts(case, speaker.trace, bench.reward, bench.most) if known else {}
        done.append(draw_reply(title, case, speaker.trace, known=known, parts=parts))
    yield lay_out(head, done)


def _build_browsing(bench: Bench) -> None:
    sources = list_sources(bench.run)
    with gr.Row():
        source = gr.Dropdown(choices=sources, value=sources[0], label="Replies of", elem_id="source")
        looks = [(title, name) for name, title in LOOKS.items()]
        look = gr.Dropdown(choices=looks, value="all", label="Look for", elem_id="look")
        kinds = sorted({case.kind for case in bench.cases.values()})
        kind = gr.Dropdown(choices=["all", *kinds], value="all", label="Kind of case", elem_id="kind")
        outcome = gr.Radio(
            choices=["all", "right", "not right"], value="all", label="Answer", elem_id="outcome"
        )
        holds = gr.Textbox(label="Holds the words", elem_id="holds")
    first = _list(bench, sources[0], "all", "all", "all", "")
    count = gr.HTML(draw_note(first[0]), elem_id="count")
    item = gr.Dropdown(choices=first[1], value=_first(first[1]), label="Reply", elem_id="item")
    shown = gr.HTML(_show(bench, sources[0], _first(first[1])), elem_id="reply")
    with gr.Row():
        tags = gr.CheckboxGroup(choices=list(TAGS), label="Tags", elem_id="tags")
        note = gr.Textbox(label="Note", elem_id="note")
        save = gr.Button("Save the tags", elem_id="save")
    said = gr.HTML("", elem_id="said")
    filters = [source, look, kind, outcome, holds]

    def refresh(*wanted: str) -> tuple[Any, ...]:
        words, listed = _list(bench, *wanted)
        value = _first(listed)
        return (draw_note(words), gr.Dropdown(choices=listed, value=value), *_open(bench, wanted[0], value))

    for control in filters:
        control.change(refresh, filters, [count, item, shown, tags, note])
    item.input(lambda where, key: _open(bench, where, key), [source, item], [shown, tags, note])
    save.click(lambda *words: _save(bench, *words), [source, item, tags, note], said)


def _list(
    bench: Bench, source: str, look: str, kind: str, outcome: str, holds: str
) -> tuple[str, list[tuple[str, str]]]:
    wanted = Wanted(source=source, look=look, kind=kind, outcome=outcome, holds=holds or "")
    items = bench.items(source)
    found = select(items, wanted, frozenset(read_tags(bench.run)))
    shown = found[:MOST_LISTED]
    more = f", the first {len(shown)} are listed" if len(found) > len(shown) else ""
    return f"{len(found):,} of {len(items):,} replies{more}", [(item.title, item.key) for item in shown]


def _first(listed: list[tuple[str, str]]) -> str | None:
    return listed[0][1] if listed else None


def _find(bench: Bench, source: str, key: str | None) -> Item | None:
    return next((item for item in bench.items(source) if item.key == key), None)


def _show(bench: Bench, source: str, key: str | None) -> str:
    item = _find(bench, source, key)
    if item is None:
        return draw_note("No reply fits these filters.")
    parts = item.parts or find_parts(item.case, item.trace, bench.reward, bench.most)
    card = draw_reply(item.title, item.case, item.trace, known=True, parts=parts)
    return lay_out(draw_case(item.case, known=True), [card])


def _open(bench: Bench, source: str, key: str | None) -> tuple[str, list[str], str]:
    """The reply, and what was tagged of it."""
    tagged = read_tags(bench.run).get(key or "", {})
    known = [tag for tag in tagged.get("tags", ()) if tag in TAGS]
    return _show(bench, source, key), known, str(tagged.get("note", ""))


def _save(bench: Bench, source: str, key: str | None, tags: list[str], note: str) -> str:
    item = _find(bench, source, key)
    if item is None:
        return draw_note("There is no reply to tag.")
    try:
        path = add_tag(bench.run, item, tags or [], note or "")
    except GazalError as error:
        return draw_note(str(error))
    return draw_note(f"Saved to {path}: {len(read_tags(bench.run))} replies are tagged.")


def launch(page: gr.Blocks, host: str, port: int, token: str | None, *, wait: bool = True) -> str:
    """Serve the page; returns its address, at once where ``wait`` is false."""
    theme = Default(primary_hue="blue", font=["system-ui", "sans-serif"], font_mono=["ui-monospace"]).set(
        button_primary_background_fill="*primary_700",
        button_primary_background_fill_hover="*primary_800",
        button_primary_text_color="white",
        color_accent="*primary_700",
    )
    _, local, _ = page.launch(
        server_name=host,
        server_port=port,
        share=False,
        quiet=True,
        inbrowser=False,
        prevent_thread_lock=not wait,
        auth=("gazal", token) if token else None,
        footer_links=[],
        enable_monitoring=False,
        strict_cors=True,
        ssr_mode=False,
        theme=theme,
        css=STYLE.read_text(encoding="utf-8"),
    )
    return local
