import type { Model } from "../../model/contract.ts";
import { cellLearners } from "./cellLearners.ts";
import { cfrnetCells, dragonnetCells, efinCells, euenCells, tarnetCells } from "./cellNets.ts";
import { drnet, vcnet } from "./doseNets.ts";
import { descnCells, m3tnCells, mtmt } from "./effectNets.ts";
import { mdlri } from "./mdlri.ts";
import { xtnet } from "./xtnet.ts";

/** Models of several levers chosen together, in the order of tables and help. */
export const levers: readonly Model<string, "levers">[] = [
  mdlri,
  xtnet,
  ...cellLearners,
  tarnetCells,
  cfrnetCells,
  dragonnetCells,
  euenCells,
  descnCells,
  efinCells,
  m3tnCells,
  mtmt,
  drnet,
  vcnet,
];
