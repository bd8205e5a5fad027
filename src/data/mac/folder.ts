import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { dataError } from "../../base/errors.ts";
import { catalogueEntry, catalogueNames } from "../catalogue.ts";
import { dataFolders } from "../locate.ts";
import { vocabularyFolder } from "./read.ts";

/**
 * The folder of click files that a source names: a folder with vocabularies, or a data set of the catalogue in that layout (`mac`), of which the
 * vocabularies must be there. Undefined for every other source.
 * @param any whether to take any folder for one of click files: where nothing else is expected
 * @throws LiftwiseError (data) for a data set in that layout that is not here
 */
export function clickFolderOf(source: string, any = false): string | undefined {
  if (existsSync(source) && statSync(source).isDirectory()) return any || vocabularyFolder(source) !== undefined ? source : undefined;
  if (!catalogueNames().includes(source) || catalogueEntry(source).layout !== "clicks") return undefined;
  const found = dataFolders()
    .map((folder) => join(folder, source))
    .find((folder) => existsSync(folder) && vocabularyFolder(folder) !== undefined);
  if (found === undefined)
    throw dataError(`${source}: its vocabularies are not in ${dataFolders().join(" or ")}; run \`liftwise data fetch ${source}\`, or place its folder there`);
  return found;
}
