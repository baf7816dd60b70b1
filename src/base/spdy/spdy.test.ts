import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { createServer, connect as connectTcp, type Socket } from 'node:net';
import { Duplex, PassThrough, Readable, duplexPair } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { buffer, text } from 'node:stream/consumers';
import { test } from 'node:test';
import { createDeflate, constants } from 'node:zlib';
import { seededRandom } from '../random.ts';
import { SpdyConnection } from './connection.ts';
import { headerDictionary } from './dictionary.ts';
import { FrameReader, writeFrame, type Frame } from './frame.ts';
import { HeaderCompressor, HeaderDecompressor } from './header-block.ts';
import type { SpdyStream } from './stream.ts';

const never = new AbortController().signal;
const headers = (values: Record<string, string>) => new Map(Object.entries(values));

/** Two connections over TCP on loopback. */
async function connected(onStream: (stream: SpdyStream) => void): Promise<{ client: SpdyConnection; server: SpdyConnection; sockets: Socket[] }> {
  const listener = createServer({ allowHalfOpen: true });
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  const accepted = new Promise<Socket>((resolve) => listener.once('connection', resolve));
  const ours = connectTcp((listener.address() as { port: number }).port, '127.0.0.1');
  const theirs = await accepted;
  listener.close();
  return { client: new SpdyConnection(ours, { side: 'client' }), server: new SpdyConnection(theirs, { side: 'server', onStream }), sockets: [ours, theirs] };
}

test('header blocks survive the round, one zlib stream over many blocks', () => {
  const compressor = new HeaderCompressor();
  const decompressor = new HeaderDecompressor();
  for (let round = 0; round < 50; round++) {
    const sent = headers({ streamtype: 'stdin', port: '80', requestid: String(round), long: 'x'.repeat(round * 40) });
    assert.deepEqual(decompressor.decompress(compressor.compress(sent)), sent);
  }
});

test('reads what a zlib stream with sync flushes wrote, as Go peers do', async () => {
  const deflate = createDeflate({ dictionary: headerDictionary, level: 9 });
  const block = (name: string, value: string) => {
    const plain = Buffer.alloc(12 + name.length + value.length);
    plain.writeUInt32BE(1, 0);
    plain.writeUInt32BE(name.length, 4);
    plain.write(name, 8);
    plain.writeUInt32BE(value.length, 8 + name.length);
    plain.write(value, 12 + name.length);
    return new Promise<Buffer>((resolve) => {
      deflate.write(plain);
      deflate.flush(constants.Z_SYNC_FLUSH, () => resolve(deflate.read() as Buffer));
    });
  };
  const decompressor = new HeaderDecompressor();
  for (const value of ['error', 'stdin', 'stdout', 'stderr', 'resize']) {
    assert.deepEqual(decompressor.decompress(await block('streamtype', value)), headers({ streamtype: value }));
  }
  deflate.close();
});

test('a stream carries both ways, and each half closes by itself', async () => {
  const { client, server } = await connected((stream) => {
    void text(stream).then((all) => stream.end(`${stream.headers.get('streamtype')}: ${all}`));
  });
  const stream = await client.openStream(headers({ streamType: 'data' }), never);
  stream.end('hello');
  assert.equal(await text(stream), 'data: hello');
  client.end();
  assert.equal(await server.closed, undefined);
  assert.equal(await client.closed, undefined);
});

test('100 MB arrive intact, with a slow reader and bounded memory', async () => {
  const totalBytes = 100 * 1024 * 1024;
  const part = randomBytes(1024 * 1024);
  let heldBytes = 0;
  const received = new Promise<string>((resolve, reject) => {
    void connected((stream) => {
      const hash = createHash('sha256');
      const slow = new Duplex({
        read() {},
        write(chunk: Buffer, _encoding, done) {
          hash.update(chunk);
          heldBytes = Math.max(heldBytes, stream.readableLength);
          setImmediate(done);
        },
        final(done) {
          resolve(hash.digest('hex'));
          done();
        },
      });
      pipeline(stream, slow).catch(() => {});
    }).then(async ({ client, server }) => {
      const stream = await client.openStream(headers({}), never);
      await pipeline(Readable.from((function* () {
        for (let sent = 0; sent < totalBytes; sent += part.length) yield part;
      })()), stream, { end: true });
      client.end();
      await server.closed;
    }).catch(reject);
  });
  const expected = createHash('sha256');
  for (let sent = 0; sent < totalBytes; sent += part.length) expected.update(part);
  assert.equal(await received, expected.digest('hex'));
  assert.ok(heldBytes <= 512 * 1024, `held ${heldBytes}`);
});

test('a peer that grants no window still gets all', async () => {
  // moby/spdystream never sends WINDOW_UPDATE: here the far side is a bare frame reader that sends nothing but the reply.
  const [near, far] = duplexPair();
  const client = new SpdyConnection(near, { side: 'client' });
  const opening = client.openStream(headers({ streamtype: 'data' }), never);
  const reader = new FrameReader();
  let gotBytes = 0;
  const ended = new Promise<void>((resolve) => far.on('data', (chunk: Buffer) => {
    for (const frame of reader.read(chunk)) {
      if (frame.type === 'syn-stream') far.write(writeFrame.synReply(frame.streamId, new Map(), new HeaderCompressor()));
      if (frame.type === 'data') gotBytes += frame.bytes.length;
      if (frame.type === 'data' && frame.fin) resolve();
    }
  }));
  const stream = await opening;
  for (let index = 0; index < 40; index++) stream.write(Buffer.alloc(64 * 1024));
  stream.end();
  await ended;
  assert.equal(gotBytes, 40 * 64 * 1024);
  client.destroy();
});

test('nothing is sent for data that is read: it would lie unread in a socket that the peer closes', async () => {
  const [near, far] = duplexPair();
  const server = new SpdyConnection(near, { side: 'server', onStream: (stream) => void stream.resume() });
  const answers: Frame['type'][] = [];
  const reader = new FrameReader();
  far.on('data', (chunk: Buffer) => answers.push(...[...reader.read(chunk)].map((frame) => frame.type)));
  far.write(writeFrame.synStream(1, headers({ streamtype: 'data' }), new HeaderCompressor()));
  for (let left = 32; left > 0; left--) far.write(Buffer.concat([writeFrame.dataHead(1, 65_536, false), Buffer.alloc(65_536)]));
  far.write(writeFrame.ping(1));
  while (!answers.includes('ping')) await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(answers, ['syn-reply', 'ping']);
  server.destroy();
});

test('a stream that ends while its reader is behind does not hold up the others', async () => {
  const [ours, theirs] = duplexPair();
  const streams: SpdyStream[] = [];
  const server = new SpdyConnection(theirs, { side: 'server', onStream: (stream) => void streams.push(stream) });
  const compressor = new HeaderCompressor();
  const opened = [1, 3].map((id) => writeFrame.synStream(id, headers({ streamtype: String(id) }), compressor));
  const much = Buffer.alloc(200_000, 'x');
  ours.resume();
  ours.write(Buffer.concat([...opened, writeFrame.dataHead(1, much.length, true), much]));
  ours.write(Buffer.concat([writeFrame.dataHead(3, 4, true), Buffer.from('told')]));
  while (streams.length < 2) await new Promise(setImmediate);
  assert.equal(await text(streams[1]!), 'told');
  assert.equal((await buffer(streams[0]!)).length, much.length);
  server.destroy();
});

test('many streams at once keep apart', async () => {
  const { client } = await connected((stream) => void pipeline(stream, new PassThrough(), stream).catch(() => {}));
  await Promise.all(Array.from({ length: 100 }, async (_, index) => {
    const stream = await client.openStream(headers({ requestid: String(index) }), never);
    const sent = randomBytes(1000 + index * 100);
    stream.end(sent);
    assert.deepEqual(await buffer(stream), sent);
  }));
  client.end();
});

test('a refused stream rejects; the connection goes on', async () => {
  const { client } = await connected((stream) => {
    if (stream.headers.get('port') === '0') throw new Error('no');
    stream.end('yes');
  });
  await assert.rejects(client.openStream(headers({ port: '0' }), never), /refused/);
  const stream = await client.openStream(headers({ port: '1' }), never);
  assert.equal(await text(stream), 'yes');
  client.end();
});

test('a reset ends the reader, and fails the writer', async () => {
  const { client } = await connected((stream) => {
    stream.write('last words', () => stream.destroy());
  });
  const stream = await client.openStream(headers({}), never);
  assert.equal(await text(stream), 'last words');
  assert.equal(stream.wasReset, true);
  const failed = new Promise<Error>((resolve) => stream.once('error', resolve));
  stream.write('too late');
  assert.match((await failed).message, /reset/);
  client.end();
});

test('a lost connection ends its streams and what is being opened', async () => {
  const { client, sockets } = await connected(() => {});
  const stream = await client.openStream(headers({}), never);
  const left = text(stream).catch((error: Error) => error.message);
  sockets[1]!.resetAndDestroy();
  assert.match(String(await left), /ECONNRESET/);
  assert.match((await client.closed)!.message, /ECONNRESET/);
  await assert.rejects(client.openStream(headers({}), never), /the connection is closed/);
});

test('opening can be aborted', async () => {
  const [near] = duplexPair();
  const client = new SpdyConnection(near, { side: 'client' });
  const abort = new AbortController();
  const opening = client.openStream(headers({}), abort.signal);
  abort.abort(new Error('enough'));
  await assert.rejects(opening, /enough/);
  client.destroy();
});

test('pings are answered, and settings and window updates are read over', async () => {
  const [near, far] = duplexPair();
  const server = new SpdyConnection(near, { side: 'server', onStream: (stream) => stream.end() });
  far.write(writeFrame.windowUpdate(0, 1000));
  far.write(Buffer.from('800300040000000c0000000100000007000f0000', 'hex'));
  far.write(writeFrame.ping(7));
  const [answer] = (await new Promise<Buffer[]>((resolve) => far.once('data', (chunk: Buffer) => resolve([chunk]))));
  assert.deepEqual(answer, writeFrame.ping(7));
  server.destroy();
});

test('frames are read the same however the bytes are cut', () => {
  const compressor = new HeaderCompressor();
  const bytes = Buffer.concat([
    writeFrame.synStream(1, headers({ streamtype: 'error' }), compressor),
    writeFrame.dataHead(1, 5, false), Buffer.from('hello'),
    writeFrame.ping(1),
    writeFrame.synReply(1, headers({ a: 'b' }), compressor),
    writeFrame.dataHead(1, 0, true),
    writeFrame.rstStream(1, 5),
    writeFrame.goAway(1, 0),
  ]);
  const joined = (frames: Frame[]) => frames.map((frame) => (frame.type === 'data' ? `${frame.bytes}${frame.fin ? '.' : ''}` : frame.type)).join(' ').replaceAll(/(?<=h|e|l) (?=e|l|o)/g, '');
  const whole = joined([...new FrameReader().read(bytes)]);
  assert.equal(whole, 'syn-stream hello ping syn-reply . rst-stream goaway');
  for (const size of [1, 2, 3, 7, 13]) {
    const reader = new FrameReader();
    const frames: Frame[] = [];
    for (let at = 0; at < bytes.length; at += size) frames.push(...reader.read(bytes.subarray(at, at + size)));
    assert.equal(joined(frames), whole, `cut at ${size}`);
  }
});

test('malformed input ends the connection with an error, never the process', async () => {
  const random = seededRandom(1);
  const compressor = new HeaderCompressor();
  const good = Buffer.concat([
    writeFrame.synStream(1, headers({ streamtype: 'error' }), compressor),
    writeFrame.synStream(3, headers({ streamtype: 'data', port: '80' }), compressor),
    writeFrame.dataHead(3, 40, false), Buffer.alloc(40, 'x'),
    writeFrame.ping(1), writeFrame.windowUpdate(3, 10), writeFrame.rstStream(1, 5), writeFrame.dataHead(3, 0, true),
  ]);
  for (let round = 0; round < 400; round++) {
    const bytes = Buffer.from(round % 4 === 0 ? Array.from({ length: 200 }, () => Math.floor(random.next() * 256)) : good);
    for (let flips = 1 + Math.floor(random.next() * 8); flips > 0; flips--) bytes[Math.floor(random.next() * bytes.length)] = Math.floor(random.next() * 256);
    const [near, far] = duplexPair();
    const server = new SpdyConnection(near, { side: 'server', onStream: (stream) => void stream.resume() });
    far.on('error', () => {}).resume();
    far.end(bytes);
    await server.closed;
  }
});

test('what is malformed, by name', async () => {
  const cases: [string, Buffer | string, RegExp][] = [
    ['version', '800200010000000a00000001000000000000', /unsupported SPDY version/],
    ['size', '8003000100100000', /control frame is too large/],
    ['short', '800300060000000100', /cut short/],
    ['stream 0', '0000000000000001', /stream 0/],
    ['garbage headers', '800300010000000e0000000100000000000078bbffff', /unknown dictionary|cannot be decompressed|no zlib|cut short/],
    ['a bomb', bomb(), /cannot be decompressed/],
    ['our own parity', writeFrame.synStream(2, new Map(), new HeaderCompressor()), /out of turn/],
  ];
  for (const [name, bytes, message] of cases) {
    const [near, far] = duplexPair();
    const server = new SpdyConnection(near, { side: 'server', onStream: () => {} });
    far.on('error', () => {}).resume();
    far.write(typeof bytes === 'string' ? Buffer.from(bytes, 'hex') : bytes);
    assert.match((await server.closed)?.message ?? 'no error', message, name);
  }
});

/** A small SYN_STREAM whose headers inflate to a megabyte. */
function bomb(): Buffer {
  return writeFrame.synStream(1, headers({ x: 'y'.repeat(1024 * 1024) }), new HeaderCompressor());
}
