// The reader's edits, kept in this browser: per page, per cell, each with the edition of the cell that was edited.

const page = location.pathname.split("/").at(-1).replace(/\.html$/, "");
const key = `live:${page}`;

function all() {
  try { return JSON.parse(localStorage.getItem(key)) ?? {}; } catch { return {}; }
}

function keep(notes) {
  try {
    if (Object.keys(notes).length) localStorage.setItem(key, JSON.stringify(notes));
    else localStorage.removeItem(key);
  } catch { /* no storage here: the edit lasts as long as the page */ }
}

/** A short name for a text: FNV-1a, 32 bits. */
export function edition(text) {
  let hash = 0x811c9dc5;
  for (const letter of text) hash = Math.imul(hash ^ letter.codePointAt(0), 0x01000193) >>> 0;
  return hash.toString(36);
}

export const noteOf = (cell) => all()[cell];
export const takeNote = (cell, code, of) => keep({ ...all(), [cell]: { code, of } });

export function dropNote(cell) {
  const { [cell]: _, ...others } = all();
  keep(others);
}
