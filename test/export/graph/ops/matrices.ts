import { axes, constant, floats, given, ints, scalar, strings } from "../case-values.ts";
import { attr, opCase, type CaseAttrs, type CaseInput, type OpCase } from "../op-case.ts";
import { fusedAttrs, fusedName } from "./convolution.ts";

function product(op: string, a: readonly number[], b: readonly number[], attrs: CaseAttrs = {}): OpCase[] {
  const name = `[${a.join()}] [${b.join()}]${Object.keys(attrs)
    .map((key) => ` ${key}`)
    .join("")}`;
  return [
    opCase(op, name, [floats(a), floats(b)], { attrs }),
    opCase(op, `${name} constant`, [floats(a), constant(floats(b))], { attrs }),
  ];
}

const TRANSPOSED = { transpose_a: "transpose_a", transpose_b: "transpose_b" } as const;

const matmul: OpCase[] = [
  ...product("MatMul", [2, 3], [3, 4]),
  ...product("MatMul", [3, 2], [3, 4], { [TRANSPOSED.transpose_a]: attr.bool(true) }),
  ...product("MatMul", [2, 3], [4, 3], { [TRANSPOSED.transpose_b]: attr.bool(true) }),
  ...product("MatMul", [3, 2], [4, 3], {
    [TRANSPOSED.transpose_a]: attr.bool(true),
    [TRANSPOSED.transpose_b]: attr.bool(true),
  }),
  ...product("MatMul", [0, 3], [3, 4]),
  ...product("MatMul", [2, 0], [0, 4]),
  ...product("MatMul", [1, 5], [5, 1]),
  opCase("MatMul", "int32", [ints([2, 3]), ints([3, 4])]),
  opCase("MatMul", "NaN", [given("float32", [1, Number.NaN, 0, 2], [2, 2]), floats([2, 3])]),
];

const batched: OpCase[] = ["BatchMatMul", "BatchMatMulV2"].flatMap((op) => [
  ...product(op, [2, 3], [3, 4]),
  ...product(op, [5, 2, 3], [5, 3, 4]),
  ...product(op, [2, 5, 2, 3], [2, 5, 3, 4]),
  ...product(op, [2, 1, 2, 2, 3], [2, 1, 2, 3, 4]),
  ...product(op, [5, 3, 2], [5, 3, 4], { adj_x: attr.bool(true) }),
  ...product(op, [5, 2, 3], [5, 4, 3], { adj_y: attr.bool(true) }),
  ...product(op, [2, 5, 3, 2], [2, 5, 4, 3], { adj_x: attr.bool(true), adj_y: attr.bool(true) }),
  ...product(op, [5, 2, 3], [1, 3, 4]),
  ...product(op, [5, 2, 3], [3, 4]),
  ...product(op, [2, 3], [5, 3, 4]),
  opCase(op, "[2,1,2,3] [1,5,3,4]", [floats([2, 1, 2, 3]), floats([1, 5, 3, 4])], {
    skipped: "TF.js multiplies the wrong matrices where both operands are spread; TensorFlow and ONNX do not",
  }),
  ...product(op, [2, 5, 2, 3], [3, 4]),
]);

const FUSED: Parameters<typeof fusedName>[0][] = [
  [[], {}],
  [["BiasAdd"], {}],
  [["BiasAdd", "Relu"], {}],
  [["BiasAdd", "Relu6"], {}],
  [["BiasAdd", "Elu"], {}],
  [["BiasAdd", "Sigmoid"], {}],
  [["BiasAdd", "LeakyRelu"], {}],
  [["BiasAdd", "LeakyRelu"], { leakyrelu_alpha: attr.float(0.35) }],
  [["BiasAdd", "Prelu"], {}],
];

const fused: OpCase[] = [
  ...FUSED.flatMap((given_) =>
    [
      { a: [2, 3], b: [3, 4], attrs: {} },
      { a: [3, 2], b: [3, 4], attrs: { transpose_a: attr.bool(true) } },
      { a: [2, 3], b: [4, 3], attrs: { transpose_b: attr.bool(true) } },
      { a: [5, 2, 3], b: [5, 3, 4], attrs: {} },
    ].map(({ a, b, attrs }) => {
      const args: CaseInput[] = [];
      if (given_[0][0] === "BiasAdd") args.push(constant(floats([4])));
      if (given_[0][1] === "Prelu") args.push(constant(floats([4], 0, 1)));
      const name = `${fusedName(given_)} [${a.join()}] [${b.join()}] ${Object.keys(attrs).join(" ")}`;
      return opCase("_FusedMatMul", name, [floats(a), constant(floats(b)), ...args], {
        attrs: { ...attrs, ...fusedAttrs(given_, args.length) },
      });
    }),
  ),
  opCase("_FusedMatMul", "computed bias", [floats([2, 3]), floats([3, 4]), floats([4])], {
    attrs: fusedAttrs([["BiasAdd", "Relu"], {}], 1),
  }),
];

const transposes: OpCase[] = [
  { shape: [], perm: [] },
  { shape: [4], perm: [0] },
  { shape: [2, 3], perm: [1, 0] },
  { shape: [2, 3], perm: [0, 1] },
  { shape: [2, 3, 4], perm: [2, 0, 1] },
  { shape: [2, 3, 4], perm: [1, 2, 0] },
  { shape: [2, 3, 4, 5], perm: [0, 3, 1, 2] },
  { shape: [2, 3, 4, 5], perm: [0, 2, 3, 1] },
  { shape: [2, 3, 1, 2, 4], perm: [4, 1, 0, 3, 2] },
  { shape: [1, 2, 3, 1, 2, 4], perm: [5, 0, 3, 1, 4, 2] },
  { shape: [0, 3], perm: [1, 0] },
].flatMap(({ shape, perm }) => [
  opCase("Transpose", `[${shape.join()}] by ${perm.join()}`, [floats(shape), axes(perm)]),
  opCase("Transpose", `int32 [${shape.join()}] by ${perm.join()}`, [ints(shape), axes(perm)]),
]);

const otherTransposes: OpCase[] = [
  opCase("Transpose", "string", [strings(["a", "b", "c", "d"], [2, 2]), axes([1, 0])], {
    tfjsThrows: /must be numeric/,
  }),
  opCase("Transpose", "of a constant", [constant(floats([2, 3])), axes([1, 0])]),
];

const EQUATIONS: readonly (readonly [string, readonly (readonly number[])[]])[] = [
  [
    "ij,jk->ik",
    [
      [2, 3],
      [3, 4],
    ],
  ],
  [
    "ij,kj->ik",
    [
      [2, 3],
      [4, 3],
    ],
  ],
  [
    "ij,ij->",
    [
      [2, 3],
      [2, 3],
    ],
  ],
  [
    "ij,ij->ij",
    [
      [2, 3],
      [2, 3],
    ],
  ],
  ["i,j->ij", [[3], [4]]],
  [
    "bij,bjk->bik",
    [
      [2, 3, 4],
      [2, 4, 5],
    ],
  ],
  [
    "abc,cd->abd",
    [
      [2, 3, 4],
      [4, 5],
    ],
  ],
  [
    "abc,cde->abde",
    [
      [2, 3, 4],
      [4, 2, 3],
    ],
  ],
  [
    "abcd,aecd->acbe",
    [
      [2, 3, 4, 5],
      [2, 6, 4, 5],
    ],
  ],
  [
    "acbe,aecd->abcd",
    [
      [2, 4, 3, 6],
      [2, 6, 4, 5],
    ],
  ],
  [
    "abcd,cde->abe",
    [
      [2, 3, 4, 5],
      [4, 5, 6],
    ],
  ],
  [
    "dk,btd->btk",
    [
      [4, 5],
      [2, 3, 4],
    ],
  ],
  [
    "bthd,bd->bth",
    [
      [2, 3, 4, 5],
      [2, 5],
    ],
  ],
  [
    "bt,bd->tdb",
    [
      [2, 3],
      [2, 4],
    ],
  ],
  [
    "abt,bad->atd",
    [
      [2, 3, 4],
      [3, 2, 5],
    ],
  ],
  [
    "btd,tbd->tb",
    [
      [2, 3, 4],
      [3, 2, 4],
    ],
  ],
  ["ij->ji", [[2, 3]]],
  ["ij->i", [[2, 3]]],
  ["ij->", [[2, 3]]],
];

const einsum: OpCase[] = EQUATIONS.map(([equation, shapes]) =>
  opCase(
    "Einsum",
    equation,
    shapes.map((shape) => floats(shape)),
    { attrs: { equation: attr.string(equation), N: attr.int(shapes.length) } },
  ),
);

/** TF.js reads both numbers of MatrixBandPart from its second input. */
const bands: OpCase[] = [
  [0, 0],
  [1, 0],
  [1, 2],
  [-1, 0],
  [0, -1],
  [-1, -1],
  [5, 5],
].flatMap(([lower = 0, upper = 0]) =>
  [
    [4, 4],
    [3, 5],
    [5, 3],
    [2, 3, 4],
  ].map((shape) =>
    opCase("MatrixBandPart", `${lower} ${upper} [${shape.join()}]`, [floats(shape), scalar(lower), scalar(upper)]),
  ),
);

export const matrices: readonly OpCase[] = [
  ...matmul,
  ...batched,
  ...fused,
  ...transposes,
  ...otherTransposes,
  ...einsum,
  ...bands,
  opCase("MatrixBandPart", "int32", [ints([3, 4]), scalar(1), scalar(1)]),
];
