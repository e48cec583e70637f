// The editor of a cell: CodeMirror with Python, in the colours that the page already has for code.
import { defaultKeymap, history, historyKeymap, indentWithTab } from "@codemirror/commands";
import { python } from "@codemirror/lang-python";
import { bracketMatching, HighlightStyle, indentOnInput, indentUnit, syntaxHighlighting } from "@codemirror/language";
import { EditorState } from "@codemirror/state";
import { drawSelection, EditorView, keymap } from "@codemirror/view";
import { tags as t } from "@lezer/highlight";

const COLOURS = HighlightStyle.define([ // the class names of Pygments
  { tag: [t.keyword, t.controlKeyword, t.definitionKeyword, t.modifier], class: "k" },
  { tag: [t.moduleKeyword], class: "kn" },
  { tag: [t.operatorKeyword], class: "ow" },
  { tag: [t.operator, t.definitionOperator], class: "o" },
  { tag: [t.bool, t.null, t.self], class: "kc" },
  { tag: t.number, class: "mi" },
  { tag: [t.string, t.special(t.string), t.escape], class: "s2" },
  { tag: t.comment, class: "c1" },
  { tag: t.function(t.definition(t.variableName)), class: "nf" },
  { tag: t.definition(t.className), class: "nc" },
  { tag: t.meta, class: "nd" },
]);

/** An editor of `code` in place of what stands in `parent`; `keys` come before its own. */
export function edit(parent, { code, keys, changed, label, description }) {
  const view = new EditorView({
    parent,
    state: EditorState.create({
      doc: code,
      extensions: [
        keymap.of([...keys, indentWithTab, ...defaultKeymap, ...historyKeymap]),
        history(), drawSelection(), bracketMatching(), indentOnInput(), indentUnit.of("    "), python(),
        syntaxHighlighting(COLOURS), EditorState.tabSize.of(4),
        EditorView.contentAttributes.of({ "aria-label": label, "aria-describedby": description }),
        EditorView.updateListener.of((update) => update.docChanged && changed(update.state.doc.toString())),
      ],
    }),
  });
  return {
    get code() { return view.state.doc.toString(); },
    set code(text) { view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: text } }); },
    focus(point) {
      const at = point && view.posAtCoords(point);
      if (at != null) view.dispatch({ selection: { anchor: at } });
      view.focus();
    },
    remove() { view.destroy(); },
  };
}
