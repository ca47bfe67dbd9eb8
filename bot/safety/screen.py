"""Reads one message and the turns before it and says what danger it holds.

The steps are a visible list: words, concepts, amounts, findings, context (`context.py`), levels
(levels.yml), the turns before (`dialogue.py`). Pure: no clock, no network, no database, no state
besides the rules.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from bot.safety.amounts import AmountReader, AmountWords
from bot.safety.context import SPECIFIC, Finding, Scene, Span, judge, people_of
from bot.safety.normalise import Normaliser, Words
from bot.safety.patterns import Pattern
from bot.safety.rulebook import LANGUAGES, Combination, Cue, Mask, Rule, Rulebook
from bot.safety.tagger import Tagger
from bot.safety.types import Amount, Level

_RAISING = frozenset(
    {
        "danger",
        "symptom",
        "stop_sign",
        "mild",
        "seen",
        "borrowed",
        "dose_large",
        "dose",
        "dose_worry",
        "child_intake",
        "pet_intake",
    }
    | {"intent", "means", "stopped", "intake", "alcohol", "sedative", "other_drug", "pump"}
)
_CAUTION = frozenset(
    {"danger", "dose_large", "dose", "dose_worry", "intent", "means", "child_intake", "pet_intake"}
    | {"body", "symptom", "habit"}
)


@dataclass(slots=True)
class Reading:
    """What one message says by itself."""

    words: Words
    findings: list[Finding] = field(default_factory=list)
    amounts: tuple[Amount, ...] = ()
    scenes: dict[str, Scene] = field(default_factory=dict)
    substances: tuple[str, ...] = ()
    region_hint: str | None = None
    language: str | None = None
    person: str = "unknown"
    filler_only: bool = False

    @property
    def people(self) -> list[Span]:
        """Mentions of people and animals in any language."""
        return [person for scene in self.scenes.values() for person in scene.people]

    def has(self, cue: str) -> bool:
        """True when a cue of this kind stands in the message."""
        return any(scene.has(cue) for scene in self.scenes.values())

    def kinds(self, *statuses: str) -> set[str]:
        """Kinds of the findings with one of these statuses (default: affirmed)."""
        wanted = statuses or ("affirmed",)
        return {f.rule.kind for f in self.findings if f.status in wanted}


class Screen:
    """The compiled rules. One instance serves all threads."""

    def __init__(self, book: Rulebook) -> None:
        self.book = book
        words = book.words
        expansions = {str(k): str(v) for k, v in words["expansions"].items()}
        bare = Normaliser((), expansions, (), (), words["emoji"])
        self._tagger = Tagger(book.phrases, bare.phrase)
        self._amount_words = _amount_words(words)
        vocabulary = (
            set(self._tagger.known)
            | set(words["common"])
            | set(self._amount_words.numbers)
            | self._amount_words.pills
            | self._amount_words.milligrams
            | self._amount_words.fillers
            | self._amount_words.after_bare
            | self._amount_words.other_drugs
        )
        self.normaliser = Normaliser(
            vocabulary, expansions, words["critical"], words["lookalikes"], words["emoji"]
        )
        self._amounts = AmountReader(self._amount_words)
        self._own_words = _own_words(book, bare)
        self._anchored: dict[str, dict[str, list[tuple[Pattern, Rule | Cue | Mask]]]] = {
            language: {} for language in LANGUAGES
        }
        owners: list[Rule | Cue | Mask] = [*book.rules, *book.cues, *book.masks]
        for owner in owners:
            self._anchor(owner)

    def _anchor(self, owner: Rule | Cue | Mask) -> None:
        table = self._anchored[owner.language]
        for pattern in owner.patterns:
            for option in pattern.anchor:
                table.setdefault(option, []).append((pattern, owner))

    def _spoken(self, words: Sequence[str]) -> list[str]:
        """Languages whose rules are asked: English always, others when a word of their own
        occurs."""
        present = set(words)
        return ["en", *(k for k, own in self._own_words.items() if not own.isdisjoint(present))]

    def read(self, text: str) -> Reading:
        """Read one message without its history. Linear in the length of the text."""
        message = self.normaliser.words(text)
        reading = Reading(message)
        if not message.words:
            return reading
        occurrences = self._tagger.tag(message.words)
        amounts = self._amounts.read(message, text)
        for found in amounts:
            for concept in (found.concept, "#times" if found.multiplied else found.concept):
                occurrences.setdefault(concept, {}).setdefault(found.start, []).append(found.end)
        reading.amounts = tuple(found.amount for found in amounts)
        fillers = _covered(occurrences, ("word_danger", "word_filler"))
        for language in self._spoken(message.words):
            scene = _scene(message, occurrences, language, fillers)
            findings = self._match(occurrences, scene, language)
            judge(findings, scene)
            reading.scenes[language] = scene
            reading.findings.extend(findings)
        reading.findings.sort(key=lambda f: (f.start, f.rule.id))
        reading.substances = _names(occurrences, "drug_")
        reading.region_hint = _region(occurrences)
        reading.language = _language(occurrences)
        reading.person = _person(reading)
        reading.filler_only = len(fillers) >= len(message)
        return reading

    def _match(
        self, occurrences: dict[str, dict[int, list[int]]], scene: Scene, language: str
    ) -> list[Finding]:
        """Findings of one language; cues and masks go into the scene."""
        sentence = scene.message.sentence
        findings: list[Finding] = []
        done: set[int] = set()
        places: set[tuple[str, int, int]] = set()
        excepted: dict[str, frozenset[int]] = {}
        table = self._anchored[language]
        present = occurrences.keys()
        for concept in present & table.keys():
            for pattern, owner in table[concept]:
                if id(pattern) in done or not pattern.possible(present):
                    continue
                done.add(id(pattern))
                for start, end, core in pattern.find(occurrences, sentence):
                    if isinstance(owner, Cue):
                        scene.cues.append(Span(start, end, owner.kind))
                    elif isinstance(owner, Mask):
                        scene.masks.append(Span(start, end, owner.id))
                    elif (owner.id, start, core) not in places:
                        places.add((owner.id, start, core))
                        if owner.id not in excepted:
                            excepted[owner.id] = _excepted(owner, occurrences, sentence)
                        if excepted[owner.id].isdisjoint(range(start, end)):
                            findings.append(Finding(owner, start, end, core, pattern.negates))
        return findings

    def level_of(self, kinds: set[str]) -> tuple[Level, Combination | None]:
        """The most urgent combination that these kinds of findings fulfil."""
        best: Combination | None = None
        for combination in self.book.combinations:
            if all(need & kinds for need in combination.needs):
                level = Level(combination.level)
                if best is None or level.urgency > Level(best.level).urgency:
                    best = combination
        return (Level(best.level), best) if best else (Level.none, None)


def _excepted(
    rule: Rule, occurrences: dict[str, dict[int, list[int]]], sentence: Sequence[int]
) -> frozenset[int]:
    """Words that an `unless` pattern of the rule covers: a match that touches them does not
    count."""
    return frozenset(
        word
        for pattern in rule.unless
        for first, last, _ in pattern.find(occurrences, sentence)
        for word in range(first, last)
    )


def caution_kinds(reading: Reading) -> bool:
    """True when the message names a danger that is asked about, imagined, denied or long past."""
    lowered = ("hypothetical", "information", "past", "negated", "quoted")
    return bool(reading.kinds(*lowered) & _CAUTION)


def raising(kinds: set[str]) -> set[str]:
    """The kinds that may raise a level across turns."""
    return kinds & _RAISING


def _person(reading: Reading) -> str:
    """Who is in danger: from the findings first, then from whoever is named."""
    order = {"child": 0, "adult": 1, "other": 2, "self": 3, "pet": 4}
    named = {"young": "child", "generic": "adult"}
    kinds = [f.who for f in reading.findings if f.status == "affirmed" and f.who in SPECIFIC]
    mentioned = [named.get(p.kind, p.kind).removeprefix("a_") for p in reading.people]
    if any(f.rule.kind == "pet_intake" and f.status == "affirmed" for f in reading.findings):
        return "pet"
    if any(f.rule.kind == "child_intake" and f.status == "affirmed" for f in reading.findings):
        return "child"
    if "other" in kinds and set(mentioned) & {"child", "adult"}:
        kinds = [k for k in kinds if k != "other"] + [m for m in mentioned if m != "self"]
    best = min((k for k in kinds or mentioned if k in order), key=order.__getitem__, default="")
    return {"other": "adult", "": "unknown"}.get(best, best)


def _names(occurrences: dict[str, dict[int, list[int]]], prefix: str) -> tuple[str, ...]:
    names = {
        key.partition(":")[2].removeprefix(prefix)
        for key in occurrences
        if key.partition(":")[2].startswith(prefix)
    }
    return tuple(sorted(names))


def _region(occurrences: dict[str, dict[int, list[int]]]) -> str | None:
    for region in ("ca-qc", "ca", "uk", "au", "us", "eu"):
        if f"shared:region_{region.replace('-', '_')}" in occurrences:
            return region
    return None


def _language(occurrences: dict[str, dict[int, list[int]]]) -> str | None:
    votes = {
        language: len(occurrences.get(f"{language}:language_words", {})) for language in LANGUAGES
    }
    best = max(votes, key=lambda k: votes[k])
    return best if votes[best] else None


def _own_words(book: Rulebook, bare: Normaliser) -> dict[str, frozenset[str]]:
    """Words of French and of Spanish that are no English words of the rules."""
    by_language: dict[str, set[str]] = {language: set() for language in LANGUAGES}
    for concept, phrases in book.phrases.items():
        language = concept.partition(":")[0]
        if language in by_language:
            for phrase in phrases:
                by_language[language].update(bare.phrase(phrase))
    english = by_language["en"] | set(book.words["english"])
    return {
        language: frozenset(by_language[language] - english)
        for language in LANGUAGES
        if language != "en"
    }


def _scene(
    message: Words,
    occurrences: dict[str, dict[int, list[int]]],
    language: str,
    fillers: frozenset[int],
) -> Scene:
    def places(concept: str) -> frozenset[int]:
        return frozenset(occurrences.get(f"{language}:{concept}", {}))

    return Scene(
        message,
        people=people_of(occurrences, language),
        past_tense=places("past_aux"),
        linking=places("have"),
        having=places("having"),
        owned=places("owner"),
        conjunctions=places("conjunction"),
        fillers=fillers,
        amounts="#many" in occurrences or "#several" in occurrences,
    )


def _covered(
    occurrences: dict[str, dict[int, list[int]]], concepts: Sequence[str]
) -> frozenset[int]:
    """Every word that belongs to a phrase of these concepts."""
    covered: set[int] = set()
    for language in LANGUAGES:
        for concept in concepts:
            for start, ends in occurrences.get(f"{language}:{concept}", {}).items():
                covered.update(range(start, max(ends)))
    return frozenset(covered)


def _amount_words(words: dict[str, object]) -> AmountWords:
    source = words["amounts"]
    assert isinstance(source, dict)

    def group(name: str) -> frozenset[str]:
        return frozenset(str(word) for word in source[name])

    return AmountWords(
        numbers={str(k): float(v) for k, v in source["numbers"].items()},
        pills=group("pills"),
        milligrams=group("milligrams"),
        grams=group("grams"),
        millilitres=group("millilitres"),
        times=group("times"),
        fillers=group("fillers"),
        after_bare=group("after_bare"),
        before_not=group("before_not"),
        other_drugs=group("other_drugs"),
        rate=group("rate"),
    )
