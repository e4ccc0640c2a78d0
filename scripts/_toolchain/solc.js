#!/usr/bin/env node
// The command line of native solc in front of npm's soljson, for machines that cannot download the native compiler.
// Understands what ape, forge, slither and halmos ask for: --version, --standard-json, --combined-json with remappings,
// --base-path, --include-path and --allow-paths.
"use strict";
const fs = require("fs");
const path = require("path");

// ape compiles a copy of the project elsewhere, without node_modules: imports are looked up here as well.
const ROOT = path.resolve(__dirname, "../..");

const { version } = require("solc/package.json");
// What soljson 0.8.30 says of itself; known here so that --version need not load it.
const LONG_VERSION = `${version}+commit.73712a01.Emscripten.clang`;

const OUTPUTS = {
  abi: "abi",
  asm: "evm.legacyAssembly",
  ast: "ast",
  bin: "evm.bytecode.object",
  "bin-runtime": "evm.deployedBytecode.object",
  devdoc: "devdoc",
  "function-debug": "evm.bytecode.functionDebugData",
  "generated-sources": "evm.bytecode.generatedSources",
  "generated-sources-runtime": "evm.deployedBytecode.generatedSources",
  hashes: "evm.methodIdentifiers",
  metadata: "metadata",
  opcodes: "evm.bytecode.opcodes",
  srcmap: "evm.bytecode.sourceMap",
  "srcmap-runtime": "evm.deployedBytecode.sourceMap",
  "storage-layout": "storageLayout",
  userdoc: "userdoc",
};

function fail(message) {
  process.stderr.write(`Error: ${message}\n`);
  process.exit(1);
}

function parse(argv) {
  const options = { basePath: process.cwd(), includePaths: [ROOT], remappings: [], files: [], optimizer: {} };
  for (let i = 0; i < argv.length; i++) {
    const [flag, inline] = argv[i].startsWith("--") ? argv[i].split(/=(.*)/s) : [argv[i]];
    const value = () => inline ?? argv[++i];
    if (flag === "--version") options.version = true;
    else if (flag === "--standard-json") options.standardJson = true;
    else if (flag === "--combined-json") options.combined = value().split(",");
    else if (flag === "--base-path") options.basePath = path.resolve(value());
    else if (flag === "--include-path" || flag === "-I") options.includePaths.push(path.resolve(value()));
    else if (flag === "--allow-paths") value();
    else if (flag === "--optimize") options.optimizer.enabled = true;
    else if (flag === "--optimize-runs") options.optimizer.runs = Number(value());
    else if (flag === "--evm-version") options.evmVersion = value();
    else if (flag === "--via-ir") options.viaIR = true;
    else if (flag === "-" || !flag.startsWith("-")) {
      if (!fs.existsSync(argv[i]) && argv[i].includes("=")) options.remappings.push(argv[i]);
      else options.files.push(argv[i]);
    } else fail(`option not understood by the soljson wrapper: ${argv[i]}`);
  }
  return options;
}

function reader({ basePath, includePaths }) {
  return (name) => {
    const bare = name.replace(/^file:\/\//, "");
    for (const root of [basePath, ...includePaths]) {
      const file = path.resolve(root, bare);
      if (fs.existsSync(file) && fs.statSync(file).isFile()) return { contents: fs.readFileSync(file, "utf8") };
    }
    return { error: `File not found: ${name}` };
  };
}

function compile(input, options) {
  // Loading the WebAssembly takes a second, so it comes after everything that may not need it.
  const solc = require("solc");
  return solc.compile(JSON.stringify(input), { import: reader(options) });
}

function standardJson(options) {
  const file = options.files.find((name) => name !== "-");
  const input = JSON.parse(fs.readFileSync(file ?? 0, "utf8"));
  process.stdout.write(compile(input, options) + "\n");
}

function combinedJson(options) {
  const wanted = options.combined.filter((name) => name !== "compact-format" && name !== "ast");
  const selection = wanted.map((name) => OUTPUTS[name] ?? fail(`--combined-json ${name} is not supported by the soljson wrapper`));
  const sources = Object.fromEntries(
    options.files.map((file) => {
      const name = path.isAbsolute(file) ? path.relative(options.basePath, file) : file;
      return [name, { content: fs.readFileSync(path.resolve(options.basePath, file), "utf8") }];
    }),
  );
  const settings = {
    remappings: options.remappings,
    optimizer: options.optimizer,
    ...(options.evmVersion && { evmVersion: options.evmVersion }),
    ...(options.viaIR && { viaIR: true }),
    outputSelection: { "*": { "*": selection, "": ["ast"] } },
  };
  const result = JSON.parse(compile({ language: "Solidity", sources, settings }, options));
  const errors = result.errors ?? [];
  errors.forEach((error) => process.stderr.write((error.formattedMessage ?? error.message) + "\n"));
  if (errors.some((error) => error.severity === "error")) process.exit(1);
  process.stdout.write(JSON.stringify(combined(result, wanted)) + "\n");
}

function pick(contract, name) {
  const found = OUTPUTS[name].split(".").reduce((node, key) => node?.[key], contract);
  return found ?? (name.startsWith("bin") || name.startsWith("srcmap") ? "" : null);
}

function combined(result, wanted) {
  const contracts = {};
  for (const [source, named] of Object.entries(result.contracts ?? {}))
    for (const [name, contract] of Object.entries(named))
      contracts[`${source}:${name}`] = Object.fromEntries(wanted.map((key) => [key, pick(contract, key)]));
  const ordered = Object.entries(result.sources ?? {}).sort(([, a], [, b]) => a.id - b.id);
  return {
    contracts,
    sourceList: ordered.map(([name]) => name),
    sources: Object.fromEntries(ordered.map(([name, { id, ast }]) => [name, { AST: ast, id }])),
    version: LONG_VERSION,
  };
}

const options = parse(process.argv.slice(2));
if (options.version) {
  process.stdout.write(`solc, the solidity compiler commandline interface\nVersion: ${LONG_VERSION}\n`);
} else if (options.standardJson) standardJson(options);
else if (options.combined) combinedJson(options);
else fail("nothing to do: give --version, --standard-json or --combined-json");
