// Clients that are broken, or mean harm: whatever they send, they get a Status or lose their connection, and nobody else does.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect as http2Connect, type ClientHttp2Session } from 'node:http2';
import { request as httpsRequest } from 'node:https';
import { readFileSync } from 'node:fs';
import { connect as tlsConnect, type ConnectionOptions, type TLSSocket } from 'node:tls';
import { after, before, describe, test } from 'node:test';
import { load } from 'js-yaml';
import { configMaps } from '../../src/api/kinds/config-map.ts';
import { systemClock } from '../../src/base/clock.ts';
import { createAuthority, issueCertificate } from '../../src/server/auth/certificates.ts';
import { pod, waits } from '../support/manifests.ts';
import { eventually, startRealCluster, type RealCluster } from '../support/real-cluster.ts';

const maps = '/api/v1/namespaces/default/configmaps';

describe('bad input', () => {
  let house: RealCluster;
  let port: number;
  let admin: ConnectionOptions;

  before(async () => {
    house = await startRealCluster();
    port = Number(new URL(house.cluster.server).port);
    const config = load(readFileSync(house.cluster.kubeconfig, 'utf8')) as any;
    const pem = (data: string) => Buffer.from(data, 'base64').toString();
    const { user } = config.users[0];
    admin = { ca: pem(config.clusters[0].cluster['certificate-authority-data']), cert: pem(user['client-certificate-data']), key: pem(user['client-key-data']) };
    await house.cluster.client.create(configMaps, { metadata: { name: 'kept', namespace: 'default' }, data: { a: '1' } }, AbortSignal.timeout(60_000));
  });
  after(() => house?.[Symbol.asyncDispose]());

  const open = async (as: ConnectionOptions = admin): Promise<TLSSocket> => {
    const socket = tlsConnect({ host: '127.0.0.1', port, ALPNProtocols: ['http/1.1'], ...as });
    socket.on('error', () => {});
    await once(socket, 'secureConnect');
    return socket;
  };

  /** All that the server answers to these bytes until it closes, or falls silent for a moment. */
  const answerTo = async (bytes: string | Buffer, as?: ConnectionOptions): Promise<string> => {
    const socket = await open(as);
    let text = '';
    socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')));
    socket.setTimeout(700, () => socket.destroy());
    socket.write(bytes);
    await once(socket, 'close');
    return text;
  };

  const statusIn = (answer: string) => JSON.parse(answer.slice(answer.indexOf('{'))) as { kind: string; code: number; reason: string; message: string };

  async function get(path: string, as: ConnectionOptions = admin): Promise<{ code: number; body: any }> {
    const outgoing = httpsRequest({ host: '127.0.0.1', port, path, agent: false, ...as }).end();
    const [incoming] = await once(outgoing, 'response');
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) chunks.push(chunk);
    return { code: incoming.statusCode, body: JSON.parse(Buffer.concat(chunks).toString()) };
  }

  const post = (head: string, body = '') => `POST ${maps} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n${head}\r\n\r\n${body}`;
  const rubbish: readonly (readonly [string, string | Buffer, number])[] = [
    ['header fields of 200 kB', `GET ${maps} HTTP/1.1\r\nHost: x\r\nX-A: ${'a'.repeat(200_000)}\r\n\r\n`, 431],
    ['10,000 header fields', `GET ${maps} HTTP/1.1\r\nHost: x\r\n${Array.from({ length: 10_000 }, (_, index) => `X-${index}: a\r\n`).join('')}\r\n`, 431],
    ['a NUL byte in the path', `GET ${maps}/a\0b HTTP/1.1\r\nHost: x\r\n\r\n`, 400],
    ['no HTTP', Buffer.from(Array.from({ length: 3000 }, (_, index) => (index * 7919) % 251)), 400],
    ['two ways to tell the length', post('Content-Length: 5\r\nTransfer-Encoding: chunked', '0\r\n\r\nGET /version HTTP/1.1\r\nHost: y\r\n\r\n'), 400],
    ['a length below zero', post('Content-Length: -5'), 400],
    ['a chunk without a size', post('Transfer-Encoding: chunked', 'zz\r\n{}\r\n0\r\n\r\n'), 400],
  ];
  for (const [what, bytes, code] of rubbish) {
    test(`${what}: a Status, and the connection is closed`, async () => {
      const answer = await answerTo(bytes);
      assert.match(answer, new RegExp(`^HTTP/1.1 ${code} `));
      assert.deepEqual([statusIn(answer).kind, statusIn(answer).code], ['Status', code]);
      assert.equal(answer.split('HTTP/1.1 ').length, 2, 'something else was answered too');
    });
  }

  test('a NUL byte and climbing, escaped, are names like others and not found', async () => {
    for (const name of ['a%00b', '..%2f..%2fetc%2fpasswd', '%2e%2e', 'a'.repeat(10_000)]) assert.deepEqual([(await get(`${maps}/${name}`)).code, (await get(`${maps}/${name}`)).body.reason], [404, 'NotFound'], name);
  });

  test('pipelined requests are answered each, in order', async () => {
    const names = Array.from({ length: 50 }, (_, index) => `none-${index}`);
    const answer = await answerTo(names.map((name) => `GET ${maps}/${name} HTTP/1.1\r\nHost: x\r\n\r\n`).join(''));
    assert.deepEqual([...answer.matchAll(/configmaps \\"(none-\d+)\\" not found/g)].map(([, name]) => name), names);
  });

  test('strangers: no certificate, or one of another authority', async () => {
    const other = await createAuthority('other', systemClock);
    const forged = await issueCertificate(other, { commonName: 'admin', organizations: ['system:masters'], dnsNames: [], ipAddresses: [], days: 1, usages: ['client'] }, systemClock);
    const { ca } = admin;
    for (const as of [{ ca }, { ca, cert: forged.certPem, key: forged.keyPem }, { ca, cert: forged.certPem + other.certPem, key: forged.keyPem }]) {
      assert.deepEqual((await get(maps, as)).body, { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message: 'Unauthorized', reason: 'Unauthorized', code: 401 });
      const upgrade = await answerTo('GET /api/v1/namespaces/default/pods/x/exec?command=id HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n', as);
      assert.equal(statusIn(upgrade).code, 401);
    }
  });

  test('a thousand watches at once all see a change, and cost nothing when they have gone', async () => {
    const sessions: ClientHttp2Session[] = [];
    let seen = 0;
    let opened = 0;
    for (let index = 0; index < 1000; index++) {
      if (index % 250 === 0) {
        const session = http2Connect(`https://127.0.0.1:${port}`, admin);
        session.on('error', () => {});
        sessions.push(session);
        await once(session, 'connect');
      }
      const stream = sessions.at(-1)!.request({ ':path': `${maps}?watch=true&fieldSelector=metadata.name=watched` });
      stream.on('error', () => {});
      stream.on('response', () => opened++);
      stream.on('data', (chunk: Buffer) => {
        if (chunk.includes('"watched"')) seen++;
      });
    }
    await eventually('all watches to be open', () => opened === 1000);
    await house.cluster.client.create(configMaps, { metadata: { name: 'watched', namespace: 'default' }, data: {} }, AbortSignal.timeout(60_000));
    await eventually('all watches to see it', () => seen === 1000);
    for (const session of sessions) session.destroy();
    const before = performance.now();
    for (let index = 0; index < 50; index++) await house.cluster.client.patch(configMaps, { namespace: 'default', name: 'watched' }, { type: 'merge', body: { data: { at: String(index) } } }, AbortSignal.timeout(60_000));
    assert.ok(performance.now() - before < 5000, 'writes are slow after the watches have gone');
  });

  test('a watcher that does not read is left behind, and holds up nobody', async () => {
    const lazy = await open();
    lazy.pause();
    lazy.write(`GET ${maps}?watch=true HTTP/1.1\r\nHost: x\r\n\r\n`);
    const data = { text: 'x'.repeat(200_000) };
    const key = { namespace: 'default', name: 'large' };
    await house.cluster.client.create(configMaps, { metadata: key, data }, AbortSignal.timeout(60_000));
    const memoryBefore = process.memoryUsage().rss;
    for (let index = 0; index < 400; index++) await house.cluster.client.patch(configMaps, key, { type: 'merge', body: { data: { at: String(index) } } }, AbortSignal.timeout(60_000));
    assert.equal((await get(`${maps}/large`)).body.data.at, '399');
    lazy.destroy();
    assert.ok(process.memoryUsage().rss - memoryBefore < 200e6, 'all was kept for the one that did not read');
  });

  test('requests that never end do not keep others from being served', async () => {
    const slow = await Promise.all(Array.from({ length: 200 }, () => open()));
    for (const [index, socket] of slow.entries()) socket.write(index % 2 ? `GET ${maps} HTTP/1.1\r\nHost:` : post('Content-Length: 1000', '{"metadata":'));
    assert.equal((await get(`${maps}/kept`)).body.data.a, '1');
    for (const socket of slow) socket.destroy();
  });

  test('exec that is cut off in the middle: the Pod runs on, and the next exec works', async () => {
    const made = await house.tryKubectl(['create', '-f', '-'], { input: JSON.stringify(pod('cut', [{ command: waits }])) });
    assert.equal(made.code, 0, made.stderr);
    await house.untilReady('cut');
    const path = '/api/v1/namespaces/default/pods/cut/exec?command=cat&stdin=true&stdout=true';
    for (let index = 0; index < 20; index++) {
      const socket = await open();
      socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: v5.channel.k8s.io\r\n\r\n`);
      if (index % 2) await once(socket, 'data');
      // A frame that says it is endless, cut.
      socket.write(Buffer.from([0x82, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0]));
      socket.destroy();
    }
    assert.equal((await house.kubectl('exec', 'cut', '--', 'echo', 'still here')).trim(), 'still here');
    await eventually('the processes of the cut streams to end', async () => (await house.kubectl('exec', 'cut', '--', 'ps')).split('\n').filter((line) => /\bcat$/.test(line)).length === 0);
    assert.equal((await house.pod('cut')).status.containerStatuses![0]!.restartCount, 0);
  });

  test('after all that nothing is lost', async () => {
    assert.equal((await get(`${maps}/kept`)).body.data.a, '1');
    assert.match(await house.kubectl('get', 'nodes'), / Ready /);
  });
});
