"""The look that Gradio's own components get: calm colours, system fonts, light and dark; knows nothing of panels."""

from __future__ import annotations

import gradio as gr
from gradio.themes.utils.colors import Color

# Fonts come from the reader's system: nothing is fetched, and text looks at home.
_SANS = ("ui-sans-serif", "system-ui", "-apple-system", "Segoe UI", "Roboto", "Helvetica Neue", "Arial", "sans-serif")
_MONO = ("ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "Liberation Mono", "monospace")

_INK = Color(
    c50="#f7f6f3", c100="#efede8", c200="#e1ded7", c300="#cbc7bd", c400="#9c978c", c500="#736f66", c600="#57544d",
    c700="#403e39", c800="#2a2926", c900="#1d1c1a", c950="#141312", name="ink",
)  # fmt: skip
_TEAL = Color(
    c50="#eef7f6", c100="#d6ebe8", c200="#aed7d2", c300="#7dbcb6", c400="#4d9c96", c500="#2f7f7a", c600="#1f6662",
    c700="#1b524f", c800="#194240", c900="#163634", c950="#0a2120", name="teal",
)  # fmt: skip


def make_theme() -> gr.themes.Base:
    theme = gr.themes.Base(primary_hue=_TEAL, secondary_hue=_TEAL, neutral_hue=_INK, font=_SANS, font_mono=_MONO)
    return theme.set(
        body_background_fill="#faf9f7",
        body_background_fill_dark="#161514",
        block_background_fill="white",
        block_background_fill_dark="#1f1e1c",
        block_border_width="1px",
        block_radius="12px",
        input_background_fill="white",
        input_background_fill_dark="#1f1e1c",
        input_placeholder_color="#6b675f",
        input_placeholder_color_dark="#a29d92",
        button_primary_background_fill="*primary_600",
        button_primary_background_fill_hover="*primary_700",
        button_primary_background_fill_dark="*primary_400",
        button_primary_background_fill_hover_dark="*primary_300",
        button_primary_text_color="white",
        button_primary_text_color_dark="#0a2120",
        button_large_radius="10px",
        button_small_radius="8px",
    )
