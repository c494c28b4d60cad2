import { given, strings, constant } from "../case-values.ts";
import { attr, opCase, type OpCase } from "../op-case.ts";

const split: OpCase[] = [
  opCase("StringSplit", "", [strings(["hello world", "a  b", ""]), constant(strings([" "], []))], {
    attrs: { skip_empty: attr.bool(true) },
    outputs: 3,
  }),
  opCase("StringSplit", "keeping empty parts", [strings(["hello world", "a  b", ""]), constant(strings([" "], []))], {
    attrs: { skip_empty: attr.bool(false) },
    outputs: 3,
  }),
  opCase("StringSplit", "at the ends", [strings([",a,,b,", ",", ""]), constant(strings([","], []))], {
    attrs: { skip_empty: attr.bool(false) },
    outputs: 3,
  }),
  opCase("StringSplit", "of nothing", [strings(["", ""]), constant(strings([" "], []))], {
    attrs: { skip_empty: attr.bool(true) },
    outputs: 3,
  }),
];

/** ONNX splits at one string, TensorFlow at each of several bytes. */
const mixed: OpCase[] = [",;", ""].map((delimiter) =>
  opCase(
    "StringSplit",
    `at ${delimiter === "" ? "every byte" : delimiter}`,
    [strings(["a,b;c"]), constant(strings([delimiter], []))],
    { attrs: { skip_empty: attr.bool(false) }, outputs: 3 },
  ),
);

const hashed: OpCase[] = [
  opCase("StringToHashBucketFast", "", [strings(["a", "b", "hello", "", "a"])], {
    attrs: { num_buckets: attr.int(10) },
  }),
];

const grams: OpCase[] = [
  opCase("StringNGrams", "", [strings(["a", "b", "c", "d", "e", "f"]), given("int32", [0, 4, 6])], {
    attrs: {
      separator: attr.string("|"),
      ngram_widths: attr.ints([3]),
      left_pad: attr.string("LP"),
      right_pad: attr.string("RP"),
      pad_width: attr.int(-1),
      preserve_short_sequences: attr.bool(false),
    },
    outputs: 2,
  }),
];

const replaced: OpCase[] = [
  opCase("StaticRegexReplace", "", [strings(["a.b", "cab"])], {
    attrs: { pattern: attr.string("a"), rewrite: attr.string("x"), replace_global: attr.bool(true) },
  }),
];

/** ONNX's operators have no regular expressions, n-grams or FarmHash; these are refused by name. */
function refused(cases: readonly OpCase[]): OpCase[] {
  return cases.map((given_) => ({ ...given_, refused: new RegExp(given_.op) }));
}

export const string: readonly OpCase[] = [
  ...split,
  ...refused(mixed),
  ...refused(hashed),
  ...refused(grams),
  ...refused(replaced),
];
