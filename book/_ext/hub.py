"""A chapter can be opened in the reader's own JupyterHub: the script that keeps its address."""


def _dress_page(app, pagename: str, templatename: str, context: dict, doctree) -> None:
    if "launch" in context:  # set by course_map for every chapter
        theme = app.config.html_theme_options
        context["hub"] = {"repository": theme["source_repository"], "branch": theme["source_branch"]}
        app.add_js_file("hub.js", type="module")


def setup(app) -> dict:
    app.connect("html-page-context", _dress_page, priority=600)  # after course_map
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
