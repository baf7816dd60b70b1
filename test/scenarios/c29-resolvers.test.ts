// The cluster's DNS as the resolvers of real programs see it from inside a Pod: glibc's, musl's and dig, on real containers. What one
// finds the others find.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { endpointSlices } from '../../src/api/kinds/endpoint-slice.ts';
import { pods } from '../../src/api/kinds/pod.ts';
import { services } from '../../src/api/kinds/service.ts';
import type { EndpointSlice, New, Pod, Service } from '../../src/api/types.ts';
import { readMachineNetwork } from '../../src/network/pod-network/machine-network.ts';
import { eventually, onDocker, startRealCluster, type RealCluster } from '../support/real-cluster.ts';

const signal = AbortSignal.timeout(280_000);
const dualStack = !onDocker && readMachineNetwork().hasIPv6;
const manyEndpoints = 150;

/** Prints the addresses that getaddrinfo finds, one a line; ends with 2 when it finds none. */
const lookup = `
#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
int main(int argc, char **argv) {
  struct addrinfo hints, *all, *one;
  char text[INET6_ADDRSTRLEN];
  memset(&hints, 0, sizeof hints);
  hints.ai_socktype = SOCK_STREAM;
  int failed = getaddrinfo(argv[1], 0, &hints, &all);
  if (failed) { fprintf(stderr, "%s\\n", gai_strerror(failed)); return 2; }
  for (one = all; one; one = one->ai_next) {
    void *address = one->ai_family == AF_INET ? (void *)&((struct sockaddr_in *)one->ai_addr)->sin_addr : (void *)&((struct sockaddr_in6 *)one->ai_addr)->sin6_addr;
    puts(inet_ntop(one->ai_family, address, text, sizeof text));
  }
  return 0;
}
`;

describe('C29 resolvers', () => {
  const tools = mkdtempSync(join(tmpdir(), 'peapod-tools-'));
  const ipsOf: Record<string, string[]> = {};
  let house: RealCluster;
  before(async () => {
    writeFileSync(join(tools, 'lookup.c'), lookup);
    execFileSync('musl-gcc', ['-static', '-o', join(tools, 'lookup-musl'), join(tools, 'lookup.c')]);
    house = await startRealCluster({ dualStack });
    // The node's own glibc, dig and their libraries, beside a program with musl in it.
    const from = { '/usr/bin': '/usr/bin', '/usr/lib': '/lib', '/usr/lib64': '/lib64', [tools]: '/tools' };
    const volumes = Object.keys(from).map((path, index) => ({ name: `v${index}`, hostPath: { path } }));
    const volumeMounts = Object.values(from).map((mountPath, index) => ({ name: `v${index}`, mountPath, readOnly: true }));
    const pod = { metadata: { name: 'asker', namespace: 'default' }, spec: { terminationGracePeriodSeconds: 1, volumes, containers: [{ name: 'c', image: 'localhost/busybox', command: ['sleep', '1000'], volumeMounts }] } };
    await Promise.all([
      house.cluster.client.create(pods, pod as unknown as New<Pod>, signal),
      service('web', { ipFamilyPolicy: 'PreferDualStack', selector: { app: 'web' }, ports: [{ name: 'http', port: 80 }] }),
      service('alias', { type: 'ExternalName', externalName: 'web.default.svc.cluster.local' }),
      service('many', { clusterIP: 'None', ipFamilyPolicy: 'SingleStack', ports: [{ name: 'http', port: 80 }] }),
      service('few', { clusterIP: 'None', ipFamilyPolicy: 'SingleStack', ports: [{ name: 'http', port: 80 }] }),
    ]);
    await slice('few', [{ addresses: ['192.0.2.1'], hostname: 'few-0' }, { addresses: ['192.0.2.2'] }]);
    for (let first = 0; first < manyEndpoints; first += 75) await slice('many', Array.from({ length: 75 }, (_, n) => ({ addresses: [`198.51.100.${first + n}`] })), first);
    await house.untilReady('asker');
    await eventually('the names to be known', async () => (await ask('glibc', 'many')).length === manyEndpoints);
  });
  after(async () => {
    await house?.[Symbol.asyncDispose]();
    rmSync(tools, { recursive: true });
  });

  async function service(name: string, spec: object): Promise<void> {
    ipsOf[name] = (await house.cluster.client.create(services, { metadata: { name, namespace: 'default' }, spec } as unknown as New<Service>, signal)).spec.clusterIPs ?? [];
  }

  async function slice(name: string, endpoints: object[], part = 0): Promise<void> {
    const metadata = { name: `${name}-${part}`, namespace: 'default', labels: { 'kubernetes.io/service-name': name } };
    await house.cluster.client.create(endpointSlices, { metadata, addressType: 'IPv4', endpoints, ports: [{ name: 'http', port: 80 }] } as unknown as New<EndpointSlice>, signal);
  }

  const run = async (...command: string[]) => {
    const { stdout, code } = await house.tryKubectl(['exec', 'asker', '--', ...command]);
    return { lines: stdout.trim().split('\n').filter(Boolean), code };
  };

  type Resolver = 'glibc' | 'musl';
  /** Both families at once, as programs do. Empty: there is no such name. */
  async function ask(resolver: Resolver, name: string): Promise<string[]> {
    const { lines, code } = await (resolver === 'musl' ? run('/tools/lookup-musl', name) : run('getent', 'ahosts', name));
    assert.equal(code === 0, lines.length > 0);
    return [...new Set(lines.map((line) => line.split(/\s+/)[0]!))].sort();
  }

  const dig = async (...args: string[]) => (await run('dig', '+short', '+time=2', '+tries=3', ...args)).lines.sort();

  test('C29 a name by search domain, by more of its labels, whole and absolute, in all its families', async () => {
    for (const resolver of ['glibc', 'musl'] as const) {
      for (const name of ['web', 'web.default', 'web.default.svc', 'web.default.svc.cluster.local', 'web.default.svc.cluster.local.', 'alias']) {
        assert.deepEqual(await ask(resolver, name), [...ipsOf['web']!].sort(), `${resolver}: ${name}`);
      }
      assert.equal((await ask(resolver, 'kubernetes.default')).length, 1);
      assert.deepEqual(await ask(resolver, 'few'), ['192.0.2.1', '192.0.2.2']);
      assert.deepEqual(await ask(resolver, 'few-0.few'), ['192.0.2.1']);
      assert.deepEqual(await ask(resolver, '192-0-2-2.few.default'), ['192.0.2.2']);
    }
    assert.deepEqual(await dig('+search', 'web', 'A'), [ipsOf['web']![0]]);
    if (dualStack) assert.deepEqual(await dig('+search', 'web', 'AAAA'), [ipsOf['web']![1]]);
  });

  test('C29 a name that is not there is not there, absolute or not', async () => {
    for (const resolver of ['glibc', 'musl'] as const) for (const name of ['nobody', 'nobody.default.svc.cluster.local.', 'web.nowhere.svc.cluster.local.']) assert.deepEqual(await ask(resolver, name), [], `${resolver}: ${name}`);
    assert.match((await run('dig', 'nobody.default.svc.cluster.local')).lines.join('\n'), /status: NXDOMAIN/);
    assert.match((await run('dig', '_tcp.web.default.svc.cluster.local', 'AAAA')).lines.join('\n'), /status: NOERROR(.|\n)*ANSWER: 0/);
  });

  test('C29 more answers than a datagram holds: whole over TCP, and some for a resolver that never asks so', async () => {
    const all = Array.from({ length: manyEndpoints }, (_, n) => `198.51.100.${n}`).sort();
    assert.deepEqual(await ask('glibc', 'many'), all);
    assert.deepEqual(await dig('many.default.svc.cluster.local'), all);
    const some = await ask('musl', 'many');
    assert.ok(some.length >= 5 && some.every((ip) => all.includes(ip)), `musl: ${some.join()}`);
  });

  test('C29 SRV and PTR', async () => {
    assert.deepEqual(await dig('+search', '_http._tcp.few', 'SRV'), ['0 100 80 192-0-2-2.few.default.svc.cluster.local.', '0 100 80 few-0.few.default.svc.cluster.local.'].sort());
    assert.deepEqual(await dig('_http._tcp.web.default.svc.cluster.local', 'SRV'), ['0 100 80 web.default.svc.cluster.local.']);
    for (const ip of ipsOf['web']!) {
      assert.deepEqual(await dig('-x', ip), ['web.default.svc.cluster.local.']);
      assert.match((await run('getent', 'hosts', ip)).lines.join(), /web\.default\.svc\.cluster\.local/, 'by glibc');
    }
  });
});
