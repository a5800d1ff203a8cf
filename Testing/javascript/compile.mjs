// Compiles every JSON Schema in a folder with Ajv, as strictly as it can, and checks values with them.
//
//   node compile.mjs PACKAGES FOLDER     PACKAGES holds node_modules; on stdin {"schema.json": [value, …], …}
//
// Prints as JSON a list of what is wrong: none when all is well.

import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const [packages, folder] = process.argv.slice(2);
const require = createRequire(join(packages, 'package.json'));
const { default: Ajv } = require('ajv/dist/2020');
const { default: addFormats } = require('ajv-formats');

const wrong = [];
const logger = { log: () => {}, warn: (words) => wrong.push(words), error: (words) => wrong.push(words) };
const ajv = new Ajv({ strict: true, strictTypes: true, strictTuples: true, allowUnionTypes: true, logger });
addFormats(ajv);
const names = readdirSync(folder);
for (const name of names) ajv.addSchema(JSON.parse(readFileSync(join(folder, name), 'utf8')));
for (const name of names) {
  try {
    ajv.getSchema(name);
  } catch (error) {
    wrong.push(`${name}: ${error.message}`);
  }
}
for (const [name, values] of Object.entries(JSON.parse(readFileSync(0, 'utf8')))) {
  const valid = ajv.getSchema(name);
  for (const value of values) if (!valid(value)) wrong.push(`${name}: ${ajv.errorsText(valid.errors)}`);
}
process.stdout.write(JSON.stringify(wrong));
