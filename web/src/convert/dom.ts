/** The element of the page with an id. @throws {Error} when the page has none of that kind */
export function element<Kind extends HTMLElement>(id: string, kind: new () => Kind): Kind {
  const found = document.getElementById(id);
  if (found instanceof kind) return found;
  throw new Error(`the page has no ${kind.name} named ${id}`);
}

type Child = Node | string;

/** A new element with attributes and children. */
export function make<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  attributes: Readonly<Record<string, string>> = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[Tag] {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

/** A table with a caption for screen readers, which scrolls within itself where it is too wide. */
export function table(
  caption: string,
  head: readonly string[],
  rows: readonly (readonly Child[])[],
  kind = "",
): HTMLElement {
  const body = rows.map((cells) =>
    make(
      "tr",
      {},
      ...cells.map((cell, index) => (index === 0 ? make("th", { scope: "row" }, cell) : make("td", {}, cell))),
    ),
  );
  return make(
    "div",
    { class: "scroller", role: "region", "aria-label": caption, tabindex: "0" },
    make(
      "table",
      kind === "" ? {} : { class: kind },
      make("caption", { class: "visually-hidden" }, caption),
      make("thead", {}, make("tr", {}, ...head.map((text) => make("th", { scope: "col" }, text)))),
      make("tbody", {}, ...body),
    ),
  );
}

/** Terms and what they are, for a `dl`. */
export function facts(entries: readonly (readonly [term: string, value: Child])[]): HTMLElement[] {
  return entries.map(([term, value]) => make("div", {}, make("dt", {}, term), make("dd", {}, value)));
}
