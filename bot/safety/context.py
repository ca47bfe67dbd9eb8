"""Decides whether a danger sign is happening, or asked about, imagined, denied, long past or a figure of speech.

The idea is ConText (Harkema et al. 2009) turned round for safety: a sign that contains its negation ("not
breathing") is one sign; doubt never lowers; another person never filters; a sign is lowered only by something
that covers it. What stays is affirmed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from bot.safety.normalise import Words
from bot.safety.patterns import Occurrences
from bot.safety.rulebook import LANGUAGES, Rule

SPECIFIC = frozenset({"self", "adult", "child", "pet", "other"})
_PEOPLE = ("pet", "child", "young", "adult", "other", "generic", "self")
_NEGATION_REACH = 3
_FRAME_REACH = 8
_TELEGRAM = 4


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
    status: str = "affirmed"
    who: str = "none"


@dataclass(slots=True)
class Scene:
    """What surrounds the findings of one message."""

    message: Words
    cues: list[Span] = field(default_factory=list)
    masks: list[Span] = field(default_factory=list)
    people: list[Span] = field(default_factory=list)
    past_tense: frozenset[int] = frozenset()

    def has(self, kind: str) -> bool:
        """True when a cue of this kind stands anywhere in the message."""
        return any(cue.kind == kind for cue in self.cues)

    def cues_in(self, kinds: Sequence[str], sentence: int) -> list[Span]:
        """Cues of these kinds in one sentence."""
        return [
            cue
            for cue in self.cues
            if cue.kind in kinds and self.message.sentence[cue.start] == sentence
        ]


def people_of(occurrences: Occurrences, message: Words) -> list[Span]:
    """Mentions of people and animals; "a child" (indefinite) counts as generic, "my child" as child."""
    indefinite = _words_of(occurrences, "indefinite")
    best: dict[int, Span] = {}
    for kind in _PEOPLE:
        for language in LANGUAGES:
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


def _words_of(occurrences: Occurrences, concept: str) -> set[int]:
    return {
        start for language in LANGUAGES for start in occurrences.get(f"{language}:{concept}", {})
    }


def judge(findings: list[Finding], scene: Scene) -> None:
    """Set `status` and `who` of every finding."""
    bodies = {f.rule.id for f in findings if f.rule.form == "bare"}
    for finding in findings:
        finding.status, finding.who = _status(finding, scene, len(bodies))


def _status(finding: Finding, scene: Scene, bare_signs: int) -> tuple[str, str]:
    if any(mask.start < finding.end and finding.start < mask.end for mask in scene.masks):
        return "figurative", "none"
    cue = _opening_cue(finding, scene)
    who = _subject(finding, scene, cue.end if cue else 0)
    if _negated(finding, scene):
        return "negated", who
    if scene.has("quoted") and not scene.has("now"):
        return "quoted", who
    if _past(finding, scene):
        return "past", who
    if finding.rule.form == "certain":
        return "affirmed", who
    if finding.rule.form == "bare":
        return _bare_status(finding, scene, cue, who, bare_signs), who
    if cue is not None and not _report_in_spite(finding, cue, who, scene):
        return cue.kind, who
    return "affirmed", who


def _report_in_spite(finding: Finding, cue: Span, who: str, scene: Scene) -> bool:
    """"What do I do if my son took ten" reports an event although it is put as a condition."""
    if who == "self":
        return finding.rule.form == "past" or scene.has("now")
    return who in SPECIFIC


def _bare_status(
    finding: Finding, scene: Scene, cue: Span | None, who: str, bare_signs: int
) -> str:
    sentence = scene.message.sentence[finding.start]
    if cue is not None:
        return cue.kind
    later = scene.cues_in(("information",), sentence)
    if later and who not in SPECIFIC:
        return "information"
    if who in SPECIFIC or scene.has("now"):
        return "affirmed"
    if scene.has("information") or scene.has("hypothetical"):
        return "information"
    if bare_signs > 1 or len(scene.message) <= _TELEGRAM:
        return "affirmed"
    return "information"


def _opening_cue(finding: Finding, scene: Scene) -> Span | None:
    """The nearest cue before the finding that makes it a condition or a question for information."""
    message = scene.message
    sentence = message.sentence[finding.start]
    ends = [t.start for t in scene.cues if t.kind == "terminator" and t.start <= finding.start]
    best: Span | None = None
    for cue in scene.cues_in(("hypothetical", "information"), sentence):
        if cue.start > finding.start or any(cue.end <= place for place in ends):
            continue
        if best is None or cue.start > best.start:
            best = cue
    return best


def _subject(finding: Finding, scene: Scene, floor: int) -> str:
    """Who the finding is about: the nearest person before its end in the sentence, after `floor`."""
    message = scene.message
    sentence = message.sentence[finding.start]
    low = max(floor, finding.start - _FRAME_REACH)
    nearest = "none"
    for person in scene.people:
        if person.start >= finding.end:
            break
        if person.start >= low and message.sentence[person.start] == sentence:
            if person.kind == "self" and nearest in SPECIFIC - {"self"}:
                continue
            nearest = person.kind
    if nearest == "young":
        return "child"
    return "generic" if nearest.startswith("a_") else nearest


def _negated(finding: Finding, scene: Scene) -> bool:
    """True when a word of negation governs the finding and no doubt surrounds it."""
    message = scene.message
    for cue in scene.cues:
        if cue.kind != "negation" or cue.end > finding.start:
            continue
        if finding.start - cue.end > _NEGATION_REACH:
            continue
        if message.clause[cue.start] != message.clause[finding.start]:
            continue
        if any(
            other.kind == "uncertain" and other.start <= cue.end and cue.start <= other.end
            for other in scene.cues
        ):
            continue
        if any(
            other.kind == "terminator" and cue.end <= other.start <= finding.start
            for other in scene.cues
        ):
            continue
        return True
    return False


def _past(finding: Finding, scene: Scene) -> bool:
    """True when the finding is told as something long over."""
    message = scene.message
    sentence = message.sentence[finding.start]
    form = finding.rule.form
    tensed = any(place in scene.past_tense for place in range(finding.start - 2, finding.end))
    if form in {"present", "certain"} and not tensed:
        return False
    if scene.cues_in(("recent", "now"), sentence):
        return False
    return any(
        cue.kind == "past" and message.sentence[cue.start] <= sentence for cue in scene.cues
    )
