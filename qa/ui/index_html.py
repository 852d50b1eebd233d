"""The index's status and its generations as HTML; knows nothing of how they are made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from index.generation_list import GenerationInfo
from qa.ui import text
from qa.ui import text_articles as words
from qa.ui.html import button, escape, list_items, notice
from qa.ui.revisions_html import moment


def index_html(status: Mapping[str, Any]) -> str:
    """What is searched, since when, and whether anything is wrong with it."""
    generation, created_at = status.get("generation"), status.get("created_at")
    problem = status.get("problem")
    rows = [(words.INDEX_GENERATION, str(generation or words.INDEX_NONE))]
    if created_at:
        rows.append((words.INDEX_BUILT, f"{moment(str(created_at))} UTC"))
    counts = {"articles": int(status.get("num_articles") or 0), "passages": int(status.get("num_passages") or 0)}
    rows.append((words.INDEX_SEARCHED, words.INDEX_SEARCHED_VALUE.format(**counts)))
    library = status.get("library")
    if library:
        stored = {"articles": library["num_articles"], "revisions": library["num_revisions"]}
        rows.append((words.INDEX_LIBRARY, words.INDEX_LIBRARY_VALUE.format(**stored)))
        num_others = library["num_articles"] - counts["articles"]
        if num_others > 0 and not problem:
            rows.append((words.INDEX_STATE, words.INDEX_BEHIND.format(count=num_others)))
    models = status.get("models") or {}
    rows.append((words.INDEX_MODELS, ", ".join(str(model) for model in dict.fromkeys(models.values()) if model)))
    if generation and not problem and rows[-2][0] != words.INDEX_STATE:
        rows.insert(0, (words.INDEX_STATE, words.INDEX_GOOD))
    listed = "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>" for name, value in rows)
    trouble = notice("error", str(problem)) if problem else ""
    return (
        f'<section class="aq-panel"><h2>{escape(words.INDEX_TITLE)}</h2>'
        f'<p class="aq-note">{escape(words.INDEX_HINT)}</p>'
        f'{trouble}<dl class="aq-facts">{listed}</dl></section>'
    )


def generations_html(
    infos: Sequence[GenerationInfo] | None, *, is_editor: bool, asked: str = "", message: str = ""
) -> str:
    """The kept states of the index, newest first.

    :param infos: None while they were not asked for: looking at them reads every file of them.
    :param asked: The one that somebody wants to go back to.
    :param message: What was just done, safe HTML.
    """
    head = f'<h2>{escape(words.GENERATIONS_TITLE)}</h2><p class="aq-note">{escape(words.GENERATIONS_HINT)}</p>{message}'
    if infos is None:
        show = button(words.GENERATIONS_SHOW, "generations", key="generations")
        return f'<section class="aq-panel">{head}{show}</section>'
    items = [_generation(info, is_editor=is_editor, is_asked=info.generation == asked) for info in reversed(infos)]
    listed = (
        f'<ul class="aq-watched">{list_items(items)}</ul>' if items else f"<p>{escape(text.STATUS_NO_GENERATION)}</p>"
    )
    hide = button(words.GENERATIONS_HIDE, "hide", key="generations")
    return f'<section class="aq-panel">{head}{listed}{hide}</section>'


def _generation(info: GenerationInfo, *, is_editor: bool, is_asked: bool) -> str:
    live = f' <span class="aq-tag aq-tag-added">{escape(words.GENERATION_LIVE)}</span>' if info.is_live else ""
    facts = ""
    if info.created_at is not None:
        when = moment(info.created_at)
        facts = words.GENERATION_FACTS.format(articles=info.num_articles or 0, when=when)
    damage = ""
    if info.damage is not None:
        damage = f'<p class="aq-failing">{escape(words.GENERATION_DAMAGED.format(damage=info.damage))}</p>'
    name = escape(info.generation)
    if is_asked:
        yes = button(words.ROLLBACK_YES, "roll-back", "aq-button aq-danger", name=info.generation, key="roll-back")
        no = button(words.ROLLBACK_NO, "generations", key="stay")
        question = escape(words.ROLLBACK_QUESTION.format(name=info.generation))
        return (
            f'<div class="aq-confirm" role="alertdialog" aria-label="{escape(words.ROLLBACK_YES)}">'
            f"<p>{question}</p>{yes}{no}</div>"
        )
    back = ""
    if is_editor and not info.is_live and info.damage is None:
        spoken = words.GENERATION_BACK_LABEL.format(name=info.generation)
        key = f"back-{info.generation}"
        back = button(words.GENERATION_BACK, "ask-back", spoken=spoken, name=info.generation, key=key)
    return f'<div><span class="aq-file">{name}</span>{live}<p class="aq-origin">{escape(facts)}</p>{damage}</div>{back}'
