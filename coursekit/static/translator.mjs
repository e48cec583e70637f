// Translates between agents that speak MQTT and agents that speak HTTP. Nothing but Node's standard library.
//   node translator.mjs --port 8080 --settings settings.json
// Does what coursekit/translator.py does; its docstring says what that is.
import { timingSafeEqual } from "node:crypto";
import { readFileSync } from "node:fs";
import http from "node:http";
import net from "node:net";

// ---- MQTT 3.1.1, as much as a translator takes: connect, subscribe, publish and receive with QoS 1

class Mqtt {
  constructor({ port, user, password, topics, heard }) {
    this.heard = heard;
    this.number = 0;
    this.waiting = Buffer.alloc(0);
    this.socket = net.connect({ host: "127.0.0.1", port, noDelay: true });
    this.socket.on("data", (chunk) => this.take(chunk));
    this.socket.on("close", () => process.exit(1)); // whoever started us decides what happens next
    const flags = 0xc2; // a name, a password, a new session
    const body = [text("MQTT"), Buffer.from([4, flags, 0, 60]), text(user), text(user), text(password)];
    this.send(0x10, Buffer.concat(body));
    setInterval(() => this.send(0xc0, Buffer.alloc(0)), 30_000).unref();
    this.ready = new Promise((resolve) => (this.subscribed = resolve));
    this.topics = topics;
  }

  send(first, body) {
    const length = [];
    let left = body.length;
    for (; left > 127; left >>= 7) length.push((left & 127) | 128);
    this.socket.write(Buffer.concat([Buffer.from([first, ...length, left]), body]));
  }

  publish(topic, payload) {
    this.number = (this.number % 65535) + 1;
    this.send(0x32, Buffer.concat([text(topic), short(this.number), payload]));
  }

  take(chunk) {
    this.waiting = Buffer.concat([this.waiting, chunk]);
    for (;;) {
      let [length, at] = [0, 1];
      for (; ; at++) {
        if (at >= this.waiting.length) return;
        length |= (this.waiting[at] & 127) << (7 * (at - 1));
        if (this.waiting[at] < 128) break;
      }
      const end = at + 1 + length;
      if (this.waiting.length < end) return;
      this.packet(this.waiting[0], this.waiting.subarray(at + 1, end));
      this.waiting = this.waiting.subarray(end);
    }
  }

  packet(first, body) {
    const kind = first >> 4;
    if (kind === 2) {
      if (body[1] !== 0) throw new Error(`the broker refuses us: code ${body[1]}`);
      const wanted = this.topics.map((topic) => Buffer.concat([text(topic), Buffer.from([1])]));
      this.send(0x82, Buffer.concat([short(1), ...wanted]));
    } else if (kind === 9) {
      this.subscribed();
    } else if (kind === 3) {
      const name = body.subarray(2, 2 + body.readUInt16BE(0));
      let at = 2 + name.length;
      if (first & 6) {
        this.send(0x40, body.subarray(at, at + 2));
        at += 2;
      }
      this.heard(name.toString(), body.subarray(at));
    }
  }
}

const short = (number) => Buffer.from([number >> 8, number & 255]);
const text = (value) => Buffer.concat([short(Buffer.byteLength(value)), Buffer.from(value)]);

// ---- The translator

const options = Object.fromEntries(process.argv.slice(2).map((each, i, all) => [each, all[i + 1]]));
const settings = JSON.parse(readFileSync(options["--settings"]));
const inbox = (name) => `agents/${name}/inbox`;
const pending = new Map(); // reply_with -> who waits for the answer
const LARGEST = 64_000;
const NAME = /^[A-Za-z0-9_-]{1,64}$/;

function parts(raw) {
  try {
    const message = JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(raw));
    return message && typeof message === "object" && !Array.isArray(message) ? message : {};
  } catch {
    return {};
  }
}

const receiver = (message) => (Array.isArray(message.receiver) ? message.receiver[0] : undefined);
const known = (name) => typeof name === "string" && Object.hasOwn(settings.agents, name);
const named = (name) => typeof name === "string" && NAME.test(name);

function fromMqtt(_, payload) {
  const message = parts(payload);
  const waits = pending.get(message.in_reply_to);
  if (waits) return waits(payload); // the answer to a question that came by HTTP
  if (!known(receiver(message))) return;
  const url = settings.agents[receiver(message)];
  const headers = { "content-type": "application/json", "content-length": payload.length };
  const request = http.request(url, { method: "POST", headers }, (reply) => {
    const chunks = [];
    reply.on("data", (chunk) => chunks.push(chunk));
    reply.on("end", () => {
      const answer = Buffer.concat(chunks);
      const to = receiver(parts(answer));
      if (reply.statusCode === 200 && named(to)) mqtt.publish(inbox(to), answer);
    });
  });
  request.on("error", () => {}); // the agent is not there; the asker waits in vain, as with any dead agent
  request.end(payload);
}

const mqtt = new Mqtt({ ...settings.mqtt, topics: Object.keys(settings.agents).map(inbox), heard: fromMqtt });

function tell(reply, status, payload) {
  if (reply.writableEnded) return;
  reply.writeHead(status, { "content-type": "application/json" });
  reply.end(payload);
}
function allowed(shown) {
  const [given, wanted] = [Buffer.from(shown), Buffer.from(`Bearer ${settings.token}`)];
  return given.length === wanted.length && timingSafeEqual(given, wanted);
}
const refuse = (reply, status, error) => tell(reply, status, JSON.stringify({ error }));

const server = http.createServer((request, reply) => {
  const path = /^\/agents\/([^/]+)\/messages$/.exec(request.url);
  if (!allowed(request.headers.authorization ?? "")) return refuse(reply, 401, "no valid token");
  if (!path || request.method !== "POST" || !named(path[1])) return refuse(reply, 404, "no such place");
  const chunks = [];
  let size = 0;
  request.on("data", (chunk) => {
    size += chunk.length;
    if (size <= LARGEST) chunks.push(chunk);
  });
  request.on("end", () => {
    if (size > LARGEST) return refuse(reply, 413, `at most ${LARGEST} bytes are taken`);
    const payload = Buffer.concat(chunks);
    const { reply_with: key, sender } = parts(payload);
    if (typeof key !== "string" || !key || !known(sender)) {
      return refuse(reply, 400, "a message in JSON is wanted, with a sender known here and a reply_with");
    }
    if (pending.has(key)) return refuse(reply, 409, "this reply_with is already under way");
    const late = setTimeout(() => {
      pending.delete(key);
      refuse(reply, 504, "the agent did not answer in time");
    }, settings.patience_s * 1000);
    pending.set(key, (answer) => {
      clearTimeout(late);
      pending.delete(key);
      tell(reply, 200, answer);
    });
    mqtt.publish(inbox(path[1]), payload);
  });
});
mqtt.ready.then(() => server.listen(Number(options["--port"]), "127.0.0.1"));
