"""Verbs of the news with their base forms, for asking about what sentences tell; knows nothing of sentences.

Only what is listed is ever asked about: a verb that is guessed makes a question that nobody would ask.
"""

from __future__ import annotations

_IRREGULAR = """
beat:beat became:become began:begin bought:buy broke:break brought:bring built:build caught:catch chose:choose
cost:cost cut:cut drew:draw fell:fall fought:fight found:find flew:fly gave:give grew:grow held:hold hit:hit
hosted:host kept:keep knew:know left:leave led:lead lost:lose made:make met:meet overtook:overtake paid:pay
rose:rise sank:sink saw:see sent:send set:set shot:shoot sold:sell spent:spend spoke:speak stole:steal struck:strike
swore:swear came:come went:go took:take taught:teach threw:throw underwent:undergo withdrew:withdraw won:win wrote:write
banned:ban dropped:drop planned:plan shipped:ship stopped:stop submitted:submit admitted:admit topped:top
""".split()
_REGULAR = """
accept accuse acquire adopt agree allow announce appeal appear appoint approve arrest arrive attack attend attract
award back block campaign cancel capture carry celebrate challenge claim clinch close collapse collect complete
condemn confirm convict create criticise criticize cross crash damage debut declare declassify decline defeat defend
delay deliver demand deny deploy design destroy develop die direct discover dissolve donate earn elect
employ cause contribute decide identify play post praise respond tour travel
    enact end endorse enter escape establish evacuate expand expel explode extend face file fine finish fire
form found gain grant halt head help host impose improve inaugurate include increase injure install introduce
invade invest investigate invite issue join kill land last launch legalise legalize lift lower manage mark
marry merge miss move name nominate obtain open oppose order organise organize overturn oversee pardon pass perform
plead pledge postpone present produce promise propose protest provide publish purchase pursue raise ratify reach
recall receive recognise recognize record recover referee refuse reject release remain remove reopen repeal replace
represent request rescue resign restore resume retain retire return reveal rule sanction schedule score secure seize
sentence serve settle share sign star start store succeed sue supply support surpass surrender suspend
target test threaten touch trade unveil urge use veto visit vote warn welcome
""".split()
_ACTS = frozenset(
    """
    acquire adopt announce appoint approve ban beat block build buy cancel clinch condemn convict create defeat deliver
    deny design destroy direct discover dissolve elect enact endorse establish found grant host impose inaugurate
    introduce invade issue launch legalise legalize nominate oppose ordain overturn pardon pledge present produce
    propose publish purchase pursue ratify referee reject repeal rescue reveal sanction score seize sell sign star
    stop sue take unveil veto win write
    """.split()
)
_WITH_OBJECT = _ACTS | frozenset(
    "accuse announce award confirm criticise criticize declare demand deploy develop".split()
)
AUXILIARIES = frozenset(
    "is are was were has have had will would can could may might must shall should do does did".split()
)
PASSIVES = ("was", "were")


def _past(base: str) -> str:
    if base.endswith("e"):
        return f"{base}d"
    if base.endswith("y") and base[-2] not in "aeiou":
        return f"{base[:-1]}ied"
    return f"{base}ed"


BASE_FORMS: dict[str, str] = {_past(base): base for base in _REGULAR} | dict(pair.split(":") for pair in _IRREGULAR)
"""The base form of each past form that can be asked about."""

_EXTRA_PARTICIPLES = """
born built chosen killed hit held made sold stolen sworn taken thrown won written shot struck sent paid met lost found
given broken beaten seen set cut caught brought bought banned dropped stopped led fought drawn grown known left
""".split()
PARTICIPLES = frozenset([_past(base) for base in _REGULAR] + _EXTRA_PARTICIPLES)
"""What may follow "was" in a passive that can be asked about."""


def needs_object(base: str) -> bool:
    """Whether "What did X <base>?" asks for its object."""
    return base in _WITH_OBJECT


def is_act(base: str) -> bool:
    """Whether somebody, and not something, does it: "Who <past> the bridge?" is asked of no bridge."""
    return base in _ACTS
