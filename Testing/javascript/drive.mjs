// Runs client.mjs, as a hub serves it, for a test: one JSON command a line on stdin, one JSON line an answer on stdout,
// {"answer": …} or {"error": …}, and one a thing that happens, {"event": …}.
//
//   node drive.mjs CLIENT     CLIENT is the file's path; ws is found from there

import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';

const { connect } = await import(pathToFileURL(process.argv[2]));
const say = (line) => process.stdout.write(JSON.stringify(line) + '\n');
const base64 = async (blob) => Buffer.from(await blob.arrayBuffer()).toString('base64');
let client;

const commands = {
  connect: async ({ hub, settings }) => {
    const answers = {
      STATUS: (context) => ({ source: 'status', product: settings.product, items: [], asked: context.id }),
      FAILING: async () => {
        throw new Error('there is no such picture');
      },
    };
    const told = {
      onEvent: (message) => say({ event: 'message', message }),
      onState: (words) => say({ event: 'state', words }),
    };
    client = await connect(hub, { ...settings, answers, ...told });
  },
  publish: ({ name, context, target }) => client.publish(name, context, target),
  request: ({ type, target, context }) => client.request(type, target, context),
  sendFiles: ({ name, files, context, target }) =>
    client.sendFiles(
      name,
      files.map(({ data, ...entry }) => ({ ...entry, bytes: Buffer.from(data, 'base64') })),
      context,
      target,
    ),
  fetchFile: async ({ entry }) => base64(await client.fetchFile(entry)),
  close: () => client.close(),
};

for await (const line of createInterface({ input: process.stdin })) {
  const command = JSON.parse(line);
  Promise.resolve()
    .then(() => commands[command.do](command))
    .then((answer) => say({ answer: answer ?? null }))
    .catch((error) => say({ error: error.message }));
}
process.exit(0);
