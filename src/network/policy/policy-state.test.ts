// What policies mean, against an oracle that reads them as Kubernetes' documentation does; and on real nftables, in network namespaces
// of the test's own: what the scripts of changes lead to is what the whole script makes.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import fc from '../../base/testing/fast-check.ts';
import type { LabelSelector, NetworkPolicy, NetworkPolicyPeer, NetworkPolicyPort } from '../../api/types.ts';
import { Table, type Piece } from '../proxy/nft/table.ts';
import { compilePolicy, type Protocol } from './compile-policy.ts';
import type { PolicyPod } from './pod-facts.ts';
import { PolicyState } from './policy-state.ts';
import { policySkeleton } from './skeleton.ts';

const plan = { table: 'peapod-policies-test', bridge: 'peapod-none' };
type Labels = Record<string, string>;

const labels = fc.record({ app: fc.constantFrom('web', 'db'), tier: fc.constantFrom('a', 'b') }, { requiredKeys: ['app'] }).map((one): Labels => one as Labels);
const selector: fc.Arbitrary<LabelSelector> = fc.constantFrom<LabelSelector>({}, { matchLabels: { app: 'web' } }, { matchLabels: { app: 'db', tier: 'a' } }, { matchExpressions: [{ key: 'tier', operator: 'Exists' }] }, { matchExpressions: [{ key: 'app', operator: 'NotIn', values: ['web'] }] });
const namespace = fc.constantFrom('x', 'y', 'z');
const address = fc.integer({ min: 2, max: 9 });
const peer: fc.Arbitrary<NetworkPolicyPeer> = fc.oneof(
  selector.map((podSelector) => ({ podSelector })),
  selector.map((namespaceSelector) => ({ namespaceSelector })),
  fc.tuple(selector, selector).map(([podSelector, namespaceSelector]) => ({ podSelector, namespaceSelector })),
  fc.constantFrom<NetworkPolicyPeer>({ ipBlock: { cidr: '10.85.0.0/29', except: ['10.85.0.2/32', '10.85.0.2/31'] } }, { ipBlock: { cidr: '0.0.0.0/0', except: ['10.85.0.0/30'] } }, { ipBlock: { cidr: 'fd00::/64' } }, { ipBlock: { cidr: '::/0', except: ['fd00::4/126'] } }),
);
const port: fc.Arbitrary<NetworkPolicyPort> = fc.record({ protocol: fc.constantFrom('TCP', 'UDP', 'SCTP') }).chain((one) => fc.constantFrom<NetworkPolicyPort>(one, { ...one, port: 80 }, { ...one, port: 80, endPort: 90 }, { ...one, port: 85, endPort: 100 }, { ...one, port: 'http' }, { ...one, port: 'dns' }));
const rule = <Side extends string>(side: Side) => fc.record({ [side]: fc.constantFrom(undefined), ports: fc.option(fc.array(port, { maxLength: 3 }), { nil: undefined }) }).chain((one) => fc.option(fc.array(peer, { maxLength: 2 }), { nil: undefined }).map((peers) => ({ ...one, [side]: peers })));
const policy = fc.record({
  name: fc.constantFrom('p', 'q', 'r'),
  namespace,
  podSelector: selector,
  policyTypes: fc.constantFrom(['Ingress'], ['Egress'], ['Ingress', 'Egress']),
  ingress: fc.array(rule('from'), { maxLength: 2 }),
  egress: fc.array(rule('to'), { maxLength: 2 }),
}).map(({ name, namespace: of, ...spec }) => ({ metadata: { name, namespace: of }, spec }) as unknown as NetworkPolicy);
const pod: fc.Arbitrary<PolicyPod> = fc.record({
  n: address,
  namespace,
  labels,
  port: fc.constantFrom(80, 8080),
  protocol: fc.constantFrom<Protocol>('tcp', 'udp', 'sctp'),
  isLocal: fc.boolean(),
}).map(({ n, port: number, protocol, ...rest }) => ({ ...rest, uid: `pod-${n}/${rest.namespace}/${rest.isLocal}`, ips: [`10.85.0.${n}`, `fd00::${n}`], ports: [{ name: 'http', protocol, port: number }] }));
const dns: PolicyPod = { uid: 'dns', namespace: 'z', labels: { app: 'db' }, ips: ['10.85.0.1', 'fd00::1'], ports: [{ name: 'dns', protocol: 'udp', port: 53 }], isLocal: false, serves: [{ protocol: 'udp', port: 53 }] };

const world = fc.record({
  policies: fc.uniqueArray(policy, { maxLength: 4, selector: ({ metadata }) => `${metadata.namespace}/${metadata.name}` }),
  pods: fc.uniqueArray(pod, { maxLength: 6, selector: ({ ips }) => ips[0] }),
  namespaces: fc.record({ x: labels, y: labels, z: labels }),
});
type World = { policies: NetworkPolicy[]; pods: PolicyPod[]; namespaces: Record<string, Labels> };

/** Puts the state from one world to the next, as events would. */
function move(state: PolicyState, from: World | undefined, to: World): void {
  for (const one of from?.policies ?? []) if (!to.policies.some(({ metadata }) => metadata.name === one.metadata.name && metadata.namespace === one.metadata.namespace)) state.removePolicy(one.metadata.namespace!, `${one.metadata.namespace}/${one.metadata.name}`);
  for (const one of from?.pods ?? []) if (!to.pods.some(({ uid }) => uid === one.uid)) state.removePod(one.uid, true);
  for (const one of to.pods) state.putPod(one);
  for (const one of to.policies) state.putPolicy(compilePolicy(one));
  for (const [name, of] of Object.entries(to.namespaces)) state.putNamespace(name, of);
  state.putPod(dns);
}

interface Packet {
  readonly from: string;
  readonly to: string;
  readonly protocol: Protocol;
  readonly port: number;
}

describe('what policies allow', () => {
  it('is what the documentation says, whatever the order in which it was learned', () => {
    fc.assert(fc.property(fc.array(world, { minLength: 1, maxLength: 3 }), (worlds) => {
      const rules = new RecordedRules();
      const state = new PolicyState(rules);
      let last: World | undefined;
      for (const next of worlds) {
        move(state, last, next as World);
        last = next as World;
      }
      const all = [...last!.pods, dns].flatMap(({ ips }) => ips).concat('10.85.0.77', 'fd00::77');
      for (const from of all) for (const to of all) {
        if (from.includes(':') !== to.includes(':') || from === to) continue;
        for (const protocol of ['tcp', 'udp', 'sctp'] as const) for (const number of [53, 80, 88, 8080]) {
          const packet = { from, to, protocol, port: number };
          assert.equal(rules.passes(packet), allowed(last!, packet), JSON.stringify(packet));
        }
      }
    }), { numRuns: 300 });
  });

  it('a Pod that is gone before its processes may be stays isolated until its address is another\'s', () => {
    const rules = new RecordedRules();
    const state = new PolicyState(rules);
    const one = (uid: string, n: number): PolicyPod => ({ uid, namespace: 'x', labels: { app: 'web' }, ips: [`10.85.0.${n}`], ports: [], isLocal: true });
    state.putNamespace('x', {});
    state.putPolicy(compilePolicy({ metadata: { name: 'p', namespace: 'x' }, spec: { podSelector: { matchLabels: { app: 'web' } }, policyTypes: ['Egress'] } } as unknown as NetworkPolicy));
    const packet: Packet = { from: '10.85.0.2', to: '192.0.2.1', protocol: 'tcp', port: 80 };
    state.putPod(one('a', 2));
    state.putPod(one('b', 3));
    state.removePod('a', false);
    state.removePod('b', true);
    assert.deepEqual([rules.passes(packet), rules.passes({ ...packet, from: '10.85.0.3' })], [false, true]);
    state.putPod({ ...one('c', 2), labels: {} });
    assert.equal(rules.passes(packet), true);
    state.putPod({ ...one('d', 4) });
    state.removePod('d', false);
    state.removePolicy('x', 'x/p');
    assert.equal(rules.size, 0, 'nothing is kept when there is no policy');
  });
});

/** Kubernetes' documentation, as directly as can be. */
function allowed({ policies, pods, namespaces }: World, { from, to, protocol, port: number }: Packet): boolean {
  const everybody = [...pods, dns];
  const at = (ip: string) => everybody.find(({ ips }) => ips.includes(ip));
  const matches = ({ matchLabels = {}, matchExpressions = [] }: LabelSelector, of: Labels) =>
    Object.entries(matchLabels).every(([key, value]) => of[key] === value)
    && matchExpressions.every(({ key, operator, values }) => (operator === 'Exists' ? key in of : !(key in of) || !values!.includes(of[key]!)));
  const inBlock = (ip: string, block: string) => {
    const [network, bits] = block.split('/');
    return new Blocks(network!, Number(bits)).has(ip);
  };
  const isPeer = (one: NetworkPolicyPeer, own: string, ip: string) => {
    if (one.ipBlock) return inBlock(ip, one.ipBlock.cidr) && !(one.ipBlock.except ?? []).some((but) => inBlock(ip, but));
    const who = at(ip);
    if (!who || (who.serves && !(ip === to && who.serves.some((served) => served.protocol === protocol && served.port === number)))) return false;
    return (one.namespaceSelector ? matches(one.namespaceSelector, namespaces[who.namespace]!) : who.namespace === own) && (!one.podSelector || matches(one.podSelector, who.labels));
  };
  const isPort = (one: NetworkPolicyPort) => {
    if (one.protocol!.toLowerCase() !== protocol) return false;
    if (one.port === undefined) return true;
    if (typeof one.port === 'string') return at(to)?.ports.some((named) => named.name === one.port && named.protocol === protocol && named.port === number) ?? false;
    return number >= one.port && number <= (one.endPort ?? one.port);
  };
  const passes = (pod: PolicyPod | undefined, type: 'Ingress' | 'Egress', other: string) => {
    if (!pod?.isLocal) return true;
    const mine = policies.filter(({ metadata, spec }) => metadata.namespace === pod.namespace && spec.policyTypes!.includes(type) && matches(spec.podSelector!, pod.labels));
    if (mine.length === 0) return true;
    return mine.some(({ metadata, spec }) => ((type === 'Ingress' ? spec.ingress : spec.egress) ?? []).some((one) => {
      const peers = (one as { from?: NetworkPolicyPeer[]; to?: NetworkPolicyPeer[] })[type === 'Ingress' ? 'from' : 'to'];
      return (!peers?.length || peers.some((who) => isPeer(who, metadata.namespace!, other))) && (!one.ports?.length || one.ports.some(isPort));
    }));
  };
  return passes(at(from), 'Egress', to) && passes(at(to), 'Ingress', from);
}

/** Small ranges of the two test networks. */
class Blocks {
  readonly #network: string;
  readonly #bits: number;
  constructor(network: string, bits: number) {
    this.#network = network;
    this.#bits = bits;
  }
  has(ip: string): boolean {
    const is6 = ip.includes(':');
    if (is6 !== this.#network.includes(':')) return false;
    const number = (text: string) => (is6 ? BigInt(`0x${text.split('::')[1] || '0'}`) + (text.startsWith('fd00') ? 0xfd00n << 112n : 0n) : text.split('.').reduce((sum, byte) => sum * 256n + BigInt(byte), 0n));
    const rest = BigInt((is6 ? 128 : 32) - this.#bits);
    return number(ip) >> rest === number(this.#network) >> rest;
  }
}

/** The pieces of a table, read as the kernel would. */
class RecordedRules {
  readonly #pieces = new Map<string, Piece>();

  put(owner: string, piece: Piece | undefined): boolean {
    if (piece) this.#pieces.set(owner, piece);
    else this.#pieces.delete(owner);
    return true;
  }

  get size(): number {
    return this.#pieces.size;
  }

  passes(packet: Packet): boolean {
    return this.#look('egress', packet.from, packet) && this.#look('ingress', packet.to, packet);
  }

  #look(direction: string, ip: string, packet: Packet): boolean {
    const verdict = this.#elements(`${direction}-${ip.includes(':') ? 6 : 4}`).get(ip);
    return verdict === undefined || this.#run(verdict.replace('goto ', ''), packet) === 'accept';
  }

  #run(chain: string, packet: Packet): 'accept' | 'drop' | undefined {
    const rules = [...this.#pieces.values()].map(({ chains }) => chains.get(chain)).find((found) => found);
    assert.ok(rules, `${chain} is not there`);
    for (const rule of rules) {
      if (rule === 'drop') return 'drop';
      if (rule.startsWith('jump ')) {
        const verdict = this.#run(rule.slice(5), packet);
        if (verdict) return verdict;
      } else if (this.#matches(rule.replace(/ ?accept$/, ''), packet)) return 'accept';
    }
    return undefined;
  }

  #matches(text: string, packet: Packet): boolean {
    const is6 = packet.to.includes(':');
    const value = (field: string) => (({ saddr: packet.from, daddr: packet.to, l4proto: packet.protocol, dport: String(packet.port) }) as Labels)[field.split(' ').at(-1)!]!;
    let rest = text;
    while (rest !== '') {
      const match = /^(meta nfproto) (ipv[46])|^((?:(?:ip6?|th|meta) \w+)(?: \. (?:(?:ip6?|th|meta) \w+))*) (!= )?(@\S+|\{[^}]*\}|\S+)/.exec(rest);
      assert.ok(match, rest);
      rest = rest.slice(match[0].length).trim();
      const [, family, which, fields, not, set] = match;
      if (family) {
        if ((which === 'ipv6') !== is6) return false;
        continue;
      }
      const parts = fields!.split(' . ');
      if (parts.some((part) => part.startsWith('ip ') && is6) || parts.some((part) => part.startsWith('ip6 ') && !is6)) return false;
      const key = parts.map(value).join(' . ');
      const isIn = set!.startsWith('@') ? this.#elements(set!.slice(1)).has(key) : set!.replace(/[{}]/g, '').split(',').some((one) => among(one.trim(), key));
      if (isIn === Boolean(not)) return false;
    }
    return true;
  }

  #elements(name: string): Map<string, string> {
    const found = new Map<string, string>();
    const declared = ['ingress-4', 'ingress-6', 'egress-4', 'egress-6'].includes(name) || [...this.#pieces.values()].some(({ sets }) => sets.has(name));
    assert.ok(declared, `${name} is not there`);
    for (const { elements } of this.#pieces.values()) for (const { set, key, value = '' } of elements) if (set === name) found.set(key, value);
    return found;
  }
}

function among(item: string, key: string): boolean {
  if (item.includes('/')) return new Blocks(...((([network, bits]) => [network!, Number(bits)] as const)(item.split('/')))).has(key);
  const [first, last = first] = item.split('-');
  return first === key || (Number(key) >= Number(first) && Number(key) <= Number(last));
}

const skip = process.getuid?.() === 0 ? false : 'needs root: it makes network namespaces';

describe('the table of policies', { skip }, () => {
  const directory = mkdtempSync(join(tmpdir(), 'peapod-nft-'));
  const [changing, whole] = [`peapod-nft-c-${process.pid}`, `peapod-nft-d-${process.pid}`];
  before(() => [changing, whole].forEach((name) => execFileSync('ip', ['netns', 'add', name])));
  after(() => {
    for (const name of [changing, whole]) execFileSync('ip', ['netns', 'delete', name]);
    rmSync(directory, { recursive: true });
  });

  const nft = (inside: string, ...args: string[]) => execFileSync('ip', ['netns', 'exec', inside, 'nft', ...args], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  const apply = (inside: string, script: string) => {
    const file = join(directory, 'script.nft');
    writeFileSync(file, script);
    nft(inside, '-f', file);
  };
  /** Without the order in which things were added: each block's lines, sorted. */
  const listing = (inside: string) => nft(inside, '-s', 'list', 'table', 'inet', plan.table)
    .replace(/elements = \{([^}]*)\}/g, (_, elements: string) => `elements = ${elements.split(',').map((element) => element.trim()).sort().join(', ')}`)
    .split('\n\t}\n').map((block) => block.trim()).sort();

  it('changes lead where the whole leads', () => {
    fc.assert(fc.property(fc.array(world, { minLength: 2, maxLength: 4 }), (worlds) => {
      const table = new Table(policySkeleton(plan));
      const state = new PolicyState(table);
      apply(changing, table.takeWhole());
      let last: World | undefined;
      for (const next of worlds) {
        move(state, last, next as World);
        last = next as World;
        const script = table.takeChanges();
        if (script) apply(changing, script);
        assert.equal(table.takeChanges(), undefined);
      }
      const anew = new Table(policySkeleton(plan));
      move(new PolicyState(anew), undefined, last!);
      apply(whole, anew.takeWhole());
      assert.deepEqual(listing(changing), listing(whole));
    }), { numRuns: 25 });
  });
});
