// Runs the FHIRcast client of @medplum/core for a test: one JSON command a line on stdin; on stdout one JSON answer a
// command, {"answer": …} or {"error": …}, and one JSON line an event of the client, {"event": …}.
//
//   node medplum.mjs FOLDER PACKAGE     FOLDER holds node_modules

import { createRequire } from 'node:module';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const [folder, packageName] = process.argv.slice(2);
const require = createRequire(join(folder, 'package.json'));

// Node 20 has no WebSocket, and the client looks for one when it is loaded. The last one can be broken by the test.
const { WebSocket } = require('ws');
let lastSocket;
globalThis.WebSocket = class extends WebSocket {
  constructor(...parameters) {
    super(...parameters);
    lastSocket = this;
  }
};

const { MedplumClient } = require(packageName);

const say = (line) => process.stdout.write(JSON.stringify(line) + '\n');
let client;
let subscription;
let connection;

const commands = {
  start: ({ hubUrl, token }) => {
    const before = connection;
    client = new MedplumClient({ baseUrl: hubUrl, fhircastHubUrl: hubUrl });
    client.setAccessToken(token);
    subscription = connection = undefined;
    before?.disconnect();
  },
  subscribe: async ({ topic, events }) => (subscription = await client.fhircastSubscribe(topic, events)),
  connect: () => {
    const mine = client.fhircastConnect(subscription, { minReconnectionDelay: 200, maxReconnectionDelay: 400 });
    connection = mine;
    for (const kind of ['connect', 'message', 'disconnect']) {
      mine.addEventListener(kind, (event) => mine === connection && say({ event: kind, payload: event.payload }));
    }
  },
  publish: ({ topic, event, context, versionId }) => client.fhircastPublish(topic, event, context, versionId),
  context: ({ topic }) => client.fhircastGetContext(topic),
  unsubscribe: () => client.fhircastUnsubscribe(subscription),
  break: () => lastSocket.terminate(),
};

for await (const line of createInterface({ input: process.stdin })) {
  const command = JSON.parse(line);
  try {
    say({ answer: (await commands[command.do](command)) ?? null });
  } catch (error) {
    say({ error: String(error?.message ?? error) });
  }
}
process.exit(0);
