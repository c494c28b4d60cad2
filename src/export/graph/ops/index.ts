import type { GraphOpConverter } from "../converter.ts";

import { arithmetic } from "./arithmetic.ts";
import { basicMath } from "./basic-math.ts";
import { convolutions } from "./convolution.ts";
import { creations } from "./creation.ts";
import { dynamics } from "./dynamic.ts";
import { evaluations } from "./evaluation.ts";
import { graphOps } from "./graph.ts";
import { imageOps } from "./image.ts";
import { listOps } from "./lists.ts";
import { logical } from "./logical.ts";
import { matrixOps } from "./matrices.ts";
import { normalizations } from "./normalization.ts";
import { poolings } from "./pooling.ts";
import { raggedOps } from "./ragged.ts";
import { randomOps } from "./random.ts";
import { reductions } from "./reduction.ts";
import { shapeOps } from "./shapes.ts";
import { sliceJoins } from "./slice-join.ts";
import { sparseOps } from "./sparse.ts";
import { spectralOps } from "./spectral.ts";
import { tableOps } from "./tables.ts";
import { transformations } from "./transformation.ts";

/** The converters that come with this package: one list a family. */
export const builtInOps: readonly GraphOpConverter[] = [
  ...arithmetic,
  ...basicMath,
  ...convolutions,
  ...creations,
  ...dynamics,
  ...evaluations,
  ...graphOps,
  ...imageOps,
  ...listOps,
  ...logical,
  ...matrixOps,
  ...normalizations,
  ...poolings,
  ...raggedOps,
  ...randomOps,
  ...reductions,
  ...shapeOps,
  ...sliceJoins,
  ...sparseOps,
  ...spectralOps,
  ...tableOps,
  ...transformations,
];
