// What is no proper request: broken HTTP/1.1, broken HTTP/2 frames, and upgrades that go wrong. Each connection must come to its end,
// and what comes back before it must be answers.
import { connect, type TLSSocket } from 'node:tls';
import type { Chance } from '../registry-model/chance.ts';

export interface Peer {
  readonly port: number;
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

export interface RawAttempt {
  readonly what: 'raw' | 'frames' | 'upgrade';
  readonly protocol: 'http/1.1' | 'h2';
  /** Sent one after the other. */
  readonly parts: readonly Buffer[];
  /** Whether the client then says that it has no more to say, or just goes. */
  readonly end: 'half' | 'cut';
}

const get = 'GET /api/v1/namespaces/default/configmaps HTTP/1.1\r\nhost: x\r\n';
const text = (...lines: string[]) => Buffer.from(lines.join(''), 'latin1');

export function someRaw(chance: Chance): RawAttempt {
  const what = chance.weighted({ raw: 4, frames: 4, upgrade: 5 });
  const end = chance.oneIn(2) ? 'half' : 'cut';
  if (what === 'frames') return { what, protocol: 'h2', parts: frames(chance), end };
  return { what, protocol: 'http/1.1', parts: what === 'raw' ? brokenHttp1(chance) : upgrade(chance), end };
}

function brokenHttp1(chance: Chance): Buffer[] {
  const post = (head: string, body: string) => text('POST /api/v1/namespaces/default/configmaps HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n', head, '\r\n', body);
  const cases = [
    () => [text('\r\n\r\n\r\n')], () => [text('GET\r\n\r\n')], () => [text('GET / HTTP/9.9\r\n\r\n')], () => [text(get, ' folded: x\r\n\r\n')], () => [text(get, 'a b: c\r\n\r\n')],
    () => [text(get, '\r\n').fill(0, 30, 34)], () => [text(get, `x: ${'y'.repeat(100_000)}\r\n\r\n`)], () => [text(get, 'x: y\r\n'.repeat(5000), '\r\n')],
    () => [text(get, '\r\n').subarray(0, chance.below(60))], () => [text(`${get}\r\n`.repeat(20))], () => [text(`GET /${'a/'.repeat(20_000)} HTTP/1.1\r\nhost: x\r\n\r\n`)],
    () => [post('content-length: 5\r\ntransfer-encoding: chunked\r\n', '0\r\n\r\nGET / HTTP/1.1\r\nhost: x\r\n\r\n')], () => [post('transfer-encoding: chunked\r\n', 'zz\r\n{}\r\n0\r\n\r\n')],
    () => [post('transfer-encoding: chunked\r\n', 'ffffffffffffffff\r\n{}')], () => [post('transfer-encoding: chunked\r\n', '2;x=y\r\n{}\r\n0\r\nx: y\r\n\r\n')], () => [post('transfer-encoding: chunked, identity\r\n', '2\r\n{}\r\n0\r\n\r\n')],
    () => [post('content-length: 5\r\ncontent-length: 6\r\n', '{}   ')], () => [post('content-length: -1\r\n', '{}')], () => [post('content-length: 1000\r\n', '{"a":')], () => [post('content-length: 2\r\nexpect: 100-continue\r\n', '{}')],
    () => [post('content-length: 2\r\nexpect: x\r\n', '{}')], () => [text('GET http://other/api HTTP/1.1\r\nhost: x\r\n\r\n')], () => [text('CONNECT x:1 HTTP/1.1\r\nhost: x\r\n\r\n')], () => [text('GET /api\u0000 HTTP/1.1\r\nhost: x\r\n\r\n')],
    () => [text('GET /api HTTP/1.1\r\n\r\n')], () => [text('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')], () => Array.from(text(get, '\r\n'), (byte) => Buffer.from([byte])).slice(0, 80), () => [noise(chance, 200)],
    () => [text('GET /api/v1/configmaps?watch=true HTTP/1.1\r\nhost: x\r\n\r\n', get, '\r\n')],
  ];
  return chance.of(cases)();
}

const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');

function frame(type: number, flags: number, stream: number, payload: Buffer, length = payload.length): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(length & 0xffffff, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream >>> 0, 5);
  return Buffer.concat([head, payload]);
}

/** Literal header fields without indexing. */
function hpack(fields: readonly (readonly [string, string])[]): Buffer {
  return Buffer.concat(fields.flatMap(([name, value]) => [Buffer.from([0x00, name.length & 127]), Buffer.from(name), Buffer.from([value.length & 127]), Buffer.from(value.slice(0, 127))]));
}

function frames(chance: Chance): Buffer[] {
  const settings = frame(4, 0, 0, Buffer.alloc(0));
  const headers = hpack([[':method', chance.of(['GET', 'POST', 'X', ''])], [':scheme', 'https'], [':path', chance.of(['/api', '/api/v1/configmaps?watch=true', '', 'x', '*'])], [':authority', 'x'], ...(chance.oneIn(3) ? ([['Upper', 'x'], ['connection', 'close']] as const) : [])]);
  const all = [
    () => frame(1, 5, 1, headers), () => frame(1, 4, 1, headers), () => frame(1, 1, 1, headers.subarray(0, 10)), () => frame(9, 4, 1, headers), () => frame(0, 1, 1, Buffer.from('{}')), () => frame(0, 0, 3, Buffer.alloc(20_000)),
    () => frame(0, 8, 1, Buffer.from([255, 1])), () => frame(3, 0, 1, Buffer.alloc(4)), () => frame(3, 0, 0, Buffer.alloc(4)), () => frame(4, 1, 0, Buffer.alloc(6)), () => frame(4, 0, 0, Buffer.from([0, 4, 255, 255, 255, 255])), () => frame(4, 0, 1, Buffer.alloc(0)), () => frame(4, 0, 0, Buffer.alloc(7)),
    () => frame(6, 0, 0, Buffer.alloc(8)), () => frame(6, 0, 1, Buffer.alloc(3)), () => frame(8, 0, 0, Buffer.from([0, 0, 0, 0])), () => frame(8, 0, 1, Buffer.from([127, 255, 255, 255])), () => frame(5, 4, 1, headers), () => frame(2, 0, 1, Buffer.from([0, 0, 0, 1, 5])),
    () => frame(99, 255, 5, noise(chance, 30)), () => frame(1, 5, chance.of([2, 3, 5, 0, 2 ** 31 - 1]), headers), () => frame(0, 0, 1, Buffer.from('x'), 16_777_215), () => noise(chance, 60), () => frame(1, 5, 1, noise(chance, 50)),
  ];
  const parts: Buffer[] = [Buffer.concat([chance.oneIn(10) ? noise(chance, 24) : preface, settings])];
  for (let left = 1 + chance.below(6); left > 0; left--) parts.push(chance.of(all)());
  if (chance.oneIn(10)) for (let stream = 1; stream < 400; stream += 2) parts.push(Buffer.concat([frame(1, 5, stream, headers), frame(3, 0, stream, Buffer.alloc(4))]));
  return parts;
}

function upgrade(chance: Chance): Buffer[] {
  const what = chance.of(['exec?command=sh&container=c&stdin=true&stdout=true&stderr=true', 'exec?command=sh', 'exec', 'attach?stdin=true&stdout=true', 'portforward?ports=80', 'portforward', 'portforward?ports=x', 'exec?command=x&container=nobody', 'proxy/x', 'log']);
  const isSpdy = chance.oneIn(2);
  const protocols = chance.of(['v5.channel.k8s.io', 'v4.channel.k8s.io, v5.channel.k8s.io', 'channel.k8s.io', 'base64.channel.k8s.io', 'v4.channel.k8s.io', 'portforward.k8s.io', 'SPDY/3.1+portforward.k8s.io', 'v2.portforward.k8s.io', 'x', '']);
  const head = [`${chance.of(['GET', 'POST', 'GET'])} /api/v1/namespaces/default/pods/${chance.of(['running', 'running', 'running', 'nobody'])}/${what} HTTP/1.1`, 'host: x', 'connection: Upgrade', `upgrade: ${isSpdy ? 'SPDY/3.1' : chance.of(['websocket', 'websocket', 'h2c', 'x'])}`];
  if (isSpdy) head.push(`x-stream-protocol-version: ${chance.of(['v4.channel.k8s.io', 'v5.channel.k8s.io', 'portforward.k8s.io', 'x'])}`);
  else head.push(`sec-websocket-version: ${chance.of(['13', '13', '13', '8'])}`, `sec-websocket-key: ${chance.of(['dGhlIHNhbXBsZSBub25jZQ==', 'dGhlIHNhbXBsZSBub25jZQ==', 'x', ''])}`, `sec-websocket-protocol: ${protocols}`);
  const parts: Buffer[] = [text(head.join('\r\n'), '\r\n\r\n')];
  for (let left = chance.below(6); left > 0; left--) parts.push(isSpdy ? spdyFrame(chance) : webSocketFrame(chance));
  if (chance.oneIn(3)) return [Buffer.concat(parts)];
  return parts;
}

function webSocketFrame(chance: Chance): Buffer {
  const payload = chance.of([Buffer.from([0, 104, 105]), Buffer.from([chance.below(256), 1, 2]), Buffer.alloc(0), Buffer.from([255, 0]), Buffer.from([4, ...Buffer.from('{"Width":-1,"Height":"x"}')]), Buffer.from([4, 123]), Buffer.from([0, 80, 0]), noise(chance, 100)]);
  const isMasked = !chance.oneIn(6);
  const first = chance.of([0x82, 0x82, 0x81, 0x02, 0x80, 0x88, 0x89, 0x8a, 0xf2, 0x83]);
  const length = chance.oneIn(10) ? Buffer.from([(isMasked ? 0x80 : 0) | 127, 0x7f, 255, 255, 255, 255, 255, 255, 255]) : Buffer.from([(isMasked ? 0x80 : 0) | payload.length]);
  return Buffer.concat([Buffer.from([first]), length, isMasked ? Buffer.alloc(4) : Buffer.alloc(0), payload]);
}

function spdyFrame(chance: Chance): Buffer {
  const type = chance.of([1, 1, 2, 3, 4, 6, 7, 8, 9, 77]);
  const payload = chance.oneIn(3) ? noise(chance, 40) : Buffer.concat([Buffer.from([0, 0, 0, chance.of([0, 1, 1, 3, 2])]), noise(chance, 20)]);
  const head = Buffer.from([0x80, chance.of([3, 3, 3, 2]), 0, type, chance.below(4), 0, 0, chance.oneIn(8) ? 255 : payload.length]);
  const data = Buffer.from([0, 0, 0, chance.of([1, 3, 5]), chance.below(2), 0, 0, payload.length]);
  return Buffer.concat([chance.oneIn(3) ? data : head, payload]);
}

function noise(chance: Chance, most: number): Buffer {
  return Buffer.from(Array.from({ length: chance.below(most) }, () => chance.below(256)));
}

/** Gives what came back; `opened` is told the client's port. Rejects when the connection has not come to its end `patienceMs` after the client's. */
export function attempt(peer: Peer, { protocol, parts, end }: RawAttempt, patienceMs: number, opened: (port: number) => void): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const answers: Buffer[] = [];
    const socket: TLSSocket = connect({ host: '127.0.0.1', port: peer.port, ca: peer.ca, cert: peer.cert, key: peer.key, ALPNProtocols: [protocol], servername: '' });
    const timer = setTimeout(() => {
      socket.destroy();
      reject(new Error(`the connection was still open after ${patienceMs} ms`));
    }, patienceMs);
    socket.on('data', (chunk: Buffer) => void (answers.length < 100 && answers.push(chunk)));
    socket.on('error', () => {});
    socket.once('close', () => {
      clearTimeout(timer);
      resolve(Buffer.concat(answers));
    });
    socket.once('secureConnect', () => {
      opened(socket.localPort!);
      let next = 0;
      const send = () => {
        if (socket.destroyed) return;
        if (next < parts.length) {
          socket.write(parts[next++]!);
          setImmediate(send);
        } else setTimeout(() => (end === 'cut' ? socket.destroy() : socket.end()), 5);
        // A stream or a watch may go on for as long as its client keeps its half open; it has said its last word, and leaves.
        if (next >= parts.length) setTimeout(() => socket.destroy(), 60);
      };
      send();
    });
  });
}
