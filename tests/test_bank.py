"""The question bank, read back as Moodle reads GIFT and as the QTI standard is written, is what we asked."""

import doctest
import io
import re
import sys
import zipfile
from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest
import yaml
from bs4 import BeautifulSoup
from defusedxml import ElementTree

from coursekit import catalogue
from tools import bank, bank_gift, bank_qti, bank_text
from tools.project import ROOT

FILES = sorted((ROOT / "book" / "learning").glob("*.yml"))
SOURCES = {path.stem: yaml.safe_load(path.read_text(encoding="utf-8"))["quiz"] for path in FILES}
QTI, PACKAGE = "{http://www.imsglobal.org/xsd/imsqti_v2p1}", "{http://www.imsglobal.org/xsd/imscp_v1p1}"
FORMULA = re.compile(r"(?<![\d\\])\$(?! )([^$]+?)(?<! )\$(?!\d)")
MANY = " Choose all that apply."
ORDER = ["responseDeclaration", "outcomeDeclaration", "itemBody", "responseProcessing", "modalFeedback"]
WORDS = ["p", "prompt", "simpleChoice", "em", "strong", "code", "choiceInteraction", "textEntryInteraction"]


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("bank")
    bank.export(folder)
    return folder


# ---- what was asked, read from the files without the course's own reader


def words(text: str) -> str:
    """Markdown as a reader sees it, with formulas as the systems take them."""
    parts = re.split(r"(`[^`]*`)", " ".join(str(text).split()))
    return "".join(part[1:-1] if part.startswith("`") else _emphasised(part) for part in parts)


def _emphasised(text: str) -> str:
    parts = re.split(r"(\\\(.*?\\\))", FORMULA.sub(r"\\(\1\\)", text))
    return "".join(part if part.startswith("\\(") else re.sub(r"\*([^*]+)\*", r"\1", part) for part in parts)


def asked(entry: dict) -> dict:
    """One entry of a file as both readers below give it back."""
    known = {"ask": words(entry["ask"]), "because": words(entry["because"])}
    if "number" in entry:
        number = Decimal(str(entry["number"]))
        off = abs(number) * Decimal(str(entry.get("tolerance", 0.01)))
        return known | {"number": number, "off": off, "unit": words(entry.get("unit", ""))}
    answer, options = entry["answer"], [words(option) for option in entry["options"]]
    right = {options[place - 1] for place in (answer if isinstance(answer, list) else [answer])}
    return known | {"options": options, "right": right, "several": isinstance(answer, list)}


# ---- GIFT, as https://docs.moodle.org/en/GIFT_format and Moodle's own importer read it


def gift(text: str) -> list[tuple[str, str, dict]]:
    """Category, title and question of every entry of a file. Strict: fails where Moodle would guess."""
    found, category = [], ""
    for block in re.split(r"\n\s*\n", text):
        lines = [line for line in block.strip().splitlines() if not line.lstrip().startswith("//")]
        if lines and lines[0].startswith("$CATEGORY:"):
            (category,) = [line.removeprefix("$CATEGORY:").strip() for line in lines]
        elif lines:
            found.append((category, *gift_question("\n".join(lines))))
    return found


def gift_question(text: str) -> tuple[str, dict]:
    hidden = hide(text)
    shape = re.fullmatch(r"::([^:]+)::\[html\]([^{}~=#]+)\{([^{}]+)\}", hidden)
    assert shape, f"Moodle would not read this as one question: {text}"
    title, ask, inside = shape.groups()
    answers, _, because = inside.partition("####")
    assert "#" not in because and "~" not in because and "=" not in because, text
    known = {"ask": shown(ask), "because": shown(because)}
    if answers.startswith("#"):
        number, off = re.fullmatch(r"#\s*=(-?[\d.]+):([\d.]+)\s*", answers).groups()
        ask, _, unit = known["ask"].partition(" (Answer in ")
        return unhidden(title), known | {
            "ask": ask,
            "number": Decimal(number),
            "off": Decimal(off),
            "unit": unit.removesuffix(".)"),
        }
    return unhidden(title), known | gift_options(answers) | {"ask": known["ask"].removesuffix(MANY)}


def gift_options(answers: str) -> dict:
    assert "#" not in answers
    options = re.findall(r"([~=])(?:%(-?[\d.]+)%)?([^~=]+)", answers)
    right = {shown(text) for mark, weight, text in options if mark == "=" or float(weight or 0) > 0}
    several = all(mark == "~" for mark, _, _ in options)
    weighed = [Decimal(weight) for _, weight, _ in options if weight]
    if several:
        assert abs(sum(weight for weight in weighed if weight > 0) - 100) < Decimal("0.0001")
        assert all(weight != 0 for weight in weighed) and len(weighed) == len(options)
    else:
        assert not weighed and len(right) == 1
    return {"options": [shown(text) for _, _, text in options], "right": right, "several": several}


def hide(text: str) -> str:
    """With every escaped sign as another that means nothing to GIFT."""
    return re.sub(r"\\(.)", lambda match: chr(0xE000 + ord(match[1])), text)


def unescaped(text: str) -> str:
    return unhidden(hide(text))


def unhidden(text: str) -> str:
    return "".join(chr(ord(sign) - 0xE000) if 0xE000 <= ord(sign) < 0xE100 else sign for sign in text)


def shown(text: str) -> str:
    return BeautifulSoup(unhidden(text), "html.parser").get_text().strip()


def test_all_questions_come_back_from_gift_as_they_were_asked(home):
    for name, entries in SOURCES.items():
        read = gift((home / "gift" / f"{name}.txt").read_text(encoding="utf-8"))
        assert [question for _, _, question in read] == [asked(entry) for entry in entries], name


def test_one_file_holds_all_chapters_each_in_a_category_of_its_own(home):
    read = gift((home / "gift" / "all.txt").read_text(encoding="utf-8"))
    assert [question for *_, question in read] == [
        asked(entry) for entries in SOURCES.values() for entry in entries
    ]
    titles = [f"{one.number:02} {one.title.replace('/', '//')}" for one in catalogue.chapters()]
    wanted = {f"$course$/Abstract Algorithms Live/{title}": 0 for title in titles}
    assert Counter(category for category, *_ in read).keys() == wanted.keys()
    assert len({title for _, title, _ in read}) == len(read)


def test_every_sign_that_gift_reserves_survives_in_every_place():
    signs = r"~ = # { } : \ %50% [x] -> // :: #### \n & < > "
    entry = {"ask": f"`{signs}`", "because": f"`{signs}`", "answer": 2, "options": [f"`{signs}`", "b", "c"]}
    one = bank.questions._question(entry | {"section": "here"})
    title, read = gift_question(bank_gift.question(f"01.1 {signs}", one))
    assert title == f"01.1 {signs}" and read["right"] == {"b"}
    assert {read["ask"], read["because"], read["options"][0]} == {signs.strip()}


def test_who_ticks_everything_earns_nothing_and_who_ticks_the_right_ones_all():
    for right, options in [((1, 3), 5), ((1, 2, 4), 5), ((2, 4), 4), ((1,), 4), ((1, 2, 3, 4, 5, 6), 7)]:
        weights = bank_text.weights(right, options)
        assert abs(sum(weights)) < Decimal("0.0001")
        assert abs(sum(weights[place - 1] for place in right) - 100) < Decimal("0.0001")
        assert {place for place, weight in enumerate(weights, 1) if weight > 0} == set(right)


# ---- QTI 2.1, as the standard says


def packed(data: bytes) -> dict:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        return {name: ElementTree.fromstring(archive.read(name)) for name in archive.namelist()}


@pytest.fixture(scope="module")
def packages(home) -> dict[str, dict]:
    return {name: packed((home / "qti" / f"{name}.zip").read_bytes()) for name in SOURCES}


def items(package: dict) -> list:
    """The questions in the order of the package's test."""
    return [package[ref.get("href")] for ref in package["test.xml"].iter(f"{QTI}assessmentItemRef")]


def said(element) -> str:
    return " ".join("".join(element.itertext()).split())


def qti_question(item) -> dict:
    body, response = item.find(f"{QTI}itemBody"), item.find(f"{QTI}responseDeclaration")
    right = [value.text for value in response.find(f"{QTI}correctResponse")]
    known = {"because": said(item.find(f"{QTI}modalFeedback"))}
    if (choices := body.find(f"{QTI}choiceInteraction")) is None:
        ends = [Decimal(end.text) for end in item.findall(f".//{QTI}and/*/{QTI}baseValue")]
        ask, unit = map(said, body)
        number = {"number": Decimal(right[0]), "off": (ends[1] - ends[0]) / 2, "unit": unit}
        assert sum(ends) / 2 == number["number"]
        return known | number | {"ask": ask}
    options = {one.get("identifier"): said(one) for one in choices.findall(f"{QTI}simpleChoice")}
    return known | {
        "ask": said(choices.find(f"{QTI}prompt")).removesuffix(MANY),
        "options": list(options.values()),
        "right": {options[name] for name in right},
        "several": response.get("cardinality") == "multiple",
    }


def test_all_questions_come_back_from_qti_as_they_were_asked(packages):
    for name, entries in SOURCES.items():
        read = [qti_question(item) for item in items(packages[name])]
        assert read == [asked(entry) for entry in entries], name


def test_a_manifest_lists_every_file_and_names_no_other(packages):
    for package in packages.values():
        manifest = package["imsmanifest.xml"]
        resources = {one.get("identifier"): one for one in manifest.iter(f"{PACKAGE}resource")}
        files = [file.get("href") for file in manifest.iter(f"{PACKAGE}file")]
        assert sorted(files) == sorted(package.keys() - {"imsmanifest.xml"})
        assert all(one.get("href") == one[0].get("href") for one in resources.values())
        kinds = Counter(one.get("type") for one in resources.values())
        assert kinds == {"imsqti_test_xmlv2p1": 1, "imsqti_item_xmlv2p1": len(files) - 1}
        needed = [one.get("identifierref") for one in resources["test"].iter(f"{PACKAGE}dependency")]
        refs = list(package["test.xml"].iter(f"{QTI}assessmentItemRef"))
        assert (
            needed == [ref.get("identifier") for ref in refs] == [one for one in resources if one != "test"]
        )
        assert [package[ref.get("href")].get("identifier") for ref in refs] == needed
        assert [child.tag for child in manifest] == [
            PACKAGE + part for part in ("metadata", "organizations", "resources")
        ]


def test_every_identifier_is_legal_and_stands_once_in_the_bank(packages):
    names = [item.get("identifier") for package in packages.values() for item in items(package)]
    assert len(set(names)) == len(names) == sum(map(len, SOURCES.values()))
    assert all(re.fullmatch(r"[A-Za-z_][\w.-]{0,31}", name) for name in names)


@pytest.mark.parametrize("name", SOURCES)
def test_an_item_is_built_as_the_standard_says(packages, name):
    for item in items(packages[name]):
        assert item.tag == f"{QTI}assessmentItem" and item.get("title")
        assert (item.get("adaptive"), item.get("timeDependent")) == ("false", "false")
        order = [ORDER.index(child.tag.removeprefix(QTI)) for child in item]
        assert order == sorted(order)
        (response,), (body,) = item.findall(f"{QTI}responseDeclaration"), item.findall(f"{QTI}itemBody")
        assert {part.tag.removeprefix(QTI) for part in body.iter()} - {"itemBody"} <= set(WORDS)
        (interaction,) = [part for part in body.iter() if part.get("responseIdentifier")]
        assert interaction.get("responseIdentifier") == response.get("identifier")
        right = [value.text for value in response.find(f"{QTI}correctResponse")]
        if interaction.tag == f"{QTI}choiceInteraction":
            names = [one.get("identifier") for one in interaction.findall(f"{QTI}simpleChoice")]
            assert response.get("baseType") == "identifier" and len(set(names)) == len(names) > 1
            assert set(right) <= set(names) and interaction.get("shuffle") == "true"
            several = response.get("cardinality") == "multiple"
            assert interaction.get("maxChoices") == ("0" if several else "1") and (several or len(right) == 1)
            mapped = [entry.get("mapKey") for entry in response.iter(f"{QTI}mapEntry")]
            assert mapped == (names if several else [])
        else:
            assert interaction.tag == f"{QTI}textEntryInteraction" and interaction not in list(body)
            assert response.get("baseType") == "float" and float(right[0]) is not None
        declared = {one.get("identifier") for one in item.findall(f"{QTI}outcomeDeclaration")}
        assert {one.get("identifier") for one in item.iter(f"{QTI}setOutcomeValue")} == declared
        (feedback,) = item.findall(f"{QTI}modalFeedback")
        assert feedback.get("outcomeIdentifier") in declared and feedback.get("showHide") == "show"


def outcomes(item, given: list[str]) -> dict:
    """What the item's own response processing makes of an answer, rule by rule."""
    response, made = item.find(f"{QTI}responseDeclaration"), {"SCORE": 0.0}
    right = [value.text for value in response.find(f"{QTI}correctResponse")]

    def value(rule):
        kind, parts = rule.tag.removeprefix(QTI), list(rule)
        if kind == "variable":
            return given
        if kind == "correct":
            return right
        if kind == "baseValue":
            return float(rule.text) if rule.get("baseType") == "float" else rule.text
        if kind == "mapResponse":
            mapping = response.find(f"{QTI}mapping")
            shares = {entry.get("mapKey"): float(entry.get("mappedValue")) for entry in mapping}
            low, high = float(mapping.get("lowerBound")), float(mapping.get("upperBound"))
            return min(high, max(low, sum(shares[one] for one in given)))
        if kind == "match":
            return sorted(value(parts[0])) == sorted(value(parts[1]))
        if kind == "and":
            return all(map(value, parts))
        left, end = float(value(parts[0])[0]), value(parts[1])
        return {"gte": left >= end, "lte": left <= end}[kind]

    def run(rule):
        if rule.tag == f"{QTI}setOutcomeValue":
            made[rule.get("identifier")] = value(rule[0])
        elif value(rule[0][0]):  # a responseCondition with one responseIf
            run(rule[0][1])

    for rule in item.find(f"{QTI}responseProcessing"):
        run(rule)
    return made


def test_qti_scores_one_for_the_right_answer_and_nothing_for_a_wrong_one(packages):
    for name, entries in SOURCES.items():
        for item, entry in zip(items(packages[name]), entries, strict=True):
            if "number" in entry:
                number, off = asked(entry)["number"], asked(entry)["off"]
                right, edge, wrong = [[str(number)]], [[str(number + off)]], [[str(number + off * 2 + 1)]]
                good, bad = right + edge, wrong
            else:
                answer = entry["answer"] if isinstance(entry["answer"], list) else [entry["answer"]]
                names = "ABCDEF"[: len(entry["options"])]
                good = [[names[place - 1] for place in answer]]
                bad = [[one] for one in names if one not in good[0]]
                bad += [list(names)] if isinstance(entry["answer"], list) else []
            assert [round(outcomes(item, one)["SCORE"], 4) for one in good] == [1] * len(good)
            assert [round(outcomes(item, one)["SCORE"], 4) for one in bad] == [0] * len(bad)
            feedback = item.find(f"{QTI}modalFeedback").get("identifier")
            assert {outcomes(item, one)["FEEDBACK"] for one in good + bad} == {feedback}


# ---- the tool


def test_the_same_questions_make_the_same_bytes(home, tmp_path):
    bank.export(tmp_path)
    files = sorted(path.relative_to(home) for path in home.rglob("*") if path.is_file())
    assert len(files) == 2 * len(SOURCES) + 1
    assert all((tmp_path / file).read_bytes() == (home / file).read_bytes() for file in files)
    for package in home.glob("qti/*.zip"):
        entries = zipfile.ZipFile(package).infolist()
        assert {(one.date_time, one.create_system, one.external_attr) for one in entries} == {
            ((2026, 1, 1, 0, 0, 0), 3, 0o644 << 16)
        }


def test_formulas_are_text_and_no_source_mark_is_left(home):
    text = unescaped((home / "gift" / "all.txt").read_text(encoding="utf-8"))
    formulas = re.findall(r"\\\(.*?\\\)", text)
    assert {r"\(L\)", r"\(L = \lambda W\)"} <= set(formulas) and len(formulas) > 15
    left = re.sub(r"\\\(.*?\\\)|<code>.*?</code>", "", text.partition("\n")[2])
    assert not re.search(r"[`\\]|\*\w|\w\*|<math", left)


def test_a_slip_in_a_file_stops_the_bank_and_is_named(tmp_path, monkeypatch):
    (chapter, *_) = catalogue.chapters()
    monkeypatch.setattr(bank.question_slips, "slips", lambda root, name: ["quiz 2: there is no option 7"])
    with pytest.raises(
        bank.Slips, match=rf"^book/learning/{chapter.name}\.yml: quiz 2: there is no option 7"
    ):
        bank.export(tmp_path)
    monkeypatch.setattr(sys, "argv", ["bank"])
    with pytest.raises(SystemExit, match=r"The bank is not made: mend the line above\.$"):
        bank.main()


@pytest.mark.parametrize("module", [bank_gift, bank_qti, bank_text])
def test_examples_in_docstrings_hold(module):
    tried, failed = doctest.testmod(module)[::-1]
    assert tried and not failed
