"""The questions of a protocol as endpoints of the analysis: the one place that converts them."""

from analysis.endpoints import MISSING, RESERVED, Endpoint
from readerstudy.study.protocol import Protocol
from readerstudy.study.protocol.presets import measure_of
from readerstudy.study.protocol.questions import MEASURED, Measure, Question

_YES_NO = ((0, "no"), (1, "yes"))


def endpoints_of(protocol: Protocol) -> dict[str, Endpoint]:
    """Return the endpoint of each question that says how it is analysed, by the question's key, tested or not.

    An endpoint has its question's key as its name, unless a column of ratings.csv is called so.
    """
    found = ((question, measure_of(question)) for question in protocol.questions)
    return {question.key: _endpoint(question, words) for question, words in found if words is not None}


def tested(protocol: Protocol) -> tuple[Endpoint, ...]:
    """Return the endpoints that the protocol tests, in its order."""
    known = endpoints_of(protocol)
    return tuple(known[key] for key in protocol.endpoints)


def _endpoint(question: Question, words: Measure) -> Endpoint:
    levels = tuple((level.value, level.label) for level in question.levels)
    return Endpoint(
        name=f"asked_{question.key}" if question.key in RESERVED else question.key,
        question=question.text,
        short=words.short,
        kind=MEASURED[question.kind],  # type: ignore[arg-type]
        levels=_YES_NO if question.kind == "yes_no" else levels,
        worse=words.worse,
        less=words.less,
        more=words.more,
        missing=MISSING if question.allow_cannot_assess else MISSING[1:],
        low=question.minimum,
        high=question.maximum,
        unit=question.unit,
        aim=words.aim,  # type: ignore[arg-type]
        margin=words.margin,
    )
