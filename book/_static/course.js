// Whatever scrolls sideways inside itself must be reachable by keyboard; whatever does not should not be a stop.
const WIDE = "pre, div.math, .math-wrapper, .table-wrapper, .cell_output, figure";

function markScrollers() {
  for (const box of document.querySelectorAll(WIDE)) {
    if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
    else box.removeAttribute("tabindex");
  }
}

addEventListener("load", markScrollers);
addEventListener("resize", markScrollers);
document.addEventListener("toggle", markScrollers, true); // a fold was opened

// The browser's own frame takes the colour of the page, also when it was the reader who chose the theme.
function paintFrame() {
  const colour = getComputedStyle(document.body).backgroundColor;
  for (const meta of document.querySelectorAll('meta[name="theme-color"]')) meta.content = colour;
}

new MutationObserver(paintFrame).observe(document.body, { attributeFilter: ["data-theme"] });
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", paintFrame);
paintFrame();
