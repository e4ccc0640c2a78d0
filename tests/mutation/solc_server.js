#!/usr/bin/env node
// One warm solc: a standard JSON input a line in, its output a line out. A cold start costs seconds for each mutant.
"use strict";
const readline = require("readline");
const solc = require("solc");

readline.createInterface({ input: process.stdin }).on("line", (line) => process.stdout.write(solc.compile(line) + "\n"));
