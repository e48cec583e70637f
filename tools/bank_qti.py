"""Questions as QTI 2.1: a content package of one file a question, one for the test, and the manifest.

2.1 is what Canvas, Blackboard and the assessment systems of universities have in common; 3.0 is read by few
of them. The specification: https://www.imsglobal.org/question/
"""

import io
import zipfile
from html import escape

from tools.bank_text import decimal, html, margin, plain, weights

QTI = "http://www.imsglobal.org/xsd/imsqti_v2p1"
PACKAGE = "http://www.imsglobal.org/xsd/imscp_v1p1"
PACKAGED = "http://www.imsglobal.org/xsd/qti/qtiv2p1/qtiv2p1_imscpv1p2_v1p0.xsd"
XSI = "http://www.w3.org/2001/XMLSchema-instance"
DATE = (2026, 1, 1, 0, 0, 0)  # of every file in a package, so that the same questions make the same bytes
FEEDBACK = "general_fb"  # Canvas takes what is called general for the feedback that everybody sees
NAMES = "ABCDEFGHIJ"  # of the options
ONE = {"cardinality": "single", "baseType": "identifier"}
MANY = ONE | {"cardinality": "multiple"}
NUMBER = ONE | {"baseType": "float"}


def tag(name: str, *inside: str, **attributes: str) -> str:
    """An element, each of whose parts stands on a line of its own.

    >>> tag("correct", identifier="RESPONSE")
    '<correct identifier="RESPONSE"/>'
    """
    said = "".join(f' {key}="{escape(value)}"' for key, value in attributes.items())
    return "\n".join([f"<{name}{said}>", *inside, f"</{name}>"]) if inside else f"<{name}{said}/>"


def line(name: str, words: str, **attributes: str) -> str:
    """An element that holds words, which are HTML already."""
    return tag(name, words, **attributes).replace(f">\n{words}\n<", f">{words}<")


def document(name: str, namespace: str, schema: str, *inside: str, **attributes: str) -> str:
    """A whole file, which names the schema that it follows."""
    spaces = {"xmlns": namespace, "xmlns:xsi": XSI, "xsi:schemaLocation": f"{namespace} {schema}"}
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{tag(name, *inside, **spaces, **attributes)}\n'


def item(name: str, title: str, asked) -> str:
    """One question as an assessment item."""
    response, body, score = (_number if asked.number is not None else _choices)(asked)
    shown = line("baseValue", FEEDBACK, baseType="identifier")
    return document(
        "assessmentItem",
        QTI,
        f"{QTI}.xsd",
        response,
        tag("outcomeDeclaration", tag("defaultValue", line("value", "0")), identifier="SCORE", **NUMBER),
        tag("outcomeDeclaration", identifier="FEEDBACK", **ONE),
        tag("itemBody", *body),
        tag("responseProcessing", score, tag("setOutcomeValue", shown, identifier="FEEDBACK")),
        tag(
            "modalFeedback",
            line("p", html(asked.because)),
            outcomeIdentifier="FEEDBACK",
            identifier=FEEDBACK,
            showHide="show",
        ),
        identifier=name,
        title=title,
        adaptive="false",
        timeDependent="false",
    )


def _response(right: list[str], *more: str, **kind: str) -> str:
    values = [line("value", value) for value in right]
    return tag("responseDeclaration", tag("correctResponse", *values), *more, identifier="RESPONSE", **kind)


def _choices(asked) -> tuple[str, list[str], str]:
    """Declaration, body and score of a question with options."""
    right = [NAMES[place - 1] for place in sorted(asked.answer)]
    options = zip(NAMES, asked.options)  # noqa: B905  more names than options
    parts = [line("simpleChoice", html(text), identifier=name) for name, text in options]
    prompt = line("prompt", html(asked.ask) + (" Choose all that apply." if asked.several else ""))
    how = {"shuffle": "true", "maxChoices": "0" if asked.several else "1"}  # 0: as many as there are
    body = [tag("choiceInteraction", prompt, *parts, responseIdentifier="RESPONSE", **how)]
    if asked.several:
        score = tag("setOutcomeValue", tag("mapResponse", identifier="RESPONSE"), identifier="SCORE")
        return _response(right, _mapping(asked), **MANY), body, score
    said, meant = tag("variable", identifier="RESPONSE"), tag("correct", identifier="RESPONSE")
    return _response(right, **ONE), body, _one_if(tag("match", said, meant))


def _mapping(asked) -> str:
    """The same weights as in Moodle; a sum below nothing counts as nothing."""
    shares = enumerate(weights(asked.answer, len(asked.options)))
    entries = [tag("mapEntry", mapKey=NAMES[at], mappedValue=plain(share / 100)) for at, share in shares]
    return tag("mapping", *entries, lowerBound="0", upperBound="1", defaultValue="0")


def _number(asked) -> tuple[str, list[str], str]:
    """Declaration, body and score of a question for a number: right from one bound to the other."""
    number, off = decimal(asked.number), margin(asked.number, asked.tolerance)
    box = tag("textEntryInteraction", responseIdentifier="RESPONSE", expectedLength="10")
    body = [line("p", html(asked.ask)), line("p", f"{box} {html(asked.unit)}".strip())]
    said = tag("variable", identifier="RESPONSE")
    bounds = [("gte", number - off), ("lte", number + off)]
    within = [tag(sign, said, line("baseValue", plain(end), baseType="float")) for sign, end in bounds]
    return _response([plain(number)], **NUMBER), body, _one_if(tag("and", *within))


def _one_if(condition: str) -> str:
    one = tag("setOutcomeValue", line("baseValue", "1", baseType="float"), identifier="SCORE")
    return tag("responseCondition", tag("responseIf", condition, one))


def _test(chapter, names: list[str]) -> str:
    """All questions of a chapter in one section, in any order a student likes."""
    refs = [tag("assessmentItemRef", identifier=name, href=f"{name}.xml") for name in names]
    section = tag("assessmentSection", *refs, identifier="section", title=chapter.title, visible="true")
    free = {"navigationMode": "nonlinear", "submissionMode": "individual"}
    part = tag("testPart", section, identifier="part", **free)
    called = {"identifier": f"chapter_{chapter.number:02}", "title": chapter.title}
    return document("assessmentTest", QTI, f"{QTI}.xsd", part, **called)


def _manifest(chapter, names: list[str]) -> str:
    """What is in the package, and which standard it follows."""
    standard = [line("schema", "QTIv2.1 Package"), line("schemaversion", "1.0.0")]
    needed = [tag("dependency", identifierref=name) for name in names]
    resources = [_resource("test", "test", *needed), *(_resource(name, "item") for name in names)]
    parts = [tag("metadata", *standard), tag("organizations"), tag("resources", *resources)]
    return document("manifest", PACKAGE, PACKAGED, *parts, identifier=f"bank_{chapter.number:02}")


def _resource(name: str, kind: str, *needed: str) -> str:
    file, what = f"{name}.xml", f"imsqti_{kind}_xmlv2p1"
    return tag("resource", tag("file", href=file), *needed, identifier=name, type=what, href=file)


def package(chapter, asked: list[tuple]) -> bytes:
    """The zip of one chapter and its titled questions: [(title, question), …]."""
    named = {f"q{chapter.number:02}_{one.key}": (title, one) for title, one in asked}
    files = {"imsmanifest.xml": _manifest(chapter, list(named)), "test.xml": _test(chapter, list(named))}
    files |= {f"{name}.xml": item(name, title, one) for name, (title, one) in named.items()}
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name, text in files.items():
            entry = zipfile.ZipInfo(name, DATE)
            entry.create_system, entry.external_attr = 3, 0o644 << 16  # as on Unix, wherever it is made
            archive.writestr(entry, text, zipfile.ZIP_DEFLATED, 9)
    return made.getvalue()
