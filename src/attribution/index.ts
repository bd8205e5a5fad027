import type { Model } from "../model/contract.ts";
import { conversionModels } from "./cvr/model.ts";

/** Models of conversion under several attribution mechanisms, in the order of tables and help. */
export const attribution: readonly Model[] = conversionModels;
