// Run functions of optical_lite/views/solver.js on a JSON file of [[name, ...arguments], ...]; print the list of results.
import { readFileSync } from "node:fs";
import { argv } from "node:process";
import { pathToFileURL } from "node:url";

const numbers = (x) => (Array.isArray(x) && x.every((v) => typeof v === "number") ? Float64Array.from(x) : x);
const plain = (key, x) => (ArrayBuffer.isView(x) ? [...x] : x);
const known = await import(pathToFileURL(argv[2]));
const traced = (...given) => { const t = known.trace(...given); return { errors: t.steps.map((s) => s.error), last: t.at(t.steps.length - 1) }; };
const results = JSON.parse(readFileSync(argv[3], "utf8")).map(([name, ...given]) =>
  name === "trace" ? traced(...given.map(numbers)) : known[name](...given.map(numbers)));
process.stdout.write(JSON.stringify(results, plain));
