// Makes dist/ of src/: one script, one style sheet, the page and its icon.  `node build.mjs DIR`
// writes to another folder; the test that compares it with what is committed does that.
import { build } from "esbuild";
import { copyFile, mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const here = dirname(fileURLToPath(import.meta.url));
const out = process.argv[2] ?? join(here, "dist");
const LIMIT = 200 * 1024; // of all files together, as gzip

await mkdir(out, { recursive: true });
await build({
  absWorkingDir: here,
  entryPoints: { dashboard: "src/main.tsx" },
  outdir: out,
  bundle: true,
  minify: true,
  format: "iife",
  target: ["es2022"],
  charset: "utf8",
  legalComments: "none",
  jsx: "automatic",
  jsxImportSource: "preact",
  logLevel: "warning",
});
await copyFile(join(here, "src/index.html"), join(out, "index.html"));
await copyFile(join(here, "src/icon.svg"), join(out, "icon.svg"));

// The licences of what is in the script ask to be named in it.
const script = join(out, "dashboard.js");
const notice = "/* tallyd: Apache-2.0. With preact (c) Jason Miller and uPlot (c) Leon Sorokin, both MIT. */\n";
await writeFile(script, notice + (await readFile(script, "utf8")));

let size = 0;
for (const name of ["index.html", "icon.svg", "dashboard.js", "dashboard.css"])
  size += gzipSync(await readFile(join(out, name)), { level: 9 }).length;
console.log(`${size} bytes as gzip`);
if (size > LIMIT) {
  console.error(`that is more than ${LIMIT}`);
  process.exit(1);
}
