// The picture of a line in README.md: node tools/lines/picture.mjs [docs/line.png]
import { writeFileSync } from "node:fs";

import { encodeGreyPng } from "../../dist/node/png.js";
import { Random } from "./lib/random.mjs";
import { draw, styleOf } from "./lib/render.mjs";

const TEXT = "Some years ago, never mind how long precisely,";

const random = new Random([43]);
const style = { ...styleOf(random), kind: "book", isCapital: false, size: 40, letterSpacing: 0, wordSpacing: 0 };
const font = '40px "im-fell-english-400-normal"';
const { width, height, pixels } = draw(TEXT, { ...style, font }, random, "");
writeFileSync(process.argv[2] ?? "docs/line.png", encodeGreyPng(pixels, height, width));
