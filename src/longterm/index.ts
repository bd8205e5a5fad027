import type { Model } from "../model/contract.ts";
import { caecb, fcaecb } from "./confounding.ts";
import { imputation, lope, shortTerm } from "./labelled.ts";
import { laser } from "./laser.ts";
import { ltee, transLtee } from "./ltee.ts";
import { steal } from "./steal/steal.ts";
import { doublyRobustSurrogate, surrogateIndexBoosted, surrogateIndexLinear, surrogateIndexNeural, surrogateScore } from "./surrogate.ts";

/** Models of long-term effects, in the order of tables and help. */
export const longterm: readonly Model[] = [
  shortTerm,
  surrogateIndexLinear,
  surrogateIndexBoosted,
  surrogateIndexNeural,
  surrogateScore,
  doublyRobustSurrogate,
  imputation,
  caecb,
  fcaecb,
  lope,
  ltee,
  transLtee,
  laser,
  steal,
];
