/** A property of parsed JSON. @param {unknown} of @param {string} key @returns {unknown} */
export function field(of, key) {
  return typeof of === "object" && of !== null ? Reflect.get(of, key) : undefined;
}

/** A property that is a list; none where it is not one. @param {unknown} of @param {string} key @returns {unknown[]} */
export function list(of, key) {
  const found = field(of, key);
  return Array.isArray(found) ? found : [];
}
