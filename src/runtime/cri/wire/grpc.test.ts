import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Http2Server, type ServerHttp2Stream } from 'node:http2';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { systemClock } from '../../../base/clock.ts';
import { dataFile } from '../../../base/package-files.ts';
import { connectGrpc, GrpcError } from './grpc.ts';
import { schemaOf } from './protobuf.ts';

const version = schemaOf(JSON.parse(readFileSync(dataFile('cri-v1.json'), 'utf8'))).method('runtime.v1.RuntimeService', 'Version');
const never = new AbortController().signal;

describe('gRPC', () => {
  const directory = mkdtempSync(join(tmpdir(), 'peapod-grpc-'));
  const path = join(directory, 'sock');
  let server: Http2Server;
  let answer: (stream: ServerHttp2Stream, headers: Record<string, unknown>) => void;
  before(async () => {
    server = createServer().on('stream', (stream, headers) => answer(stream.on('error', () => {}), headers));
    await new Promise<void>((resolve) => server.listen(path, resolve));
  });
  after(() => {
    server.close();
    rmSync(directory, { recursive: true });
  });
  const frame = (text: string) => {
    const bytes = version.response.encode({ runtime_name: text });
    return Buffer.concat([Buffer.from([0, 0, 0, 0, bytes.length]), bytes]);
  };
  const trailers = (stream: ServerHttp2Stream, status: Record<string, string>) => stream.on('wantTrailers', () => stream.sendTrailers(status));
  const rejectsWith = (status: string, message: RegExp) => (error: unknown) => error instanceof GrpcError && error.status === status && message.test(error.message);

  it('reads messages however they are cut, and ends with the status', async () => {
    const grpc = connectGrpc(path, systemClock);
    answer = (stream) => {
      trailers(stream, { 'grpc-status': '0' }).respond({ ':status': 200 }, { waitForTrailers: true });
      const bytes = Buffer.concat(['a', 'b', 'c'.repeat(100)].map(frame));
      void (async () => {
        for (let at = 0; at < bytes.length; at += 7) {
          stream.write(bytes.subarray(at, at + 7));
          await systemClock.sleep(0, never);
        }
        stream.end();
      })();
    };
    const names: string[] = [];
    for await (const message of grpc.stream(version, {}, {}, never)) names.push(message.runtime_name);
    assert.deepEqual(names, ['a', 'b', 'c'.repeat(100)]);
    grpc.close();
  });

  it('tells the status and words of a failure, and the deadline to the server', async () => {
    const grpc = connectGrpc(path, systemClock);
    let told: unknown;
    answer = (stream, headers) => {
      told = headers['grpc-timeout'];
      stream.respond({ ':status': 200, 'grpc-status': '5', 'grpc-message': 'no %22caf%C3%A9%22, 100%' }, { endStream: true });
    };
    await assert.rejects(grpc.call(version, {}, { deadlineMs: 61_500 }, never), rejectsWith('NotFound', /^no "café", 100%$/));
    assert.equal(told, '61500m');
    grpc.close();
  });

  it('gives up at the deadline and when aborted', async () => {
    const grpc = connectGrpc(path, systemClock);
    answer = () => {};
    await assert.rejects(grpc.call(version, {}, { deadlineMs: 30 }, never), rejectsWith('DeadlineExceeded', /longer than 30 ms/));
    const leaving = new AbortController();
    const call = grpc.call(version, {}, { deadlineMs: 60_000 }, leaving.signal);
    leaving.abort(new Error('enough'));
    await assert.rejects(call, /enough/);
    grpc.close();
  });

  it('says so when nobody listens or the connection breaks, and connects again', async () => {
    await assert.rejects(connectGrpc(join(directory, 'none'), systemClock).call(version, {}, { deadlineMs: 60_000 }, never), rejectsWith('Unavailable', /nothing listens on/));
    const grpc = connectGrpc(path, systemClock);
    answer = (stream) => stream.session!.destroy();
    await assert.rejects(grpc.call(version, {}, { deadlineMs: 60_000 }, never), rejectsWith('Unavailable', /./));
    answer = (stream) => {
      trailers(stream, { 'grpc-status': '0' }).respond({ ':status': 200 }, { waitForTrailers: true });
      stream.end(frame('again'));
    };
    assert.equal((await grpc.call(version, {}, { deadlineMs: 60_000 }, never)).runtime_name, 'again');
    grpc.close();
  });

  it('refuses a message that is too long before reading it', async () => {
    const grpc = connectGrpc(path, systemClock);
    answer = (stream) => {
      stream.respond({ ':status': 200 });
      stream.write(Buffer.from([0, 255, 255, 255, 255]));
    };
    await assert.rejects(grpc.call(version, {}, { deadlineMs: 60_000 }, never), rejectsWith('Internal', /cannot be read/));
    grpc.close();
  });
});
