// The reference from the source by typedoc, and the share of it that is documented.
import { join } from "node:path";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { Application, PageEvent, ReflectionKind } from "typedoc";

/** The entry points of the package: what its exports name. */
export function entryPoints(root) {
  const { exports } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  return Object.values(exports)
    .filter((entry) => typeof entry === "object")
    .map(({ types }) => join(root, types.replace(/^\.\/dist\//, "src/").replace(/\.d\.ts$/, ".ts")));
}

/** Reads the source. */
export async function project(root) {
  const app = await Application.bootstrap({
    entryPoints: entryPoints(root),
    tsconfig: join(root, "tsconfig.json"),
    name: "liftwise",
    readme: "none",
    excludePrivate: true,
    excludeInternal: true,
    skipErrorChecking: true,
    logLevel: "Error",
    disableSources: true,
    githubPages: false,
    hideGenerator: true,
    customFooterHtml: '<a href="../index.html">liftwise: guides</a>',
  });
  const made = await app.convert();
  if (made === undefined) throw new Error("typedoc: the source could not be read");
  return { app, made };
}

/** Writes the reference to out/api. @returns its entries for the search */
export async function apiReference(root, out) {
  const { app, made } = await project(root);
  const pages = new Map();
  app.renderer.on(PageEvent.END, ({ model, url }) => pages.set(model, url));
  await app.generateDocs(made, join(out, "api"));
  // Icons are in every page by icons.js; taken from another file they are refused on a page that is opened from disk.
  for (const name of readdirSync(join(out, "api"), { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".html"))) {
    const page = join(out, "api", name);
    writeFileSync(page, readFileSync(page, "utf8").replaceAll(/href="[./]*assets\/icons\.svg#/g, 'href="#'));
  }
  return [...pages]
    .filter(([model]) => !model.isProject() && !model.kindOf(ReflectionKind.Module))
    .map(([model, url]) => ({
      title: model.name,
      page: `reference, ${ReflectionKind.singularString(model.kind).toLowerCase()}`,
      text: commentOf(model),
      at: `api/${url}`,
    }));
}

function commentOf(reflection) {
  const comment = reflection.comment ?? reflection.signatures?.[0]?.comment;
  return (comment?.summary ?? []).map(({ text }) => text).join("");
}

/**
 * Public symbols and whether they have a comment: exports by name, each counted once, and the properties of exported interfaces and classes.
 * A property whose type is written out and whose name says the rest still counts as undocumented: the figure is meant to be unforgiving.
 */
export async function coverage(root) {
  const { made } = await project(root);
  const exported = ReflectionKind.Function | ReflectionKind.Class | ReflectionKind.Interface | ReflectionKind.TypeAlias | ReflectionKind.Variable;
  const seen = new Map();
  for (const reflection of made.getReflectionsByKind(exported)) {
    if (reflection.parent !== undefined && !(reflection.parent.kindOf(ReflectionKind.Module) || reflection.parent.isProject())) continue;
    seen.set(reflection.name, (seen.get(reflection.name) ?? false) || commentOf(reflection) !== "");
  }
  const members = new Map();
  for (const reflection of made.getReflectionsByKind(ReflectionKind.Property | ReflectionKind.Method | ReflectionKind.Accessor)) {
    const owner = reflection.parent;
    if (owner === undefined || !owner.kindOf(ReflectionKind.Interface | ReflectionKind.Class)) continue;
    const comment = commentOf(reflection) || commentOf({ comment: reflection.getSignature?.comment });
    const key = `${owner.name}.${reflection.name}`;
    members.set(key, (members.get(key) ?? false) || comment !== "");
  }
  const share = (map) => ({
    documented: [...map.values()].filter(Boolean).length,
    all: map.size,
    missing: [...map]
      .filter(([, done]) => !done)
      .map(([name]) => name)
      .sort(),
  });
  return { symbols: share(seen), members: share(members) };
}
