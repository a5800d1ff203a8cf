// client.mjs: a Cast client for browsers and Node 20 or newer, to be copied and changed; javascript.md tells each step.
const Socket = globalThis.WebSocket ?? (await import("ws")).WebSocket;

// answers: {STATUS: (context) => data, …}; onEvent(message); onState(words for people). It comes back until close().
export async function connect(hub, { user, name, product, actors, events, answers, onEvent, onState }) {
  const sender = { "subscriber.name": name, "subscriber.product.name": product, "subscriber.actor": actors };
  let token, topic, endpoint, socket, ended = false, seen = new Set();
  async function call(path, body, kind = "application/json", again = true) {
    const headers = { Authorization: `Bearer ${token}`, "Content-Type": kind };
    const answer = await fetch(hub + path, { method: body ? "POST" : "GET", body, headers }).catch((error) => {
      throw new Error(`no hub answers at ${hub}: ${error.cause?.message ?? error.message}`);
    });
    if (answer.status === 401 && again) return signIn().then(() => call(path, body, kind, false));
    if (!answer.ok) throw new Error((await answer.json()).message);
    return answer;
  }
  const post = async (path, value) => (await call(path, JSON.stringify(value))).json();
  async function signIn() {
    const { code } = await post("/oauth/authorize", { user_name: user, topic, client_product_name: product });
    ({ access_token: token, topic } = await post("/oauth/token", { grant_type: "authorization_code", code }));
  }
  const subscribe = () => post("/api/hub", {
    ...sender, "hub.mode": "subscribe", "hub.channel.type": "websocket", "hub.topic": topic, "hub.events": events,
    "subscriber.actors": actors, "subscriber.acknowledges": true });
  const bind = () => new Promise((lost) => { // resolves when the socket is lost: may it be bound again?
    let known = false;
    socket = Object.assign(new Socket(endpoint), { onerror() {}, onclose() {
      if (known && !ended) onState("connection lost");
      lost(known);
    } });
    socket.onmessage = ({ data }) => {
      const frame = JSON.parse(data), mode = frame["hub.mode"];
      if (mode) onState((known = mode === "subscribe") ? "online" : frame["hub.reason"]);
      else if (frame.event) receive(frame).catch((error) => onState(error.message));
    };
  });
  async function stay() {
    for (let wait = 500; !ended; wait = Math.min(2 * wait, 10_000)) {
      try {
        endpoint ||= (await subscribe())["hub.channel.endpoint"];
        if (await bind()) wait = 250; else endpoint = "";
      } catch (error) { onState(error.message); }
      await new Promise((over) => setTimeout(over, wait * Math.random()));
    }
  }
  async function receive(frame) {
    socket.send(JSON.stringify({ id: frame.id, status: 200 })); // else it comes again
    if (seen.has(frame.id)) return;
    if (seen.add(frame.id).size > 10_000) seen.delete(seen.values().next().value);
    const { "hub.event": event, context } = frame.event, asked = /^(.+)-request$/i.exec(event)?.[1];
    if (!asked) return onEvent(frame);
    const answer = answers[asked.toUpperCase()] ?? (() => { throw new Error(`${name} does not answer ${asked}`); });
    const data = await Promise.resolve(context).then(answer).catch((error) => ({ error: error.message }));
    socket.send(JSON.stringify(message(`${asked}-response`, { id: context.id, dataType: context.dataType, data })));
  }
  const message = (event, context, target) => ({ // target: {"target.actor": "ID"} …
    ...sender, ...target, id: crypto.randomUUID(), timestamp: new Date().toISOString(),
    event: { "hub.topic": topic, "hub.event": event, context } });
  async function sendFiles(event, files, context, target) { // files: [{fileName, bytes: Blob or Uint8Array, …}]
    const listed = files.map(({ bytes, ...entry }) => ({ ...entry, byteLength: bytes.size ?? bytes.byteLength }));
    const manifest = message(event, { ...context, files: listed }, target), mark = `cast-${manifest.id}`;
    const part = (kind, content) => [`--${mark}\r\nContent-Type: ${kind}\r\n\r\n`, content, "\r\n"];
    const parts = files.flatMap(({ bytes }) => part("application/octet-stream", bytes));
    const body = new Blob([...part("application/dicom+json", JSON.stringify(manifest)), ...parts, `--${mark}--\r\n`]);
    await call("/api/hub", body, `multipart/related; type="application/dicom"; boundary="${mark}"`);
    return manifest.id; // a result names it as context.inReplyTo
  }
  await signIn();
  stay();
  return {
    sendFiles,
    publish: (event, context, target) => post("/api/hub", message(event, context, target)),
    request: (type, target, context) => // context: {timeoutSeconds: 10} …
      post("/api/hub/request", message(`${type.toLowerCase()}-request`, { dataType: type, ...context }, target)),
    fetchFile: async ({ payloadIds }) => // one of a received context.files
      new Blob(await Promise.all(payloadIds.map(async (id) => (await call(`/api/hub/payloads/${id}`)).blob()))),
    close() { ended = true; socket?.close(1000); },
  };
}
