// Secrets encrypted in the store, as an administrator does it: with a file, kubectl, and restarts.
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { UserError } from '../../src/cluster/user-error.ts';
import { startCluster, type Cluster } from '../../src/cluster/start-cluster.ts';
import { runKubectl } from '../support/real-cluster.ts';

describe('Secrets at rest', () => {
  let dataDir: string;
  let cluster: Cluster | undefined;
  const config = (name = 'encryption.yaml') => join(dataDir, '..', `${dataDir.split('/').at(-1)}-${name}`);
  const keyed = (byte: number) => Buffer.alloc(32, byte).toString('base64');
  const write = (...providers: string[]) => writeFileSync(config(), `apiVersion: apiserver.config.k8s.io/v1\nkind: EncryptionConfiguration\nresources:\n- resources: [secrets]\n  providers:\n${providers.map((one) => `  - ${one}\n`).join('')}`);
  const aesgcm = (name: string, byte: number) => `aesgcm: {keys: [{name: ${name}, secret: ${keyed(byte)}}]}`;
  const start = async (encryptionProviderConfig?: string) => (cluster = await startCluster({ dataDir, port: 0, node: false, logLevel: 'warn', encryptionProviderConfig }));
  const stop = async () => {
    await cluster?.stop();
    cluster = undefined;
  };
  const kubectl = async (args: string[], input?: string) => {
    const ran = await runKubectl(cluster!.kubeconfig, '1.36', args, input);
    assert.equal(ran.code, 0, ran.stderr);
    return ran.stdout;
  };
  const rewriteAll = async () => kubectl(['replace', '-f', '-'], await kubectl(['get', 'secrets', '-A', '-o', 'json']));
  const password = () => kubectl(['get', 'secret', 'db', '-o', 'jsonpath={.data.password}']).then((text) => Buffer.from(text, 'base64').toString());
  const files = (directory: string): string[] => readdirSync(directory).flatMap((name) => (statSync(join(directory, name)).isDirectory() ? files(join(directory, name)) : [join(directory, name)]));
  const foundOnDisk = (...texts: string[]) => files(dataDir).filter((file) => texts.some((text) => readFileSync(file).includes(text)));
  const words = ['hunter-two-is-secret', Buffer.from('hunter-two-is-secret').toString('base64')];

  before(() => void (dataDir = mkdtempSync(join(process.env['PEAPOD_TEST_DIR'] ?? tmpdir(), 'peapod-'))));
  after(async () => {
    await stop();
    rmSync(dataDir, { recursive: true, force: true });
    rmSync(config(), { force: true });
  });

  test('a file that cannot be is refused with the field in Kubernetes’ words', async () => {
    const refused = async (expected: RegExp) => assert.rejects(start(config()), (error) => error instanceof UserError && expected.test(error.message));
    write('aesgcm: {keys: [{name: key1, secret: c2hvcnQ=}]}');
    await refused(/resources\[0\]\.providers\[0\]\.aesgcm\.keys\[0\]\.secret: Invalid value: "REDACTED": secret is not of the expected length, got 5, expected one of \[16 24 32\]/);
    write('kms: {name: k, endpoint: unix:///s}');
    await refused(/resources\[0\]\.providers\[0\]\.kms: Forbidden/);
    write('aesgcm: {key: []}');
    await refused(/strict decoding error: unknown field "resources\[0\]\.providers\[0\]\.aesgcm\.key"/);
    writeFileSync(config(), 'apiVersion: v1\nkind: Secret\n');
    await refused(/is no EncryptionConfiguration/);
    await assert.rejects(start(`${config()}.none`), /cannot be read/);
  });

  test('what was in the clear is encrypted by writing it again, and then nothing of it is on the disk', async () => {
    await start();
    await kubectl(['create', 'secret', 'generic', 'db', '--from-literal=password=hunter-two-is-secret']);
    assert.notDeepEqual(foundOnDisk(...words), []);
    await stop();
    write(aesgcm('key1', 1), 'identity: {}');
    await start(config());
    assert.equal(await password(), 'hunter-two-is-secret');
    await rewriteAll();
    await kubectl(['create', 'configmap', 'plain', '--from-literal=word=not-at-all-secret']);
    await kubectl(['create', 'secret', 'generic', 'second', '--from-literal=password=hunter-two-is-secret']);
    await kubectl(['label', 'secret', 'second', 'a=b']);
    await stop();
    assert.deepEqual(foundOnDisk(...words), []);
    assert.notDeepEqual(foundOnDisk('not-at-all-secret'), []);
    assert.notDeepEqual(foundOnDisk('k8s:enc:aesgcm:v1:key1:'), []);
  });

  test('a new key is taken from the file while the cluster runs; without the keys the start is refused and nothing is lost', async () => {
    await start(config());
    assert.equal(await password(), 'hunter-two-is-secret');
    write('secretbox: {keys: [{name: key2, secret: ' + keyed(2) + '}]}', aesgcm('key1', 1));
    for (const deadline = AbortSignal.timeout(20_000); !/automatic_reloads_total\{status="success"\} 1/.test(await kubectl(['get', '--raw', '/metrics'])); ) deadline.throwIfAborted();
    assert.equal(await password(), 'hunter-two-is-secret');
    await rewriteAll();
    await stop();
    assert.deepEqual(foundOnDisk('k8s:enc:aesgcm:v1:key1:'), [], 'all is written by the new key');
    assert.notDeepEqual(foundOnDisk('k8s:enc:secretbox:v1:key2:'), []);

    await assert.rejects(start(), (error) => error instanceof UserError && /Internal error occurred: unable to transform key ".*": identity transformer tried to read encrypted data/.test(error.message) && error.remedy.includes('k8s:enc:secretbox:v1:key2:'));
    write(aesgcm('key1', 1));
    await assert.rejects(start(config()), /no matching prefix found/);
    write('secretbox: {keys: [{name: key2, secret: ' + keyed(2) + '}]}');
    await start(config());
    assert.equal(await password(), 'hunter-two-is-secret');
    assert.deepEqual(foundOnDisk(...words), []);
  });
});
