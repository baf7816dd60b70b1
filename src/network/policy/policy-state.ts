// Which packets may pass, as far as this node has to say: from policies, Pods and namespaces to pieces of the table, each change in
// proportion to what it touches. Pure but for its own memory.
//
//   a policy ─▶ its chains, and the sets that they name      a Pod ─▶ its addresses in the sets that it is selected by;
//   a group of policies ─▶ a chain of theirs                           if it is this node's and isolated: its place in the maps
import type { Table } from '../proxy/nft/table.ts';
import { elementsOf, familyOf, selects, type AddressSet, type CompiledPolicy } from './compile-policy.ts';
import { samePolicyPod, type PolicyPod } from './pod-facts.ts';
import { groupChain, groupPiece, policyPiece, setName, setPiece, type Direction } from './policy-rules.ts';

type Labels = Readonly<Record<string, string>>;
type Element = { set: string; key: string; value?: string };

interface KnownSet {
  readonly set: AddressSet;
  /** Keys of the policies that name it. */
  readonly users: Set<string>;
  /** UIDs of the Pods that have elements in it. */
  readonly members: Set<string>;
}

export class PolicyState {
  readonly #table: Pick<Table, 'put'>;
  readonly #namespaces = new Map<string, Labels>();
  readonly #pods = new Map<string, PolicyPod>();
  readonly #podsOf = new Map<string, Set<string>>();
  readonly #policiesOf = new Map<string, Map<string, CompiledPolicy>>();
  readonly #sets = new Map<string, KnownSet>();
  /** The same by the one namespace of whose Pods they are; '': of any. */
  readonly #setsOf = new Map<string, Set<KnownSet>>();
  /** Chain → UIDs of the Pods that are led to it. */
  readonly #groups = new Map<string, Set<string>>();
  readonly #groupsOf = new Map<string, readonly string[]>();
  /** Address → UID of a Pod that is gone from the API before its processes may be. */
  readonly #ghosts = new Map<string, string>();

  constructor(table: Pick<Table, 'put'>) {
    this.#table = table;
  }

  putPolicy(policy: CompiledPolicy): void {
    const policies = this.#policiesOf.get(policy.namespace) ?? new Map<string, CompiledPolicy>();
    const before = policies.get(policy.key);
    this.#policiesOf.set(policy.namespace, policies.set(policy.key, policy));
    for (const set of policy.sets) this.#use(set, policy.key);
    this.#table.put(`policy ${policy.key}`, policyPiece(policy));
    const still = new Set(policy.sets.map(({ id }) => id));
    for (const { id } of before?.sets ?? []) if (!still.has(id)) this.#leave(id, policy.key);
    this.#isolateAll(policy.namespace);
  }

  removePolicy(namespace: string, key: string): void {
    const policies = this.#policiesOf.get(namespace);
    const before = policies?.get(key);
    if (!before) return;
    policies!.delete(key);
    if (policies!.size === 0) this.#policiesOf.delete(namespace);
    this.#isolateAll(namespace);
    this.#table.put(`policy ${key}`, undefined);
    for (const { id } of before.sets) this.#leave(id, key);
  }

  /** `labels` undefined: it has gone. */
  putNamespace(name: string, labels: Labels | undefined): void {
    if (labels) this.#namespaces.set(name, labels);
    else this.#namespaces.delete(name);
    for (const known of this.#setsOf.get('') ?? []) for (const uid of this.#podsOf.get(name) ?? []) this.#file(known, this.#pods.get(uid)!);
  }

  /** Adds it, or changes what is known of it. */
  putPod(pod: PolicyPod): void {
    for (const ip of pod.ips) {
      const ghost = this.#ghosts.get(ip);
      if (ghost !== undefined) this.#forget(ghost);
    }
    if (samePolicyPod(this.#pods.get(pod.uid), pod)) return;
    this.#pods.set(pod.uid, pod);
    const mates = this.#podsOf.get(pod.namespace) ?? new Set();
    this.#podsOf.set(pod.namespace, mates.add(pod.uid));
    for (const known of this.#setsFor(pod)) this.#file(known, pod);
    if (pod.serves) this.#table.put(`dns ${pod.uid}`, piece(pod.ips.flatMap((ip) => pod.serves!.map(({ protocol, port }) => ({ set: `dns-${familyOf(ip)}`, key: `${ip} . ${protocol} . ${port}` })))));
    this.#isolate(pod);
  }

  /**
   * `isOrderly`: nothing of it runs any more. Otherwise a Pod of this node stays isolated, though nobody's peer, until its address is
   * another's: an address is given again only when it is free. So there are at most as many as the node has addresses.
   */
  removePod(uid: string, isOrderly: boolean): void {
    const pod = this.#pods.get(uid);
    if (!pod) return;
    for (const known of this.#setsFor(pod)) if (known.members.delete(uid)) this.#table.put(memberOwner(known.set, uid), undefined);
    if (pod.serves) this.#table.put(`dns ${uid}`, undefined);
    if (isOrderly || !this.#groupsOf.has(uid)) return this.#forget(uid);
    for (const ip of pod.ips) this.#ghosts.set(ip, uid);
  }

  /** Whether any rule is about the Pod, or any set has it. */
  concerns(uid: string): boolean {
    const pod = this.#pods.get(uid);
    return this.#groupsOf.has(uid) || (pod !== undefined && this.#setsFor(pod).some(({ members }) => members.has(uid)));
  }

  #setsFor({ namespace }: PolicyPod): KnownSet[] {
    return [...(this.#setsOf.get(namespace) ?? []), ...(this.#setsOf.get('') ?? [])];
  }

  #forget(uid: string): void {
    const pod = this.#pods.get(uid);
    if (!pod) return;
    for (const ip of pod.ips) if (this.#ghosts.get(ip) === uid) this.#ghosts.delete(ip);
    this.#pods.delete(uid);
    const mates = this.#podsOf.get(pod.namespace)!;
    mates.delete(uid);
    if (mates.size === 0) this.#podsOf.delete(pod.namespace);
    this.#lead(uid, []);
    this.#table.put(`pod ${uid}`, undefined);
  }

  #isGhost({ uid, ips }: PolicyPod): boolean {
    return ips.some((ip) => this.#ghosts.get(ip) === uid);
  }

  #use(set: AddressSet, policy: string): void {
    const known = this.#sets.get(set.id);
    if (known) return void known.users.add(policy);
    const fresh: KnownSet = { set, users: new Set([policy]), members: new Set() };
    this.#sets.set(set.id, fresh);
    const place = placeOf(set);
    this.#setsOf.set(place, (this.#setsOf.get(place) ?? new Set()).add(fresh));
    this.#table.put(`set ${set.id}`, setPiece(set));
    const { namespace } = set.selection;
    if (typeof namespace === 'string') for (const uid of this.#podsOf.get(namespace) ?? []) this.#file(fresh, this.#pods.get(uid)!);
    else for (const pod of this.#pods.values()) this.#file(fresh, pod);
  }

  #leave(id: string, policy: string): void {
    const known = this.#sets.get(id);
    known?.users.delete(policy);
    if (!known || known.users.size > 0) return;
    this.#sets.delete(id);
    const mates = this.#setsOf.get(placeOf(known.set))!;
    mates.delete(known);
    if (mates.size === 0) this.#setsOf.delete(placeOf(known.set));
    for (const uid of known.members) this.#table.put(memberOwner(known.set, uid), undefined);
    this.#table.put(`set ${id}`, undefined);
  }

  #file({ set, members }: KnownSet, pod: PolicyPod): void {
    const isMember = !this.#isGhost(pod) && selects(set.selection, pod, this.#namespaces.get(pod.namespace));
    const elements = isMember ? elementsOf(set, pod).map(({ family, key }) => ({ set: setName(set, family), key })) : [];
    if (elements.length === 0 && !members.has(pod.uid)) return;
    if (elements.length > 0) members.add(pod.uid);
    else members.delete(pod.uid);
    this.#table.put(memberOwner(set, pod.uid), elements.length > 0 ? piece(elements) : undefined);
  }

  #isolateAll(namespace: string): void {
    for (const uid of this.#podsOf.get(namespace) ?? []) this.#isolate(this.#pods.get(uid)!);
  }

  #isolate(pod: PolicyPod): void {
    if (!pod.isLocal) return;
    const mine = [...(this.#policiesOf.get(pod.namespace)?.values() ?? [])].filter(({ selector }) => selector.matches(pod.labels));
    const groups: string[] = [];
    const elements: Element[] = [];
    for (const direction of ['ingress', 'egress'] as const) {
      const keys = mine.filter((policy) => policy[direction]).map(({ key }) => key).sort();
      if (keys.length === 0) continue;
      const chain = this.#group(direction, keys);
      groups.push(chain);
      for (const ip of pod.ips) elements.push({ set: `${direction}-${familyOf(ip)}`, key: ip, value: `goto ${chain}` });
    }
    if (groups.length > 0) for (const ip of pod.ips) elements.push({ set: `self-${familyOf(ip)}`, key: `${ip} . ${ip}` });
    this.#lead(pod.uid, groups);
    this.#table.put(`pod ${pod.uid}`, groups.length > 0 ? piece(elements) : undefined);
    if (groups.length === 0 && this.#isGhost(pod)) this.#forget(pod.uid);
  }

  #group(direction: Direction, keys: readonly string[]): string {
    const chain = groupChain(direction, keys);
    if (!this.#groups.has(chain)) {
      this.#groups.set(chain, new Set());
      this.#table.put(`group ${chain}`, groupPiece(direction, keys));
    }
    return chain;
  }

  #lead(uid: string, groups: readonly string[]): void {
    for (const chain of groups) this.#groups.get(chain)!.add(uid);
    for (const chain of this.#groupsOf.get(uid) ?? []) {
      if (groups.includes(chain)) continue;
      const pods = this.#groups.get(chain)!;
      pods.delete(uid);
      if (pods.size > 0) continue;
      this.#groups.delete(chain);
      this.#table.put(`group ${chain}`, undefined);
    }
    if (groups.length > 0) this.#groupsOf.set(uid, groups);
    else this.#groupsOf.delete(uid);
  }
}

function placeOf({ selection: { namespace } }: AddressSet): string {
  return typeof namespace === 'string' ? namespace : '';
}

function memberOwner({ id }: AddressSet, uid: string): string {
  return `member ${id} ${uid}`;
}

function piece(elements: readonly Element[]) {
  return { chains: new Map<string, readonly string[]>(), sets: new Map<string, string>(), elements };
}
