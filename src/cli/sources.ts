import { catalogueNames } from "../data/catalogue.ts";
import { generators } from "../data/synth/index.ts";

/** Every source that has a name: the catalogue's and the generators'. */
export function sources(): string[] {
  return [...catalogueNames(), ...generators.map((generator) => `simulate:${generator.id}`)];
}
