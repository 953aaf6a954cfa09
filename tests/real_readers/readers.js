// What a real reader makes of every file of a folder: readers.js READER FOLDER READERS.
// The answer is as readers.py describes it.

const fs = require("fs");
const os = require("os");
const path = require("path");
const util = require("util");

const BASE = { PARENT: "from-parent", EMPTY: "" };
const [name, folder, readers] = process.argv.slice(2);

class Absent extends Error {}

function find(name, subfolder = "") {
  try {
    return require.resolve(name, { paths: [path.join(readers, subfolder)] });
  } catch {
    throw new Absent(`the package ${name} is not installed`);
  }
}

const load = (name, subfolder) => require(find(name, subfolder));
const version = (name, subfolder) => load(`${name}/package.json`, subfolder).version;

function expanding(subfolder) {
  const dotenv = load("dotenv");
  const expand = load("dotenv-expand", subfolder);
  return [`dotenv-expand@${version("dotenv-expand", subfolder)}`, true, (file) => {
    const processEnv = { ...BASE };
    const { parsed } = dotenv.config({ path: file, processEnv, quiet: true });
    expand.expand({ parsed, processEnv });
    return processEnv;
  }];
}

/** A folder in which the file is the `.env`. */
function inFolder(file, read) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "readers-"));
  try {
    fs.copyFileSync(file, path.join(folder, ".env"));
    return read(folder);
  } finally {
    fs.rmSync(folder, { recursive: true });
  }
}

const READERS = {
  "node-dotenv": () => {
    const dotenv = load("dotenv");
    const parse = (file) => dotenv.parse(fs.readFileSync(file));
    return [`node-dotenv@${version("dotenv")}`, false, parse];
  },
  "dotenv-expand": () => expanding(""),
  "dotenv-expand@1000": () => expanding("more"),
  next: () => {
    const { loadEnvConfig } = load("@next/env");
    return ["next", true, (file) => inFolder(file, (folder) => {
      let failed = false;
      const log = { info() {}, error() { failed = true; } };
      const { combinedEnv } = loadEnvConfig(folder, false, log, true);
      const { __NEXT_PROCESSED_ENV, ...variables } = combinedEnv;
      // Next says so, drops the file and goes on.
      return failed ? { ...BASE } : variables;
    })];
  },
  node: () => {
    if (!util.parseEnv) throw new Absent("this Node has no util.parseEnv");
    const parse = (file) => util.parseEnv(fs.readFileSync(file, "utf8"));
    return [`node@${process.versions.node}`, false, parse];
  },
  foreman: () => {
    const { keyValue } = load("foreman/lib/envs.js");
    // The shell that foreman starts passes nothing else on.
    const isPassedOn = ([name]) => /^[A-Za-z_]\w*$/.test(name);
    const read = (file) => Object.entries(keyValue(fs.readFileSync(file))).filter(isPassedOn);
    return ["foreman", false, (file) => Object.fromEntries(read(file))];
  },
  dotenvx: () => {
    const { parse } = load("@dotenvx/dotenvx");
    const parsed = (file) => parse(fs.readFileSync(file, "utf8"), { processEnv: { ...BASE } });
    return ["dotenvx", true, (file) => ({ ...BASE, ...parsed(file) })];
  },
  vite: () => {
    const { loadEnv } = load("vite", "more");
    const dialect = parseInt(process.versions.node) >= 22 ? "vite@node22" : "vite";
    return [dialect, true, (file) => inFolder(file, (folder) => loadEnv("production", folder, ""))];
  },
};

function main() {
  for (const name of Object.keys(process.env)) delete process.env[name];
  Object.assign(process.env, BASE);
  let reader, loads, read;
  try {
    [reader, loads, read] = READERS[name]();
  } catch (error) {
    if (error instanceof Absent) return { absent: error.message };
    throw error;
  }
  const answers = {};
  for (const file of fs.readdirSync(folder)) {
    try {
      answers[file] = read(path.join(folder, file));
    } catch {
      answers[file] = null;
    }
  }
  return { reader, loads, answers };
}

console.log(JSON.stringify(main()));
