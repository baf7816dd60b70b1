import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import { PassThrough, Readable, Writable, duplexPair, type Duplex } from 'node:stream';
import { buffer, text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { test, type TestContext } from 'node:test';
import { SpdyConnection } from '../../base/spdy/connection.ts';
import type { SpdyStream } from '../../base/spdy/stream.ts';
import { streamAttach, streamExec, streamPortForward } from './streaming.ts';

const unknown = async () => undefined;
const never = new AbortController().signal;
const exited = (code: number) =>
  code === 0
    ? '{"metadata":{},"status":"Success"}'
    : JSON.stringify({ metadata: {}, status: 'Failure', message: `command terminated with non-zero exit code: exit status ${code}`, reason: 'NonZeroExitCode', details: { causes: [{ reason: 'ExitCode', message: String(code) }] } });

type Streams = Record<string, SpdyStream>;

/** A streaming server as containerd's: `run` gets the streams once `expected` are there, and says the Status. */
async function streamingServer(t: TestContext, expected: string[], run: (streams: Streams, connection: SpdyConnection, protocol: string) => Promise<string>): Promise<string> {
  const server = createServer((_request, response) => response.writeHead(404).end('cannot find the exec request\n'));
  server.on('upgrade', (request, socket: Duplex, head: Buffer) => {
    const protocol = request.headers['x-stream-protocol-version'] as string;
    socket.write(`HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\nX-Stream-Protocol-Version: ${protocol}\r\n\r\n`);
    const streams: Streams = {};
    const connection: SpdyConnection = new SpdyConnection(socket, {
      side: 'server',
      onStream: (stream) => {
        streams[stream.headers.get('streamtype')!] = stream;
        if (Object.keys(streams).length < expected.length) return;
        assert.deepEqual(Object.keys(streams).sort(), [...expected].sort());
        void run(streams, connection, protocol).then((status) => streams.error!.end(status, () => {
          // As Go's connection does when it is closed: all streams are reset, then goodbye.
          for (const each of Object.values(streams)) each.destroy();
          connection.end();
        }), () => {});
      },
    }, head);
  });
  return listen(t, server);
}

async function listen(t: TestContext, server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => void server.close());
  return `http://127.0.0.1:${(server.address() as { port: number }).port}/exec/token`;
}

const collect = () => new PassThrough({ highWaterMark: 2 ** 30 });

test('exec: input, both outputs and the exit code', async (t) => {
  const url = await streamingServer(t, ['error', 'stdin', 'stdout', 'stderr'], async ({ stdin, stdout, stderr }, _connection, protocol) => {
    assert.equal(protocol, 'v4.channel.k8s.io');
    const input = await text(stdin!);
    stdout!.end(`out:${input}`);
    stderr!.end('err');
    return exited(3);
  });
  const [stdout, stderr] = [collect(), collect()];
  const code = await streamExec(url, { stdin: Readable.from([Buffer.from('x\n')]), stdout, stderr, tty: false }, unknown, never);
  assert.equal(code, 3);
  assert.equal(await text(stdout.end()), 'out:x\n');
  assert.equal(await text(stderr.end()), 'err');
});

test('exec: output only, success', async (t) => {
  const url = await streamingServer(t, ['error', 'stdout'], async ({ stdout }) => (stdout!.end('hi'), exited(0)));
  const stdout = collect();
  assert.equal(await streamExec(url, { stdout, tty: false }, unknown, never), 0);
  assert.equal(await text(stdout.end()), 'hi');
});

test('exec on a terminal: sizes, and no stderr', async (t) => {
  const url = await streamingServer(t, ['error', 'stdout', 'resize'], async ({ stdout, resize }) => {
    for await (const size of resize!) {
      stdout!.end(size);
      break;
    }
    return exited(0);
  });
  const [stdout, stderr] = [collect(), collect()];
  const resize = (async function* () { yield { width: 80, height: 24 }; })();
  assert.equal(await streamExec(url, { stdout, stderr, tty: true, resize }, unknown, never), 0);
  assert.equal(await text(stdout.end()), '{"Width":80,"Height":24}');
});

test('100 MB through cat, intact, over a slow writer', async (t) => {
  const url = await streamingServer(t, ['error', 'stdin', 'stdout'], async ({ stdin, stdout }) => {
    await pipeline(stdin!, stdout!);
    return exited(0);
  });
  const part = randomBytes(1024 * 1024);
  const [sent, got] = [createHash('sha256'), createHash('sha256')];
  let gotBytes = 0;
  const stdin = Readable.from((function* () {
    for (let left = 100; left > 0; left--) {
      sent.update(part);
      yield part;
    }
  })());
  const stdout = new Writable({
    write(chunk: Buffer, _encoding, done) {
      got.update(chunk);
      gotBytes += chunk.length;
      setImmediate(done);
    },
  });
  assert.equal(await streamExec(url, { stdin, stdout, tty: false }, unknown, never), 0);
  await new Promise<void>((resolve) => stdout.end(resolve));
  assert.equal(gotBytes, 100 * 1024 * 1024);
  assert.equal(got.digest('hex'), sent.digest('hex'));
});

test('input that never ends does not hold the exit code back', async (t) => {
  const url = await streamingServer(t, ['error', 'stdin', 'stdout'], async ({ stdout }) => (stdout!.end(), exited(0)));
  const stdin = new PassThrough();
  assert.equal(await streamExec(url, { stdin, stdout: collect(), tty: false }, unknown, never), 0);
  assert.equal(stdin.destroyed, false);
});

test('failures are RuntimeErrors in the runtime\'s words', async (t) => {
  const failing = await streamingServer(t, ['error', 'stdout'], async ({ stdout }) => (stdout!.end(), JSON.stringify({ status: 'Failure', reason: 'InternalError', message: 'Internal error occurred: no such container' })));
  await assert.rejects(streamExec(failing, { stdout: collect(), tty: false }, unknown, never), { name: 'RuntimeError', code: 'failed', message: 'Internal error occurred: no such container' });

  const cutting = await streamingServer(t, ['error', 'stdout'], async (_streams, connection) => (connection.destroy(), 'x'));
  await assert.rejects(streamExec(cutting, { stdout: collect(), tty: false }, unknown, never), { name: 'RuntimeError', code: 'unavailable' });

  const plain = await listen(t, createServer((_request, response) => response.writeHead(404).end('cannot find the exec request\n')));
  await assert.rejects(streamExec(plain, { stdout: collect(), tty: false }, unknown, never), { name: 'RuntimeError', code: 'failed', message: 'unable to upgrade connection: cannot find the exec request' });

  await assert.rejects(streamExec('http://127.0.0.1:1/x', { stdout: collect(), tty: false }, unknown, never), { name: 'RuntimeError', code: 'unavailable' });
});

test('a runtime that hangs up without an outcome', async (t) => {
  const url = await streamingServer(t, ['error', 'stdout'], async ({ stdout }, connection) => {
    await new Promise<void>((resolve) => stdout!.end('all', resolve));
    setImmediate(() => connection.destroy());
    return new Promise(() => {});
  });
  const stdout = collect();
  assert.equal(await streamExec(url, { stdout, tty: false }, async () => 9, never), 9);
  assert.equal(await text(stdout.end()), 'all');
});

test('an abort ends it with the signal\'s reason', async (t) => {
  const abort = new AbortController();
  const url = await streamingServer(t, ['error', 'stdout'], async () => {
    abort.abort(new Error('enough'));
    return new Promise(() => {});
  });
  await assert.rejects(streamExec(url, { stdout: collect(), tty: false }, unknown, abort.signal), /enough/);
});

test('attach ends with the output', async (t) => {
  const url = await streamingServer(t, ['error', 'stdout', 'stderr'], async ({ stdout, stderr }) => (stdout!.end('a'), stderr!.end('b'), exited(0)));
  const [stdout, stderr] = [collect(), collect()];
  await streamAttach(url, { stdout, stderr, tty: false }, never);
  assert.equal(await text(stdout.end()), 'a');
  assert.equal(await text(stderr.end()), 'b');
});

test('port-forward joins both ways, with half-close', async (t) => {
  const url = await streamingServer(t, ['error', 'data'], async ({ data }, _connection, protocol) => {
    assert.equal(protocol, 'portforward.k8s.io');
    assert.equal(data!.headers.get('port'), '8080');
    const asked = await text(data!);
    data!.end(`answer to ${asked}`);
    return '';
  });
  const [near, far] = duplexPair();
  const done = streamPortForward(url, 8080, far, never);
  near.end('question');
  assert.equal((await buffer(near)).toString(), 'answer to question');
  await done;
});

test('port-forward: what the runtime reports', async (t) => {
  const url = await streamingServer(t, ['error', 'data'], async ({ data }) => (data!.end(), 'failed to connect to localhost:8080 inside namespace: connection refused'));
  const [near, far] = duplexPair();
  near.resume().end();
  await assert.rejects(streamPortForward(url, 8080, far, never), { name: 'RuntimeError', code: 'failed', message: /connection refused/ });
});
