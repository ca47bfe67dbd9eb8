"""Decides whether a danger sign is happening, or asked about, imagined, denied, long past or a
figure of speech.

The idea is ConText (Harkema et al. 2009) turned round for safety: a sign that contains its
negation ("not breathing") is one sign; doubt never lowers; another person never filters; a sign is
lowered only by something that covers it. What stays is affirmed.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field

from bot.safety.normalise import Words
from bot.safety.patterns import Occurrences
from bot.safety.rulebook import Rule

SPECIFIC = frozenset({"self", "adult", "child", "pet", "other"})
_PEOPLE = ("pet", "child", "young", "adult", "other", "generic", "self")
_NEGATION_REACH = 3
_CUE_REACH = 40
_FRAME_REACH = 8
_NEVER_NEGATED = frozenset({"stopped"})
_ASKING = ("information", "hypothetical", "question", "fiction", "quoted")
_VISIBLE = frozenset({"breathing", "consciousness", "colour", "seizure"})
_HAVE_REACH = 4
_TELEGRAM_WORDS = 3


@dataclass(slots=True)
class Span:
    """A stretch of words with what it is (a cue kind or a person)."""

    start: int
    end: int
    kind: str


@dataclass(slots=True)
class Finding:
    """A rule that matched, with how it is to be read."""

    rule: Rule
    start: int
    end: int
    core: int
    negates: bool = False
    status: str = "affirmed"
    who: str = "none"


@dataclass(slots=True)
class Scene:
    """What surrounds the findings of one language in a message."""

    message: Words
    cues: list[Span] = field(default_factory=list)
    masks: list[Span] = field(default_factory=list)
    people: list[Span] = field(default_factory=list)
    past_tense: frozenset[int] = frozenset()
    linking: frozenset[int] = frozenset()
    having: frozenset[int] = frozenset()
    owned: frozenset[int] = frozenset()
    conjunctions: frozenset[int] = frozenset()
    fillers: frozenset[int] = frozenset()
    amounts: bool = False
    uncovered: int = 0
    masked: frozenset[int] = frozenset()
    _by_kind: dict[str, list[Span]] = field(default_factory=dict)

    def settle(self) -> None:
        """Sort what was found, so that each look-up costs the same however long the message is.

        Words such as "fine now" and "clean now" are no sign that something happens now.
        """
        self.people.sort(key=_start)
        fine = frozenset(
            w for cue in self.cues if cue.kind == "fine" for w in range(cue.start, cue.end)
        )
        for cue in sorted(self.cues, key=_start):
            if cue.kind in {"now", "recent"} and not fine.isdisjoint(range(cue.start, cue.end)):
                continue
            self._by_kind.setdefault(cue.kind, []).append(cue)
        self.masked = frozenset(w for mask in self.masks for w in range(mask.start, mask.end))

    def has(self, kind: str) -> bool:
        """True when a cue of this kind stands anywhere in the message."""
        return kind in self._by_kind

    def kinds(self) -> set[str]:
        """Kinds of all cues."""
        return set(self._by_kind)

    def between(self, kind: str, low: int, high: int) -> list[Span]:
        """Cues of one kind that begin at a word from `low` up to, not including, `high`."""
        spans = self._by_kind.get(kind)
        if not spans:
            return []
        return spans[bisect_left(spans, low, key=_start) : bisect_left(spans, high, key=_start)]

    def cues_in(self, kinds: Sequence[str], place: int) -> list[Span]:
        """Cues of these kinds in the sentence of a word, at most _CUE_REACH words away."""
        sentence = self.message.sentence
        return [
            cue
            for kind in kinds
            for cue in self.between(kind, place - _CUE_REACH, place + _CUE_REACH)
            if sentence[cue.start] == sentence[place]
        ]

    def first(self, kind: str) -> Span | None:
        """The first cue of a kind."""
        spans = self._by_kind.get(kind)
        return spans[0] if spans else None


def _start(span: Span) -> int:
    return span.start


def people_of(occurrences: Occurrences, language: str) -> list[Span]:
    """Mentions of people and animals; "a child" (indefinite) counts as generic, "my child" as
    child."""
    indefinite = set(occurrences.get(f"{language}:indefinite", {}))
    best: dict[int, Span] = {}
    for kind in _PEOPLE:
        for start, ends in occurrences.get(f"{language}:{kind}", {}).items():
            span = Span(start, max(ends), kind)
            known = best.get(start)
            if known is None or span.end > known.end:
                best[start] = span
    found: list[Span] = []
    reach = -1
    for start in sorted(best):
        span = best[start]
        if start < reach:
            continue
        reach = span.end
        before = {start - 1, start - 2} & indefinite
        if span.kind in {"child", "adult", "pet", "young"} and before:
            span = Span(span.start, span.end, f"a_{span.kind}")
        found.append(span)
    return found


def judge(findings: list[Finding], scene: Scene) -> None:
    """Set `status` and `who` of every finding."""
    scene.settle()
    covered = set(scene.fillers)
    for finding in findings:
        if finding.rule.kind != "mild":
            covered.update(range(finding.start, finding.end))
    scene.uncovered = len(scene.message) - len(covered)
    bare = len({f.rule.id for f in findings if f.rule.form == "bare"})
    for finding in findings:
        finding.status, finding.who = _status(finding, scene, bare)


def _status(finding: Finding, scene: Scene, bare_signs: int) -> tuple[str, str]:
    if finding.core in scene.masked:
        return "figurative", "none"
    cue = _opening_cue(finding, scene)
    who = _subject(finding, scene, cue.end if cue else 0)
    if finding.rule.kind not in _NEVER_NEGATED and _negated(finding, scene):
        return "negated", who
    if _quoted(finding, scene, who):
        return "quoted", who
    if _past(finding, scene):
        return "past", who
    if not finding.negates and scene.between("fear", finding.core - 4, finding.core):
        return "hypothetical", who
    if finding.rule.form == "certain":
        return (cue.kind if cue and who == "generic" else "affirmed"), who
    if finding.rule.form == "bare":
        return _bare_status(finding, scene, cue, who, bare_signs), who
    if cue is not None and not _report_in_spite(finding, who, scene):
        return cue.kind, who
    return "affirmed", who


def _quoted(finding: Finding, scene: Scene, who: str) -> bool:
    """Told from a film, an article or a lesson; never when the writer's own people are spoken
    of."""
    if who == "self" or scene.has("now"):
        return False
    if not scene.has("fiction") and not scene.has("quoted"):
        return False
    if any(person.start - 1 in scene.owned for person in _people_near(finding, scene)):
        return False
    return scene.has("fiction") or bool(scene.cues_in(("quoted",), finding.start))


def _report_in_spite(finding: Finding, who: str, scene: Scene) -> bool:
    """ "What do I do if my son took ten" reports an event although it is put as a condition."""
    if finding.rule.form == "simple":
        return False
    if scene.has("would") and not scene.has("now") and not scene.amounts:
        return False
    if who == "self":
        return finding.rule.form == "past" or scene.has("now")
    return who in SPECIFIC


def _bare_status(
    finding: Finding, scene: Scene, cue: Span | None, who: str, bare_signs: int
) -> str:
    """A danger word that is no sentence ("blue lips") counts only inside a report."""
    if cue is not None:
        return cue.kind
    if scene.cues_in(("information",), finding.start):
        return "information"
    near = set(range(finding.start - _HAVE_REACH, finding.end))
    if who in SPECIFIC and scene.linking & near:
        return "affirmed"
    asked = any(scene.has(kind) for kind in _ASKING)
    if not asked and (who in SPECIFIC - {"self"}) and finding.rule.category in _VISIBLE:
        return "affirmed"
    if not asked and who == "none" and scene.having & near:
        return "affirmed"
    if scene.has("now"):
        return "affirmed"
    if scene.has("information") or scene.has("hypothetical"):
        return "information"
    if scene.uncovered <= (_TELEGRAM_WORDS if bare_signs > 1 else 1):
        return "affirmed"
    return "information"


def _opening_cue(finding: Finding, scene: Scene) -> Span | None:
    """The nearest cue before the finding that makes it a condition or a question for
    information."""
    place = finding.start
    ends = scene.between("terminator", place - _CUE_REACH, place + 1)
    if finding.rule.form == "simple":
        ends = []
    best: Span | None = None
    for cue in scene.cues_in(("hypothetical", "information"), place):
        if cue.start > place or any(cue.end <= end.start for end in ends):
            continue
        if best is None or cue.start > best.start:
            best = cue
    return best


def _people_near(finding: Finding, scene: Scene) -> list[Span]:
    """People named in the sentence of a finding, close to it."""
    sentence = scene.message.sentence
    low = bisect_left(scene.people, finding.start - _CUE_REACH, key=_start)
    high = bisect_left(scene.people, finding.end + _FRAME_REACH, key=_start)
    return [p for p in scene.people[low:high] if sentence[p.start] == sentence[finding.start]]


def _subject(finding: Finding, scene: Scene, floor: int) -> str:
    """Who the finding is about: the nearest person before its end in the sentence, after
    `floor`."""
    low = max(floor, finding.start - _FRAME_REACH)
    nearest = "none"
    for person in _people_near(finding, scene):
        if low <= person.start < finding.end:
            if person.kind == "self" and nearest in SPECIFIC - {"self"}:
                continue
            nearest = person.kind
    if nearest == "young":
        return "child"
    return "generic" if nearest.startswith("a_") else nearest


def _negated(finding: Finding, scene: Scene) -> bool:
    """True when a word of negation governs the finding and no doubt surrounds it.

    A pattern that holds its own negation ("not breathing") can only be negated from before its
    first word.
    """
    clause = scene.message.clause
    governed = finding.start if finding.negates else finding.core
    low = governed - _CUE_REACH
    for cue in scene.between("negation", governed - _NEGATION_REACH - 5, governed):
        if finding.rule.form == "past" and finding.start - cue.end > 1:
            continue
        if not 0 <= governed - cue.end <= _NEGATION_REACH or clause[cue.start] != clause[governed]:
            continue
        doubts = scene.between("uncertain", low, cue.end + 1)
        if any(doubt.end >= cue.start for doubt in doubts):
            continue
        if scene.between("terminator", cue.end, governed + 1):
            continue
        if any(cue.end <= p.start < governed for p in _people_near(finding, scene)):
            continue
        if not scene.conjunctions & set(range(cue.end, governed + 1)):
            return True
    return False


def _past(finding: Finding, scene: Scene) -> bool:
    """True when the finding is told as something long over."""
    first = scene.first("past")
    if first is None:
        return False
    sentence = scene.message.sentence
    tensed = any(place in scene.past_tense for place in range(finding.start - 2, finding.end))
    if finding.rule.form in {"present", "certain"} and not tensed:
        return False
    if scene.cues_in(("recent", "now"), finding.start):
        return False
    return sentence[first.start] <= sentence[finding.start]
