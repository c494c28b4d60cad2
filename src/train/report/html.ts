/** Text as it may stand in HTML, between tags and in quoted attributes. */
export function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}

/** Per cent with as many digits as the number of images can carry. */
export function percent(value: number, digits = 2): string {
  return Number.isNaN(value) ? "–" : `${(100 * value).toFixed(digits)}\u00a0%`;
}

export interface Column {
  readonly title: string;
  readonly numeric: boolean;
}

/** @param rows cells of text, which are escaped */
export function table(caption: string, columns: readonly Column[], rows: readonly (readonly string[])[]): string {
  const kind = (column: number): string => (columns[column]?.numeric === true ? ' class="number"' : "");
  const head = columns.map(({ title }, column) => `<th scope="col"${kind(column)}>${escaped(title)}</th>`).join("");
  const body = rows.map((cells) => {
    const [first = "", ...others] = cells;
    const rest = others.map((cell, index) => `<td${kind(index + 1)}>${escaped(cell)}</td>`).join("");
    return `<tr><th scope="row">${escaped(first)}</th>${rest}</tr>`;
  });
  return (
    `<table><caption>${escaped(caption)}</caption><thead><tr>${head}</tr></thead>` +
    `<tbody>${body.join("")}</tbody></table>`
  );
}
