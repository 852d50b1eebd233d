"""Says whether a short answer is of the kind that the question asks for; knows nothing of models or passages.

Only kinds that can be told from the words alone are checked: times ("when") and amounts ("how many", "how fast").
"""

from __future__ import annotations

import re

_WHEN = re.compile(
    r"\b(when|what (?:time|year|date|day|month|century|decade)|which (?:year|month|decade|century))\b", re.I
)
_AMOUNT = re.compile(
    r"\b(how (?:many|much|old|long|far|fast|tall|high|deep|wide|big|large|heavy|often|hot|cold)|what (?:percentage|"
    r"percent|share|number|amount|proportion)|"
    r"(?:price|cost|speed|range|length|height|weight|population|temperature) of)"
    r"\b",
    re.I,
)
_TIME_WORDS = re.compile(
    r"\b(\d+|january|february|march|april|may|june|july|august|september|october|november|december|monday|tuesday|"
    r"wednesday|thursday|friday|saturday|sunday|today|yesterday|tomorrow|tonight|morning|noon|afternoon|evening|"
    r"night|midnight|week|"
    r"weeks|month|months|year|years|day|days|hour|hours|minute|minutes|spring|summer|autumn|fall|winter|century|decade|"
    r"centuries|decades|before|after|during|since|until|once|soon|now|early|late|christmas|easter|ago)\b|\d",
    re.I,
)
_AMOUNT_WORDS = re.compile(
    r"\d|\b(zero|no|none|nothing|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen|"
    r"sixteen|seventeen|eighteen|nineteen|twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety|hundreds?|thousands?|"
    r"millions?|billions?|trillions?|dozens?|half|halves|third|thirds|quarters?|twice|double|doubled|triple|all|both|"
    r"several|many|most|few|majority|minority|once|daily|weekly|monthly|yearly|annually|years|months|weeks|days|hours|free)\b",
    re.I,
)


def fits_question(question: str, short_answer: str) -> bool:
    """False when the question asks for a time or an amount and the answer holds none; True otherwise."""
    if _AMOUNT.search(question):
        return _AMOUNT_WORDS.search(short_answer) is not None
    if _WHEN.match(question.strip()) or _WHEN.search(question.split(",")[-1].strip()[:40]):
        return _TIME_WORDS.search(short_answer) is not None
    return True
