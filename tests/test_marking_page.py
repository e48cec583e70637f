"""Feedback on a hostile submission, in a browser: it runs nothing and loads nothing."""

import nbformat
import pytest
from playwright.sync_api import Browser

from tools import marks
from tools.marking import attacks, course, hostile, sandbox


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A small assignment, and the submission that writes scripts wherever it can."""
    try:
        sandbox.ensure()
    except sandbox.NoRoom as why:
        pytest.skip(str(why))
    course.ready()
    folder = tmp_path_factory.mktemp("pages")
    course.make(folder, {hostile.CHAPTER: hostile.specimen()})
    (one,) = [each for each in attacks.hostiles() if each.name == "scripts"]
    hostile.hand_in(folder, one, 0)
    marks.mark_all(folder, limits=hostile.LIMITS)
    return folder


def opened(browser: Browser, path) -> tuple[str, list[str]]:
    """The title of a page after a moment, and what it got besides itself."""
    page, asked = browser.new_page(), []
    page.on("requestfinished", lambda request: asked.append(request.url))
    page.goto(path.as_uri())
    page.wait_for_timeout(300)
    title = page.title()
    page.close()
    return title, asked[1:]


def test_a_submission_cannot_take_over_its_feedback_or_the_report(browser, folder):
    feedback = folder / "feedback" / "scripts" / hostile.CHAPTER / f"{hostile.CHAPTER}.html"
    assert opened(browser, feedback) == (hostile.CHAPTER, [])
    assert opened(browser, folder / "report.html") == ("Marks", [])


def test_without_its_wall_such_a_page_would_be_taken(browser, tmp_path):
    page = tmp_path / "page.html"
    page.write_text("<title>own</title><script>document.title = 'taken'</script>")
    assert opened(browser, page) == ("taken", [])


def test_the_formgrader_shows_text_and_pictures_only(folder):
    path = folder / "autograded" / "scripts" / hostile.CHAPTER / f"{hostile.CHAPTER}.ipynb"
    outputs = [output for cell in nbformat.read(path, 4).cells for output in cell.get("outputs", [])]
    kinds = {kind for output in outputs for kind in output.get("data", {})}
    assert outputs and kinds <= {"text/plain", "image/png", "image/jpeg"}
