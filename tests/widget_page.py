"""A widget in a page of its own, without a kernel: for the tests of one widget's script in a browser."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

import anywidget
from playwright.sync_api import Browser, Page

PAGE = """<style>{css}</style><div id="here"></div><script type="module">
const widget = await import(URL.createObjectURL(new Blob([{code}], {{ type: "text/javascript" }})));
const values = {values}, heard = {{}};
const model = {{
  get: (name) => values[name], set: (name, value) => {{ values[name] = value; }}, save_changes: () => {{}},
  on: (event, call) => {{ heard[event] = call; }},
}};
window.values = values;
widget.default.render({{ model, el: document.getElementById("here") }});
window.unfold = widget.unfold;
</script>"""


@contextmanager
def widget_page(browser: Browser, widget: anywidget.AnyWidget, *traits: str) -> Iterator[Page]:
    """A page as narrow as a phone; it has the script's `unfold` and the `values` of these traits."""
    tab = browser.new_page(viewport={"width": 390, "height": 844})
    values = {name: getattr(widget, name) for name in traits}
    code = json.dumps(widget._esm).replace("</", "<\\/")
    tab.set_content(PAGE.format(css=widget._css, code=code, values=json.dumps(values)))
    tab.wait_for_function("!!window.unfold")
    yield tab
    tab.close()
