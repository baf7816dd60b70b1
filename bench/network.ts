// (f) The service network, beside what is aimed at: rules of 10,000 Services with 50,000 endpoints, in a network namespace of its own; DNS
// answers of one core; how soon a name follows its endpoints.
import { execFileSync, fork } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { decode, encode } from 'dns-packet';
import { endpointSlices } from '../src/api/kinds/endpoint-slice.ts';
import { services } from '../src/api/kinds/service.ts';
import type { EndpointSlice, New, Service } from '../src/api/types.ts';
import { iptablesRules } from '../src/network/proxy/iptables/service-rules.ts';
import { IptablesTables } from '../src/network/proxy/iptables/tables.ts';
import { serviceRules } from '../src/network/proxy/nft/service-rules.ts';
import { serviceSkeleton } from '../src/network/proxy/nft/skeleton.ts';
import { Table } from '../src/network/proxy/nft/table.ts';
import { servicePorts, type ServicePort } from '../src/network/proxy/service-ports.ts';
import type { Figure } from './main.ts';
import { median, percentile } from './statistics.ts';
import type { Subject } from './subject.ts';

const serviceCount = 10_000;
const endpointsEach = 5;
const signal = new AbortController().signal;
const plan = { family: 'ip' as const, table: 'peapod-bench', bridge: 'peapod98', podRange: '10.128.0.0/9', serviceRange: '10.96.0.0/12' };

export async function benchNetwork(subject: Subject): Promise<Figure[]> {
  return [...benchRules(), ...(await benchAnswers()), ...(await benchNames(subject))];
}

function benchRules(): Figure[] {
  const namespace = `peapod-bench-${process.pid}`;
  const directory = mkdtempSync(join(tmpdir(), 'peapod-bench-'));
  const file = join(directory, 'rules');
  const inside = (...args: string[]) => execFileSync('ip', ['netns', 'exec', namespace, ...args], { stdio: ['ignore', 'pipe', 'pipe'], maxBuffer: 1 << 30, encoding: 'utf8' });
  const apply = (program: 'nft' | 'iptables-restore', script: string) => {
    writeFileSync(file, script);
    inside(program, ...(program === 'nft' ? ['-f', file] : ['-w', '--noflush', file]));
  };
  execFileSync('ip', ['netns', 'add', namespace]);
  try {
    const began = performance.now();
    const table = new Table(serviceSkeleton(plan));
    for (let n = 0; n < serviceCount; n++) for (const port of portsOf(n)) table.put(port.id, serviceRules(port, plan));
    const script = table.takeWhole();
    const builtMs = performance.now() - began;
    writeFileSync(file, script);
    // What `times` of a shell tells of its children.
    const cpu = inside('sh', '-c', `nft -f ${file} && times`).trim().split('\n').at(-1)!;
    const wholeMs = performance.now() - began;
    const cpuMs = [...cpu.matchAll(/(\d+)m([\d.]+)s/g)].reduce((sum, [, minutes, seconds]) => sum + (Number(minutes) * 60 + Number(seconds)) * 1000, 0);
    const change = (n: number, put: (port: ServicePort) => string | undefined, program: 'nft' | 'iptables-restore') => timed(() => portsOf(n, 1).forEach((port) => apply(program, put(port)!)));
    const changes = Array.from({ length: 20 }, (_, n) => change(n, (port) => (table.put(port.id, serviceRules(port, plan)), table.takeChanges()), 'nft'));

    const beganTables = performance.now();
    const tables = new IptablesTables(plan);
    for (let n = 0; n < serviceCount; n++) for (const port of portsOf(n)) tables.put(port.id, iptablesRules(port, plan));
    apply('iptables-restore', tables.takeWhole({ nat: '', filter: '' }));
    const tablesMs = performance.now() - beganTables;
    const tableChanges = Array.from({ length: 3 }, (_, n) => change(n, (port) => (tables.put(port.id, iptablesRules(port, plan)), tables.takeChanges()), 'iptables-restore'));
    return [
      { name: 'network: rules built', value: builtMs, unit: 'ms', note: `${serviceCount} Services, ${serviceCount * endpointsEach} endpoints` },
      { name: 'network: built and applied, nftables', value: wholeMs, unit: 'ms', note: 'aim: 2,000' },
      { name: 'network: of it CPU', value: builtMs + cpuMs, unit: 'ms', note: 'what it takes of an idle machine' },
      { name: 'network: one change, nftables', value: median(changes), unit: 'ms', note: 'aim: 100' },
      { name: 'network: built and applied, iptables', value: tablesMs, unit: 'ms', note: 'where there is no nftables' },
      { name: 'network: one change, iptables', value: median(tableChanges), unit: 'ms' },
    ];
  } finally {
    execFileSync('ip', ['netns', 'delete', namespace]);
    rmSync(directory, { recursive: true });
  }
}

/** `shift`: other endpoints than before. */
function portsOf(n: number, shift = 0): ServicePort[] {
  const clusterIP = `10.${96 + (n >> 16)}.${(n >> 8) & 255}.${n & 255}`;
  const service = { metadata: { name: `s-${n}`, namespace: 'bench' }, spec: { type: 'ClusterIP', clusterIP, clusterIPs: [clusterIP], ports: [{ name: 'http', port: 80, protocol: 'TCP' }] } } as unknown as Service;
  const endpoints = Array.from({ length: endpointsEach }, (_, k) => ({ addresses: [addressOf(n * endpointsEach + k + shift)], conditions: { ready: true }, nodeName: 'other' }));
  const slice = { metadata: { name: `s-${n}` }, addressType: 'IPv4', ports: [{ name: 'http', port: 8080, protocol: 'TCP' }], endpoints } as EndpointSlice;
  return servicePorts(service, [slice], { nodeName: 'bench', zone: undefined });
}

function addressOf(n: number): string {
  return `10.${128 + (n >> 16)}.${(n >> 8) & 255}.${n & 255}`;
}

/** So many questions are under way at once, from each of so many sockets. */
const atOnce = 64;
const sockets = 4;
const answerSeconds = 3;

async function benchAnswers(): Promise<Figure[]> {
  const child = fork(fileURLToPath(new URL('dns-subject.ts', import.meta.url)));
  try {
    const [{ port }] = (await once(child, 'message')) as [{ port: number }];
    const cpuMs = async () => {
      child.send('cpu');
      const [{ user, system }] = (await once(child, 'message')) as [NodeJS.CpuUsage];
      return (user + system) / 1000;
    };
    const before = await cpuMs();
    const began = performance.now();
    const counts = await Promise.all(Array.from({ length: sockets }, (_, n) => ask(port, n)));
    const seconds = (performance.now() - began) / 1000;
    const answers = counts.reduce((sum, count) => sum + count, 0);
    return [
      { name: 'network: DNS answers a core', value: answers / (((await cpuMs()) - before) / 1000), unit: '/s', note: 'for each second of the server\'s CPU; aim: 20,000' },
      { name: 'network: DNS answers', value: answers / seconds, unit: '/s', note: 'as one process asks and another answers' },
    ];
  } finally {
    child.disconnect();
  }
}

async function ask(port: number, first: number): Promise<number> {
  const questions = Array.from({ length: 1000 }, (_, n) => encode({ type: 'query', id: n, flags: 1 << 8, questions: [{ type: 'A', name: `s-${(n * 10 + first) % serviceCount}.bench.svc.cluster.local`, class: 'IN' }] }));
  const socket = createSocket('udp4');
  await new Promise<void>((resolve) => socket.connect(port, '127.0.0.1', () => resolve()));
  let [answered, asked] = [0, 0];
  const next = () => socket.send(questions[asked++ % questions.length]!);
  socket.on('message', () => {
    answered++;
    next();
  });
  for (let n = 0; n < atOnce; n++) next();
  // A datagram that is lost is asked for again.
  const again = setInterval(() => {
    for (let n = 0; n < atOnce / 8; n++) next();
  }, 200);
  await new Promise((resolve) => setTimeout(resolve, answerSeconds * 1000));
  clearInterval(again);
  socket.close();
  return answered;
}

/** From the answer to the write of an endpoint to the first DNS answer that has it. */
async function benchNames(subject: Subject): Promise<Figure[]> {
  const { client } = subject;
  const key = { namespace: 'default', name: 'bench-names' };
  await client.create(services, { metadata: key, spec: { clusterIP: 'None', ports: [{ name: 'http', port: 80 }] } } as unknown as New<Service>, signal);
  const { clusterIP } = (await client.get(services, { namespace: 'kube-system', name: 'kube-dns' }, signal)).spec;
  const slice = (ip: string) => ({ metadata: { ...key, labels: { 'kubernetes.io/service-name': key.name } }, addressType: 'IPv4', ports: [{ name: 'http', port: 80 }], endpoints: [{ addresses: [ip], conditions: { ready: true } }] }) as unknown as New<EndpointSlice>;
  await client.create(endpointSlices, slice('192.0.2.1'), signal);
  const socket = createSocket('udp4');
  await new Promise<void>((resolve) => socket.connect(53, clusterIP!, () => resolve()));
  const question = encode({ type: 'query', id: 1, flags: 1 << 8, questions: [{ type: 'A', name: `${key.name}.default.svc.cluster.local`, class: 'IN' }] });
  const lags: number[] = [];
  for (let n = 2; n < 42; n++) {
    const ip = `192.0.2.${n}`;
    const seen = new Promise<number>((resolve) => {
      const again = setInterval(() => socket.send(question), 100);
      socket.on('message', function look(message) {
        const [answer] = decode(message).answers ?? [];
        if (!answer || !('data' in answer) || answer.data !== ip) return void socket.send(question);
        clearInterval(again);
        socket.off('message', look);
        resolve(performance.now());
      });
      socket.send(question);
    });
    await client.update(endpointSlices, slice(ip) as EndpointSlice, signal);
    const writtenAt = performance.now();
    lags.push(Math.max(0, (await seen) - writtenAt));
  }
  socket.close();
  await client.delete(endpointSlices, key, {}, signal);
  await client.delete(services, key, {}, signal);
  return [{ name: 'network: names behind endpoints p99', value: percentile(lags, 0.99), unit: 'ms', note: `${lags.length} changes; aim: 100` }];
}

function timed(act: () => void): number {
  const began = performance.now();
  act();
  return performance.now() - began;
}
